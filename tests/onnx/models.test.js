// models.test.js: whole published networks, imported, in the wasm runtime: as the evaluator and as onnxruntime-web.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { decodeImage } from "../../dist/data/index.js";
import { lower } from "../../dist/graph/index.js";
import { evaluateModel, importOnnxFile, readModel } from "../../dist/onnx/index.js";
import { pixelTable } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { argmax, imageFiles, MODELS, modelPath, skip } from "./shared.js";

/** Real input values: the middle of a photograph, (channel, row, column). */
async function photograph(path, [channels, height, width], normalization) {
  const image = await decodeImage(readFileSync(path), path);
  const [top, left] = [(image.height - height) >> 1, (image.width - width) >> 1];
  const tables = [0, 1, 2].map((c) => pixelTable(c, normalization));
  return Float32Array.from({ length: channels * height * width }, (_, i) => {
    const [c, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    return tables[c][image.pixels[((y + top) * image.width + x + left) * 3 + c]];
  });
}

function assertClose(found, expected, message) {
  const span = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(found[i] - value) <= 1e-4 * span, `${message}[${i}]: ${found[i]} for ${value}`);
  });
  assert.equal(argmax(found), argmax(expected), message);
}

for (const name of ["squeezenet1.1", "mobilenet_v2_1.0_224", "vww_mobilenetv1_025_96"]) {
  test(`${name}: the same outputs and the same class on photographs`, { skip }, async () => {
    const ort = await import("onnxruntime-web/wasm");
    ort.env.wasm.numThreads = 1;
    const bytes = readFileSync(modelPath(name));
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
    const network = await importOnnxFile(modelPath(name));
    const { shape } = network.nodes[0];
    const model = await Model.from(lower(network, { grids: null }));
    const onnx = readModel(bytes, null);
    const [input] = session.inputNames;
    const [output] = network.outputs;
    for (const [i, path] of imageFiles().slice(0, 4).entries()) {
      const data = await photograph(path, shape, MODELS[name]);
      const found = model.runSync(data)[output];
      const peer = await session.run({ [input]: new ort.Tensor("float32", data, [1, ...shape]) });
      assertClose(found, peer[output].data, `onnxruntime, image ${i}`);
      if (i > 0) continue;
      const value = { type: "float32", dims: [1, ...shape], data };
      assertClose(found, evaluateModel(onnx, new Map([[input, value]])).get(output).data, "evaluator");
    }
    model.dispose();
    await session.release();
  });
}

test("importing MobileNetV2 takes less than 10 times its file in memory", { skip }, () => {
  const path = modelPath("mobilenet_v2_1.0_224");
  const script = `
    import { importOnnxFile } from ${JSON.stringify(new URL("../../dist/onnx/index.js", import.meta.url).href)};
    const before = process.resourceUsage().maxRSS;
    await importOnnxFile(${JSON.stringify(path)});
    console.log((process.resourceUsage().maxRSS - before) * 1024);
  `;
  const grown = Number(execFileSync(process.execPath, ["--input-type=module", "-e", script]));
  assert.ok(grown < 10 * statSync(path).size, `${grown} bytes`);
});
