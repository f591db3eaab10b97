// bad.test.js: what is wrong with an ONNX file becomes a typed error that names node and field, soon and without memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ShiftwiseError } from "../../dist/base/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { encodeMessage } from "../../dist/onnx/wire.js";
import { build, bytes, Float, floats, ints, message } from "./build.js";

const w = (...dims) => floats(dims);

/** A model with many kinds of fields: constants in every encoding, attributes of every type, shape arithmetic. */
const PARTS = {
  x: ["batch", 4, 6, 7],
  nodes: [
    ["Conv", "x w b", "a", { pads: [1, 1, 1, 1], strides: [2, 2], auto_pad: "NOTSET", group: 2 }],
    ["BatchNormalization", "a g g g v", "bn", { epsilon: new Float(0.01) }],
    ["LeakyRelu", "bn", "c", { alpha: new Float(0.2) }],
    ["MaxPool", "c", "d", { kernel_shape: [2, 2], ceil_mode: 1 }],
    ["Resize", "d _ scales", "e", { mode: "linear" }],
    ["Constant", "", "k", { value: ints(0, -1) }],
    ["Shape", "e", "shape"],
    ["Slice", "shape zero one", "n"],
    ["Concat", "n minus", "target", { axis: 0 }],
    ["Pad", "e pads", "p", { mode: "reflect" }],
    ["Flatten", "p", "f"],
    ["Reshape", "f k", "r"],
    ["Softmax", "r", "y", { axis: -1 }],
  ],
  constants: {
    w: w(6, 2, 3, 3),
    b: w(6),
    g: w(6),
    v: floats([6], [1, 2, 3, 4, 5, 6]),
    scales: floats([4], [1, 1, 2, 2]),
    zero: ints(0),
    one: ints(1),
    minus: ints(-1),
    pads: ints(0, 0, 1, 1, 0, 0, 1, 1),
  },
};
const VALID = build(PARTS);

function errorOf(input, options) {
  try {
    importOnnx(input instanceof Uint8Array ? input : build(input), options);
  } catch (error) {
    assert.ok(error instanceof ShiftwiseError, error?.stack);
    return error;
  }
  return assert.fail("imported");
}

/** Nothing but a typed error may come out. */
function survives(input) {
  try {
    importOnnx(input);
  } catch (error) {
    assert.ok(error instanceof ShiftwiseError, error?.stack);
  }
}

test("the sample itself", () => {
  assert.deepEqual(importOnnx(VALID).outputs, ["y"]);
});

test("every truncation", () => {
  for (let length = 0; length < VALID.length; length++) {
    const { code } = errorOf(VALID.subarray(0, length));
    assert.ok(["TRUNCATED", "BAD_FILE", "BAD_GRAPH"].includes(code), `${length}: ${code}`);
  }
});

test("changed bytes anywhere", () => {
  const change = fc.record({ at: fc.nat(VALID.length - 1), value: fc.nat(255) });
  const property = fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
    const mutated = VALID.slice();
    for (const { at, value } of changes) mutated[at] = value;
    survives(mutated);
  });
  fc.assert(property, { seed: 5, numRuns: 6000 });
});

test("bytes cut out, doubled, or of no file at all", () => {
  const cut = fc.property(fc.nat(VALID.length), fc.nat(60), fc.boolean(), (at, length, twice) => {
    const rest = VALID.subarray(twice ? at : at + length);
    const joined = new Uint8Array(at + rest.length + (twice ? length : 0));
    joined.set(VALID.subarray(0, at));
    joined.set(VALID.subarray(at, at + (twice ? length : 0)), at);
    joined.set(rest, joined.length - rest.length);
    survives(joined);
  });
  fc.assert(cut, { seed: 6, numRuns: 3000 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (data) => survives(data)),
    { seed: 7, numRuns: 3000 },
  );
});

/** Every number, text and list of the message, by its path. */
function leaves(value, path = []) {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [path];
  return [
    ...(Array.isArray(value) ? [path] : []),
    ...Object.entries(value).flatMap(([key, v]) => leaves(v, [...path, key])),
  ];
}

test("changed fields", () => {
  const paths = leaves(message(PARTS));
  const junk = fc.constantFrom(
    0,
    -1,
    1,
    2,
    7,
    16,
    255,
    2 ** 31,
    2 ** 40,
    -(2 ** 31),
    2 ** 62,
    "",
    "x",
    "y",
    "w",
    "Conv",
    "Softmax",
  );
  const property = fc.property(fc.constantFrom(...paths), junk, (path, value) => {
    const changed = message(PARTS);
    let parent = changed;
    for (const key of path.slice(0, -1)) parent = parent[key];
    const old = parent[path.at(-1)];
    if (Array.isArray(old))
      parent[path.at(-1)] = typeof value === "number" && value >= 0 && value < 3 ? old.slice(value) : [];
    else if (typeof old === typeof value) parent[path.at(-1)] = value;
    survives(encodeMessage("ModelProto", changed));
  });
  fc.assert(property, { seed: 8, numRuns: 6000 });
});

test("cycles, dangling names, names made twice", () => {
  const cycle = [
    ["Add", "x b", "a"],
    ["Relu", "a", "b"],
    ["Relu", "a", "y"],
  ];
  const error = errorOf({ nodes: cycle }, { where: "m.onnx" });
  assert.equal(error.code, "BAD_GRAPH");
  assert.match(error.message, /m\.onnx: node Add_0.*depends on itself/);
  assert.match(errorOf({ nodes: [["Relu", "nowhere", "y"]] }).message, /node Relu_0\.input.*nowhere/);
  assert.match(errorOf({ nodes: [["Relu", "x", "a"]] }).message, /graph\.output.*found y/);
  const twice = [
    ["Relu", "x", "y"],
    ["Tanh", "x", "y"],
  ];
  assert.match(errorOf({ nodes: twice }).message, /node Tanh_1\.output.*found y/);
  assert.match(errorOf({ nodes: [["Relu", "x", "x"]] }).message, /node Relu_0\.output/);
});

test("operators of any number of inputs want one at least", () => {
  for (const op of ["Max", "Mean", "Min", "Sum"]) {
    const nodes = [
      [op, "", "none"],
      ["Add", "x none", "y"],
    ];
    assert.match(errorOf({ nodes }).message, new RegExp(`node ${op}_0: .*at least one input`), op);
  }
});

test("nodes out of order are sorted", () => {
  const nodes = [
    ["MaxPool", "a", "y", { kernel_shape: [2, 2] }],
    ["Relu", "x", "a"],
  ];
  assert.deepEqual(
    importOnnx(build({ nodes })).nodes.map(({ op }) => op),
    ["input", "relu", "maxPool"],
  );
});

test("sizes: negative, huge, zero; initializers whose length is not their shape's", () => {
  const conv = (constants, attributes = {}) => ({ nodes: [["Conv", "x w", "y", attributes]], constants });
  const cases = [
    [conv({ w: { ...w(2, 4, 3, 3), dims: [2, 4, 3, -3] } }), "BAD_FILE", /initializer w\.dims\[3\]/],
    [conv({ w: { ...w(2, 4, 3, 3), dims: [2, 4, 3, 2 ** 40] } }), "OVERFLOW", /initializer w/],
    [
      conv({ w: { ...w(2, 4, 3, 3), dims: [2, 4, 3, 4] } }),
      "BAD_FILE",
      /initializer w\.float_data.*96 values.*found 72/,
    ],
    [
      conv({ w: { ...w(2, 4, 3, 3), floatData: [], rawData: new Uint8Array(7) } }),
      "BAD_FILE",
      /w\.raw_data.*288 bytes.*found 7/,
    ],
    [conv({ w: { ...w(2, 4, 3, 3), dataType: 99 } }), "UNSUPPORTED", /w\.data_type.*99/],
    [conv({ w: w(2, 4, 0, 3) }), "BAD_GRAPH", /node Conv_0\.kernel_shape/],
    [conv({ w: w(2, 4, 9, 9) }), "BAD_GRAPH", /node Conv_0.*window/],
    [conv({ w: w(2, 3, 3, 3) }), "BAD_GRAPH", /node Conv_0\.input\[1\]/],
    [conv({ w: w(2, 4, 3, 3) }, { group: 0 }), "BAD_GRAPH", /node Conv_0/],
    [conv({ w: w(2, 4, 3, 3) }, { strides: [0, 1] }), "BAD_GRAPH", /node Conv_0\.strides/],
    [conv({ w: w(2, 4, 3, 3) }, { strides: [1] }), "BAD_GRAPH", /node Conv_0\.strides/],
    [conv({ w: w(2, 4, 3, 3) }, { pads: [0, -1, 0, 0] }), "BAD_GRAPH", /node Conv_0\.pads/],
    [conv({ w: w(2, 4, 3, 3) }, { pads: [2 ** 31, 0, 0, 0] }), "BAD_GRAPH", /node Conv_0\.pads/],
    [conv({ w: w(2, 4, 3, 3) }, { kernel_shape: [5, 5] }), "BAD_GRAPH", /node Conv_0\.kernel_shape/],
    [{ nodes: [["MaxPool", "x", "y", { kernel_shape: [0, 2] }]] }, "BAD_GRAPH", /node MaxPool_0\.kernel_shape/],
    [{ nodes: [["Relu", "x", "y"]], x: [1, 2 ** 20, 2 ** 20, 1] }, "OVERFLOW", /value x/],
    [{ nodes: [["Relu", "x", "y"]], x: [1, 2 ** 30] }, "OVERFLOW", /input x/],
    [
      { nodes: [["Expand", "x n", "y"]], x: [1, 1], constants: { n: ints(2 ** 40) } },
      "OVERFLOW",
      /node Expand_0\.shape/,
    ],
    [
      { nodes: [["Pad", "x n", "y"]], constants: { n: ints(0, 0, 2 ** 30, 0, 0, 0, 0, 0) } },
      "OVERFLOW",
      /node Pad_0\.pads/,
    ],
    [
      { nodes: [["Resize", "x _ _ n", "y"]], constants: { n: ints(1, 4, 2 ** 30, 9) } },
      "OVERFLOW",
      /node Resize_0\.sizes/,
    ],
    [
      {
        nodes: [["ConvTranspose", "x w", "y", { strides: [2 ** 16, 1] }]],
        constants: { w: w(4, 1, 1, 1) },
        x: [1, 4, 99, 1],
      },
      "OVERFLOW",
      /node ConvTranspose_0\.strides/,
    ],
    [
      { nodes: [["AveragePool", "x", "y", { kernel_shape: [2 ** 21, 1] }]] },
      "BAD_GRAPH",
      /node AveragePool_0\.kernel_shape/,
    ],
    [{ nodes: [["Relu", "x", "y"]], x: [1, -4] }, "BAD_GRAPH", /input x\.dims\[1\]/],
    [
      {
        nodes: [
          ["ConstantOfShape", "n", "a"],
          ["Add", "x a", "y"],
        ],
        constants: { n: ints(2 ** 20, 2 ** 20) },
      },
      "OVERFLOW",
      /node ConstantOfShape_0/,
    ],
    [
      {
        nodes: [
          ["Expand", "s n", "a"],
          ["Add", "x a", "y"],
        ],
        constants: { s: w(1), n: ints(2 ** 27) },
      },
      "OVERFLOW",
      /node Expand_0/,
    ],
    [{ nodes: [["Reshape", "x n", "y"]], constants: { n: ints(5, -1) } }, "BAD_GRAPH", /node Reshape_0\.shape/],
    [{ nodes: [["Concat", "x x", "y", { axis: 9 }]] }, "BAD_GRAPH", /node Concat_0\.axis/],
    [{ nodes: [["Transpose", "x", "y", { perm: [0, 0, 1, 2] }]] }, "BAD_GRAPH", /node Transpose_0\.perm/],
  ];
  for (const [parts, code, place] of cases) {
    const error = errorOf(parts);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, place);
  }
});

test("attributes of the wrong type, or twice", () => {
  assert.match(
    errorOf({ nodes: [["Softmax", "x", "y", { axis: [1] }]] }).message,
    /node Softmax_0\.axis: attribute of the wrong type; expected int; found ints/,
  );
  const doubled = message({ nodes: [["Softmax", "x", "y", { axis: 1 }]] });
  doubled.graph.node[0].attribute.push(doubled.graph.node[0].attribute[0]);
  assert.match(errorOf(encodeMessage("ModelProto", doubled)).message, /node Softmax_0\.axis/);
});

test("what a network cannot be", () => {
  assert.match(errorOf({ nodes: [["Relu", "x", "y"]], opset: 6 }).message, /opset_import.*opset 7.*found 6/);
  assert.match(errorOf({ nodes: [["Relu", "c", "y"]], constants: { c: w(3) } }).message, /output y/);
  const integer = message({ nodes: [["Relu", "x", "y"]] });
  integer.graph.input[0].type.tensorType.elemType = 7;
  assert.match(errorOf(encodeMessage("ModelProto", integer)).message, /node Relu_0: Relu: int64 values .* cast them/);
  assert.equal(errorOf(new Uint8Array()).code, "BAD_FILE");
});

test("graphs in graphs, deeper than any file's", () => {
  const empty = { floats: [], ints: [], strings: [] };
  let graph = { node: [], initializer: [], input: [], output: [], sparseInitializer: [] };
  for (let i = 0; i < 200; i++) {
    const attribute = [{ ...empty, name: "body", type: 5, g: graph }];
    graph = { ...graph, node: [{ opType: "Loop", name: "l", input: [], output: ["y"], attribute }] };
  }
  const { opsetImport, ...rest } = message({ nodes: [] });
  const error = errorOf(encodeMessage("ModelProto", { ...rest, opsetImport, graph }));
  assert.match(error.message, /deep/);
});

test("integers of every width, halves and booleans as weights", () => {
  for (const type of [2, 3, 4, 5, 6, 9]) {
    const nodes = [
      ["Cast", "c", "w", { to: 1 }],
      ["MatMul", "x w", "y"],
    ];
    const network = importOnnx(build({ nodes, x: [1, 2], constants: { c: bytes([2, 1], [1, 0], type) } }));
    assert.deepEqual([...network.nodes[1].weight.data], [1, 0]);
  }
  const half = bytes([2, 1], [0x3c00, 0xc100], 10);
  const network = importOnnx(
    build({
      nodes: [
        ["Cast", "h", "w", { to: 1 }],
        ["MatMul", "x w", "y"],
      ],
      x: [1, 2],
      constants: { h: half },
    }),
  );
  assert.deepEqual([...network.nodes[1].weight.data], [1, -2.5]);
});
