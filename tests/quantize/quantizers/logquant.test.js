// logquant.test.js: logarithmic weights worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { logQuant } from "../../../dist/quantize/quantizers/logquant.js";
import { quantized } from "./helpers.js";

test("base 2 rounds the exponent; zero below the lowest", () => {
  // 3 bits: three exponents under FSR. log2: 1 -> 0; .71 -> -.49 -> 0; .7 -> -.51 -> -1; .25 -> -2; .17 -> -2.56 -> -3: zero
  const { values } = quantized(logQuant(1), [1, -0.71, 0.7, 0.25, 0.17, 0], 3);
  assert.deepEqual(values, [1, -1, 0.5, 0.25, 0, 0]);
});

test("floor takes the leading one", () => {
  assert.deepEqual(quantized(logQuant(1, "floor"), [1, 0.99, -0.5, 0.25], 3).values, [1, 0.5, -0.5, 0.25]);
});

test("base sqrt 2 has exponents of half an octave, as integers within 2 %", () => {
  const expected = [1, Math.SQRT1_2, 0.5, -Math.SQRT1_2 / 2];
  quantized(logQuant(2), [1, 0.7, 0.5, -0.36], 4).values.forEach((value, i) => {
    assert.ok(Math.abs(value / expected[i] - 1) <= 0.021, `${value}`);
  });
});
