// deepshift.test.js: the formula worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deepshift } from "../../../dist/quantize/quantizers/deepshift.js";
import { quantized } from "./helpers.js";

test("rounds log2 |w|, holds it to 2^-(2^(b-1)-1) .. 1, has no zero", () => {
  // log2: .36 -> -1.47 -> -1; .35 -> -1.51 -> -2; 5 -> 0; .001 and 0 -> -3
  const { values } = quantized(deepshift, [0.36, 0.35, 5, -0.001, 0, -0.5], 3);
  assert.deepEqual(values, [0.5, 0.25, 1, -0.125, 0.125, -0.5]);
});
