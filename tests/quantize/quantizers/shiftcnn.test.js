// shiftcnn.test.js: the formula worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shiftcnn } from "../../../dist/quantize/quantizers/shiftcnn.js";
import { quantized } from "./helpers.js";

test("two powers one after the other, in units of max |w|", () => {
  // r = .7: q1 = .5 (under .75), rest .2: q2 = .25 (from .1875 on).  r = .8: q1 = 1, rest -.2: q2 = -.25
  // r = .375: 1.5 * .25, so q1 = .5, rest -.125 = q2.  r = .01: q1 = 1/64 (from 3/256 on)? .01 < .0117, so 2^-7 = 0 for q1
  const { values } = quantized(shiftcnn, [2, 1.4, -1.6, 0.75, 0.02, 0], 8);
  assert.deepEqual(values, [2, 1.5, -1.5, 0.75, 0.015625, 0]);
});

test("all 99 levels of two 4-bit terms fit a codebook", () => {
  const weights = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 2000);
  const { fit } = quantized(shiftcnn, weights, 8);
  assert.ok(fit.levels.length <= 99, fit.levels.length);
  assert.deepEqual(fit.levels, fit.levels.map((level) => 0 - level).reverse());
});
