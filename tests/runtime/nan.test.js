// nan.test.js: infinities and NaNs, which finite inputs may lead to, come out of every kind of layer with the same bits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { BINARY_FUNCTIONS, convOutputShape } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { conv, FLOAT32, linear, modelOf } from "../models/layers.js";
import { LEVELS, randomCodes } from "../models/random.js";
import { FUNCTIONS_OF_ONE } from "../oracle/functions.js";
import { assertAgree } from "./agree.js";

const SHAPE = [3, 9, 11];
const OUTPUTS = [FLOAT32, linear(255, 9), linear(15), LEVELS];
const VALUES = [0, -0, 1, -1, 2.5, -0.25, 3e38, -3e38, 1e-40];

/** x / z and x - z of every pair of values: NaN, infinities, zeros of both signs, in odd and even places. */
function quotients(shape = SHAPE, seed = 1) {
  const random = createRandom(seed);
  const draw = () =>
    Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => VALUES[random.below(VALUES.length)]);
  return { x: draw(), z: draw() };
}

/** `layer` on t = x / z; `u` is another such tensor, of the layer's output's shape. */
function behind(layer, encoding, shape) {
  const tensors = {
    x: { shape: SHAPE, encoding: FLOAT32 },
    z: { shape: SHAPE, encoding: FLOAT32 },
    t: { shape: SHAPE, encoding: FLOAT32 },
    y: { shape, encoding },
  };
  const names = ["x", "z"];
  const layers = [{ op: "binary", name: "t", fn: "div", input: "x", other: "z", output: "t" }];
  const second = layer.residual?.tensor ?? layer.other;
  if (second === "u") {
    for (const name of ["v", "w", "u"]) tensors[name] = { shape, encoding: FLOAT32 };
    names.push("v", "w");
    layers.push({ op: "binary", name: "u", fn: "div", input: "v", other: "w", output: "u" });
  }
  layers.push({ name: layer.op, input: "t", output: "y", ...layer });
  return modelOf(tensors, layers, names);
}

async function agree(layer, encoding, shape) {
  const def = behind(layer, encoding, shape);
  const { x: v, z: w } = quotients(shape, 2);
  const message = `${layer.op} ${layer.fn ?? ""} to ${encoding.kind}`;
  const values = def.inputs.length > 2 ? { ...quotients(), v, w } : quotients();
  const { tensors } = await assertAgree(def, values, message);
  const made = tensors.get("y");
  for (const word of new Uint32Array(made.buffer)) {
    assert.ok((word & 0x7fffffff) <= 0x7f800000 || word === 0x7fc00000, `${message}: ${word.toString(16)}`);
  }
  if (encoding !== FLOAT32) assert.ok(made.every(Number.isInteger), message);
  return made;
}

const clampOf = (low, high) => ({ ...(low !== undefined && { low }), ...(high !== undefined && { high }) });
const epilogue = (channels, clamp = {}) => ({
  scale: new Float32Array(channels).fill(0.5),
  offset: new Float32Array(channels).fill(1),
  clamp,
});

test("NaNs and infinities agree behind convolutions, dense layers, sums and pools of every encoding", async () => {
  const random = createRandom(3);
  const floats = (length) => ({ kind: "float32", values: Float32Array.from({ length }, () => random.normal()) });
  const window = { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1 };
  const seen = new Set();
  for (const encoding of OUTPUTS) {
    for (const clamp of [{}, clampOf(0), clampOf(-0.4, 0.6), clampOf(undefined, 0.7)]) {
      const ended = (channels) => epilogue(channels, clamp);
      const residual = { tensor: "u", scale: 0.5 };
      const layers = [
        [{ op: "conv", ...window, weights: floats(4 * 27), epilogue: ended(4) }, [4, 9, 11]],
        [
          {
            op: "conv",
            ...window,
            kernel: [1, 1],
            padding: [0, 0, 0, 0],
            weights: floats(12),
            epilogue: ended(4),
            residual,
          },
          [4, 9, 11],
        ],
        [{ op: "conv", ...window, groups: 3, weights: floats(27), epilogue: ended(3), residual }, [3, 9, 11]],
        [{ op: "dense", weights: floats(5 * 297), epilogue: ended(5) }, [5, 1, 1]],
        [{ op: "avgPool", kernel: [2, 3], stride: [1, 2], epilogue: ended(1) }, [3, 8, 5]],
        [{ op: "avgPool", kernel: [9, 11], stride: [1, 1], epilogue: ended(1) }, [3, 1, 1]],
        [{ op: "add", epilogue: ended(1), residual }, SHAPE],
      ];
      for (const [layer, shape] of layers) for (const value of await agree(layer, encoding, shape)) seen.add(value);
    }
  }
  for (const value of [Number.NaN, Infinity, -Infinity, 0, 255]) assert.ok(seen.has(value), String(value));
});

test("NaNs and infinities agree behind layers that compute real values or move raw ones", async () => {
  const taps = (n, from) => ({
    indices: Array.from({ length: 2 * n }, (_, i) => i % from),
    weights: Array.from({ length: 2 * n }, (_, i) => [0, 1, -0.5][i % 3]),
  });
  for (const encoding of OUTPUTS) {
    for (const [fn, ...parameters] of [...FUNCTIONS_OF_ONE, ["leakyRelu", 0]])
      await agree({ op: "activation", fn, parameters }, encoding, SHAPE);
    for (const fn of Object.keys(BINARY_FUNCTIONS)) await agree({ op: "binary", fn, other: "u" }, encoding, SHAPE);
    for (const axis of [0, 1, 2]) await agree({ op: "softmax", axis }, encoding, SHAPE);
    await agree({ op: "resample", rows: taps(7, 9), columns: taps(5, 11) }, encoding, [3, 7, 5]);
  }
  const product = behind({ op: "permute", dims: SHAPE, order: [0, 2, 1] }, FLOAT32, [3, 11, 9]);
  product.tensors.p = { shape: [3, 9, 9], encoding: FLOAT32 };
  product.layers.push({ op: "matmul", name: "p", input: "t", other: "y", output: "p" });
  product.outputs.push({ name: "p", tensor: "p" });
  await assertAgree(product, quotients(), "matmul");
  const along = (n) => Array.from({ length: n }, (_, i) => (i % 4 === 3 ? -1 : (i * 5) % n));
  const gather = { op: "gather", channels: along(3), rows: along(9), columns: along(11), value: 1 };
  await agree(gather, FLOAT32, SHAPE);
  await agree({ op: "permute", dims: SHAPE, order: [2, 0, 1] }, FLOAT32, [11, 3, 9]);
  await agree({ op: "concat", inputs: ["t", "x", "t"] }, FLOAT32, [9, 9, 11]);
});

test("the maximum of a window that holds a NaN is NaN, wherever it stands", async () => {
  const windows = [
    { kernel: [2, 2], stride: [1, 1], padding: [1, 1, 1, 1] },
    { kernel: [3, 2], stride: [2, 2], padding: [0, 1, 2, 0] },
    { kernel: [2, 2], stride: [1, 1], padding: [1, 0, 0, 1], dilation: [3, 2] },
    { kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0] },
  ];
  for (const window of windows) {
    const made = await agree({ op: "maxPool", ...window }, FLOAT32, convOutputShape(SHAPE, 3, window));
    assert.ok(made.some(Number.isNaN) && made.includes(Infinity));
  }
  const inputs = { x: new Float32Array(297).fill(1), z: new Float32Array(297).fill(1) };
  for (const at of [0, 1, 11, 12]) {
    inputs.x[at] = 0;
    inputs.z[at] = 0;
    const def = behind({ op: "maxPool", ...windows[0], padding: [0, 0, 0, 0] }, FLOAT32, [3, 8, 10]);
    const { outputs } = await assertAgree(def, inputs, `place ${at}`);
    assert.deepEqual([outputs.y[0], outputs.y[297 / 3 - 40]], [Number.NaN, 1]);
    inputs.x[at] = 1;
    inputs.z[at] = 1;
  }
});

test("a NaN becomes the least value that a layer of integers can give, and leaves its neighbours alone", async () => {
  const inputs = { x: Float32Array.of(0, 1, 1, 0, -1, 0), z: Float32Array.of(0, 1, 0, 0, 0, 1) };
  // t = NaN, 1, Infinity, NaN, -Infinity, 0
  const cases = [
    [linear(255, 9, 1), {}, [0, 10, 255, 0, 0, 9]],
    [linear(255, 9, 1), { low: 0 }, [9, 10, 255, 9, 9, 9]],
    [linear(255, 9, 1), { low: -3, high: 4 }, [6, 10, 13, 6, 6, 9]],
    [{ ...LEVELS, scale: 1 }, {}, [0, 1, 31, 0, 0, 0]],
    [{ ...LEVELS, scale: 1 }, { low: 3 }, [4, 4, 31, 4, 4, 4]],
    [FLOAT32, { low: -1, high: 5 }, [Number.NaN, 1, 5, Number.NaN, -1, 0]],
  ];
  for (const [encoding, clamp, expected] of cases) {
    const offset = encoding.kind === "linear" ? encoding.zero : 0;
    const shape = [1, 1, 6];
    const add = {
      op: "add",
      name: "y",
      input: "t",
      output: "y",
      residual: { tensor: "o", scale: 1 },
      epilogue: { scale: Float32Array.of(1), offset: Float32Array.of(offset), clamp },
    };
    const tensors = Object.fromEntries("xzto".split("").map((name) => [name, { shape, encoding: FLOAT32 }]));
    const def = {
      name: "least",
      inputs: ["x", "z"].map((name) => ({ name, tensor: name })),
      outputs: [{ name: "y", tensor: "y" }],
      tensors: { ...tensors, y: { shape, encoding } },
      layers: [
        { op: "binary", name: "t", fn: "div", input: "x", other: "z", output: "t" },
        { op: "constant", name: "o", output: "o", values: new Float32Array(6) },
        add,
      ],
    };
    const { tensors: made } = await assertAgree(def, inputs, encoding.kind);
    assert.deepEqual([...made.get("y")], expected, JSON.stringify([encoding, clamp]));
  }
});

test("sums of integers whose scales leave float32 agree", async () => {
  const random = createRandom(5);
  for (const encoding of OUTPUTS) {
    for (const residual of [linear(255, 4), FLOAT32]) {
      const tensors = {
        x: { shape: [4, 5, 7], encoding: linear() },
        r: { shape: [6, 5, 7], encoding: residual },
        y: { shape: [6, 5, 7], encoding },
      };
      const layer = conv({
        kernel: [3, 3],
        padding: [1, 1, 1, 1],
        weights: { kind: "codes", bits: 5, n1: 0, codes: randomCodes(random, 216, 5) },
        epilogue: {
          scale: Float32Array.from({ length: 6 }, () => (random.below(2) ? 3e38 : -1e36)),
          offset: new Float32Array(6),
          clamp: {},
        },
        residual: { tensor: "r", scale: Math.fround(3e38) },
      });
      const def = modelOf(tensors, [layer], ["x", "r"]);
      const draw = (length) => Float32Array.from({ length }, () => random.normal() * 5);
      const { tensors: made } = await assertAgree(def, { x: draw(140), r: draw(210) }, encoding.kind);
      if (encoding === FLOAT32) assert.ok(made.get("y").some(Number.isNaN));
    }
  }
});

test("every NaN hashes alike, and both executors hand the same one out", async () => {
  const odd = new Float32Array(Uint32Array.of(0xffc00000, 0x7f800001, 0xffffffff, 0x3f800000).buffer);
  const even = Float32Array.of(Number.NaN, Number.NaN, Number.NaN, 1);
  assert.equal(goldenHash(odd), goldenHash(even));
  assert.notEqual(goldenHash(odd), goldenHash(Float32Array.of(Infinity, Infinity, Infinity, 1)));
  assert.notEqual(goldenHash(new Uint32Array(odd.buffer)), goldenHash(new Uint32Array(even.buffer)));
  const def = behind({ op: "softmax", axis: 2 }, FLOAT32, SHAPE);
  const hashes = new Set();
  for (const options of [{ executor: "wasm" }, { executor: "wasm", threads: 2 }, { executor: "plain" }]) {
    const model = await Model.from(def, options);
    const { y } = model.runSync(quotients());
    hashes.add(goldenHash(new Uint32Array(y.buffer)));
    model.dispose();
  }
  assert.equal(hashes.size, 1);
});
