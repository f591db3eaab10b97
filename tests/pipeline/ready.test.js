// ready.test.js: networks quantized elsewhere arrive as they are: weights to the bit, ranges of activations, and no images needed.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { quantizationPoints, statedEncodings } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import { evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
import { weightValues } from "../../dist/ops/index.js";
import { quantizeFromImages, quantizeReady } from "../../dist/pipeline/index.js";
import { build, bytes, floats, scalar } from "../onnx/build.js";

const [UINT8, INT8] = [2, 3];
const LEVELS = [
  [-1, 1],
  [-1, 0, 1],
  [0, 1, -1, 2, -2, 4, -4, 8, -8, 16, -16, 32, -32, 64, -64, 128, -128],
  [0, 1, 2, 3, 4, 6, 8, 12, -1, -2, -3, -4, -6, -8, -12],
  Array.from({ length: 16 }, (_, i) => i - 8),
  [-300, -57, 0, 11, 80, 301],
];

/**
 * A random network of convolutions as QDQ: its bytes, weights by ONNX's names, and encodings by the value that is rounded.
 */
function randomQdq(seed) {
  const random = createRandom(seed);
  const pick = (list) => list[random.below(list.length)];
  const nodes = [];
  const constants = {};
  const weights = new Map();
  const encodings = new Map();
  let made = 0;
  const name = (kind) => `${kind}${made++}`;
  const weightOf = (dims) => {
    const levels = pick(LEVELS);
    const [outputs] = dims;
    const depth = dims.slice(1).reduce((a, b) => a * b, 1);
    const common = 0.3 / Math.max(...levels.map(Math.abs));
    const scales = Array.from({ length: outputs }, () => Math.fround(common * (0.5 + random.uniform())));
    const scaled = random.uniform() < 0.7;
    const data = Float32Array.from({ length: outputs * depth }, (_, i) => {
      return Math.fround(scales[scaled ? Math.floor(i / depth) : 0] * levels[random.below(levels.length)]);
    });
    const id = name("w");
    constants[id] = floats(dims, [...data]);
    weights.set(id, data);
    return id;
  };
  const vector = (n, of) => {
    const id = name("v");
    constants[id] = floats([n], Array.from({ length: n }, of));
    return id;
  };
  const add = (op, inputs, attributes) => {
    const out = name("t");
    nodes.push([op, inputs.join(" "), out, attributes]);
    return out;
  };
  const qdq = (x, signed) => {
    const [s, z] = [name("s"), name("z")];
    const scale = Math.fround((0.5 + random.uniform()) * (signed ? 0.03 : 0.02));
    const type = pick([UINT8, INT8]);
    const zero = (signed ? 100 + random.below(60) : 0) - (type === INT8 ? 128 : 0);
    constants[s] = scalar(scale);
    constants[z] = bytes([], [zero], type);
    encodings.set(x, { kind: "linear", scale, zero: type === INT8 ? zero + 128 : zero, max: 255 });
    return add("DequantizeLinear", [add("QuantizeLinear", [x, s, z]), s, z]);
  };
  let channels = 1 + random.below(4);
  const x = [1, channels, 6, 7];
  const conv = (from, outputs, group) => {
    const k = pick([1, 3]);
    const pads = Array(4).fill((k - 1) / 2);
    const w = weightOf([outputs, channels / group, k, k]);
    const bias = random.uniform() < 0.5;
    const y = add("Conv", bias ? [from, w, vector(outputs, () => random.normal())] : [from, w], { pads, group });
    if (random.uniform() < 0.5) return y;
    const norm = [
      () => 0.5 + random.uniform(),
      () => random.normal(),
      () => random.normal(),
      () => 0.5 + random.uniform(),
    ];
    return add("BatchNormalization", [y, ...norm.map((of) => vector(outputs, of))]);
  };
  let last = qdq("x", true);
  for (let i = 0; i < 1 + random.below(3); i++) {
    const kind = random.below(4);
    if (kind === 0 && i > 0) {
      const other = qdq(conv(last, channels, 1), true);
      last = qdq(add("Relu", [add("Add", [conv(last, channels, 1), other])]), false);
    } else if (kind === 1) last = qdq(add("Relu", [conv(last, channels, channels)]), false);
    else if (kind === 2) last = add("MaxPool", [qdq(conv(last, channels, 1), true)], { kernel_shape: [2, 2] });
    else {
      const outputs = 1 + random.below(6);
      last = qdq(add("Relu", [conv(last, outputs, 1)]), false);
      channels = outputs;
    }
  }
  const pooled = qdq(add("GlobalAveragePool", [last]), true);
  nodes.push([
    "Gemm",
    `${add("Flatten", [pooled])} ${weightOf([5, channels])} ${vector(5, () => random.normal())}`,
    "y",
    { transB: 1 },
  ]);
  const image = Float32Array.from({ length: channels * 0 + x[1] * 42 }, () => Math.fround(random.normal()));
  return { file: build({ x, nodes, constants }), weights, encodings, image, x };
}

test("random networks on random grids, through ONNX and back: every weight to the bit, every range as it was", () => {
  const property = fc.property(fc.nat(), (seed) => {
    const { file, weights, encodings, image, x } = randomQdq(seed);
    const network = importOnnx(file);
    const points = quantizationPoints(network);
    const stated = statedEncodings(network);
    for (const point of points.filter((name) => name !== "x")) assert.ok(stated.has(point), `seed ${seed}: ${point}`);
    const { model, grids, layers } = quantizeReady(network);
    const wanted = new Set([...encodings.values()].map((one) => JSON.stringify(one)));
    const found = Object.values(model.tensors).filter(({ encoding }) => encoding.kind !== "float32");
    assert.equal(new Set(found.map(({ encoding }) => JSON.stringify(encoding))).size, wanted.size, `seed ${seed}`);
    for (const { encoding } of found) assert.ok(wanted.has(JSON.stringify(encoding)), `seed ${seed}`);
    const held = new Map([...weights.values()].map((data) => [data.join(), data]));
    const products = model.layers.filter(({ op, name }) => (op === "conv" || op === "dense") && grids.has(name));
    assert.equal(products.length, layers.length);
    for (const layer of products) {
      const { scale, kind, n1, bits } = grids.get(layer.name);
      const unit = kind === "powers" ? 2 ** (n1 + 1 - 2 ** (bits - 2)) : 1;
      const values = weightValues(layer.weights);
      const depth = values.length / layer.epilogue.scale.length;
      const real = Float32Array.from(values, (v, i) =>
        Math.fround((scale ? scale[Math.floor(i / depth)] : 1) * unit * v),
      );
      assert.ok(held.has(real.map((w) => w + 0).join()) || held.has(real.join()), `seed ${seed}: ${layer.name}`);
    }
    // the file's own arithmetic rounds in other places, so that an integer here and there is the next one
    const { outputs } = runReference(model, { x: image });
    const expected = evaluateModel(readModel(file, null), new Map([["x", { type: "float32", dims: x, data: image }]]));
    const y = expected.get("y").data;
    const worst = Math.max(...outputs.y.map((value, i) => Math.abs(value - y[i])));
    assert.ok(worst <= 0.05 * Math.max(1, ...y.map(Math.abs)), `seed ${seed}: ${worst}`);
  });
  fc.assert(property, { seed: 24, numRuns: 150 });
});

const QDQ = [
  ["QuantizeLinear", "x xs xz", "xq"],
  ["DequantizeLinear", "xq xs xz", "xd"],
  ["Conv", "xd w", "c", { pads: [1, 1, 1, 1] }],
  ["Relu", "c", "r"],
  ["QuantizeLinear", "r s z", "rq"],
  ["DequantizeLinear", "rq s z", "rd"],
  ["Conv", "rd v", "y"],
];
const SCALES = { xs: scalar(0.03), xz: bytes([], [100], UINT8), s: scalar(0.02), z: bytes([], [0], UINT8) };
const TERNARY = floats(
  [4, 4, 3, 3],
  Array.from({ length: 144 }, (_, i) => Math.fround(0.07 * ((i % 3) - 1))),
);
const images = {
  shape: [4, 6, 7],
  count: 24,
  read: (from, count) => Float32Array.from({ length: 168 * count }, (_, i) => Math.sin(from * 168 + i)),
};

test("a layer that came ready stays, the other is rounded, and ranges are kept", async () => {
  const network = importOnnx(build({ nodes: QDQ, constants: { ...SCALES, w: TERNARY, v: floats([3, 4, 1, 1]) } }));
  const { model, layers, ready, grids, statedRanges, network: made } = await quantizeFromImages(network, images);
  assert.deepEqual(ready, [{ name: "c", weights: 144, bits: 2 }]);
  assert.deepEqual(
    layers.map(({ name }) => name),
    ["y"],
  );
  assert.equal(statedRanges, 2);
  assert.deepEqual([...grids.keys()], ["c", "y"]);
  assert.deepEqual([...made.nodes.find(({ name }) => name === "c").weight.data], TERNARY.floatData);
  assert.ok(model.notes.ready.includes("1 layer"));
  const { x, r } = Object.fromEntries([...statedEncodings(network)].map(([name, { scale }]) => [name[0], scale]));
  assert.deepEqual([x, r], [Math.fround(0.03), Math.fround(0.02)]);
  const scales = Object.values(model.tensors).map(({ encoding }) => encoding.scale);
  assert.ok(scales.includes(Math.fround(0.03)) && scales.includes(Math.fround(0.02)));
  // asked for, weights are rounded anew, and activations measured
  const again = await quantizeFromImages(network, images, {
    layers: new Map([["c", 4]]),
    activations: { kind: "linear", bits: 4 },
  });
  assert.deepEqual([again.ready, again.statedRanges, again.layers.length], [[], 0, 2]);
  assert.ok(Object.values(again.model.tensors).some(({ encoding }) => encoding.max === 15));
});

test("with minutes and a budget, what came ready stays", async () => {
  const network = importOnnx(build({ nodes: QDQ, constants: { ...SCALES, w: TERNARY, v: floats([3, 4, 1, 1]) } }));
  for (const settings of [{ minutes: 0.02, portions: [0.5, 1] }, { budget: 4 }]) {
    const { network: made, ready } = await quantizeFromImages(network, images, settings);
    assert.deepEqual([...made.nodes.find(({ name }) => name === "c").weight.data], TERNARY.floatData);
    assert.equal(ready.length, 1);
  }
});

test("all layers ready: images are taken, too, and change nothing", async () => {
  const constants = { ...SCALES, w: TERNARY, v: floats([3, 4, 1, 1], Array(12).fill(0.5)) };
  const network = importOnnx(build({ nodes: QDQ, constants }));
  const bare = quantizeReady(network);
  const shown = await quantizeFromImages(network, images);
  const { notes: _, ...one } = bare.model;
  const { notes: __, ...other } = shown.model;
  assert.deepEqual(other, one);
  assert.deepEqual(shown.layers, []);
  assert.equal(bare.averageBits, shown.averageBits);
});

test("refuses what is not quantized already, and says what is not", () => {
  const constants = { ...SCALES, w: TERNARY, v: floats([3, 4, 1, 1]) };
  assert.throws(() => quantizeReady(importOnnx(build({ nodes: QDQ, constants }))), {
    code: "BAD_GRAPH",
    message: /y: .*images to calibrate.*on no grid/,
  });
  const nodes = [
    ["Conv", "x w", "c", { pads: [1, 1, 1, 1] }],
    ["Relu", "c", "y"],
  ];
  assert.throws(() => quantizeReady(importOnnx(build({ nodes, constants: { w: TERNARY } }))), {
    code: "BAD_GRAPH",
    message: /x: .*found activations without a range/,
  });
  assert.throws(() => quantizeReady(3), { code: "BAD_OPTION" });
});

test("an input of pixels needs no range of its own", () => {
  const nodes = [
    ["Conv", "x w", "c", { pads: [1, 1, 1, 1] }],
    ["Relu", "c", "y"],
  ];
  const normalization = { mean: [0.5, 0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25, 0.25] };
  const network = importOnnx(build({ nodes, constants: { w: TERNARY } }), { normalization });
  const { model } = quantizeReady(network);
  assert.deepEqual(model.tensors[model.inputs[0].tensor].encoding, {
    kind: "linear",
    scale: Math.fround(4 / 255),
    zero: 127,
    max: 255,
  });
});

test("what functions make of the last layer, as a log-softmax, runs in float32 and needs no range", () => {
  const nodes = [...QDQ.slice(0, 3), ["Flatten", "c", "f"], ["LogSoftmax", "f", "y", { axis: 1 }]];
  const { model } = quantizeReady(importOnnx(build({ nodes, constants: { ...SCALES, w: TERNARY } })));
  const { outputs } = runReference(model, { x: Float32Array.from({ length: 168 }, (_, i) => Math.sin(i)) });
  const sum = outputs.y.reduce((total, value) => total + Math.exp(value), 0);
  assert.ok(Math.abs(sum - 1) < 1e-4, String(sum));
});
