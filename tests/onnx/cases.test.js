// cases.test.js: files as people have them, imported and run, against onnxruntime-web on the same numbers.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as ort from "onnxruntime-web/wasm";
import { lower } from "../../dist/graph/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { Model } from "../../dist/runtime/index.js";
import { assertAgree } from "../runtime/agree.js";

ort.env.wasm.numThreads = 1;
const folder = fileURLToPath(new URL("cases/", import.meta.url));
const read = (name) => readFileSync(`${folder}${name}.onnx`);

/** What onnxruntime makes of a list of numbers, as float32, by name. */
async function peer(bytes, name, type, data, dims) {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
  const feeds = { [name]: new ort.Tensor(type, data, dims) };
  for (const other of session.inputNames) {
    if (other !== name) feeds[other] = new ort.Tensor("int64", new BigInt64Array(2), [1, 2]);
  }
  const results = await session.run(feeds);
  await session.release();
  return results;
}

const noise = (length, seed = 1) => Float32Array.from({ length }, (_, i) => 1.5 * Math.sin(i * 78.233 + seed));

/** Signal to noise in dB. */
function decibels(found, expected) {
  assert.equal(found.length, expected.length);
  let [signal, error] = [0, 0];
  expected.forEach((value, i) => {
    signal += value ** 2;
    error += (found[i] - value) ** 2;
  });
  return 10 * Math.log10(signal / error);
}

/** Every case whose values are float32: the sizes that onnxruntime gets, and options. */
const FLOATS = {
  act_gelu: {},
  act_mish: {},
  batch_neg1: {},
  bn_neg_var: {},
  dup_output: {},
  keras_relu6_min: { dims: [1, 28, 28, 1] },
  m5_conv1d: { dims: [1, 1, 8000] },
  m5_dyn: { dims: [1, 1, 8000], inputShape: [1, 8000] },
  names_long: {},
  norm_instnorm: {},
  op_amax_hw: {},
  op_minmax: {},
  op_repeat: {},
  op_yshuf: {},
  tiny_batch10_view: { dims: [10, 1, 28, 28] },
  tiny_log_softmax: {},
  tiny_softmax: {},
  unused_int64_input: {},
};

for (const [name, { dims = [1, 1, 28, 28], ...options }] of Object.entries(FLOATS)) {
  test(`${name}: as onnxruntime`, async () => {
    const bytes = read(name);
    const network = importOnnx(bytes, options);
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
    const [input] = session.inputNames;
    const data = noise(dims.reduce((a, b) => a * b, 1));
    const results = Object.values(await peer(bytes, input, "float32", data, dims));
    const first = data.subarray(0, data.length / dims[0]);
    const given = network.nodes[0].name;
    const { outputs } = await assertAgree(lower(network, { grids: null }), { [given]: first }, name);
    assert.deepEqual(Object.keys(outputs), network.outputs);
    const model = await Model.from(lower(network, { grids: null }));
    assert.deepEqual(model.inputs[0].dims, dims.with(0, 1));
    for (const [i, { dims: found }] of model.outputs.entries()) assert.deepEqual(found, results[i].dims.with(0, 1));
    const found = Object.values(outputs);
    assert.equal(found.length, results.length);
    for (const [i, values] of found.entries()) {
      const expected = results[i].data.subarray(0, results[i].data.length / dims[0]);
      const quality = decibels(values, expected);
      assert.ok(quality >= 90, `output ${i}: ${quality} dB`);
    }
  });
}

test("every case is here", () => {
  const names = readdirSync(folder).map((file) => file.replace(".onnx", ""));
  const others = ["fp16_full", "tiny_uint8"];
  assert.deepEqual([...Object.keys(FLOATS), ...others].sort(), names.sort());
});

test("a function of one tensor is one node, however it is written", () => {
  for (const name of ["act_gelu", "act_mish"]) {
    const ops = importOnnx(read(name)).nodes.map(({ op }) => op);
    assert.deepEqual(ops, ["input", "conv", "elementwise", "conv", "elementwise", "dense"], name);
  }
});

test("fp16_full: halves in the file, floats here", async () => {
  const bytes = read("fp16_full");
  const values = Float32Array.from({ length: 784 }, (_, i) => (i % 65) / 64);
  // 0 to 1 in steps of 1/64 are exact in halves
  const halves = Uint16Array.from(values, (x) => {
    if (x === 0) return 0;
    const exponent = Math.floor(Math.log2(x));
    return ((exponent + 15) << 10) | ((x / 2 ** exponent - 1) * 1024);
  });
  const { output } = await peer(bytes, "input", "float16", halves, [1, 1, 28, 28]);
  const bits = output.data instanceof Uint16Array ? output.data : new Uint16Array(output.data.buffer);
  const expected = Float32Array.from(bits, (h) => {
    const sign = h & 0x8000 ? -1 : 1;
    return sign * (h & 0x7c00 ? (1 + (h & 1023) / 1024) * 2 ** (((h >> 10) & 31) - 15) : (h & 1023) * 2 ** -24);
  });
  const { outputs } = await assertAgree(lower(importOnnx(bytes), { grids: null }), { input: values });
  assert.ok(decibels(outputs.output, expected) >= 50, `${decibels(outputs.output, expected)} dB`);
});

test("tiny_uint8: pixels as they are", async () => {
  const bytes = read("tiny_uint8");
  const pixels = Uint8Array.from({ length: 784 }, (_, i) => (i * 37) % 256);
  const { output } = await peer(bytes, "input", "uint8", pixels, [1, 1, 28, 28]);
  const network = importOnnx(bytes);
  const model = await Model.from(lower(network, { grids: null }));
  const floats = model.runSync(Float32Array.from(pixels)).output.slice();
  assert.ok(decibels(floats, output.data) >= 90);
  const fromPixels = model.runSync(pixels).output;
  assert.ok(decibels(fromPixels, output.data) >= 90, `${decibels(fromPixels, output.data)} dB`);
  model.dispose();
});
