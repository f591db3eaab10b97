// convert.test.js: the nodes that a file's become: joined, folded, left out, and those that stand alone nowhere.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lower } from "../../dist/graph/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { encodeMessage } from "../../dist/onnx/wire.js";
import { build, bytes, floats, ints, message, scalar } from "./build.js";
import { assertSame } from "./same.js";

const w = (...dims) => floats(dims);

test("a batch norm whose own result is read, also under another name, takes in no sum", async () => {
  for (const alias of [
    [["Identity", "b", "a"]],
    [
      ["Flatten", "b", "f"],
      ["Reshape", "f s", "a"],
    ],
  ]) {
    const nodes = [["BatchNormalization", "x g g g v", "b"], ...alias, ["Add", "a c", "y"]];
    const constants = { g: w(4), v: floats([4], [1, 2, 3, 4]), c: w(4, 1, 1), s: ints(1, 4, 6, 7) };
    await assertSame({ nodes, constants, outputs: ["b", "y"] });
    const network = await assertSame({ nodes, constants, outputs: ["y"] });
    const ops = network.nodes.map(({ op }) => op);
    assert.deepEqual(ops, ["input", "batchNorm"]);
  }
});

test("sums and products behind a convolution become one batch norm", async () => {
  const nodes = [
    ["Conv", "x w", "a"],
    ["Mul", "a m", "b"],
    ["Add", "c b", "d"],
    ["Div", "d two", "e"],
    ["Sub", "two e", "h"],
    ["Relu", "h", "y"],
  ];
  const constants = { w: w(3, 4, 3, 3), m: w(3, 1, 1), c: w(1, 3, 1, 1), two: scalar(2) };
  const { nodes: made } = await assertSame({ nodes, constants });
  assert.deepEqual(
    made.map(({ op }) => op),
    ["input", "conv", "batchNorm", "relu"],
  );
});

test("a pad of zeros joins the convolution; slices of slices are one", async () => {
  const nodes = [
    ["Pad", "x p", "a"],
    ["Slice", "a s e ax st", "b"],
    ["Slice", "b s e ax st", "c"],
    ["Pad", "c p", "d"],
    ["Conv", "d w", "y", { strides: [2, 2] }],
  ];
  const constants = {
    p: ints(0, 0, 1, 2, 0, 0, 3, 4),
    s: ints(1),
    e: ints(100),
    ax: ints(2),
    st: ints(2),
    w: w(2, 4, 2, 3),
  };
  const { nodes: made } = await assertSame({ nodes, constants });
  assert.deepEqual(
    made.map(({ op }) => op),
    ["input", "pad", "slice", "conv"],
  );
});

test("shape arithmetic is folded, with an open batch and open sizes", async () => {
  const nodes = [
    ["Shape", "x", "shape"],
    ["Constant", "", "one", { value: ints(0) }],
    ["Gather", "shape one", "n", { axis: 0 }],
    ["ConstantOfShape", "n", "zeros", { value: ints(7) }],
    ["Constant", "", "minus", { value: ints(-1) }],
    ["Concat", "n minus", "target", { axis: 0 }],
    ["Cast", "target", "cast", { to: 7 }],
    ["Reshape", "x cast", "flat"],
    ["MatMul", "flat w", "y"],
  ];
  const parts = { nodes, x: ["batch", "c", "h", 7], constants: { w: w(168, 3) }, opset: 17 };
  assert.throws(() => importOnnx(build(parts)), { code: "BAD_OPTION", message: /input x: .*--input-shape NxNx7/ });
  const network = importOnnx(build(parts), { inputShape: [4, 6, 7] });
  assert.deepEqual(
    network.nodes.map(({ op }) => op),
    ["input", "dense"],
  );
  await assertSame({ ...parts, x: [1, 4, 6, 7] });
});

test("an input with channels last that a transpose turns round becomes channels first", () => {
  const nodes = [
    ["Transpose", "x", "t", { perm: [0, 3, 1, 2] }],
    ["Conv", "t w", "y"],
  ];
  const network = importOnnx(build({ nodes, x: [1, 8, 9, 3], constants: { w: w(2, 3, 3, 3) } }));
  assert.deepEqual(network.nodes[0].shape, [3, 8, 9]);
  assert.equal(network.nodes.length, 2);
});

test("QDQ models are imported in float32", async () => {
  const nodes = [
    ["QuantizeLinear", "x s z", "q"],
    ["DequantizeLinear", "q s z", "d"],
    ["DequantizeLinear", "w8 ws wz", "w", { axis: 0 }],
    ["Conv", "d w", "a"],
    ["QuantizeLinear", "a s z", "aq"],
    ["DequantizeLinear", "aq s z", "y"],
  ];
  const w8 = bytes([2, 4, 1, 1], [1, -2, 3, -4, 5, -6, 7, -8]);
  const constants = { s: scalar(0.5), z: bytes([], [0], 2), w8, ws: floats([2], [0.5, 0.25]), wz: bytes([2], [0, 1]) };
  const { nodes: made } = importOnnx(build({ nodes, constants }));
  assert.deepEqual(
    made.map(({ op }) => op),
    ["input", "relu", "conv", "relu"],
  );
  assert.deepEqual([...made[2].weight.data], [0.5, -1, 1.5, -2, 1, -1.75, 1.5, -2.25]);
});

test("a softmax at the end stays, or is left out for logits", async () => {
  const nodes = [
    ["Flatten", "x", "a"],
    ["MatMul", "a w", "b"],
    ["Softmax", "b", "y"],
  ];
  const parts = { nodes, constants: { w: w(168, 3) } };
  const kept = await assertSame(parts);
  assert.equal(kept.nodes.at(-1).op, "softmax");
  const logits = importOnnx(build(parts), { logits: true });
  assert.deepEqual(logits.outputs, ["y"]);
  assert.equal(logits.nodes.at(-1).op, "dense");
});

test("outputs keep their names when two are the same tensor, or only regrouped", async () => {
  const nodes = [
    ["Relu", "x", "a"],
    ["Flatten", "a", "y"],
    ["Identity", "a", "z"],
    ["Flatten", "x", "u"],
  ];
  const network = await assertSame({ nodes, outputs: ["y", "z", "u", "a"] });
  assert.deepEqual(network.outputs, ["y", "z", "u", "a"]);
});

test("options: name, normalization and labels", () => {
  const nodes = [["GlobalAveragePool", "x", "y"]];
  const normalization = { mean: [1, 2, 3, 4], std: [1, 1, 1, 1] };
  const network = importOnnx(build({ nodes }), { name: "net", normalization, labels: ["a", "b", "c", "d"] });
  assert.equal(network.name, "net");
  assert.deepEqual(network.nodes[0].normalization, normalization);
  assert.deepEqual(network.labels, ["a", "b", "c", "d"]);
});

test("a call takes the function of its own overload", () => {
  const functions = ["Neg", "Exp"].map((op) => ["F", "p", "out", [[op, "p", "out"]]]);
  const proto = message({ nodes: [["own.F", "x", "y"]], functions });
  for (const [i, one] of proto.functions.entries()) one.overload = `${i}`;
  for (const [i, fn] of ["sub", "exp"].entries()) {
    proto.graph.node[0].overload = `${i}`;
    const text = JSON.stringify(importOnnx(encodeMessage("ModelProto", proto)).nodes);
    assert.equal(text.includes('"exp"'), fn === "exp", text);
  }
});

test("integers whose scale each image has its own stand alone nowhere", () => {
  const dynamic = ["DynamicQuantizeLinear", "x", "q s z"];
  const wrong = [
    [["DynamicQuantizeLinear", "x", "y s z"]],
    [dynamic, ["Cast", "q", "y", { to: 1 }]],
    [dynamic, ["Cast", "q", "c", { to: 1 }], ["Mul", "c s", "y"]],
    [dynamic, ["MatMulInteger", "q w z", "r"], ["Cast", "r", "y", { to: 1 }]],
    [dynamic, ["MatMulInteger", "q w", "r"], ["Cast", "r", "c", { to: 1 }], ["Mul", "c s", "y"]],
  ];
  const constants = { w: bytes([7, 2], new Array(14).fill(3)) };
  for (const nodes of wrong) {
    assert.throws(() => importOnnx(build({ nodes, constants })), {
      code: "UNSUPPORTED",
      message: /each image has its own/,
    });
  }
});

test("picks along one axis of many hold no list as long as the tensor", async () => {
  const lengthsOf = (network) =>
    lower(network, { grids: null }).layers.flatMap(({ op, channels, rows, columns }) =>
      op === "gather" ? [channels.length, rows.length, columns.length] : [],
    );
  // queries, keys and values of windows, as Swin picks them
  const parts = [0, 1, 2].map((i) => ["Gather", `t p${i}`, ["q", "k", "v"][i], { axis: 0 }]);
  const windows = await assertSame({
    nodes: [["Reshape", "x s", "r"], ["Transpose", "r", "t", { perm: [2, 0, 3, 1, 4] }], ...parts],
    constants: { s: ints(16, 9, 3, 4, 8), p0: scalar(0), p1: scalar(1), p2: scalar(2) },
    x: [1, 16, 9, 96],
    outputs: ["q", "k", "v"],
  });
  assert.ok(Math.max(...lengthsOf(windows)) <= 16 * 9, lengthsOf(windows));
  // a first and a last axis of five, where the input has them in no axis of its own
  for (const [axis, name] of [
    [1, "b"],
    [5, "c"],
  ]) {
    const picked = await assertSame({
      nodes: [
        ["Reshape", "x s", "r"],
        ["Slice", "r from to axes", name],
        ["Relu", name, "y"],
      ],
      constants: { s: ints(1, 4, 6, 8, 10, 4), from: ints(1), to: ints(3), axes: ints(axis) },
      x: [1, 2, 48, 80],
    });
    assert.ok(Math.max(...lengthsOf(picked)) <= 60, lengthsOf(picked));
  }
});
