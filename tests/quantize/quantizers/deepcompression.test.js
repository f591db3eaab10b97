// deepcompression.test.js: pruning and k-means worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deepCompression } from "../../../dist/quantize/quantizers/deepcompression.js";
import { quantized } from "./helpers.js";

test("the smallest share is zero, the others take the means of clusters started from min to max", () => {
  // pruned: .1 -.1 .2 -.2; kept -4 1 2 3; three centroids start at -4 -.5 3 and end at -4 1.5 3 (1 and 2 to the middle one)
  const { values } = quantized(deepCompression(0.5), [0.1, -0.1, 0.2, -0.2, -4, 1, 2, 3], 2);
  const expected = [0, 0, 0, 0, -4, 1, 2.5, 2.5];
  values.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]) <= 0.021 * Math.abs(expected[i]), `${values}`);
  });
});

test("in retraining the assignment stays and the centroids are those given", () => {
  const method = deepCompression(0.5);
  const { fit } = quantized(method, [0.1, -0.1, -4, 3], 2);
  const moved = { ...fit, ideal: fit.ideal.map((level) => level * 2) };
  const { fit: after } = quantized(method, [9, 9, 9, 9], 2, 1, moved);
  assert.deepEqual(after.codes, fit.codes);
  assert.ok(Math.abs(after.scale[0] / fit.scale[0] - 2) < 1e-6);
});
