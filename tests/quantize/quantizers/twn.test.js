// twn.test.js: the formula worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { twn } from "../../../dist/quantize/quantizers/twn.js";
import { quantized } from "./helpers.js";

test("0 within 0.7 mean |w|, else the mean of the others", () => {
  // mean |w| = 1, threshold .7: 2 and -1.5 pass it, their mean is 1.75
  assert.deepEqual(quantized(twn, [2, -1.5, 0.4, -0.1], 2).values, [1.75, -1.75, 0, 0]);
});
