// linear.test.js: the formula worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { linear } from "../../../dist/quantize/quantizers/linear.js";
import { quantized } from "./helpers.js";

test("the nearest multiple of a step, clipped; weights on the levels come back", () => {
  assert.deepEqual(quantized(linear, [3, -3, 1, 0, -2, 2], 3).values, [3, -3, 1, 0, -2, 2]);
  assert.deepEqual(quantized(linear, [3, -3, 1.4, 0.4, -2.2, 2], 3).values, [3, -3, 1, 0, -2, 2]);
});

test("a far outlier is clipped where that costs less", () => {
  const weights = [...Array.from({ length: 600 }, (_, i) => (i % 7) - 3), 3.4];
  assert.ok(Math.abs(quantized(linear, weights, 3).values[600]) < 3.3);
});
