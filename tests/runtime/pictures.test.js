// pictures.test.js: pixels as Node can hand them in; canvases and videos are for tests/browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Model } from "../../dist/runtime/index.js";
import { convModel } from "../models/random.js";

async function pixelModel(channels, shape = [5, 7]) {
  const def = convModel({ shape: [channels, ...shape] });
  const flat = Array(channels).fill(0.5);
  return Model.from({ ...def, inputs: [{ ...def.inputs[0], normalization: { mean: flat, std: flat } }] });
}

const rgba = Uint8ClampedArray.from({ length: 5 * 7 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * 53) % 256));
const picture = { data: rgba, width: 7, height: 5 };

test("RGBA pixels of the input's size are taken one for one", async () => {
  const model = await pixelModel(3);
  const planes = Uint8Array.from({ length: 105 }, (_, i) => rgba[4 * (i % 35) + Math.floor(i / 35)]);
  assert.deepEqual(model.runSync(picture), model.runSync(planes));
  assert.deepEqual(model.runSync({ [model.inputs[0].name]: picture }), model.runSync(planes));
  model.dispose();
});

test("a grey input gets the luma, and what is transparent is black", async () => {
  const model = await pixelModel(1);
  const grey = Uint8Array.from({ length: 35 }, (_, i) => {
    const [r, g, b] = rgba.subarray(4 * i);
    return Math.round(0.299 * r + 0.587 * g + 0.114 * b);
  });
  assert.deepEqual(model.runSync(picture), model.runSync(grey));
  const clear = { ...picture, data: rgba.map((value, i) => (i % 4 === 3 ? 0 : value)) };
  assert.deepEqual(model.runSync(clear), model.runSync(new Uint8Array(35)));
  model.dispose();
});

test("pictures that cannot be taken are refused with a reason", async () => {
  const model = await pixelModel(3);
  assert.throws(() => model.runSync({ data: new Uint8Array(0), width: 0, height: 5 }), {
    code: "BAD_DATA",
    found: "0x5",
  });
  assert.throws(() => model.runSync({ ...picture, width: 5, height: 7 }), { code: "UNSUPPORTED" });
  model.dispose();
  const deep = await pixelModel(2);
  assert.throws(() => deep.runSync(picture), { code: "BAD_DATA", found: "2 channels" });
  deep.dispose();
});
