// lookup.test.js: rows of a table that values of the input choose: token embeddings, imported, quantized and exported.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as ort from "onnxruntime-web/wasm";
import { createRandom, lower, quantizationPoints } from "../../dist/graph/index.js";
import { exportOnnx, importOnnx } from "../../dist/onnx/index.js";
import { encodeMessage } from "../../dist/onnx/wire.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { assertAgree } from "../runtime/agree.js";
import { floats, message } from "./build.js";

ort.env.wasm.numThreads = 1;

const COUNT = 12;
const ROWS = 300;
const random = createRandom(5);
const normal = (...dims) => floats(dims, Array.from({ length: dims.reduce((a, b) => a * b) }, random.normal));
/** A table, its tokens through a convolution over time, and a dense layer. */
const PARTS = {
  nodes: [
    ["Gather", "table x", "e"],
    ["Transpose", "e", "t", { perm: [0, 2, 1] }],
    ["Conv", "t w", "c", { pads: [1, 1] }],
    ["Relu", "c", "r"],
    ["ReduceMax", "r", "m", { axes: [2], keepdims: 0 }],
    ["Gemm", "m k", "y"],
  ],
  constants: { table: normal(ROWS, 8), w: normal(6, 8, 3), k: normal(6, 3) },
};

/** The model, whose input is of int64. */
function numbered(parts, dims) {
  const made = message({ x: dims, ...parts });
  made.graph.input[0].type.tensorType.elemType = 7;
  return encodeMessage("ModelProto", made);
}

const numbers = (seed) => Float32Array.from({ length: COUNT }, (_, i) => (i * 7919 + seed * 104729) % ROWS);

test("embeddings by numbers of the input: as onnxruntime, also counted from behind", async () => {
  const file = numbered(PARTS, [1, COUNT]);
  const values = numbers(3).map((x, i) => (i % 3 === 0 ? x - ROWS : x));
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 4 });
  const { y } = await session.run({ x: new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, COUNT]) });
  await session.release();
  const { outputs } = await assertAgree(lower(importOnnx(file), { grids: null }), { x: values });
  for (const [i, value] of y.data.entries()) assert.ok(Math.abs(value - outputs.y[i]) < 1e-5);
});

test("numbers that choose rows are not rounded, and the table is a layer with levels", async () => {
  const network = importOnnx(numbered(PARTS, [1, COUNT]));
  assert.ok(!quantizationPoints(network).includes("x"));
  const { shape } = network.nodes.find(({ op }) => op === "input");
  const read = (from, count) => Float32Array.from({ length: count * COUNT }, (_, i) => numbers(from)[i % COUNT]);
  const { model, layers, quality } = await quantizeFromImages(network, { shape, count: 32, read }, { bits: 6 });
  assert.ok(layers.some(({ weights }) => weights === ROWS * 8));
  assert.ok(quality.outputs[0].snr > 20, `${quality.outputs[0].snr} dB`);
  const { outputs } = await assertAgree(model, { x: numbers(5) });
  const session = await ort.InferenceSession.create(exportOnnx(model, { form: "float32" }), {
    executionProviders: ["wasm"],
  });
  const { y } = await session.run({ x: new ort.Tensor("float32", numbers(5), [1, COUNT]) });
  assert.deepEqual([...y.data], [...outputs.y]);
  await session.release();
});

test("a table along another axis, or beyond the limit, is refused with what to do", () => {
  const refused = (parts) =>
    assert.throws(() => importOnnx(numbered(parts, [1, COUNT])), {
      code: "UNSUPPORTED",
      message: /give what it looks up as the input, or --constant for the indices/,
    });
  const constants = { table: floats([8, 20]) };
  refused({ nodes: [["Gather", "table x", "y", { axis: 1 }]], constants });
  refused({
    nodes: [["Gather", "table x", "y"]],
    constants: { table: floats([2 ** 19, 1], new Array(2 ** 19).fill(0)) },
  });
});
