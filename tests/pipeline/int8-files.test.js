// int8-files.test.js: the int8 files that onnxruntime's quantize_static writes, in both forms: ranges are kept, weights rounded, and answers stay.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { quantizationPoints, statedEncodings } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import { evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { build, bytes, Float, scalar } from "../onnx/build.js";

const [UINT8, INT8, INT32, FLOAT] = [2, 3, 6, 1];
const SHAPE = [3, 8, 8];
const COUNT = 24;
/** Scales of the tensors that are rounded, with the zero point of uint8. */
const RANGES = { x: [0.02, 128], a: [0.013, 0], b: [0.031, 117], c: [0.027, 0], g: [0.011, 0] };
const OUTPUT = [0.05, 130];
const floatsOf = (dims, values) => ({ ...scalar(0), dims, dataType: FLOAT, floatData: values.map(Math.fround) });

/** Weights, biases, scales and zero points as such a file has them. */
function constantsOf(activations, weights, perChannel) {
  const random = createRandom(5);
  const constants = {};
  const zero = (value, type) => bytes([], [type === INT8 ? value - 128 : value], type);
  for (const [name, [scale, point]] of Object.entries({ ...RANGES, y: OUTPUT })) {
    constants[`${name}s`] = scalar(Math.fround(scale));
    constants[`${name}z`] = zero(point, activations);
  }
  const layers = { w1: [[8, 3, 3, 3], "x"], w2: [[8, 8, 3, 3], "a"], w3: [[5, 8], "g"] };
  for (const [name, [dims, from]] of Object.entries(layers)) {
    const depth = dims.slice(1).reduce((a, b) => a * b, 1);
    const scales = Array.from({ length: perChannel ? dims[0] : 1 }, () => 0.004 * (1 + random.uniform()));
    const low = weights === INT8 ? -127 : 0;
    const values = Array.from({ length: dims[0] * depth }, () => low + random.below(255));
    constants[name] = bytes(dims, values, weights);
    const shape = perChannel ? [dims[0]] : [];
    const point = weights === INT8 ? 0 : 128;
    constants[`${name}s`] = floatsOf(shape, scales);
    constants[`${name}z`] = bytes(shape, Array(scales.length).fill(point), weights);
    // the bias has the scale of the input times that of the weights
    constants[`${name}b`] = bytes(
      [dims[0]],
      Array.from({ length: dims[0] }, () => random.below(2000) - 1000),
      INT32,
    );
    constants[`${name}bs`] = floatsOf(
      shape,
      scales.map((scale) => scale * RANGES[from][0]),
    );
    constants[`${name}bz`] = bytes(shape, Array(scales.length).fill(0), INT32);
  }
  return constants;
}

const PADS = { pads: [1, 1, 1, 1], kernel_shape: [3, 3] };

function qdqFile(constants, perChannel) {
  const nodes = [];
  const axis = perChannel ? { axis: 0 } : {};
  const pair = (name, scales = name) => {
    nodes.push(["QuantizeLinear", `${name} ${scales}s ${scales}z`, `${name}.q`]);
    nodes.push(["DequantizeLinear", `${name}.q ${scales}s ${scales}z`, `${name}.d`]);
  };
  const weights = (name) => {
    nodes.push(["DequantizeLinear", `${name} ${name}s ${name}z`, `${name}.d`, axis]);
    nodes.push(["DequantizeLinear", `${name}b ${name}bs ${name}bz`, `${name}b.d`, axis]);
  };
  pair("x");
  weights("w1");
  // the ReLU is gone: the range of its output begins at zero
  nodes.push(["Conv", "x.d w1.d w1b.d", "a", PADS]);
  pair("a");
  weights("w2");
  nodes.push(["Conv", "a.d w2.d w2b.d", "b", PADS]);
  pair("b");
  nodes.push(["Add", "a.d b.d", "c"]);
  pair("c");
  nodes.push(["GlobalAveragePool", "c.d", "g"]);
  pair("g");
  nodes.push(["Flatten", "g.d", "f"]);
  pair("f", "g");
  weights("w3");
  nodes.push(["Gemm", "f.d w3.d w3b.d", "t", { transB: 1 }]);
  pair("t", "y");
  nodes.push(["Identity", "t.d", "y"]);
  return build({ x: [1, ...SHAPE], nodes, constants });
}

function operatorFile(constants) {
  const nodes = [
    ["QuantizeLinear", "x xs xz", "xq"],
    ["QLinearConv", "xq xs xz w1 w1s w1z as az w1b", "aq", PADS],
    ["QLinearConv", "aq as az w2 w2s w2z bs bz w2b", "bq", PADS],
    ["com.microsoft.QLinearAdd", "aq as az bq bs bz cs cz", "cq"],
    ["com.microsoft.QLinearGlobalAveragePool", "cq cs cz gs gz", "gq", { channels_last: 0 }],
    ["Flatten", "gq", "fq"],
    ["com.microsoft.QGemm", "fq gs gz w3 w3s w3z w3b ys yz", "yq", { transB: 1, alpha: new Float(1) }],
    ["DequantizeLinear", "yq ys yz", "y"],
  ];
  return build({ x: [1, ...SHAPE], nodes, constants });
}

const decibels = (wanted, found) => {
  let [signal, error] = [0, 0];
  for (const [i, value] of wanted.entries()) {
    signal += value ** 2;
    error += (value - found[i]) ** 2;
  }
  return 10 * Math.log10(signal / error);
};

for (const form of ["QDQ", "QOperator"]) {
  for (const [activations, weights] of [
    [UINT8, INT8],
    [INT8, INT8],
    [UINT8, UINT8],
  ]) {
    for (const perChannel of [false, true]) {
      const types = [activations, weights].map((type) => (type === INT8 ? "int8" : "uint8")).join(", weights ");
      test(`${form}, ${types}, ${perChannel ? "a scale a channel" : "one scale"}: ranges are kept, weights rounded`, async () => {
        const constants = constantsOf(activations, weights, perChannel);
        const file = form === "QDQ" ? qdqFile(constants, perChannel) : operatorFile(constants);
        const network = importOnnx(file);
        const stated = statedEncodings(network);
        const open = quantizationPoints(network).filter((name) => name !== "x" && !stated.has(name));
        assert.deepEqual(open, []);
        const random = createRandom(9);
        const size = SHAPE.reduce((a, b) => a * b, 1);
        const data = Float32Array.from({ length: size * COUNT }, () => Math.fround(random.normal()));
        const images = { shape: SHAPE, count: COUNT, read: (at, n) => data.subarray(at * size, (at + n) * size) };
        const { model, layers, ready, statedRanges } = await quantizeFromImages(network, images, { bits: 5 });
        // the last layer has so few weights that a codebook holds them
        assert.equal(layers.length + ready.length, 3);
        assert.ok(layers.length >= 2);
        assert.equal(statedRanges, stated.size);
        const scales = Object.values(model.tensors).map(({ encoding }) => encoding.scale);
        for (const [name, [scale]] of Object.entries(RANGES)) assert.ok(scales.includes(Math.fround(scale)), name);
        const read = readModel(file, null);
        const [wanted, found] = [[], []];
        for (let i = 0; i < COUNT; i++) {
          const image = data.slice(i * size, (i + 1) * size);
          const input = new Map([["x", { type: "float32", dims: [1, ...SHAPE], data: image }]]);
          wanted.push(...evaluateModel(read, input).get("y").data);
          found.push(...Object.values(runReference(model, { x: image }).outputs)[0]);
        }
        const kept = decibels(wanted, found);
        assert.ok(kept > 15, `${kept} dB`);
      });
    }
  }
}
