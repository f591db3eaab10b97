// ready-kinds.test.js: every kind of layer on random grids, through ONNX and back: no weight differs, and an export brings the same model.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { encodeModel, runReference } from "../../dist/model/index.js";
import { evaluateModel, exportOnnx, importExported, importOnnx, readModel } from "../../dist/onnx/index.js";
import { weightValues } from "../../dist/ops/index.js";
import { quantizeReady } from "../../dist/pipeline/index.js";
import { build, bytes, floats, scalar } from "../onnx/build.js";

const UINT8 = 2;
const mirrored = (...levels) => levels.flatMap((level) => [level, -level]);
/** Levels in units of a scale. */
const LEVELS = {
  binary: [-1, 1],
  ternary: [-1, 0, 1],
  powers: [0, ...mirrored(1, 2, 4, 8, 16, 32, 64, 128)],
  "two-term": [0, ...mirrored(1, 2, 3, 4, 6, 8, 12)],
  "two-term of 6 bits": [0, ...mirrored(...Array.from({ length: 12 }, (_, i) => i + 1), 14, 16, 20, 24, 28, 32)],
  int4: Array.from({ length: 16 }, (_, i) => i - 8),
  codebook: [-300, -57, 0, 11, 80, 301],
  "codebook of 7 bits": Array.from({ length: 127 }, (_, i) => 3 * (i - 63) + (i % 2)),
};
const product = (dims) => dims.reduce((a, b) => a * b, 1);

/** Kinds of layers: the operator, what its input has, and where its weights have outputs and groups. */
const KINDS = {
  Conv1d: { op: "Conv", spatial: 1 },
  "Conv1d, grouped": { op: "Conv", spatial: 1, groups: 2 },
  "Conv1d, depthwise": { op: "Conv", spatial: 1, groups: 4 },
  Conv2d: { op: "Conv", spatial: 2 },
  "Conv2d, grouped": { op: "Conv", spatial: 2, groups: 2 },
  "Conv2d, depthwise": { op: "Conv", spatial: 2, groups: 4 },
  ConvTranspose1d: { op: "ConvTranspose", spatial: 1 },
  ConvTranspose2d: { op: "ConvTranspose", spatial: 2 },
  "ConvTranspose2d, grouped": { op: "ConvTranspose", spatial: 2, groups: 2 },
  "ConvTranspose2d, depthwise": { op: "ConvTranspose", spatial: 2, groups: 4 },
  "Linear as Gemm": { op: "Gemm", spatial: 0 },
  "Linear as MatMul": { op: "MatMul", spatial: 0 },
};

/** Two layers of a kind between rounded activations: the file, and the weights of each output channel in turn. */
function networkOf({ op, spatial, groups = 1 }, levels, seed, scaled) {
  const random = createRandom(seed);
  const pick = (list) => list[random.below(list.length)];
  const constants = {};
  const nodes = [];
  const channels = [];
  const qdq = (x, scale, zero) => {
    const name = `q${nodes.length}`;
    constants[`${name}s`] = scalar(Math.fround(scale));
    constants[`${name}z`] = bytes([], [zero], UINT8);
    nodes.push(["QuantizeLinear", `${x} ${name}s ${name}z`, name]);
    nodes.push(["DequantizeLinear", `${name} ${name}s ${name}z`, `${name}d`]);
    return `${name}d`;
  };
  const layer = (x, inputs, outputs) => {
    const k = op === "ConvTranspose" ? pick([2, 3]) : pick([1, 3]);
    const kernel = Array(spatial).fill(k);
    const dims = {
      Conv: [outputs, inputs / groups, ...kernel],
      ConvTranspose: [inputs, outputs / groups, ...kernel],
      Gemm: [outputs, inputs],
      MatMul: [inputs, outputs],
    }[op];
    /** The output channel of a weight. */
    const channelOf = (i) => {
      if (op === "MatMul") return i % outputs;
      if (op !== "ConvTranspose") return Math.floor(i / product(dims.slice(1)));
      const input = Math.floor(i / product(dims.slice(1)));
      const group = Math.floor(input / (inputs / groups));
      return group * dims[1] + (Math.floor(i / product(kernel)) % dims[1]);
    };
    const common = 0.3 / Math.max(...levels.map(Math.abs));
    const scales = Array.from({ length: outputs }, () => Math.fround(common * (0.5 + random.uniform())));
    const data = Array.from({ length: product(dims) }, (_, i) =>
      Math.fround(scales[scaled ? channelOf(i) : 0] * pick(levels)),
    );
    const own = Array.from({ length: outputs }, () => []);
    for (const [i, value] of data.entries()) own[channelOf(i)].push(value + 0);
    channels.push(...own);
    const name = `w${nodes.length}`;
    constants[name] = floats(dims, data);
    const attributes = {
      Conv: { group: groups, pads: Array(2 * spatial).fill((k - 1) / 2) },
      ConvTranspose: { group: groups, strides: Array(spatial).fill(pick([1, 2])) },
      Gemm: { transB: 1 },
      MatMul: undefined,
    }[op];
    nodes.push([op, `${x} ${name}`, `${name}y`, attributes]);
    return `${name}y`;
  };
  const middle = 4 * (1 + random.below(2));
  const first = layer(qdq("x", 0.03, 117), 4, groups === 4 ? 4 : middle);
  nodes.push(["Relu", first, "r"]);
  const last = layer(qdq("r", 0.02, 0), groups === 4 ? 4 : middle, 4);
  nodes.push(["Identity", last, "y"]);
  const x = [1, 4, ...Array(spatial).fill(6)];
  const image = Float32Array.from({ length: product(x) }, () => Math.fround(random.normal()));
  return { file: build({ x, nodes, constants }), channels, outputs: [groups === 4 ? 4 : middle, 4], image, x };
}

const inOrder = (lists) => lists.map((list) => [...list].sort((a, b) => a - b).join()).sort();
const withoutZeros = (lists) => lists.map((list) => list.filter((value) => value !== 0));

for (const [kind, shape] of Object.entries(KINDS)) {
  test(`${kind}: random grids, a scale for the layer and for each channel: 0 differences`, () => {
    const property = fc.property(
      fc.nat(),
      fc.constantFrom(...Object.keys(LEVELS)),
      fc.boolean(),
      (seed, name, scaled) => {
        const { file, channels, outputs, image, x } = networkOf(shape, LEVELS[name], seed, scaled);
        const said = `seed ${seed}, ${name}${scaled ? ", scaled" : ""}`;
        const { model, grids, layers } = quantizeReady(importOnnx(file));
        assert.equal(layers.length, 2, said);
        const found = [];
        for (const [k, layer] of model.layers.filter((one) => grids.has(one.name)).entries()) {
          const { scale, kind: form, n1, bits } = grids.get(layer.name);
          const unit = form === "powers" ? 2 ** (n1 + 1 - 2 ** (bits - 2)) : 1;
          const values = weightValues(layer.weights);
          const count = layer.epilogue.scale.length;
          const depth = values.length / count;
          // each phase of a transposed convolution is a channel
          const phases = count / outputs[k];
          for (let c = 0; c < count; c++) {
            const own = Array.from(values.subarray(c * depth, (c + 1) * depth));
            const real = own.map((value) => Math.fround((scale ? scale[c] : 1) * unit * value) + 0);
            if (c % phases === 0) found.push(real);
            else found[found.length - 1].push(...real);
          }
        }
        // transposed kernels may come with zeros between their weights
        assert.deepEqual(inOrder(withoutZeros(found)), inOrder(withoutZeros(channels)), said);
        for (const form of ["float32", "qdq"]) {
          const exported = exportOnnx(model, { form });
          assert.deepEqual(encodeModel(importExported(exported)), encodeModel(model), said);
        }
        const results = runReference(model, { x: image }).outputs;
        const expected = evaluateModel(
          readModel(file, null),
          new Map([["x", { type: "float32", dims: x, data: image }]]),
        );
        const y = expected.get("y").data;
        const worst = Math.max(...results.y.map((value, i) => Math.abs(value - y[i])));
        assert.ok(worst <= 0.05 * Math.max(1, ...y.map(Math.abs)), `${said}: ${worst}`);
      },
    );
    fc.assert(property, { seed: 24, numRuns: 40 });
  });
}
