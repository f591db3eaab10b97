import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { openDataset } from "../../dist/data/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { decodeModel, runReference } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { browserTest, launch, serveRepository, skip } from "./chromium.js";

const MODEL = "/examples/models/demo.safetensors";
const bytes = readFileSync(new URL(`../..${MODEL}`, import.meta.url));
const IMAGES = 64;

let images;
let expected;
let server;
let browser;

before(async () => {
  const { test: held } = await openDataset("generated", { seed: 1 });
  const length = held.images.length / held.labels.length;
  images = Array.from({ length: IMAGES }, (_, i) => held.images.subarray(i * length, (i + 1) * length));
  const model = await Model.load(bytes);
  expected = goldenHash(...images.map((image) => model.runSync(image)[model.outputs[0].name]));
  model.dispose();
  if (skip) return;
  server = await serveRepository();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test("Chromium is here for the tests that need it", { skip }, () => assert.ok(browser.isConnected()));

test("the demo's model has the hash it was written with", () => {
  assert.equal(decodeModel(bytes).notes.goldenHash, expected);
});

test("the reference gives the demo's golden hash", () => {
  const def = decodeModel(bytes);
  const outputs = images.slice(0, 4).map((image) => runReference(def, { [def.inputs[0].name]: image }).outputs);
  return Model.from(def).then((model) => {
    for (const [i, image] of images.slice(0, 4).entries()) {
      assert.deepEqual(model.runSync(image), outputs[i]);
    }
    model.dispose();
  });
});

browserTest("Chromium gives the demo's golden hash", async () => {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`${server.address}/tests/browser/golden.html`);
  const found = await page.evaluate(
    async ({ model, pixels }) => {
      const { Model: BrowserModel, goldenHash: hash } = await import("/dist/runtime/index.js");
      const loaded = await BrowserModel.load(model);
      const [output] = loaded.outputs;
      const logits = pixels.map((image) => loaded.runSync(Uint8Array.from(image))[output.name]);
      loaded.dispose();
      return hash(...logits);
    },
    { model: MODEL, pixels: images.map((image) => [...image]) },
  );
  assert.deepEqual(errors, []);
  assert.equal(found, expected);
});

browserTest("a model that is not there is a typed error in Chromium", async () => {
  const page = await browser.newPage();
  await page.goto(`${server.address}/tests/browser/golden.html`);
  const found = await page.evaluate(async () => {
    const { Model: BrowserModel, ShiftwiseError } = await import("/dist/runtime/index.js");
    try {
      await BrowserModel.load("/nothing.safetensors");
      return null;
    } catch (error) {
      return { typed: error instanceof ShiftwiseError, code: error.code, message: error.message };
    }
  });
  assert.deepEqual([found.typed, found.code], [true, "NETWORK"]);
  assert.match(found.message, /404/);
});
