// budget.test.js: what a small file may cost: everything that follows from shapes alone is counted before it is made.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeModel } from "../../dist/model/index.js";
import { convOutputShape } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { memoryOf } from "../memory.js";
import { FLOAT32, linear } from "../models/layers.js";

const U8 = linear();
const ONE = { scale: Float32Array.of(1), offset: Float32Array.of(0), clamp: {} };

function oneLayer(shape, outShape, encoding, layer) {
  return {
    name: "small",
    inputs: [{ name: "x", tensor: "x" }],
    outputs: [{ name: "y", tensor: "y" }],
    tensors: { x: { shape, encoding }, y: { shape: outShape, encoding } },
    layers: [{ name: "layer", input: "x", output: "y", ...layer }],
  };
}

function pooling(op, shape, kernel, encoding, extra = {}) {
  const window = { kernel, stride: [1, 1], ...extra };
  const ending = op === "avgPool" ? { epilogue: ONE } : { padding: [0, 0, 0, 0] };
  return oneLayer(shape, convOutputShape(shape, shape[0], window), encoding, { op, ...ending, ...window });
}

function convolution(size, padding, stride = [1, 1]) {
  const window = { kernel: [1, 1], stride, padding, dilation: [1, 1] };
  const weights = { kind: "codes", bits: 2, n1: 0, codes: Int8Array.of(1) };
  const shape = [1, size, size];
  const layer = { op: "conv", groups: 1, weights, epilogue: ONE, ...window };
  return oneLayer(shape, convOutputShape(shape, 1, window), U8, layer);
}

const vector = (n, encoding, layer) => oneLayer([n, 1, 1], [n, 1, 1], encoding, layer);
const addition = (n) => vector(n, U8, { op: "add", epilogue: ONE, residual: { tensor: "x", scale: 1 } });
const planes = { op: "gather", channels: [0], rows: [0], columns: [0], value: 0 };

const REFUSED = {
  "3 x 3 windows on 10,000 x 10,000": () =>
    pooling("maxPool", [1, 10_000, 10_000], [3, 3], U8, { padding: [1, 1, 1, 1] }),
  "1 x 200 windows on 3,000 x 3,000": () =>
    pooling("maxPool", [1, 3000, 3000], [1, 200], U8, { padding: [0, 99, 0, 100] }),
  "padding of 2^30 rows": () => convolution(1, [2 ** 30, 0, 0, 0]),
  "padding to 23,000 x 23,000": () => convolution(1, [11_500, 11_500, 11_500, 11_500]),
  "a plane of 46,340 x 46,340": () => oneLayer([1, 46_340, 46_340], [1, 1, 1], U8, planes),
  "a sum of 2^26 channels": () => addition(2 ** 26),
  "a sum of 2^28 channels": () => addition(2 ** 28),
  "softmax over 2^28 channels": () => vector(2 ** 28, U8, { op: "softmax", axis: 0 }),
  "matrices of 2^14 x 2^14": () => {
    const shape = [1, 2 ** 14, 2 ** 14];
    return oneLayer(shape, shape, FLOAT32, { op: "matmul", other: "x" });
  },
  "softmax over 2^26 columns": () => oneLayer([1, 1, 2 ** 26], [1, 1, 2 ** 26], FLOAT32, { op: "softmax", axis: 2 }),
};

const LOADED = {
  "a window of 2900 x 2900, averaged": () => pooling("avgPool", [1, 2901, 2901], [2900, 2900], U8),
  "the same in float32": () => pooling("avgPool", [1, 2901, 2901], [2900, 2900], FLOAT32),
  "its maximum": () => pooling("maxPool", [1, 2901, 2901], [2900, 2900], U8),
  "1 x 4,000,000 windows": () => pooling("maxPool", [1, 1, 4_000_001], [1, 4_000_000], U8),
  "padding of 2^30 rows in one step": () => convolution(1, [2 ** 30, 0, 0, 0], [2 ** 30, 1]),
  "1 x 100,000 windows, their maximum": () => pooling("maxPool", [1, 1, 100_001], [1, 100_000], U8),
  "a window of 1000 x 1000, averaged": () => pooling("avgPool", [1, 1001, 1001], [1000, 1000], U8),
  "3 x 3 windows on 5,000 x 5,000": () => pooling("maxPool", [1, 5000, 5000], [3, 3], U8, { padding: [1, 1, 1, 1] }),
  "padding of 2^26 columns": () => convolution(1, [0, 0, 0, 2 ** 26]),
  "a sum of 2^24 channels": () => addition(2 ** 24),
  "softmax over 2^24 channels": () => vector(2 ** 24, U8, { op: "softmax", axis: 0 }),
};

/** What ends a test that would never end: no claim about time. */
const hang = { timeout: 240_000 };

test("a small file with large sizes is refused, and nothing is made of it", hang, async () => {
  await Model.load(encodeModel(pooling("maxPool", [1, 9, 9], [3, 3], U8)));
  for (const [name, make] of Object.entries(REFUSED)) {
    const file = encodeModel(make());
    assert.ok(file.length < 1024, name);
    for (const options of [{}, { threads: 2 }]) {
      const taken = await memoryOf(() => assert.rejects(Model.load(file, options), { code: "OVERFLOW" }, name));
      assert.ok(taken < 200e6, `${name}: ${taken} bytes`);
    }
  }
});

test("one within the default limit loads, in the memory that it states", hang, async () => {
  for (const [name, make] of Object.entries(LOADED)) {
    const model = await Model.load(encodeModel(make()));
    assert.ok(model.memory.total <= 2 ** 30, name);
    model.dispose();
  }
});

test("many layers, inputs and concatenations are planned in memory that follows their number", hang, async () => {
  const count = 3000;
  const names = Array.from({ length: count }, (_, i) => `t${i}`);
  const tensors = Object.fromEntries(names.map((name) => [name, { shape: [1, 2, 1], encoding: U8 }]));
  const concat = (inputs, output) => ({ op: "concat", name: `to ${output}`, inputs, output });
  const chain = {
    name: "chain",
    inputs: [{ name: "x", tensor: "t0" }],
    outputs: [{ name: "y", tensor: names[count - 1] }],
    tensors,
    layers: names.slice(1).map((name, i) => concat([names[i]], name)),
  };
  const wide = {
    name: "wide",
    inputs: names.map((name) => ({ name, tensor: name })),
    outputs: [{ name: "y", tensor: "y" }],
    tensors: { ...tensors, y: { shape: [count, 2, 1], encoding: U8 } },
    layers: [concat(names, "y")],
  };
  for (const def of [chain, wide]) {
    const file = encodeModel(def);
    const taken = await memoryOf(async () => (await Model.load(file)).dispose());
    assert.ok(taken < 100e6, `${def.name}: ${taken} bytes`);
  }
});

test("the limit is one of the plain executor, too", async () => {
  const def = addition(2 ** 28);
  await assert.rejects(Model.from(def, { executor: "plain" }), { code: "OVERFLOW" });
});

test("weights are counted before they are unpacked, whatever runs them", async () => {
  const [inputs, outputs] = [4096, 64];
  const codes = Uint8Array.from({ length: inputs * outputs }, (_, i) => i & 1);
  const vectors = (n) => ({ scale: new Float32Array(n).fill(1), offset: new Float32Array(n), clamp: {} });
  const weights = { kind: "codebook", levels: [0, 1], codes };
  const def = oneLayer([inputs, 1, 1], [outputs, 1, 1], U8, { op: "dense", weights, epilogue: vectors(outputs) });
  const file = encodeModel(def);
  // a bit a code in the file
  assert.ok(file.length < codes.length / 4, `${file.length} bytes`);
  for (const executor of ["plain", "wasm"]) {
    await assert.rejects(Model.load(file, { executor, memoryLimit: codes.length - 1 }), {
      code: "OVERFLOW",
      found: codes.length,
      expected: /unpacked weights/,
    });
  }
  (await Model.load(file, { executor: "plain", memoryLimit: codes.length })).dispose();
});
