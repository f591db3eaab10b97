// input.test.js: sizes of the input given in every way, batches that stand in the file, types, constants, inputs unread.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lower } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { encodeMessage } from "../../dist/onnx/wire.js";
import { build, bytes, floats, ints, message, scalar } from "./build.js";

const RELU = [["Relu", "x", "y"]];
const shapeOf = (parts, options) => importOnnx(build({ nodes: RELU, ...parts }), options).nodes[0].shape;
const declared = (parts, dims) => {
  const proto = message(parts);
  proto.graph.output[0].type.tensorType.shape = { dim: dims.map((n) => ({ dimValue: n })) };
  return encodeMessage("ModelProto", proto);
};

/** Imports a message that was changed, with its warnings. */
function imported(proto, options) {
  const warnings = [];
  const onRemark = (line, level) => warnings.push(`${level} ${line}`);
  return { network: importOnnx(encodeMessage("ModelProto", proto), { onRemark, ...options }), warnings };
}

test("open sizes of any rank, with and without the batch, and by name", () => {
  assert.deepEqual(shapeOf({ x: ["b", "c", "h", "w"] }, { inputShape: [3, 8, 9] }), [3, 8, 9]);
  assert.deepEqual(shapeOf({ x: ["b", "c", "h", "w"] }, { inputShape: [1, 3, 8, 9] }), [3, 8, 9]);
  assert.deepEqual(shapeOf({ x: ["b", 1, "t"] }, { inputShape: [1, 8000] }), [1, 8000, 1]);
  assert.deepEqual(shapeOf({ x: ["b", 1, "t"] }, { inputShape: [1, 1, 8000] }), [1, 8000, 1]);
  assert.deepEqual(shapeOf({ x: ["b", "n"] }, { inputShape: [40] }), [40, 1, 1]);
  assert.deepEqual(shapeOf({ x: ["n"] }, { inputShape: [40] }), [40, 1, 1]);
  assert.deepEqual(shapeOf({ x: [-1, -1, 5] }, { inputShape: { x: [4, 5] } }), [4, 5, 1]);
  assert.deepEqual(shapeOf({ x: null }, { inputShape: [3, 8, 9] }), [3, 8, 9]);
  assert.deepEqual(shapeOf({ x: null }, { inputShape: [1, 3, 8, 9] }), [3, 8, 9]);
});

test("sizes that do not fit", () => {
  const open = { x: ["b", 1, "t"] };
  const refused = (parts, inputShape, pattern) => {
    assert.throws(() => shapeOf(parts, { inputShape }), { code: "BAD_OPTION", message: pattern });
  };
  refused(
    open,
    undefined,
    /^input x: the file leaves sizes open: give inputShape, .* --input-shape 1xN with a number for each N$/,
  );
  refused(open, [8000], /a shape of 2 or 3 sizes; found 8000/);
  refused(open, [1, 1, 1, 8000], /a shape of 2 or 3 sizes/);
  refused(open, [3, 8000], /input x\.dims\[1\].*expected 1; found 3/);
  refused(open, [2, 1, 8000], /input x\.dims\[0\].*expected 1; found 2/);
  refused(open, [1, 0], /inputShape.*positive integers/);
  refused(open, [1, 2.5], /inputShape.*positive integers/);
  refused(open, { z: [1, 8000], x: [1, 8000], v: [1] }, /no such input; expected x; found z, v$/);
});

test("all open sizes are named in one message, with what to write", () => {
  const nodes = [
    ["Concat", "x z", "a", { axis: 1 }],
    ["Add", "a v", "y"],
  ];
  const parts = {
    x: ["b", "c", "h", "w"],
    inputs: [
      ["z", ["b", 1, "h", "w"], 1],
      ["v", [4, 1, 1], 1],
      ["nobody's", ["q"], 1],
    ],
    nodes,
  };
  const refused = (changed, inputShape, pattern) => {
    const bytes = build({ ...parts, ...changed });
    assert.throws(() => importOnnx(bytes, { inputShape }), { code: "BAD_OPTION", message: pattern });
  };
  refused({}, undefined, /^inputs x, z: .* --input-shape x=NxNxN --input-shape z=1xNxN with a number for each N$/);
  refused({}, { x: [3, 8, 9] }, /^input z: .* --input-shape z=1xNxN with/);
  refused({ x: null }, { z: [1, 8, 9] }, /^input x: .* --input-shape x=NxNxN with a number for each N, and as many as/);
  const network = importOnnx(build(parts), { inputShape: { x: [3, 8, 9], z: [1, 8, 9] } });
  assert.deepEqual(
    network.nodes.slice(0, 2).map(({ shape }) => shape),
    [
      [3, 8, 9],
      [1, 8, 9],
    ],
  );
});

test("a batch that stands in the file is read as 1, wherever it stands", () => {
  const nodes = [
    ["Add", "x same", "a"],
    ["Reshape", "a flat", "f"],
    ["MatMul", "f w", "m"],
    ["Reshape", "m rows", "y"],
  ];
  const row = floats([4]).floatData;
  const constants = {
    same: floats([6, 4, 1, 1], new Array(6).fill(row).flat()),
    flat: ints(6, -1),
    rows: ints(12, 5),
    w: floats([28, 10]),
  };
  const network = importOnnx(build({ nodes, constants, x: [6, 4, 1, 7] }));
  const single = importOnnx(
    build({
      nodes,
      constants: { ...constants, same: floats([1, 4, 1, 1], row), flat: ints(1, -1), rows: ints(2, 5) },
      x: [1, 4, 1, 7],
    }),
  );
  const data = Float32Array.from({ length: 28 }, (_, i) => Math.sin(i));
  const run = (one) => [...runReference(lower(one, { grids: null }), { x: data }).outputs.y];
  assert.deepEqual(run(network), run(single));
  const differing = floats([6, 4, 1, 1]);
  assert.throws(() => importOnnx(build({ nodes, constants: { ...constants, same: differing }, x: [6, 4, 1, 7] })), {
    code: "UNSUPPORTED",
    message: /node Add_0: Add: a constant that differs within the batch of 6/,
  });
});

test("work along a batch that stands in the file is refused, since only one image is read", () => {
  const x = [2, 3, 4];
  const stack = floats([2, 4, 5]);
  const cases = [
    [["Softmax", "x", "y", { axis: 0 }]],
    [["Softmax", "x", "y", { axis: -3 }]],
    [["ReduceSum", "x", "y", { axes: [0, 2] }], {}, 11],
    [["ReduceMean", "x", "y"]],
    [["CumSum", "x k", "y"], { k: ints(0) }],
    [["Gather", "x k", "y", { axis: 0 }], { k: ints(1, 0) }],
    [["Concat", "x x", "y", { axis: 0 }]],
    [["MatMul", "x c", "y"], { c: stack }],
    [["Einsum", "x c", "y", { equation: "bij,bjk->bik" }], { c: stack }],
  ];
  for (const [node, constants = {}, opset = 13] of cases) {
    const parts = {
      nodes: [
        ["Relu", "x", "x0"],
        [node[0], node[1].replaceAll("x", "x0"), ...node.slice(2)],
      ],
      constants,
      opset,
    };
    const label = JSON.stringify(node);
    assert.throws(
      () => importOnnx(build({ ...parts, x, outputs: ["y", "x0"] })),
      { code: "UNSUPPORTED", message: /batch of 2/ },
      label,
    );
    // a batch of one is one image
    const one = Object.fromEntries(
      Object.entries(constants).map(([name, value]) => [name, name === "k" ? ints(0) : value]),
    );
    if (constants.c) continue;
    assert.ok(importOnnx(build({ ...parts, constants: one, x: [1, 3, 4], outputs: ["y", "x0"] })), label);
  }
});

test("a size of another axis is no batch, though it is as large", () => {
  const runs = (node, constants, dims, opset) => {
    const made = importOnnx(build({ nodes: [node], constants, x: dims, opset }));
    const data = Float32Array.from({ length: 6 }, (_, i) => i);
    return [...runReference(lower(made, { grids: null }), { x: data }).outputs.y];
  };
  const resize = ["Resize", "x _ _ s", "y", { axes: [2, 3], mode: "nearest" }];
  assert.deepEqual(runs(resize, { s: ints(2, 6) }, [2, 1, 1, 6], 18), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
  const turned = ["Resize", "x _ _ s", "y", { axes: [3, 0], mode: "nearest" }];
  assert.deepEqual(runs(turned, { s: ints(3, 2) }, [2, 1, 1, 6], 18), [0, 2, 4]);
  const expand = ["Expand", "x s", "y"];
  assert.deepEqual(runs(expand, { s: ints(2, 6) }, [2, 1, 6]), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
  assert.deepEqual(runs(expand, { s: ints(2, 1, 6) }, [2, 1, 6]), [0, 1, 2, 3, 4, 5]);
});

test("a first size that the outputs do not have is no batch", () => {
  const parts = {
    nodes: [
      ["Unsqueeze", "x zero", "a"],
      ["Conv", "a w", "y"],
    ],
    constants: { zero: ints(0), w: floats([2, 3, 1, 1]) },
    x: [3, 5, 6],
  };
  assert.deepEqual(importOnnx(declared(parts, [1, 2, 5, 6])).nodes[0].shape, [3, 5, 6]);
});

test("inputs that nothing reads are passed over, and said", () => {
  const proto = message({ nodes: RELU });
  proto.graph.input.push({ ...proto.graph.input[0], name: "sizes" });
  const { network, warnings } = imported(proto);
  assert.equal(network.nodes[0].name, "x");
  assert.deepEqual(warnings, ["note input sizes: nothing reads it"]);
});

test("several inputs: some can be constants", () => {
  const proto = message({
    nodes: [
      ["Mul", "x k", "a"],
      ["Add", "a c", "y"],
    ],
    x: [1, 4],
  });
  for (const name of ["k", "c"]) proto.graph.input.push({ ...proto.graph.input[0], name });
  const several = lower(imported(proto).network, { grids: null });
  const values = { x: [1, 1, 1, 1], k: [3, 3, 3, 3], c: [1, 2, 3, 4] };
  const all = Object.fromEntries(Object.entries(values).map(([name, list]) => [name, Float32Array.from(list)]));
  assert.deepEqual([...runReference(several, all).outputs.y], [4, 5, 6, 7]);
  const { network } = imported(proto, { constants: { k: 3, c: [1, 2, 3, 4] } });
  const { outputs } = runReference(lower(network, { grids: null }), { x: Float32Array.of(1, 1, 1, 1) });
  assert.deepEqual([...outputs.y], [4, 5, 6, 7]);
  assert.throws(() => imported(proto, { constants: { k: 3, c: [1, 2] } }), {
    code: "BAD_OPTION",
    message: /constant c.*4 numbers; found 2/,
  });
  assert.throws(() => imported(proto, { constants: { q: 3 } }), {
    code: "BAD_OPTION",
    message: /no such input; expected x, k, c; found q/,
  });
  assert.throws(() => imported(proto, { constants: { x: 1, k: 3, c: 2 } }), {
    message: /output y: no output depends on an input/,
  });
});

test("several inputs: a batch of all, sizes and normalizations by name, an input whose sizes alone are read", () => {
  const proto = message({
    nodes: [
      ["GlobalAveragePool", "x", "p"],
      ["Shape", "like", "s"],
      ["Flatten", "p", "f"],
      ["Concat", "f v", "j", { axis: 1 }],
      ["Mul", "s four", "t"],
      ["Reshape", "j t", "y"],
    ],
    constants: { four: ints(1, 4) },
    x: [8, 3, "rows", 4],
    inputs: [
      ["v", [8, 5]],
      ["like", [8, 2]],
    ],
  });
  const normalization = { x: { mean: [0, 0, 0], std: [1, 1, 1] } };
  const options = { inputShape: { x: [3, 6, 4] }, normalization };
  const { network, warnings } = imported(proto, options);
  assert.deepEqual(
    network.nodes.flatMap(({ op, name, shape, normalization: own }) => (op === "input" ? [[name, shape, own]] : [])),
    [
      ["x", [3, 6, 4], normalization.x],
      ["v", [5, 1, 1], undefined],
    ],
  );
  assert.deepEqual(network.ports.v, { dims: [1, 5] });
  assert.ok(warnings.includes("note input like: no output depends on its values"), warnings.join());
  const bad = (more, message) =>
    assert.throws(() => imported(proto, { ...options, ...more }), { code: "BAD_OPTION", message });
  bad({ inputShape: [3, 6, 4] }, /inputShape: .*sizes by name, for x, v, like/);
  bad({ normalization: { z: normalization.x } }, /normalization: .*x, v, like; found z/);
  bad({ inputShape: { v: [4], x: [3, 6, 4] } }, /input v\.dims\[1\]: .*5; found 4/);
});

/** A model whose input has another element type. */
function typed(type, nodes, constants = {}) {
  const proto = message({ nodes, constants, x: [1, 2, 2, 2] });
  proto.graph.input[0].type.tensorType.elemType = type;
  return proto;
}

test("integers as input: moved, cast and dequantized, but not computed with", () => {
  const x = Float32Array.from([0, 1, 2, 3, 100, 200, 250, 255]);
  const run = (proto, options) => [
    ...runReference(lower(imported(proto, options).network, { grids: null }), { x }).outputs.y,
  ];
  const moved = [
    ["Transpose", "x", "t", { perm: [0, 2, 3, 1] }],
    ["Slice", "t s e", "p"],
    ["Cast", "p", "y", { to: 1 }],
  ];
  const constants = { s: ints(0, 0), e: ints(1, 1) };
  for (const type of [2, 6, 7, 10, 11]) assert.deepEqual(run(typed(type, moved, constants)), [0, 100, 1, 200]);
  const dequantized = [["DequantizeLinear", "x scale zero", "y"]];
  const zero = bytes([], [100], 2);
  assert.deepEqual(
    run(typed(2, dequantized, { scale: scalar(0.5), zero })),
    [...x].map((v) => (v - 100) / 2),
  );
  const perChannel = { scale: floats([2], [2, 3]), zero: bytes([2], [0, 100], 2) };
  assert.deepEqual(run(typed(2, dequantized, perChannel)), [0, 2, 4, 6, 0, 300, 450, 465]);
  assert.throws(() => imported(typed(7, [["Div", "x two", "y"]], { two: ints(2) })), {
    code: "UNSUPPORTED",
    message: /node Div_0: Div: int64 values that depend on the model's input: cast them to float32 before/,
  });
});

test("a uint8 picture takes pixels as they are, unless the caller says otherwise", () => {
  const proto = typed(2, [["Cast", "x", "y", { to: 1 }]]);
  assert.deepEqual(imported(proto).network.nodes[0].normalization, { mean: [0, 0], std: [1 / 255, 1 / 255] });
  const normalization = { mean: [0.5, 0.5], std: [1, 1] };
  assert.deepEqual(imported(proto, { normalization }).network.nodes[0].normalization, normalization);
});
