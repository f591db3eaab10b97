// spec.test.js: attributes of operators: older and newer forms, defaults, wrong types, values that are not done.
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
import { build, Float, floats, ints, scalar } from "./build.js";

const x = { type: "float32", dims: [1, 4], data: Float32Array.of(-3, -1, 2, 9) };
const run = (parts) => [
  ...evaluateModel(readModel(build({ x: [1, 4], ...parts }), null), new Map([["x", x]])).get("y").data,
];

test("an attribute that became an input is read in both forms", () => {
  const older = run({ nodes: [["Clip", "x", "y", { min: new Float(-2), max: new Float(5) }]], opset: 7 });
  const newer = run({ nodes: [["Clip", "x l h", "y"]], constants: { l: scalar(-2), h: scalar(5) } });
  assert.deepEqual(older, [-2, -1, 2, 5]);
  assert.deepEqual(newer, older);
  assert.deepEqual(run({ nodes: [["Clip", "x _ h", "y"]], constants: { h: scalar(5) } }), [-3, -1, 2, 5]);
  assert.deepEqual(run({ nodes: [["ReduceSum", "x", "y", { axes: [1] }]], opset: 11 }), [7]);
  assert.deepEqual(run({ nodes: [["ReduceSum", "x a", "y"]], constants: { a: ints(1) } }), [7]);
});

test("what depends on the model's input is no attribute", () => {
  const nodes = [
    ["ReduceMax", "x", "most", { keepdims: 0 }],
    ["Pad", "x p most", "y"],
  ];
  assert.throws(() => importOnnx(build({ nodes, constants: { p: ints(0, 0, 0, 0, 0, 0, 0, 1) } })), {
    code: "UNSUPPORTED",
    message: /\n {2}node Pad_1: Pad: input 2 depends on the model's input\n/,
  });
  const vector = [
    ["Sigmoid", "x", "low"],
    ["Clip", "x low", "y"],
  ];
  assert.throws(() => importOnnx(build({ nodes: vector })), { code: "BAD_GRAPH", message: /input\[1\].*one number/ });
});

test("an operator whose meaning changed is read as the file's version has it", () => {
  const nodes = [["Softmax", "x", "y"]];
  const dims = [1, 2, 2];
  const older = importOnnx(build({ nodes, x: dims, opset: 11 })).nodes.at(-1);
  const newer = importOnnx(build({ nodes, x: dims, opset: 13 })).nodes.at(-1);
  assert.deepEqual([older.op, newer.op], ["softmax", "softmax"]);
  const lines = (opset) =>
    run({
      nodes: [
        ["Reshape", "x s", "r"],
        ["Softmax", "r", "y"],
      ],
      constants: { s: ints(2, 2) },
      opset,
    });
  assert.deepEqual(lines(11), lines(13));
  const cube = (opset) =>
    run({
      nodes: [
        ["Reshape", "x s", "r"],
        ["Softmax", "r", "y"],
      ],
      constants: { s: ints(1, 2, 2) },
      opset,
    });
  assert.ok(Math.abs(cube(11).reduce((a, b) => a + b) - 1) < 1e-6);
  assert.ok(Math.abs(cube(13).reduce((a, b) => a + b) - 2) < 1e-6);
});

test("wrong types and values that are not done", () => {
  const refused = (attributes, opset = 13) => {
    try {
      importOnnx(
        build({
          x: [1, 4, 6, 6],
          nodes: [["Resize", "x _ s", "y", attributes]],
          constants: { s: floats([4], [1, 1, 2, 2]) },
          opset,
        }),
      );
    } catch ({ code, message }) {
      return `${code} ${message}`;
    }
    return assert.fail("imported");
  };
  assert.match(
    refused({ mode: 3 }),
    /^BAD_GRAPH node Resize_0\.mode: attribute of the wrong type; expected string; found int/,
  );
  assert.match(
    refused({ mode: "lanczos" }),
    /^UNSUPPORTED .*node Resize_0: Resize: attribute mode = lanczos, opset 13/s,
  );
  assert.match(refused({ nearest_mode: "up" }), /attribute nearest_mode = up, opset 13/);
  assert.match(refused({ nearest_mode: "ceil" }, 10), /attribute nearest_mode, opset 10/);
  const constant = [
    ["Constant", "", "k", { colour: 1 }],
    ["Add", "x k", "y"],
  ];
  assert.throws(() => importOnnx(build({ nodes: constant })), /node Constant_0: Constant: attribute colour/);
});
