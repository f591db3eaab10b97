// export.test.js: exported models give, in the evaluator and in onnxruntime-web, what the runtime gives.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as ort from "onnxruntime-web/wasm";
import { createRandom } from "../../dist/base/index.js";
import { loadCifarFolder, samplesOf, subset } from "../../dist/data/index.js";
import { buildNetwork, lower } from "../../dist/graph/index.js";
import { decodeModel, encodeModel, runReference } from "../../dist/model/index.js";
import {
  evaluateModel,
  exportOnnx,
  importExported,
  importOnnx,
  importOnnxFile,
  readModel,
} from "../../dist/onnx/index.js";
import { pixelTable } from "../../dist/ops/index.js";
import { calibrate, collectHistograms, insertQuantizers, quantizationPoints } from "../../dist/quantize/index.js";
import { compensate } from "../../dist/rounding/index.js";
import { Model } from "../../dist/runtime/index.js";
import { activations } from "../../dist/training/index.js";
import { randomNetwork } from "../graph/random_networks.js";
import { FLOAT32, linear } from "../models/layers.js";
import { convModel, inputsFor } from "../models/random.js";
import { build, floats, ints } from "./build.js";
import { argmax, MODELS, modelPath, shared, skip } from "./shared.js";

ort.env.wasm.numThreads = 1;
const FORMS = ["float32", "qdq"];

/** Outputs of an exported model for one image, by the evaluator. */
function evaluate(def, form, image) {
  const model = readModel(exportOnnx(def, { form }), null);
  const [{ name }] = def.inputs;
  const dims = model.inputs[0].dims.with(0, 1);
  return evaluateModel(model, new Map([[name, { type: "float32", dims, data: image }]]));
}

test("random quantized networks in both forms: the same values, but for float functions", () => {
  const property = fc.property(fc.nat(), fc.constantFrom(...FORMS), (seed, form) => {
    const { network, grids, image } = randomNetwork(seed, true);
    const def = lower(network, { grids });
    const data = Float32Array.from(image);
    const { outputs } = runReference(def, { input: data });
    const found = evaluate(def, form, data);
    const exact = def.layers.every(({ op, input }) => {
      if (["binary", "matmul", "resample", "softmax"].includes(op)) return false;
      // of integers functions are tables
      return !["activation", "avgPool", "elementwise"].includes(op) || def.tensors[input].encoding.kind !== "float32";
    });
    for (const [name, expected] of Object.entries(outputs)) {
      const { data: values } = found.get(name === "input" ? "input.output" : name);
      assert.equal(values.length, expected.length);
      if (exact)
        assert.deepEqual(
          Array.from(values, (x) => x + 0),
          Array.from(expected, (x) => x + 0),
          `seed ${seed}`,
        );
    }
  });
  fc.assert(property, { seed: 31, numRuns: 150 });
});

test("random models through an export and back: the same file to the bit, unless something was changed", () => {
  const property = fc.property(fc.nat(), fc.constantFrom(...FORMS), fc.boolean(), (seed, form, quantized) => {
    const { network, grids } = randomNetwork(seed, quantized);
    const def = { ...lower(network, { grids: quantized ? grids : null }), notes: { made: `from ${seed}` } };
    const file = exportOnnx(def, { form });
    assert.deepEqual(encodeModel(importExported(file)), encodeModel(def));
    const changed = file.slice();
    // a byte of the graph, which stands before the metadata
    changed[40 + (seed % 60)] ^= 1;
    assert.equal(importExported(changed), null);
  });
  fc.assert(property, { seed: 24, numRuns: 60 });
  assert.equal(importExported(build({ nodes: [["Relu", "x", "y"]] })), null);
  assert.equal(importExported(Uint8Array.of(1, 2, 3)), null);
  assert.throws(() => importExported("file"), { code: "BAD_OPTION" });
});

test("pixels as they are go to QuantizeLinear without a Clip, which onnxruntime 1.20 cannot load behind an input", () => {
  const readers = (def) => {
    const { nodes } = readModel(exportOnnx(def, { form: "qdq" }), null);
    const first = nodes.filter(({ inputs }) => inputs[0] === def.inputs[0].name);
    return first.map(({ op }) => op);
  };
  const def = convModel({ input: linear(255, 0, 1) });
  assert.deepEqual(readers(def), ["QuantizeLinear"]);
  // fewer steps than uint8 has, which it does not bound
  assert.deepEqual(readers(convModel({ input: linear(15, 0, 1) })), ["Clip"]);
  const [data] = Object.values(inputsFor(def, 3)).map((values) =>
    Float32Array.from(values, (x, i) => x * 40 - 300 + i * 5),
  );
  const { outputs } = runReference(def, { [def.inputs[0].name]: data });
  const found = evaluate(def, "qdq", data);
  for (const [name, expected] of Object.entries(outputs)) assert.deepEqual(found.get(name).data, expected);
});

test("layers with tables of levels by channel in both forms: the same values", () => {
  const tables = [
    [-2, -1, 0, 1, 2, 4, 6, 8],
    [-8, -6, -4, -2, -1, 0, 1, 2],
    [-7, 0, 3],
  ];
  for (const groups of [1, 4]) {
    const def = convModel({ tables, shape: [8, 6, 6], channels: 12, groups, input: linear(255, 128), output: FLOAT32 });
    const inputs = inputsFor(def);
    const { outputs } = runReference(def, inputs);
    for (const form of FORMS) {
      const { data } = evaluate(def, form, inputs.x).get("y");
      assert.deepEqual(
        Array.from(data, (y) => y + 0),
        Array.from(outputs.y, (y) => y + 0),
      );
    }
  }
});

test("random float networks in both forms", () => {
  const property = fc.property(fc.nat(), fc.constantFrom(...FORMS), (seed, form) => {
    const { network, image } = randomNetwork(seed, false);
    const def = lower(network, { grids: null });
    const data = Float32Array.from(image);
    const { outputs } = runReference(def, { input: data });
    const found = evaluate(def, form, data);
    for (const [name, expected] of Object.entries(outputs)) {
      const span = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      expected.forEach((value, i) => {
        const { data: values } = found.get(name === "input" ? "input.output" : name);
        const difference = Math.abs(values[i] - value);
        assert.ok(difference <= 1e-4 * span, `seed ${seed} ${form} ${name}[${i}]: ${difference}`);
      });
    }
  });
  fc.assert(property, { seed: 32, numRuns: 100 });
});

/** Inputs and outputs of many ranks and orders, with what onnxruntime is given and gives. */
const SHAPED = {
  "tokens and a vector with its axes": {
    nodes: [
      ["Conv", "x w", "a"],
      ["Reshape", "a tokens", "b"],
      ["Transpose", "b", "tokens.out", { perm: [0, 2, 1] }],
      ["GlobalAveragePool", "a", "pooled"],
    ],
    constants: { w: floats([3, 4, 1, 1]), tokens: ints(0, 3, -1) },
    outputs: ["tokens.out", "pooled"],
    dims: [
      [1, 42, 3],
      [1, 3, 1, 1],
    ],
  },
  "channels last, in and out": {
    x: [1, 6, 7, 4],
    nodes: [
      ["Transpose", "x", "planes", { perm: [0, 3, 1, 2] }],
      ["Conv", "planes w", "a"],
      ["Transpose", "a", "y", { perm: [0, 2, 3, 1] }],
    ],
    constants: { w: floats([3, 4, 1, 1]) },
    dims: [[1, 6, 7, 3]],
  },
  "a map with an axis more": {
    nodes: [
      ["Conv", "x w", "a"],
      ["Reshape", "a five", "y"],
    ],
    constants: { w: floats([4, 4, 1, 1]), five: ints(1, 2, 2, 6, 7) },
    dims: [[1, 2, 2, 6, 7]],
  },
  "signals, and no batch at the end": {
    x: [1, 2, 9],
    nodes: [
      ["Conv", "x w", "a"],
      ["Relu", "a", "y"],
      ["Reshape", "y flat", "z"],
    ],
    constants: { w: floats([3, 2, 3]), flat: ints(-1) },
    outputs: ["y", "z"],
    dims: [[1, 3, 7], [21]],
  },
};

for (const [name, { dims, ...parts }] of Object.entries(SHAPED)) {
  test(`ports and export have the file's own dimensions: ${name}`, async () => {
    const bytes = build(parts);
    const { x = [1, 4, 6, 7], outputs = ["y"] } = parts;
    const data = Float32Array.from({ length: x.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 12.9898));
    const expected = await ortRun(bytes, data, x);
    const def = decodeModel(encodeModel(lower(importOnnx(bytes), { grids: null })));
    const model = await Model.from(def);
    assert.deepEqual(model.inputs[0].dims, x);
    assert.deepEqual(
      model.outputs.map((output) => [output.name, [...output.dims]]),
      outputs.map((output, i) => [output, dims[i]]),
    );
    const own = model.runSync(data);
    const exported = await ortRun(exportOnnx(def, { form: "float32" }), data, x);
    for (const output of outputs) {
      for (const [values, shape] of [
        [own[output], model.outputs.find((one) => one.name === output).dims],
        [exported[output].data, exported[output].dims],
      ]) {
        assert.deepEqual([...shape], [...expected[output].dims]);
        for (const [i, value] of values.entries()) assert.ok(Math.abs(value - expected[output].data[i]) < 1e-5);
      }
    }
    model.dispose();
  });
}

async function ortRun(bytes, data, dims) {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
  const results = await session.run({ x: new ort.Tensor("float32", data, dims) });
  await session.release();
  return results;
}

test("an exported float network is imported again as it was", async () => {
  const { network, image } = randomNetwork(12, false);
  const def = lower(network, { grids: null });
  const again = importOnnx(exportOnnx(def, { form: "float32" }));
  const data = Float32Array.from(image);
  const first = runReference(def, { input: data }).outputs;
  const second = runReference(lower(again, { grids: null }), { input: data }).outputs;
  for (const [name, values] of Object.entries(first)) {
    values.forEach((value, i) => {
      assert.ok(Math.abs(second[name][i] - value) <= 1e-5 * Math.max(1, Math.abs(value)));
    });
  }
});

test("a window without dilation or padding, which a file asks for, is refused by the field's name", () => {
  const def = convModel({ input: linear(255, 0, 1), padding: [0, 0, 0, 0] });
  for (const field of ["dilation", "padding"]) {
    const layers = def.layers.map(({ [field]: _, ...layer }) => layer);
    const refused = { name: "ShiftwiseError", expected: `field "${field}"` };
    for (const form of FORMS) assert.throws(() => exportOnnx({ ...def, layers }, { form }), refused);
  }
});

test("an unknown form", () => {
  const { network } = randomNetwork(3, false);
  assert.throws(() => exportOnnx(lower(network, { grids: null }), { form: "int8" }), { code: "BAD_OPTION" });
});

/** Functions as importing makes them, of the values of a convolution. */
const FUNCTIONS = {
  "x sigmoid(x)": [
    { fn: "sigmoid", parameters: [], of: [0] },
    { fn: "mul", parameters: [], of: [0, 1] },
  ],
  "x tanh(ln(1 + exp x))": [
    { fn: "exp", parameters: [], of: [0] },
    { fn: "constant", parameters: [1], of: [] },
    { fn: "add", parameters: [], of: [1, 2] },
    { fn: "log", parameters: [], of: [3] },
    { fn: "tanh", parameters: [], of: [4] },
    { fn: "mul", parameters: [], of: [0, 5] },
  ],
  "x hardSigmoid(x) + hardSwish(x)": [
    { fn: "hardSigmoid", parameters: [1 / 6, 0.5], of: [0] },
    { fn: "mul", parameters: [], of: [0, 1] },
    { fn: "hardSwish", parameters: [], of: [0] },
    { fn: "add", parameters: [], of: [2, 3] },
  ],
  "elu(x) - leakyRelu(x)": [
    { fn: "elu", parameters: [0.7], of: [0] },
    { fn: "leakyRelu", parameters: [0.03], of: [0] },
    { fn: "sub", parameters: [], of: [1, 2] },
  ],
  "x mod 0.7 where x < 0.2, else the floor, and 0 where the sign is 1": [
    { fn: "constant", parameters: [0.2], of: [] },
    { fn: "less", parameters: [], of: [0, 1] },
    { fn: "constant", parameters: [0.7], of: [] },
    { fn: "mod", parameters: [], of: [0, 3] },
    { fn: "div", parameters: [], of: [0, 3] },
    { fn: "floor", parameters: [], of: [5] },
    { fn: "where", parameters: [], of: [2, 4, 6] },
    { fn: "sign", parameters: [], of: [7] },
    { fn: "constant", parameters: [1], of: [] },
    { fn: "equal", parameters: [], of: [8, 9] },
    { fn: "round", parameters: [], of: [7] },
    { fn: "where", parameters: [], of: [10, 7, 11] },
  ],
  "min(|x|, 1) / 3": [
    { fn: "abs", parameters: [], of: [0] },
    { fn: "clip", parameters: [0, 1], of: [1] },
    { fn: "constant", parameters: [3], of: [] },
    { fn: "div", parameters: [], of: [2, 3] },
  ],
};

for (const [name, steps] of Object.entries(FUNCTIONS)) {
  test(`${name}, of real values and of integers, rounded: onnxruntime-web gives the same bits`, async () => {
    const random = createRandom(7);
    const b = buildNetwork("functions", random);
    const byte = (scale, zero) => ({ kind: "linear", scale, zero, max: 255 });
    const input = b.quantize(b.input([3, 96, 96]), byte(1 / 16, 128));
    const real = b.conv(input, 16, { bias: true });
    // what rounds is another layer: the function's own result is real
    const gains = b.constant([16, 1, 1], new Float32Array(16).fill(1.7));
    const own = b.elementwise(real, steps);
    const scaled = b.quantize(b.binary("mul", own, gains), byte(1 / 64, 40));
    // a product that alone reads a function is one layer with it
    const each = b.constant(
      [16, 1, 1],
      Float32Array.from({ length: 16 }, (_, i) => (i - 4) / 7),
    );
    const joined = b.quantize(b.binary("mul", b.elementwise(real, steps), each), byte(1 / 64, 40));
    const made = b.quantize(b.elementwise(real, steps), byte(1 / 64, 40));
    const table = b.elementwise(made, steps);
    const network = b.finish([b.conv(made, 4), b.conv(scaled, 4), b.conv(joined, 4), table, own]);
    const grids = new Map();
    for (const node of network.nodes) {
      if (node.op !== "conv") continue;
      node.weight.data.forEach(
        (w, i) =>
          void (node.weight.data[i] =
            Math.sign(w) * 2 ** Math.round(Math.min(Math.max(Math.log2(Math.abs(w)), -8), -1))),
      );
      grids.set(node.name, {
        kind: "powers",
        bits: 5,
        n1: -1,
        scale: null,
        frozen: new Uint8Array(node.weight.data.length).fill(1),
      });
    }
    const def = lower(network, { grids });
    assert.equal(def.layers.filter((layer) => layer.gains).length, 1);
    const data = Float32Array.from({ length: 3 * 96 * 96 }, () => random.normal());
    const expected = (await Model.from(def)).runSync(data);
    for (const form of FORMS) {
      const bytes = exportOnnx(def, { form });
      const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
      const found = await session.run({ input: new ort.Tensor("float32", data, [1, 3, 96, 96]) });
      for (const { name: output } of def.outputs) {
        const wrong = expected[output].filter((value, i) => value !== found[output].data[i]).length;
        assert.equal(wrong, 0, `${form}, ${output}: ${wrong} of ${expected[output].length}`);
      }
      await session.release();
    }
  });
}

test("ResNet-8 in 4 bits, in onnxruntime-web: the same class of every test image", { skip }, async () => {
  const ort = await import("onnxruntime-web/wasm");
  ort.env.wasm.numThreads = 1;
  const normalization = MODELS.resnet8_cifar10;
  const network = await importOnnxFile(modelPath("resnet8_cifar10"), { normalization, logits: true });
  const { train, test: images } = await loadCifarFolder(shared("cifar10/lossless"));
  const some = { ...subset(train, [...Array(48).keys()]), normalization };
  const points = quantizationPoints(network);
  const histograms = await collectHistograms(points, activations(network, some, points));
  const encodings = calibrate(network, histograms, { activations: { kind: "linear", bits: 8 } });
  const levels = () => ({ kind: "powers", bits: 4, scale: "channel" });
  const simulated = insertQuantizers(network, encodings);
  const { network: rounded, grids } = await compensate(simulated, samplesOf(some), { levels, sweeps: 0 });
  const def = lower(rounded, { grids });
  const model = await Model.from(def);
  const tables = [0, 1, 2].map((c) => pixelTable(c, normalization));
  const reals = Float32Array.from(images.images, (pixel, i) => tables[Math.floor((i % 3072) / 1024)][pixel]);
  const count = images.labels.length;
  const [{ name: input }] = def.inputs;
  const [{ name: output }] = def.outputs;
  const expected = Array.from({ length: count }, (_, i) => {
    return model.runSync(reals.subarray(i * 3072, (i + 1) * 3072))[output];
  });
  for (const form of FORMS) {
    const bytes = exportOnnx(def, { form });
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
    let worst = 0;
    for (let i = 0; i < count; i += 113) {
      const size = Math.min(113, count - i);
      const batch = new ort.Tensor("float32", reals.subarray(i * 3072, (i + size) * 3072), [size, 3, 32, 32]);
      const { data } = (await session.run({ [input]: batch }))[output];
      for (let n = 0; n < size; n++) {
        const found = data.subarray(n * 10, (n + 1) * 10);
        assert.equal(argmax(found), argmax(expected[i + n]), `${form}, image ${i + n}`);
        found.forEach((value, k) => {
          worst = Math.max(worst, Math.abs(value - expected[i + n][k]));
        });
      }
    }
    assert.equal(worst, 0, `${form} gives the same bits`);
    await session.release();
  }
});
