import assert from "node:assert/strict";
import { test } from "node:test";
import { Model } from "../../dist/runtime/index.js";
import { FLOAT32, linear } from "../models/layers.js";
import { convModel, inputsFor } from "../models/random.js";

const SHAPE = [2, 5, 7];

test("a value that is not finite is refused wherever it stands", async () => {
  for (const input of [linear(), FLOAT32]) {
    const def = convModel({ shape: SHAPE, input, output: FLOAT32 });
    const model = await Model.from(def);
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      for (const place of [0, 3, 34, 35, 68, 69]) {
        const { x } = inputsFor(def);
        x[place] = bad;
        assert.throws(() => model.runSync(x), { code: "BAD_DATA", where: `input x[${place}]`, found: String(bad) });
      }
    }
    const { x } = inputsFor(def);
    x[3] = 3e38;
    x[4] = 1e-45;
    assert.ok(model.runSync(x).y.length > 0);
    model.dispose();
  }
});

test("wrong lengths, missing inputs and pixels without normalization are refused", async () => {
  const model = await Model.from(convModel({ shape: SHAPE }));
  assert.throws(() => model.runSync(new Float32Array(69)), { code: "BAD_DATA", where: "input x" });
  assert.throws(() => model.runSync({ other: new Float32Array(70) }), { code: "BAD_DATA", found: "none" });
  assert.throws(() => model.runSync(new Uint8Array(70)), { code: "BAD_DATA", found: "Uint8Array" });
  await assert.rejects(model.run(new Float32Array(1)), { code: "BAD_DATA" });
  model.dispose();
});

test("pixels are normalized as float values are", async () => {
  const def = convModel({ shape: SHAPE });
  const normalization = { mean: [0.5, 0.25], std: [0.25, 0.5] };
  const model = await Model.from({ ...def, inputs: [{ ...def.inputs[0], normalization }] });
  const pixels = Uint8Array.from({ length: 70 }, (_, i) => (i * 37) % 256);
  const real = Float32Array.from(pixels, (pixel, i) => {
    const c = i < 35 ? 0 : 1;
    return Math.fround(Math.fround(Math.fround(pixel / 255) - normalization.mean[c]) / normalization.std[c]);
  });
  assert.deepEqual(model.runSync(pixels), model.runSync(real));
  model.dispose();
});
