// import.test.js: every operator imported, lowered and run in both executors, against the evaluator.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lower } from "../../dist/graph/index.js";
import { CATALOG, evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
import { assertAgree } from "../runtime/agree.js";
import { build, bytes, Float, floats, ints, scalar } from "./build.js";

const f = (value) => new Float(value);

/** Imports, runs, compares; returns the network. */
async function assertSame(parts, options) {
  const file = build(parts);
  const model = readModel(file, null);
  const network = importOnnx(file, options);
  const dims = (parts.x ?? [1, 4, 6, 7]).map((n) => (typeof n === "number" ? n : 1));
  const length = dims.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length }, (_, i) => 2.5 * Math.sin(i * 78.233 + 1));
  const expected = evaluateModel(model, new Map([["x", { type: "float32", dims, data }]]));
  const def = lower(network, { grids: null });
  const { outputs } = await assertAgree(def, { x: data });
  for (const [name, value] of expected) {
    assert.equal(outputs[name].length, value.data.length, name);
    const span = value.data.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
    value.data.forEach((v, i) => {
      assert.ok(Math.abs(outputs[name][i] - v) <= 2e-6 * span, `${name}[${i}]: ${outputs[name][i]} for ${v}`);
    });
  }
  return network;
}

const w = (...dims) => floats(dims);
/** [what, operator, attributes, constant inputs, further parts of the model] */
const CASES = [
  ["Conv", {}, [w(5, 4, 3, 3)]],
  ["Conv", { pads: [1, 0, 2, 3], strides: [2, 1] }, [w(5, 4, 3, 3), w(5)]],
  ["Conv", { dilations: [2, 3], pads: [2, 3, 2, 3] }, [w(4, 4, 3, 2)]],
  ["Conv", { group: 2, kernel_shape: [3, 3] }, [w(6, 2, 3, 3), w(6)]],
  ["Conv", { group: 4, auto_pad: "SAME_UPPER", strides: [2, 2] }, [w(8, 1, 3, 3)]],
  ["Conv", { auto_pad: "SAME_LOWER", strides: [2, 3] }, [w(2, 4, 2, 4)]],
  ["Conv", { auto_pad: "VALID" }, [w(2, 4, 6, 7)]],
  ["Conv", { pads: [1, 1], strides: [2] }, [w(3, 4, 3), w(3)], { x: [1, 4, 9] }],
  ["ConvTranspose", {}, [w(4, 3, 3, 3)]],
  ["ConvTranspose", { strides: [2, 3], pads: [1, 0, 2, 1] }, [w(4, 2, 3, 3), w(2)]],
  ["ConvTranspose", { strides: [3, 2], output_padding: [2, 1], dilations: [2, 1] }, [w(4, 2, 2, 3)]],
  [
    "ConvTranspose",
    { group: 2, strides: [2, 2], output_shape: [12, 14], auto_pad: "SAME_UPPER" },
    [w(4, 3, 3, 3), w(6)],
  ],
  ["ConvTranspose", { pads: [3, 3, 3, 3], strides: [2, 2] }, [w(4, 1, 3, 3)]],
  ["ConvTranspose", { strides: [2], pads: [0, 1] }, [w(4, 2, 3)], { x: [1, 4, 5] }],
  ["Gemm", { transB: 1, alpha: f(0.5), beta: f(2) }, [w(3, 7), w(3)], { x: [1, 7] }],
  ["Gemm", {}, [w(7, 3), w(1, 3)], { x: [1, 7] }],
  ["Gemm", {}, [w(7, 3), scalar(2)], { x: ["batch", 7] }],
  ["MatMul", {}, [w(7, 3)], { x: [1, 7] }],
  ["MatMul", {}, [w(7, 3)], { x: [1, 5, 7] }],
  ["MatMul", {}, [w(7, 3)]],
  ["BatchNormalization", { epsilon: f(0.01), momentum: f(0.8) }, [w(4), w(4), w(4), floats([4], [1, 2, 0.5, 3])]],
  ["Relu"],
  ["LeakyRelu", { alpha: f(0.2) }],
  ["LeakyRelu", { alpha: f(1.5) }],
  ["PRelu", {}, [w(4, 1, 1)]],
  ["PRelu", {}, [w(4, 6, 7)]],
  ["Clip", { min: f(-0.5), max: f(1.5) }, [], { opset: 7 }],
  ["Clip", {}, [scalar(0), scalar(6)]],
  ["Clip", {}, [scalar(-1)]],
  ["Sigmoid"],
  ["HardSigmoid", { alpha: f(0.3), beta: f(0.4) }],
  ["HardSwish", {}, [], { opset: 14 }],
  ["Elu", { alpha: f(1.7) }],
  ["Tanh"],
  ["MaxPool", { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 1, 0, 1] }],
  ["MaxPool", { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }],
  ["MaxPool", { kernel_shape: [2, 2], dilations: [2, 3] }],
  ["MaxPool", { kernel_shape: [2, 2], storage_order: 1 }],
  ["MaxPool", { kernel_shape: [3], strides: [2], auto_pad: "SAME_LOWER" }, [], { x: [1, 3, 8] }],
  ["AveragePool", { kernel_shape: [2, 3], strides: [2, 1] }],
  ["AveragePool", { kernel_shape: [3, 3], pads: [1, 0, 2, 1], strides: [2, 2] }],
  ["AveragePool", { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }],
  ["AveragePool", { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1, pads: [1, 1, 1, 1], count_include_pad: 1 }],
  ["AveragePool", { kernel_shape: [3, 3], strides: [3, 2], ceil_mode: 1 }],
  ["AveragePool", { kernel_shape: [2, 2], dilations: [2, 2], pads: [1, 0, 0, 1] }, [], { opset: 19 }],
  ["GlobalAveragePool"],
  ["GlobalMaxPool"],
  ["ReduceMean", { axes: [2, 3] }],
  ["ReduceMean", { axes: [-1], keepdims: 0 }],
  ["ReduceMean", { axes: [1, 3], keepdims: 0 }],
  ["ReduceMean", {}, [ints(-2, -1)], { opset: 18 }],
  ["ReduceMean", {}],
  ["Add", {}, [w(4, 1, 1)]],
  ["Sub", {}, [scalar(0.5)]],
  ["Mul", {}, [w(1, 4, 6, 7)]],
  ["Div", {}, [floats([7], [1, 2, 3, 4, 5, 6, 7])]],
  ["Split", { axis: 1 }, [], { outputs: ["y", "z"] }],
  ["Split", { axis: -1, split: [2, 5] }, [], { outputs: ["y", "z"], opset: 11 }],
  ["Split", { axis: 2 }, [ints(1, 2, 3)], { outputs: ["y", "z", "u"] }],
  ["Slice", { starts: [1, 0], ends: [-1, 2 ** 62], axes: [2, 3] }, [], { opset: 9 }],
  ["Slice", {}, [ints(0, 1, 5), ints(4, 6, 0), ints(1, 2, 3), ints(2, 3, -2)]],
  ["Pad", { pads: [0, 0, 1, 2, 0, 0, 3, 0], value: f(0.5) }, [], { opset: 10 }],
  ["Pad", {}, [ints(0, 1, 0, -1, 0, 2, 1, 0), scalar(-1)]],
  ["Pad", { mode: "reflect" }, [ints(0, 0, 2, 1, 0, 0, 1, 3)]],
  ["Pad", { mode: "edge" }, [ints(0, 0, 2, 1, 0, 0, 1, 3)]],
  ["Pad", { mode: "wrap" }, [ints(2, 1, 1, 8), none(), ints(2, 3)], { opset: 19 }],
  ["Flatten"],
  ["Flatten", { axis: 3 }],
  ["Reshape", {}, [ints(0, 2, -1, 7)]],
  ["Reshape", {}, [ints(-1, 14)]],
  ["Transpose", { perm: [0, 2, 3, 1] }],
  ["Transpose", { perm: [0, 3, 2, 1] }],
  ["Transpose"],
  ["Squeeze", { axes: [0, 2] }, [], { x: [1, 4, 1, 7], opset: 11 }],
  ["Squeeze", {}, [ints(2)], { x: [1, 4, 1, 7] }],
  ["Unsqueeze", {}, [ints(1, -1)], { x: [1, 4] }],
  ["Expand", {}, [ints(4, 6, 1)], { x: [1, 4, 1, 7] }],
  ["Resize", { mode: "nearest" }, [none(), floats([4], [1, 1, 2, 1.5])]],
  ["Resize", { mode: "nearest" }, [floats([4], [1, 1, 2, 2])], { opset: 10 }],
  ["Resize", { mode: "linear" }, [none(), none(), ints(1, 4, 9, 5)]],
  ["Resize", { mode: "linear", coordinate_transformation_mode: "align_corners" }, [none(), floats([4], [1, 1, 2, 3])]],
  ["Resize", { mode: "cubic", cubic_coeff_a: f(-0.5) }, [none(), floats([4], [1, 1, 1.5, 2])]],
  ["Upsample", { mode: "nearest" }, [floats([4], [1, 1, 3, 2])], { opset: 9 }],
  ["DepthToSpace", { blocksize: 2 }],
  ["DepthToSpace", { blocksize: 2, mode: "CRD" }],
  ["SpaceToDepth", { blocksize: 2 }, [], { x: [1, 3, 4, 6] }],
  ["Softmax", {}, [], { x: [1, 9] }],
  ["Softmax", { axis: 1 }],
  ["Softmax", {}],
  ["Softmax", {}, [], { opset: 11 }],
  ["Identity"],
  ["Dropout", {}, [scalar(0.4)]],
  ["Cast", { to: 1 }],
  ["Gather", { axis: 1 }, [ints(2, 0, 2)]],
  ["Gather", { axis: 2 }, [bytes([], [-1], 6)]],
  ["Gather", { axis: 1 }, [ints(1)], { x: [1, 2, 3, 4, 5] }],
  ["Slice", {}, [ints(0, 1, -1), ints(1, 5, -9), ints(1, 2, 4), ints(1, 2, -1)], { x: [1, 2, 4, 3, 5] }],
  ["Tile", {}, [ints(1, 2, 1, 3)]],
  ["Tile", {}, [ints(3, 1, 2)], { x: [1, 4, 5] }],
  ["Min", {}, [scalar(0.5), floats([1, 1, 1, 1], [2])]],
  ["Max", {}, [scalar(-0.25)]],
  ["Max", {}, [w(4, 1, 1), w(4, 1, 1)]],
  ["Min", {}, [w(7)]],
  ["Sum", {}, [w(4, 1, 1), scalar(2)]],
  ["Mean", {}, [w(4, 1, 1), scalar(2)]],
  ["Neg"],
  ["ReduceMax", { axes: [2, 3] }],
  ["ReduceMax", { axes: [1], keepdims: 0 }],
  ["ReduceSum", {}, [ints(-1)]],
  ["ReduceSum", { keepdims: 0, axes: [1, 2] }, [], { opset: 11 }],
];

function none() {
  return null;
}

for (const [op, attributes = {}, inputs = [], parts = {}] of CASES) {
  const { outputs = ["y"] } = parts;
  test(`${op} ${JSON.stringify(attributes)} ${JSON.stringify(parts)}`, async () => {
    const constants = Object.fromEntries(inputs.flatMap((tensor, i) => (tensor ? [[`c${i}`, tensor]] : [])));
    const names = ["x", ...inputs.map((tensor, i) => (tensor ? `c${i}` : "_"))];
    const nodes = [[op, names.join(" "), outputs.join(" "), attributes]];
    const network = await assertSame({ nodes, constants, ...parts });
    assert.deepEqual(network.outputs, outputs);
  });
}

test("every operator of the catalog that may be part of a network has a case", () => {
  const tested = new Set([...CASES.map(([op]) => op), "Concat", "DequantizeLinear", "QuantizeLinear", "Shape"]);
  const missing = Object.keys(CATALOG).filter(
    (op) => CATALOG[op].some(({ use }) => use === "network") && !tested.has(op),
  );
  assert.deepEqual(
    missing,
    ["Shape"].filter((op) => !tested.has(op)),
  );
});

test("concatenation along every axis, also with constants", async () => {
  for (const axis of [1, 2, 3, -3]) {
    const dims = [1, 4, 6, 7].with(axis < 0 ? axis + 4 : axis, 2);
    const nodes = [
      ["Relu", "x", "r"],
      ["Concat", "x c r x", "y", { axis }],
    ];
    await assertSame({ nodes, constants: { c: floats(dims) } });
  }
});

test("parts without elements are left out of what they are joined with", async () => {
  const constants = { z: ints(0), ax: ints(2), cut: ints(0, 4), minus: ints(-1), none: ints(1, 0, 6, 7), no: ints() };
  const pads = ints(0, 0, 0, 0, 0, 0, -6, 0);
  const empty = floats([1, 4, 0, 7]);
  for (const made of [
    [["Slice", "x z z ax", "e"]],
    [
      ["Split", "x cut", "part u", { axis: 1 }],
      ["Concat", "part u", "x2", { axis: 1 }],
      ["Slice", "x2 z z ax", "e"],
    ],
    [["Gather", "x no", "e", { axis: 2 }]],
    [["Pad", "x pads", "e"]],
    [
      ["ReduceMax", "x", "top", { axes: [2] }],
      ["Expand", "top wide", "e"],
    ],
    [["Tile", "x times", "e"]],
    [["Identity", "empty", "e"]],
  ]) {
    const nodes = [
      ...made,
      ["Relu", "e", "f"],
      ["Concat", "x f x", "y", { axis: 2 }],
      ["Concat", "f x", "same", { axis: -2 }],
    ];
    const more = { wide: ints(1, 4, 0, 7), times: ints(1, 1, 0, 1), pads, empty };
    const network = await assertSame({ nodes, constants: { ...constants, ...more }, outputs: ["y", "same"] });
    const joined = network.nodes.find(({ name }) => name === "y");
    assert.deepEqual(joined.op === "concat" && joined.inputs.length, joined.op === "concat" && 2);
  }
});

test("an output without elements is refused by name", () => {
  const constants = { z: ints(0), ax: ints(2), c: floats([1, 4, 0, 7]) };
  const wrong = (nodes, pattern) => {
    const bytes = build({ x: [1, 4, 1, 7], nodes, constants });
    assert.throws(() => importOnnx(bytes), { code: "UNSUPPORTED", message: pattern });
  };
  wrong([["Slice", "x z z ax", "y"]], /output y.*without elements.*1x4x0x7/);
  wrong([["Add", "x c", "y"]], /without elements/);
});

test("two values that depend on the input: same shapes, and one repeated", async () => {
  for (const op of ["Add", "Sub", "Mul", "Div"]) {
    const nodes = [
      ["Sigmoid", "x", "s"],
      [op, "x s", "y"],
      ["GlobalAveragePool", "s", "g"],
      [op, "x g", "z"],
      [op, "g x", "u"],
      ["Flatten", "g", "v"],
      ["MatMul", "v m", "row"],
      [op, "row x", "t"],
    ];
    await assertSame({
      nodes,
      constants: { m: floats([4, 7]) },
      outputs: op === "Div" ? ["y", "z"] : ["y", "z", "u", "t"],
    });
  }
});

test("a constant that differs by rows is none by channels, though both are as many", async () => {
  const constants = {
    w: w(4, 4, 1, 1),
    g: w(4),
    v: floats([4], [1, 2, 3, 4]),
    ax: ints(0),
    c: floats([4, 1], [1, 2, 3, 4]),
  };
  for (const [head, op] of [
    [["Conv", "x w", "a"], "Add"],
    [["BatchNormalization", "x g g g v", "a"], "Mul"],
    [["Conv", "x w", "a"], "Div"],
  ]) {
    const nodes = [head, ["Squeeze", "a ax", "b"], [op, "b c", "y"]];
    await assertSame({ x: [1, 4, 4, 7], nodes, constants });
    const byChannel = [head, ["Squeeze", "a ax", "b"], [op, "b k", "y"]];
    await assertSame({
      x: [1, 4, 4, 7],
      nodes: byChannel,
      constants: { ...constants, k: floats([4, 1, 1], [1, 2, 3, 4]) },
    });
  }
});

test("several bounds are refused where float32 would lose the other operand", async () => {
  for (const bound of [-1e9, -65504, Infinity, NaN]) {
    const constants = { c: floats([4, 1, 1], [bound, 1, 1, 1]) };
    for (const op of ["Max", "Min"]) {
      const wrong = () => importOnnx(build({ nodes: [[op, "x c", "y"]], constants }));
      assert.throws(wrong, { code: "UNSUPPORTED", message: /several bounds of which one is .*beyond 4096/ });
    }
  }
});

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
  assert.throws(() => importOnnx(build(parts)), { code: "BAD_OPTION", message: /input x\.dims\[1\]/ });
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

test("all nodes that cannot be imported are listed at once", () => {
  const nodes = [
    ["Relu", "x", "a"],
    ["Einsum", "a", "b", { equation: "ij->ji" }],
    ["Resize", "b", "c", { antialias: 1 }],
    ["Exp", "c", "d"],
    ["Conv", "d w", "y", { colour: 3 }],
  ];
  const parts = { nodes, constants: { w: w(1, 4, 1, 1) } };
  assert.throws(
    () => importOnnx(build(parts), { where: "m.onnx" }),
    (error) => {
      assert.equal(error.code, "UNSUPPORTED");
      assert.deepEqual(error.message.split("\n"), [
        "m.onnx: 4 problems keep the model from being imported:",
        "  node Einsum_1: Einsum: operator, opset 13",
        "  node Resize_2: Resize: attribute antialias = 1, opset 13",
        "  node Exp_3: Exp: operator on values that depend on the input, opset 13",
        "  node Conv_4: Conv: attribute colour, opset 13",
        "  what comes before can be imported, with outputs a",
      ]);
      return true;
    },
  );
});
