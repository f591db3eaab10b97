// models.test.js: ONNX files that the Python package wrote arrive as they are, and run as PyTorch's rounded forward pass does.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as ort from "onnxruntime-web/wasm";
import { runReference } from "../../dist/model/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { quantizeReady } from "../../dist/pipeline/index.js";
import { Model } from "../../dist/runtime/index.js";

ort.env.wasm.numThreads = 1;

const KINDS = { "powers-a8": "linear", "channel-a4": "linear", "two-term-log": "levels" };
const bytesOf = (name) => new Uint8Array(readFileSync(new URL(name, import.meta.url)));
const IMAGE = 3 * 8 * 8;
const argmax = (values) => values.indexOf(Math.max(...values));

for (const [name, kind] of Object.entries(KINDS)) {
  const file = bytesOf(`${name}.onnx`);
  const { weights, x, y, grids } = JSON.parse(readFileSync(new URL(`${name}.txt`, import.meta.url), "utf8"));
  const images = Array.from({ length: 8 }, (_, i) => Float32Array.from(x.slice(i * IMAGE, (i + 1) * IMAGE)));
  const expected = Array.from({ length: 8 }, (_, i) => y.slice(i * 10, (i + 1) * 10));

  test(`${name}: every layer came ready, with PyTorch's weights to the bit`, () => {
    const network = importOnnx(file);
    const { layers, network: made, grids: found, model } = quantizeReady(network);
    assert.equal(layers.length, Object.keys(weights).length);
    const sorted = (values) =>
      Float32Array.from(values, (w) => w + 0)
        .sort()
        .join();
    const held = Object.values(weights).map(sorted);
    for (const node of made.nodes.filter(({ op }) => op === "conv" || op === "dense")) {
      const at = held.indexOf(sorted(node.weight.data));
      assert.ok(at >= 0, node.name);
      held.splice(at, 1);
      const bits = Object.values(grids)[0].bits;
      if (kind === "linear") assert.ok(found.get(node.name).bits <= bits);
    }
    const kinds = new Set(Object.values(model.tensors).map(({ encoding }) => encoding.kind));
    assert.deepEqual([...kinds].sort(), [...new Set(["float32", "linear", kind])].sort());
  });

  test(`${name}: the runtime's outputs are those of PyTorch, but where a value meets a tie`, async () => {
    const { model: def } = quantizeReady(importOnnx(file));
    const model = await Model.from(def);
    let near = 0;
    images.forEach((image, i) => {
      const { output } = model.runSync(image);
      assert.deepEqual([...output], [...runReference(def, { input: image }).outputs.output]);
      assert.equal(argmax([...output]), argmax(expected[i]), `image ${i}`);
      if (output.every((value, k) => Math.abs(value - expected[i][k]) < 1e-4)) near++;
    });
    model.dispose();
    assert.ok(near >= 6, `${near} of 8`);
  });

  test(`${name}: onnxruntime runs the file, too`, async () => {
    const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 4 });
    let near = 0;
    for (const [i, image] of images.entries()) {
      const { output } = await session.run({ input: new ort.Tensor("float32", image, [1, 3, 8, 8]) });
      // its own fusions round in other places
      const bound = 0.03 * Math.max(...expected[i].map(Math.abs));
      if (output.data.every((value, k) => Math.abs(value - expected[i][k]) < bound)) near++;
    }
    await session.release();
    assert.ok(near >= 6, `${near} of 8`);
  });
}
