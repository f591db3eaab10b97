// import.test.js: every operator imported, lowered and run in both executors, against the evaluator.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lower } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import { CATALOG, evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
import { encodeMessage } from "../../dist/onnx/wire.js";
import { assertAgree } from "../runtime/agree.js";
import { build, bytes, floats, ints, message, scalar } from "./build.js";
import { GRAPHS } from "./graph-cases.js";
import { CASES } from "./operator-cases.js";

const w = (...dims) => floats(dims);

/** Imports, runs, compares; returns the network. */
async function assertSame({ decibels, peer, ...parts }, options) {
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
    const span = value.data.reduce((most, v) => Math.max(most, Math.abs(v) || 0), 1e-3);
    if (decibels) {
      const noise = value.data.reduce((sum, v, i) => sum + (v - outputs[name][i]) ** 2, 0);
      const quality = 10 * Math.log10(value.data.reduce((sum, v) => sum + v * v, 0) / noise);
      assert.ok(quality >= decibels, `${name}: ${quality} dB`);
      continue;
    }
    value.data.forEach((v, i) => {
      const found = outputs[name][i];
      const same = Object.is(found, v) || Math.abs(found - v) <= 2e-6 * span;
      assert.ok(same, `${name}[${i}]: ${found} for ${v}`);
    });
  }
  return network;
}

for (const [op, attributes = {}, inputs = [], { before, ...parts } = {}] of CASES) {
  const { outputs = ["y"] } = parts;
  test(`${op} ${JSON.stringify(attributes)} ${JSON.stringify(parts)}`, async () => {
    const constants = Object.fromEntries(inputs.flatMap((tensor, i) => (tensor ? [[`c${i}`, tensor]] : [])));
    const names = [before ? "b" : "x", ...inputs.map((tensor, i) => (tensor ? `c${i}` : "_"))];
    const nodes = [...(before ? [[before, "x", "b"]] : []), [op, names.join(" "), outputs.join(" "), attributes]];
    const network = await assertSame({ nodes, constants, ...parts });
    assert.deepEqual(network.outputs, outputs);
  });
}

for (const [name, parts] of Object.entries(GRAPHS)) {
  test(name, () => assertSame(parts));
}

/** Those that have a test of their own. */
const OTHERS = [
  ...["Attention", "com.microsoft.Attention", "com.microsoft.MultiHeadAttention"],
  ...["And", "Concat", "DequantizeLinear", "Einsum", "Not", "Or", "QuantizeLinear", "Shape", "Where", "Xor"],
];

test("masks: what is made of comparisons", async () => {
  const nodes = [
    ["Greater", "x zero", "a"],
    ["Less", "x c", "b"],
    ["And", "a b", "both"],
    ["Or", "a b", "one"],
    ["Xor", "a b", "either"],
    ["Not", "either", "neither"],
    ["Cast", "neither", "n", { to: 1 }],
    ["Where", "both x c", "chosen"],
    ["Where", "fixed x low", "held"],
    ["Cast", "x", "is", { to: 9 }],
    ["Where", "is zero two", "y"],
  ];
  const fixed = bytes([1, 1, 1, 7], [1, 0, 1, 1, 0, 0, 1], 9);
  const constants = { zero: scalar(0), two: scalar(2), c: w(4, 1, 1), fixed, low: scalar(-Infinity) };
  const outputs = ["both", "one", "either", "n", "chosen", "y"];
  await assertSame({ nodes, constants, outputs });
  // a mask of minus infinity, as attention has it, becomes the least finite number
  const network = importOnnx(build({ nodes: [...nodes, ["Softmax", "held", "z"]], constants, outputs: ["z"] }));
  const { outputs: found } = await assertAgree(lower(network, { grids: null }), { x: new Float32Array(168).fill(1) });
  assert.deepEqual([...found.z.subarray(0, 7)], [0.25, 0, 0.25, 0.25, 0, 0, 0.25]);
});

const IN_GRAPHS = Object.values(GRAPHS).flatMap(({ nodes }) => nodes.map(([op]) => op));

test("every operator of the catalog that may be part of a network has a case", () => {
  const tested = new Set([...CASES.map(([op]) => op), ...OTHERS, ...IN_GRAPHS]);
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

test("functions of two activations and of several bounds lose no digit of either", async () => {
  const constants = { far: floats([4, 1, 1], [-1e9, 1, Infinity, -0.5]), million: scalar(1e6), one: scalar(1) };
  const heads = [
    ["AveragePool", "x", "mean", { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
    ["Mul", "mean million", "big"],
    ["Abs", "mean", "size"],
    ["Add", "size one", "base"],
  ];
  const masks = ["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"].flatMap((op) =>
    ["x big", "x x"].map((operands) => [
      [op, operands, "m"],
      ["Cast", "m", "y", { to: 1 }],
    ]),
  );
  for (const nodes of [
    [["Max", "x big", "y"]],
    [["Min", "big x", "y"]],
    [["Max", "x far", "y"]],
    [["Min", "far x", "y"]],
    [["Max", "x far big", "y"]],
    [["Pow", "base x", "y"]],
    [["Mod", "x base", "y", { fmod: 1 }]],
    ...masks,
  ]) {
    await assertSame({ nodes: [...heads, ...nodes], constants });
  }
  const data = Float32Array.from({ length: 168 }, (_, i) => 2.5 * Math.sin(i * 78.233 + 1));
  const nodes = [...heads, ["Max", "x big", "y"]];
  const network = importOnnx(build({ nodes, constants, outputs: ["y", "big"] }));
  const { outputs } = runReference(lower(network, { grids: null }), { x: data });
  assert.deepEqual([...outputs.y], [...data.map((x, i) => Math.max(x, outputs.big[i]))]);
  const nothing = floats([4, 1, 1], [NaN, 1, 1, 1]);
  assert.throws(() => importOnnx(build({ nodes: [["Max", "x c", "y"]], constants: { c: nothing } })), {
    code: "UNSUPPORTED",
    message: /holds NaN/,
  });
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
    ["Gadget", "a", "b"],
    ["MaxPool", "b", "c", { kernel_shape: [1, 1], storage_order: 2 }],
    ["NonZero", "c", "d"],
    ["Conv", "d w", "y", { colour: 3 }],
  ];
  const parts = { nodes, constants: { w: w(1, 4, 1, 1) } };
  assert.throws(
    () => importOnnx(build(parts), { where: "m.onnx" }),
    (error) => {
      assert.equal(error.code, "UNSUPPORTED");
      assert.deepEqual(error.message.split("\n"), [
        "m.onnx: 4 problems keep the model from being imported:",
        "  node Gadget_1: Gadget: operator, opset 13",
        "  node MaxPool_2: MaxPool: attribute storage_order = 2, opset 13",
        "  node NonZero_3: NonZero: what is chosen differs in number from image to image: take outputs before it, and choose behind the network, opset 13",
        "  node Conv_4: Conv: attribute colour, opset 13",
        "  what comes before can be imported, with outputs a",
      ]);
      return true;
    },
  );
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

test("a line too small for its squares does not outgrow its norm", async () => {
  const parts = {
    nodes: [
      ["Mul", "x k", "m"],
      ["LpNormalization", "m", "y"],
    ],
  };
  for (const k of [1e-21, 1e-23, 1e-25, 1e-30, 1e-38]) {
    const network = importOnnx(build({ ...parts, constants: { k: scalar(k) } }));
    const data = Float32Array.from({ length: 168 }, (_, i) => 2.5 * Math.sin(i * 78.233 + 1));
    const { outputs } = await assertAgree(lower(network, { grids: null }), { x: data });
    assert.ok(
      outputs.y.every((v) => Math.abs(v) <= 1.01),
      `${k}: ${Math.max(...outputs.y)}`,
    );
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
