// problems.test.js: all that is wrong with a model is said at once, with what could be done.
import assert from "node:assert/strict";
import { test } from "node:test";
import { importOnnx } from "../../dist/onnx/index.js";
import { build, floats, ints } from "./build.js";

function messageOf(parts) {
  try {
    importOnnx(build(parts), { where: "m.onnx" });
  } catch (error) {
    return `${error.code} ${error.message}`;
  }
  return assert.fail("imported");
}

test("what only shapes show is found besides unknown operators, and nothing twice", () => {
  const nodes = [
    ["Relu", "x", "a"],
    ["Reshape", "a s", "b"],
    ["Conv", "b w", "c"],
    ["Relu", "c", "d"],
    ["LSTM", "a", "e"],
    ["Transpose", "a", "f", { perm: [0, 2, 3, 1] }],
    ["Conv", "f w", "g"],
    ["Concat", "d e g", "y", { axis: 1 }],
  ];
  const constants = { s: ints(1, 2, 2, 6, 7), w: floats([2, 4, 3, 3]) };
  assert.deepEqual(messageOf({ nodes, constants }).split("\n"), [
    "BAD_GRAPH m.onnx: 3 problems keep the model from being imported:",
    "  node Conv_2: Conv: an input of shape 1x2x2x6x7",
    "  node LSTM_4: LSTM: recurrence over time is not run, opset 13",
    "  node Conv_6.input[1]: unexpected value; expected 6 input channels in 1 groups; found [2,4,3,3]",
  ]);
});

test("what cannot be run names the values before it", () => {
  const nodes = [
    ["Conv", "x w", "boxes"],
    ["Sigmoid", "x", "scores"],
    ["NonMaxSuppression", "boxes scores", "chosen"],
    ["Relu", "chosen", "y"],
  ];
  assert.deepEqual(messageOf({ nodes, constants: { w: floats([4, 4, 1, 1]) } }).split("\n"), [
    "UNSUPPORTED m.onnx: one problem keeps the model from being imported:",
    "  node NonMaxSuppression_2: NonMaxSuppression: boxes are chosen behind the network: take outputs before it, opset 13",
    "  what comes before can be imported, with outputs boxes, scores",
  ]);
});

test("one that stands alone is said as it is", () => {
  assert.equal(
    messageOf({ nodes: [["Conv", "x w", "y", { strides: [0, 1] }]], constants: { w: floats([1, 4, 1, 1]) } }),
    "BAD_GRAPH m.onnx: node Conv_0.strides: unexpected value; expected integers in 1..65536; found [0,1]",
  );
});
