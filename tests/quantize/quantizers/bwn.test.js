// bwn.test.js: the formula worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bwn } from "../../../dist/quantize/quantizers/bwn.js";
import { quantized } from "./helpers.js";

test("alpha is the mean |w| of each output channel, sign(0) is +1", () => {
  const { values } = quantized(bwn, [1, -2, 0, -1, 0.5, 0.5, 0.5, 0.5], 1, 2);
  assert.deepEqual(values, [1, -1, 1, -1, 0.5, 0.5, 0.5, 0.5]);
});

test("a channel of zeros stays one", () => {
  assert.deepEqual(quantized(bwn, [0, 0, 3, -1], 1, 2).values, [0, 0, 2, -2]);
});
