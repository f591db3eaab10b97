// products.test.js: products of matrices that depend on the input, as attention has them: evaluator and network against onnxruntime.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as ort from "onnxruntime-web/wasm";
import { lower } from "../../dist/graph/index.js";
import { evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
import { assertAgree } from "../runtime/agree.js";
import { build, Float, floats, ints, scalar } from "./build.js";

ort.env.wasm.numThreads = 1;

const w = (...dims) => floats(dims);
const swap = (perm) => ["Transpose", "x", "t", { perm }];
const einsum = (equation, a = "x", b = "t") => ["Einsum", `${a} ${b}`, "y", { equation }];

test("GELU behind a product is one node, of tokens and of maps whose channels come last", () => {
  for (const x of [
    [1, 5, 8],
    [1, 4, 5, 8],
  ]) {
    const network = importOnnx(
      build({
        x,
        constants: { w: w(8, 12), b: w(12), root: scalar(Math.SQRT2), one: scalar(1), half: floats([1], [0.5]) },
        nodes: [
          ["MatMul", "x w", "p"],
          ["Add", "p b", "a"],
          ["Div", "a root", "d"],
          ["Erf", "d", "e"],
          ["Add", "e one", "f"],
          ["Mul", "a f", "g"],
          ["Mul", "g half", "y"],
        ],
      }),
    );
    const functions = network.nodes.filter(({ op }) => op === "elementwise");
    assert.deepEqual(
      functions.map(({ steps }) => steps.filter(({ fn }) => fn !== "constant").map(({ fn }) => fn)),
      [["div", "erf", "add", "mul", "mul"]],
    );
    assert.ok(!network.nodes.some(({ op }) => op === "binary"));
  }
});

/** What, and the parts of a model. */
const CASES = {
  "x xT": { nodes: [swap([0, 1, 3, 2]), ["MatMul", "x t", "y"]] },
  "xT x": { nodes: [swap([0, 1, 3, 2]), ["MatMul", "t x", "y"]] },
  "tokens times tokens": { x: [1, 5, 8], nodes: [swap([0, 2, 1]), ["MatMul", "x t", "y"]] },
  "a matrix and a vector": {
    x: [1, 5, 8],
    nodes: [
      ["Gather", "x c0", "t", { axis: 1 }],
      ["Reshape", "t c1", "v"],
      ["MatMul", "x v", "y"],
    ],
    constants: { c0: { ...ints(2), dims: [] }, c1: ints(8) },
  },
  "a vector and a matrix": {
    x: [1, 5, 8],
    nodes: [swap([0, 2, 1]), ["Slice", "x c0 c1 c2", "s"], ["Reshape", "s c3", "v"], ["MatMul", "v t", "y"]],
    constants: { c0: ints(1), c1: ints(2), c2: ints(1), c3: ints(8) },
  },
  "one matrix meets every other": {
    nodes: [["Slice", "x c0 c1 c2", "s"], swap([0, 1, 3, 2]), ["MatMul", "t s", "y"]],
    constants: { c0: ints(1), c1: ints(2), c2: ints(1) },
  },
  "every other meets one matrix": {
    nodes: [["Slice", "x c0 c1 c2", "s"], swap([0, 1, 3, 2]), ["MatMul", "s t", "y"]],
    constants: { c0: ints(1), c1: ints(2), c2: ints(1) },
  },
  "stacks of two ranks that meet in part": {
    x: [1, 4, 6, 7],
    nodes: [["Reshape", "x c0", "a"], swap([0, 1, 3, 2]), ["Reshape", "t c1", "b"], ["MatMul", "a b", "y"]],
    constants: { c0: ints(2, 2, 1, 6, 7), c1: ints(2, 1, 2, 7, 6) },
  },
  "a constant matrix first": { nodes: [["MatMul", "c0 x", "y"]], constants: { c0: w(5, 6) } },
  "a constant matrix first, of one stack": {
    x: [1, 6, 7],
    nodes: [["MatMul", "c0 x", "y"]],
    constants: { c0: w(5, 6) },
  },
  "a constant vector first": { x: [1, 6, 7], nodes: [["MatMul", "c0 x", "y"]], constants: { c0: w(6) } },
  "a constant vector first, for a stack": { nodes: [["MatMul", "c0 x", "y"]], constants: { c0: w(6) } },
  "a constant row first, for a stack": { nodes: [["MatMul", "c0 x", "y"]], constants: { c0: w(1, 1, 1, 6) } },
  "a constant vector behind": { nodes: [["MatMul", "x c0", "y"]], constants: { c0: w(7) } },
  "a constant stack": { nodes: [["MatMul", "x c0", "y"]], constants: { c0: w(4, 7, 3) } },
  "a constant stack first": { nodes: [["MatMul", "c0 x", "y"]], constants: { c0: w(1, 4, 3, 6) } },
  "a constant stack of one": { nodes: [["MatMul", "x c0", "y"]], constants: { c0: w(1, 1, 7, 3) } },
  "a dense layer of tokens and its bias": {
    x: [1, 5, 8],
    nodes: [
      ["MatMul", "x c0", "m"],
      ["Add", "c1 m", "y"],
    ],
    constants: { c0: w(8, 3), c1: w(3) },
  },
  "a dense layer of one token and its bias": {
    x: [1, 1, 8],
    nodes: [
      ["MatMul", "x c0", "m"],
      ["Add", "m c1", "y"],
    ],
    constants: { c0: w(8, 3), c1: w(3) },
  },
  "a bias that another node needs without": {
    x: [1, 5, 8],
    nodes: [
      ["MatMul", "x c0", "m"],
      ["Add", "m c1", "n"],
      ["Mul", "n m", "y"],
    ],
    constants: { c0: w(8, 3), c1: w(3) },
  },
  "as many tokens as features": {
    x: [1, 3, 8],
    nodes: [
      ["MatMul", "x c0", "m"],
      ["Add", "m c1", "y"],
    ],
    constants: { c0: w(8, 3), c1: w(3, 1) },
  },
  "a mask behind a dense layer": {
    x: [1, 5, 8],
    nodes: [
      ["MatMul", "x c0", "m"],
      ["Add", "m c1", "y"],
    ],
    constants: { c0: w(8, 3), c1: w(5, 3) },
  },
  "Gemm of two": {
    x: [1, 5, 8],
    nodes: [
      ["Reshape", "x c0", "a"],
      ["Gemm", "a a", "y", { transB: 1, alpha: new Float(0.5) }],
    ],
    constants: { c0: ints(5, 8) },
  },
  "Gemm of two, turned, with an addend": {
    x: [1, 5, 8],
    nodes: [
      ["Reshape", "x c0", "a"],
      ["Gemm", "a a c1", "y", { transA: 1, beta: new Float(2) }],
    ],
    constants: { c0: ints(5, 8), c1: w(8, 1) },
  },
  "Gemm with an activation for an addend": {
    x: [1, 6, 6],
    nodes: [
      ["Reshape", "x c0", "a"],
      ["Gemm", "a c1 a", "y", { beta: new Float(-0.5) }],
    ],
    constants: { c0: ints(6, 6), c1: w(6, 6) },
  },
  "Gemm with a constant first": {
    x: [1, 5, 8],
    nodes: [
      ["Reshape", "x c0", "a"],
      ["Gemm", "c1 a c2", "y", { transA: 1 }],
    ],
    constants: { c0: ints(5, 8), c1: w(5, 4), c2: w(8) },
  },
  "Gemm of many rows": {
    x: [1, 5, 8],
    nodes: [
      ["Reshape", "x c0", "a"],
      ["Gemm", "a c1 c2", "y", { transB: 1 }],
    ],
    constants: { c0: ints(5, 8), c1: w(3, 8), c2: w(3) },
  },
  attention: {
    x: [1, 10, 12],
    nodes: [
      ["MatMul", "x c0", "qkv"],
      ["Add", "qkv c1", "biased"],
      ["Reshape", "biased c2", "parts"],
      ["Transpose", "parts", "heads", { perm: [2, 0, 3, 1, 4] }],
      ["Gather", "heads c3", "q", { axis: 0 }],
      ["Gather", "heads c4", "k", { axis: 0 }],
      ["Gather", "heads c5", "v", { axis: 0 }],
      ["Transpose", "k", "kT", { perm: [0, 1, 3, 2] }],
      ["Mul", "q c6", "scaled"],
      ["MatMul", "scaled kT", "scores"],
      ["Softmax", "scores", "weights", { axis: -1 }],
      ["MatMul", "weights v", "context"],
      ["Transpose", "context", "tokens", { perm: [0, 2, 1, 3] }],
      ["Reshape", "tokens c7", "joined"],
      ["MatMul", "joined c8", "projected"],
      ["Add", "projected x", "y"],
    ],
    constants: {
      c0: w(12, 36),
      c1: w(36),
      c2: ints(1, 10, 3, 3, 4),
      ...Object.fromEntries([0, 1, 2].map((i) => [`c${3 + i}`, { ...ints(i), dims: [] }])),
      c6: scalar(0.5),
      c7: ints(1, 10, 12),
      c8: w(12, 12),
    },
  },
  "a class token before the others": {
    x: [1, 5, 8],
    nodes: [
      ["Concat", "c0 x", "tokens", { axis: 1 }],
      ["Add", "tokens c1", "placed"],
      ["MatMul", "placed c2", "y"],
    ],
    constants: { c0: w(1, 1, 8), c1: w(1, 6, 8), c2: w(8, 3) },
  },
  "com.microsoft.Attention": {
    x: [1, 5, 12],
    nodes: [["com.microsoft.Attention", "x c0 c1", "y", { num_heads: 3 }]],
    constants: { c0: w(12, 36), c1: w(36) },
  },
  "com.microsoft.Attention, causal, with a bias of scores": {
    x: [1, 5, 12],
    nodes: [
      ["com.microsoft.Attention", "x c0 c1 _ _ c2", "y", { num_heads: 3, unidirectional: 1, scale: new Float(0.25) }],
    ],
    constants: { c0: w(12, 36), c1: w(36), c2: w(1, 3, 5, 5) },
  },
  "com.microsoft.MultiHeadAttention": {
    x: [1, 5, 12],
    nodes: [
      ["Slice", "x c0 c1 c2", "keys"],
      ["Abs", "keys", "values"],
      ["com.microsoft.MultiHeadAttention", "x keys values c3", "y", { num_heads: 2 }],
    ],
    constants: { c0: ints(1), c1: ints(4), c2: ints(1), c3: w(36) },
  },
  "Attention of ONNX": {
    x: [1, 5, 12],
    opset: 23,
    nodes: [
      ["Abs", "x", "v"],
      ["Attention", "x x v", "y", { q_num_heads: 3, kv_num_heads: 3, is_causal: 1 }],
    ],
  },
  "Attention of ONNX with fewer heads of keys, and a mask": {
    x: [1, 6, 5, 4],
    opset: 23,
    nodes: [
      ["Slice", "x c0 c1 c2", "k"],
      ["Attention", "x k k c3", "y", { scale: new Float(0.75) }],
    ],
    constants: { c0: ints(0), c1: ints(2), c2: ints(1), c3: w(5, 5) },
  },
  "windows, rolled and turned back": {
    x: [1, 8, 8, 6],
    nodes: [
      ["Slice", "x c0 c1 c2", "low"],
      ["Slice", "x c3 c0 c2", "high"],
      ["Concat", "low high", "rolled", { axis: 1 }],
      ["Reshape", "rolled c4", "parts"],
      ["Transpose", "parts", "windows", { perm: [0, 1, 3, 2, 4, 5] }],
      ["Reshape", "windows c5", "tokens"],
      ["MatMul", "tokens c6", "m"],
      ["Add", "m c7", "n"],
      ["Reshape", "n c8", "back"],
      ["Transpose", "back", "planes", { perm: [0, 1, 3, 2, 4, 5] }],
      ["Reshape", "planes c9", "y"],
    ],
    constants: {
      c0: ints(2),
      c1: ints(8),
      c2: ints(1),
      c3: ints(0),
      c4: ints(1, 2, 4, 2, 4, 6),
      c5: ints(4, 16, 6),
      c6: w(6, 6),
      c7: w(6),
      c8: ints(1, 2, 2, 4, 4, 6),
      c9: ints(1, 8, 8, 6),
    },
  },
  "Einsum bhqd,bhkd->bhqk": { nodes: [["Abs", "x", "t"], einsum("bhqd,bhkd->bhqk")] },
  "Einsum bhqk,bhkd->bqhd": { nodes: [swap([0, 1, 3, 2]), einsum("bhqk,bhkd->bqhd")] },
  "Einsum with an ellipsis": { nodes: [swap([0, 1, 3, 2]), einsum("...ij,...jk->...ik")] },
  "Einsum without a result": { x: [1, 5, 8], nodes: [swap([0, 2, 1]), einsum("bij,bjk")] },
  "Einsum with a constant": { nodes: [einsum("bchw,hkc->bwhk", "x", "c0")], constants: { c0: w(6, 3, 4) } },
  "Einsum with a constant matrix": {
    x: [1, 5, 8],
    nodes: [einsum("bsd,dhk->bhsk", "x", "c0")],
    constants: { c0: w(8, 2, 3) },
  },
  "Einsum, a constant first": { nodes: [einsum("nchw,bchw->bnhw", "c0", "x")], constants: { c0: w(3, 4, 6, 7) } },
  "Einsum of products alone": { nodes: [einsum("bchw,c->bchw", "x", "c0")], constants: { c0: w(4) } },
  "Einsum, an outer product": { x: [1, 5], nodes: [["Abs", "x", "t"], einsum("bi,bj->bij")] },
  "Einsum that sums one operand": { nodes: [["Abs", "x", "t"], einsum("bchw,bcij->bhi")] },
  "Einsum of one": { nodes: [["Einsum", "x", "y", { equation: "bchw->bwc" }]] },
  "Einsum of three": {
    x: [1, 5, 8],
    nodes: [
      ["Abs", "x", "t"],
      ["Einsum", "c0 x t", "y", { equation: "hd, bid, bjd -> bhij" }],
    ],
    constants: { c0: w(3, 8) },
  },
};

for (const [name, { x = [1, 4, 6, 7], ...parts }] of Object.entries(CASES)) {
  test(`${name}: as onnxruntime`, async () => {
    const file = build({ x, ...parts });
    const data = Float32Array.from({ length: x.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 78.233));
    const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 4 });
    const { y } = await session.run({ x: new ort.Tensor("float32", data, x) });
    await session.release();
    const near = (values, what) => {
      assert.equal(values.length, y.data.length, what);
      const span = y.data.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
      values.forEach((value, i) => {
        assert.ok(
          Math.abs(value - y.data[i]) <= 1e-5 * span,
          `${what}[${i}]: ${value}, but onnxruntime has ${y.data[i]}`,
        );
      });
    };
    const made = evaluateModel(readModel(file, null), new Map([["x", { type: "float32", dims: x, data }]])).get("y");
    assert.deepEqual([...made.dims], [...y.dims]);
    near(made.data, "evaluator");
    const { outputs } = await assertAgree(lower(importOnnx(file), { grids: null }), { x: data }, name);
    near(outputs.y, "network");
  });
}

test("a dense layer of tokens is a convolution with its bias, and what turns the tensor round meets no other", () => {
  const nodes = [
    ["MatMul", "x c0", "m"],
    ["Add", "m c1", "n"],
    ["Relu", "n", "r"],
    ["MatMul", "r c2", "o"],
    ["Add", "o c3", "y"],
  ];
  const constants = { c0: w(8, 16), c1: w(16), c2: w(16, 8), c3: w(8) };
  const network = importOnnx(build({ x: [1, 5, 8], nodes, constants }));
  assert.deepEqual(
    network.nodes.map(({ op }) => op),
    ["input", "permute", "conv", "relu", "conv", "permute"],
  );
  assert.ok(network.nodes.every(({ op, bias }) => op !== "conv" || bias !== null));
});

test("the bias, scale and shift of one token's dense layer need no node of their own shape", () => {
  const nodes = [
    ["MatMul", "x c0", "m"],
    ["Add", "c1 m", "n"],
    ["Mul", "n c2", "y"],
  ];
  for (const x of [
    [1, 1, 8],
    [1, 1, 1, 8],
  ]) {
    const network = importOnnx(build({ x, nodes, constants: { c0: w(8, 16), c1: w(16), c2: w(1, 16) } }));
    assert.deepEqual(
      network.nodes.map(({ op }) => op),
      ["input", "dense", "batchNorm"],
    );
    assert.deepEqual(network.ports.y.dims, x.with(-1, 16));
  }
});

test("a constant that lies as it is needed is not copied", () => {
  const parts = { x: [1, 64], nodes: [["Gemm", "x c0 c1", "y", { transB: 1 }]] };
  const file = build({ ...parts, constants: { c0: w(64, 64), c1: w(64) } });
  assert.equal(importOnnx(file, { budget: 200 }).nodes.at(-1).op, "dense");
});

test("what Einsum is not: diagonals, other letters, sizes that differ", () => {
  const refused = (equation, message, x = [1, 5, 5]) =>
    assert.throws(() => importOnnx(build({ x, nodes: [["Einsum", "x", "y", { equation }]] })), message);
  refused("bii->bi", /diagonals/);
  refused("bij->bk", /labels of the inputs/);
  refused("bij,bjk->bik", /letters for 1 inputs/);
  refused("bi->b", /3 axes/);
});

test("ranges, written slices and triangles are constants", async () => {
  const nodes = [
    ["Range", "c0 c1 c2", "range"],
    ["Unsqueeze", "range c3", "places"],
    ["ScatterND", "c4 places c5", "scattered"],
    ["Trilu", "scattered", "mask", { upper: 0 }],
    ["Add", "x mask", "y"],
  ];
  const one = (value) => ({ ...ints(value), dims: [] });
  const constants = { c0: one(0), c1: one(6), c2: one(2), c3: ints(1), c4: w(6, 6), c5: w(3, 6) };
  const file = build({ x: [1, 6, 6], nodes, constants, opset: 14 });
  const data = new Float32Array(36).fill(0.25);
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 4 });
  const { y } = await session.run({ x: new ort.Tensor("float32", data, [1, 6, 6]) });
  await session.release();
  const { outputs } = await assertAgree(lower(importOnnx(file), { grids: null }), { x: data });
  assert.deepEqual([...outputs.y], [...y.data]);
});
