// import.test.js: every operator imported, lowered and run in both executors, against the evaluator.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lower } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import { CATALOG, importOnnx } from "../../dist/onnx/index.js";
import { assertAgree } from "../runtime/agree.js";
import { build, bytes, floats, ints, scalar } from "./build.js";
import { GRAPHS } from "./graph-cases.js";
import { CASES } from "./operator-cases.js";
import { assertSame } from "./same.js";

const w = (...dims) => floats(dims);

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
  // what python/ writes; its tests import it
  "shiftwise.Levels",
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

test("constants that are no batch norm behind a convolution are functions of two values, or refused", async () => {
  const constants = {
    w: w(3, 4, 1, 1),
    zero: floats([3, 1, 1], [2, 0, -1]),
    most: floats([3, 1, 1], [1, Infinity, 2]),
  };
  for (const node of [
    ["Div", "c zero", "y"],
    ["Mul", "c most", "y"],
  ]) {
    const { nodes } = importOnnx(build({ nodes: [["Conv", "x w", "c"], node], constants }));
    assert.ok(
      nodes.some(({ op }) => op === "binary"),
      node[0],
    );
  }
  const nothing = { ...constants, nothing: floats([3, 1, 1], [0, NaN, 1]) };
  assert.throws(
    () =>
      importOnnx(
        build({
          nodes: [
            ["Conv", "x w", "c"],
            ["Add", "c nothing", "y"],
          ],
          constants: nothing,
        }),
      ),
    {
      code: "UNSUPPORTED",
      message: /holds NaN/,
    },
  );
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
