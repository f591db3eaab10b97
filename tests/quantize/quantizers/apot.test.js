// apot.test.js: the level sets written out, and the projection.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apot } from "../../../dist/quantize/quantizers/apot.js";
import { quantized } from "./helpers.js";

test("the sets of the paper, in units of their smallest power", () => {
  const sizes = (bits) =>
    apot.fit(Float32Array.of(1, -1), { name: "l", shape: [1, 2], bits }).levels.filter((l) => l >= 0);
  assert.deepEqual(sizes(2), [0, 1]);
  assert.deepEqual(sizes(3), [0, 1, 2, 4]);
  assert.deepEqual(sizes(4), [0, 1, 2, 3, 4, 6, 8, 10]);
  assert.deepEqual(sizes(5), [0, 1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 33, 36, 48]);
});

test("the nearest level of a clip at alpha; weights on the levels come back", () => {
  const weights = [1, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1, 0, -0.1, -1];
  assert.deepEqual(quantized(apot, weights, 4).values, weights);
  assert.deepEqual(quantized(apot, [1, 0.8, 0.6, 0.51, 0.3, 0.2, 0.1, 0, -0.1, -1], 4).values[3], 0.6);
});
