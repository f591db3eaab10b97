// ttq.test.js: the formula worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ttq } from "../../../dist/quantize/quantizers/ttq.js";
import { quantized } from "./helpers.js";

const within = (found, expected) =>
  found.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]) <= 0.021 * Math.abs(expected[i]), `${value}, not ${expected[i]}`);
  });

test("threshold 0.05 max |w|, one level for each side, as integers within 2 %", () => {
  // threshold .1: positive 2 and 1 -> 1.5; negative -.5 -> -.5
  within(quantized(ttq, [2, 1, 0.09, -0.5, -0.05], 2).values, [1.5, 1.5, 0, -0.5, 0]);
});

test("learned levels are taken over", () => {
  const before = { ideal: Float64Array.of(-0.8, 0, 1.1) };
  within(quantized(ttq, [2, 1, 0.09, -0.5], 2, 1, before).values, [1.1, 1.1, 0, -0.8]);
});
