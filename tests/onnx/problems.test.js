// problems.test.js: all that is wrong with a model is said at once, with what could be done.
import assert from "node:assert/strict";
import { test } from "node:test";
import { importOnnx } from "../../dist/onnx/index.js";
import { Branch, build, floats, ints, scalar } from "./build.js";

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
    ["DFT", "a", "e"],
    ["Transpose", "a", "f", { perm: [0, 2, 3, 1] }],
    ["Conv", "f w", "g"],
    ["Concat", "d e g", "y", { axis: 1 }],
  ];
  const constants = { s: ints(1, 2, 2, 6, 7), w: floats([2, 4, 3, 3]) };
  assert.deepEqual(messageOf({ nodes, constants }).split("\n"), [
    "BAD_GRAPH m.onnx: 3 problems keep the model from being imported:",
    "  node Conv_2: Conv: windows over 3 axes of space are not run, images have two: take outputs before it, or slices in place of volumes",
    "  node DFT_4: DFT: Fourier transforms are not run: compute them before the network, and take outputs or inputs around them, opset 13",
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
    "  node NonMaxSuppression_2: NonMaxSuppression: what is chosen differs in number from image to image: take outputs before it, and choose behind the network, opset 13",
    "  what comes before can be imported, with outputs boxes, scores",
  ]);
});

test("one problem of many nodes is one line", () => {
  const nodes = [
    ...Array.from({ length: 5 }, (_, i) => ["com.microsoft.nchwc.Conv", i ? `a${i - 1}` : "x", `a${i}`]),
    ...Array.from({ length: 2 }, (_, i) => ["DFT", "a4", `b${i}`]),
    ["Conv", "x w", "c", { strides: [0, 1] }],
    ["Conv", "x w", "d", { strides: [0, 1] }],
    ["Sum", "b0 b1 c d", "y"],
  ];
  const [head, ...lines] = messageOf({ nodes, constants: { w: floats([4, 4, 1, 1]) } }).split("\n");
  assert.match(head, /3 problems keep/);
  assert.match(
    lines[0],
    /^ {2}5 nodes \(com\.microsoft\.nchwc\.Conv_0, com\.microsoft\.nchwc\.Conv_1, 3 more\): com\.microsoft\.nchwc\.Conv: blocked/,
  );
  assert.match(lines[1], /^ {2}2 nodes \(DFT_5, DFT_6\): DFT: Fourier/);
  assert.match(lines[2], /^ {2}2 nodes \(Conv_7, Conv_8\)\.strides: unexpected value/);
  assert.equal(lines.length, 3);
});

test("one that stands alone is said as it is", () => {
  assert.equal(
    messageOf({ nodes: [["Conv", "x w", "y", { strides: [0, 1] }]], constants: { w: floats([1, 4, 1, 1]) } }),
    "BAD_GRAPH m.onnx: node Conv_0.strides: unexpected value; expected integers in 1..65536; found [0,1]",
  );
});

test("operators that are not run are refused with a reason and what to do", () => {
  const refusals = {
    "com.microsoft.DynamicQuantizeLSTM": /recurrence over time is not run: take outputs before it/,
    Loop: /loops are not run: unroll/,
    STFT: /Fourier transforms are not run: compute them before/,
    RoiAlign: /regions of each image's own are not run/,
    RandomNormalLike: /export the network with eval/,
    "com.microsoft.nchwc.Conv": /blocked for the cache of one machine: save the model with .*`extended`/,
    "com.microsoft.EmbedLayerNormalization": /tables looked up by an input/,
    "some.where.Trick": /operator of another program, without a function in the file/,
    "com.microsoft.Trick": /: operator/,
  };
  for (const [op, reason] of Object.entries(refusals)) {
    const nodes = [
      ["Relu", "x", "a"],
      [op, "a", "y"],
    ];
    assert.throws(() => importOnnx(build({ nodes })), { code: "UNSUPPORTED", message: reason }, op);
    assert.throws(() => importOnnx(build({ nodes })), { message: /with outputs a/ }, op);
  }
});

test("branches and functions that cannot be", () => {
  const branches = { then_branch: new Branch([["Relu", "x", "r"]], ["r"]), else_branch: new Branch([], ["x"]) };
  const wrong = (parts, code, message) => assert.throws(() => importOnnx(build(parts)), { code, message });
  const nodes = [
    ["ReduceMax", "x", "top", { keepdims: 0 }],
    ["Greater", "top zero", "is"],
    ["If", "is", "y", branches],
  ];
  wrong({ nodes, constants: { zero: scalar(0) } }, "UNSUPPORTED", /If: a condition that depends on the model's input/);
  const lost = { ...branches, then_branch: new Branch([["Relu", "nowhere", "r"]], ["r"]) };
  wrong({ nodes: [["If", "yes", "y", lost]], constants: { yes: scalar(1) } }, "BAD_GRAPH", /found nowhere/);
  const own = [["own.Again", "x", "y"]];
  const again = (...inner) => [["Again", "p", "out", inner]];
  wrong(
    { nodes: own, functions: again(["own.Again", "p", "out"]) },
    "BAD_GRAPH",
    /functions that do not call themselves/,
  );
  const twice = Array.from({ length: 20 }, (_, i) => [
    `F${i}`,
    "p",
    "out",
    [
      [i === 19 ? "Relu" : `own.F${i + 1}`, "p", "mid"],
      [i === 19 ? "Relu" : `own.F${i + 1}`, "mid", "out"],
    ],
  ]);
  wrong({ nodes: [["own.F0", "x", "y"]], functions: twice }, "OVERFLOW", /functions make too many nodes/);
});

test("indices and grids that depend on the model's input are refused with the reason and what to do", () => {
  const table = { t: floats([10, 8]) };
  const cases = [
    [
      { nodes: [["Gather", "t x", "y"]], constants: table, x: [1, 5] },
      /Gather_0: Gather: a table.*give what it looks up as the input/,
    ],
    [
      {
        nodes: [
          ["Cast", "x", "i", { to: 7 }],
          ["GatherND", "t i", "y"],
        ],
        constants: table,
        x: [1, 2],
      },
      /GatherND: a table/,
    ],
    ...["Gather", "GatherElements"].map((op) => [
      {
        nodes: [
          ["ArgMax", "x", "i", { axis: 1 }],
          [op, "x i", "y", { axis: 1 }],
        ],
      },
      new RegExp(`${op}: places.*take the values and the indices as outputs.*\\n.*with outputs i`),
    ]),
    [
      {
        nodes: [
          ["ArgMax", "x", "i", { axis: 1 }],
          ["ScatterElements", "x i u", "y", { axis: 1 }],
        ],
        constants: { u: floats([1, 1, 6, 7]) },
      },
      /ScatterElements: places/,
    ],
    [
      {
        nodes: [
          ["Relu", "x", "r"],
          ["GridSample", "r g", "y"],
        ],
        inputs: [["g", [1, 3, 3, 2]]],
        opset: 16,
      },
      /GridSample: a grid that depends.*take the image and the grid as outputs.*\n.*with outputs r/,
    ],
  ];
  for (const [parts, message] of cases) {
    assert.throws(() => importOnnx(build({ constants: {}, ...parts })), { code: "UNSUPPORTED", message });
  }
});
