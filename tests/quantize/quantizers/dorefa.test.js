// dorefa.test.js: the formula worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dorefa } from "../../../dist/quantize/quantizers/dorefa.js";
import { quantized } from "./helpers.js";

test("tanh, then 2^k even values, up to the layer's scale", () => {
  // t = tanh w / (2 tanh 1) + 1/2: 1 -> 1, 0.5 -> .8034, 0 -> .5, -1 -> 0; times 3, rounded: 3, 2, 2 (1.5 goes up), 0
  const { fit } = quantized(dorefa, [1, 0.5, 0, -1], 2);
  assert.deepEqual(
    Array.from(fit.codes, (code) => fit.levels[code]),
    [3, 1, 1, -3],
  );
  // <w, q> / <q, q> = (3 + .5 + 0 + 3) / (9 + 1 + 1 + 9)
  assert.ok(Math.abs(fit.scale[0] - 6.5 / 20) < 1e-7);
});

test("one bit is sign times the mean |w| of the layer", () => {
  assert.deepEqual(quantized(dorefa, [1, -2, 0, -1], 1).values, [1, -1, 1, -1]);
});
