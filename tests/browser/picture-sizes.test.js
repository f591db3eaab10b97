// picture-sizes.test.js: a picture brought to an input's size in Node and in Chromium: how far the pixels are apart.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import sharp from "sharp";
import { readPicture } from "../../dist/data/node.js";
import { encodeModel } from "../../dist/model/index.js";
import { convModel } from "../models/random.js";
import { browserTest, launch, serveRepository, skip } from "./chromium.js";

const [WIDTH, HEIGHT] = [501, 375];

let browser;
let server;
let photo;

before(async () => {
  if (skip) return;
  browser = await launch();
  server = await serveRepository();
  // soft shapes, edges and grain, as photographs have them
  const data = new Uint8Array(3 * WIDTH * HEIGHT);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH)];
    const soft = 90 + 60 * Math.sin(x / 31 + (i % 3)) * Math.cos(y / 23);
    const edge = (x >> 5) % 3 === (y >> 5) % 3 ? 40 : 0;
    data[i] = soft + edge + ((i * 2654435761) >>> 28);
  }
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 };
  photo = await sharp(data, { raw }).jpeg({ quality: 92 }).toBuffer();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Mean distance, in levels of 255, between an input's pixels in Node and in Chromium, which a trace shows. */
async function distance(side, rule) {
  const def = convModel({ shape: [3, side, side] });
  const pixels = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] };
  const { tensor } = def.inputs[0];
  const tensors = {
    ...def.tensors,
    [tensor]: { ...def.tensors[tensor], encoding: { kind: "linear", scale: 1, zero: 0, max: 255 } },
  };
  const [{ name }] = def.inputs;
  const notes = rule && { preprocessing: JSON.stringify({ [name]: rule }) };
  const file = encodeModel({ ...def, tensors, inputs: [{ ...def.inputs[0], normalization: pixels }], notes });
  const page = await browser.newPage();
  await page.goto(`${server.address}/tests/browser/golden.html`);
  const seen = await page.evaluate(
    async ([model, picture, name]) => {
      const { Model } = await import("/dist/runtime/index.js");
      const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const loaded = await Model.load(bytes(model));
      let values;
      const bitmap = await createImageBitmap(new Blob([bytes(picture)]));
      loaded.trace(bitmap, (tensor, raw) => {
        if (tensor === name) values = [...raw];
      });
      return values;
    },
    [Buffer.from(file).toString("base64"), photo.toString("base64"), tensor],
  );
  await page.close();
  const own = await readPicture(photo, { shape: [3, side, side], ...rule });
  assert.equal(seen.length, own.length);
  return own.reduce((sum, value, i) => sum + Math.abs(value - seen[i]), 0) / own.length;
}

browserTest(
  "Node's pixels are at most a level from Chromium's down to half the size, in the mean, and 6 levels below",
  async () => {
    for (const [side, most] of [
      [375, 0.5],
      [224, 1],
      [190, 1],
      [64, 6],
    ]) {
      const mean = await distance(side);
      assert.ok(mean <= most, `${side}: ${mean} levels`);
    }
  },
);

browserTest("both follow the rule that a model carries", async () => {
  const rule = { resize: 256, channels: "bgr" };
  assert.ok((await distance(224, rule)) <= 1);
});
