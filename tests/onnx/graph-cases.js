// graph-cases.js: models of several nodes: integers, branches, functions, what an optimizer leaves.
import { Branch, bytes, Float, floats, ints, scalar, Taken } from "./build.js";
import { INTEGERS } from "./integer-cases.js";
import { RECURRENT } from "./recurrent-cases.js";

const f = (value) => new Float(value);
const w = (...dims) => floats(dims);
const long = (value) => ({ ...ints(value), dims: [] });
const flag = (value) => bytes([], [value], 9);

/** By name: the parts of a model, and the signal to noise that rounding which is left out may cost; none: as exact as floats. */
export const GRAPHS = {
  ...INTEGERS,
  ...RECURRENT,
  FusedConv: {
    nodes: [
      [
        "com.microsoft.FusedConv",
        "x w b",
        "y",
        { activation: "LeakyRelu", activation_params: [f(0.3)], pads: [1, 1, 1, 1] },
      ],
    ],
    constants: { w: w(5, 4, 3, 3), b: w(5) },
  },
  "FusedConv with a sum": {
    nodes: [
      ["Relu", "x", "z"],
      ["com.microsoft.FusedConv", "x w b z", "y", { activation: "Relu" }],
    ],
    constants: { w: w(4, 4, 1, 1), b: w(4) },
  },
  "FusedConv, Clip": {
    nodes: [["com.microsoft.FusedConv", "x w", "y", { activation: "Clip", activation_params: [f(-0.5), f(1)] }]],
    constants: { w: w(4, 4, 1, 1) },
  },
  "Clip at what depends on the input": {
    nodes: [
      ["ReduceMax", "x", "most", { keepdims: 0 }],
      ["Sub", "most d", "low"],
      ["Clip", "x low", "a"],
      ["Neg", "low", "high"],
      ["Clip", "x l high", "b"],
      ["Clip", "x low high", "c"],
      ["Concat", "a b c", "y", { axis: 1 }],
    ],
    constants: { d: scalar(2.5), l: scalar(-1.25) },
  },
  FusedGemm: {
    nodes: [
      ["com.microsoft.FusedGemm", "x m b", "y", { activation: "LeakyRelu", activation_alpha: f(0.2), transB: 1 }],
    ],
    constants: { m: w(3, 7), b: w(3) },
    x: [1, 7],
  },
  FusedMatMul: {
    nodes: [["com.microsoft.FusedMatMul", "x m", "y", { alpha: f(0.5), transB: 1 }]],
    constants: { m: w(3, 7) },
    x: [1, 5, 7],
  },
  SkipLayerNormalization: {
    nodes: [
      ["com.microsoft.SkipLayerNormalization", "x c g b o", "y _ _ sum", { epsilon: f(0.01) }],
      ["Relu", "sum", "z"],
    ],
    constants: { c: w(1, 5, 8), g: w(8), b: w(8), o: w(8) },
    outputs: ["y", "z"],
    x: [1, 5, 8],
  },
  SkipSimplifiedLayerNormalization: {
    nodes: [["com.microsoft.SkipSimplifiedLayerNormalization", "x c g", "y", { epsilon: f(0.01) }]],
    constants: { c: w(1, 5, 8), g: w(8) },
    x: [1, 5, 8],
  },
  SimplifiedLayerNormalization: {
    nodes: [["SimplifiedLayerNormalization", "x g", "y", { axis: -1, epsilon: f(0.01) }]],
    constants: { g: w(7) },
  },
  "com.microsoft.SimplifiedLayerNormalization": {
    nodes: [["com.microsoft.SimplifiedLayerNormalization", "x g", "y", { axis: -1, epsilon: f(0.01) }]],
    constants: { g: w(7) },
    peer: false,
  },
  BiasSoftmax: {
    nodes: [["com.microsoft.BiasSoftmax", "x c", "y", { axis: 3, is_inner_broadcast: 0 }]],
    constants: { c: w(1, 1, 6, 7) },
    peer: false,
  },
  BiasDropout: {
    nodes: [["com.microsoft.BiasDropout", "x b c", "y"]],
    constants: { b: w(7), c: w(1, 4, 6, 7) },
    peer: false,
  },
  BiasAdd: {
    nodes: [["com.microsoft.BiasAdd", "x b c", "y"]],
    constants: { b: w(320), c: w(1, 3, 320) },
    x: [1, 3, 320],
    peer: false,
  },
  NhwcFusedConv: {
    nodes: [["com.microsoft.NhwcFusedConv", "x w b", "y", { activation: "Relu", kernel_shape: [3, 3] }]],
    constants: { w: w(5, 7, 3, 3), b: w(5) },
    peer: false,
  },
  NhwcConv: {
    nodes: [["com.microsoft.NhwcConv", "x w b", "y", { pads: [1, 1, 1, 1] }]],
    constants: { w: w(5, 7, 3, 3), b: w(5) },
    peer: false,
  },
  GroupNorm: {
    nodes: [["com.microsoft.GroupNorm", "x g b", "y", { groups: 3, activation: 1, epsilon: f(0.01) }]],
    constants: { g: w(6), b: w(6) },
    x: [1, 4, 5, 6],
    peer: false,
  },
  TransposeMatMul: {
    nodes: [["com.microsoft.TransposeMatMul", "x m", "y", { transB: 1 }]],
    constants: { m: w(3, 7) },
    peer: false,
  },
  "constants that are made": {
    nodes: [
      ["Size", "x", "n"],
      ["Cast", "n", "many", { to: 1 }],
      ["Range", "start limit step", "line"],
      ["EyeLike", "square", "eye", { k: 1, dtype: 1 }],
      ["MatMul", "x eye", "moved"],
      ["NonZero", "line", "places"],
      ["OneHot", "places depth pair", "hot"],
      ["Squeeze", "hot", "row"],
      ["Add", "moved line", "a"],
      ["Mul", "a row", "b"],
      ["Div", "b many", "y"],
    ],
    constants: {
      start: scalar(-1),
      limit: scalar(2.5),
      step: scalar(0.5),
      square: w(7, 7),
      depth: long(7),
      pair: floats([2], [0.5, 3]),
    },
    peer: false,
  },
  "integers of activations": {
    nodes: [
      ["Cast", "x", "whole", { to: 6 }],
      ["Cast", "whole", "same", { to: 7 }],
      ["Cast", "same", "y", { to: 1 }],
      ["ArgMax", "x", "top", { axis: 1 }],
      ["Cast", "top", "z", { to: 1 }],
    ],
    outputs: ["y", "z"],
  },
  "If, a constant": {
    nodes: [
      ["Sigmoid", "x", "a"],
      [
        "If",
        "yes",
        "y",
        {
          then_branch: new Branch([["Add", "a k", "r"]], ["r"], { k: scalar(2) }),
          else_branch: new Branch([["Neg", "x", "r"]], ["r"]),
        },
      ],
      [
        "If",
        "no",
        "z",
        { then_branch: new Branch([["Add", "a a", "r"]], ["r"]), else_branch: new Branch([["Neg", "x", "r"]], ["r"]) },
      ],
    ],
    constants: { yes: flag(1), no: flag(0) },
    outputs: ["y", "z"],
  },
  "If, of a shape, within another": {
    nodes: [
      ["Shape", "x", "n"],
      ["Gather", "n two", "rows"],
      ["Equal", "rows six", "is"],
      [
        "If",
        "is",
        "y",
        {
          then_branch: new Branch(
            [
              ["Relu", "x", "r"],
              ["Not", "is", "isnt"],
              [
                "If",
                "isnt",
                "u",
                {
                  then_branch: new Branch([["Identity", "r", "r2"]], ["r2"]),
                  else_branch: new Branch([["Softmax", "r", "r2", { axis: 1 }]], ["r2"]),
                },
              ],
            ],
            ["u"],
          ),
          else_branch: new Branch([["Loop", "is", "r"]], ["r"]),
        },
      ],
    ],
    constants: { two: long(2), six: long(6) },
    peer: false,
  },
  "functions in functions": {
    nodes: [
      ["own.Twice", "x k", "a", { slope: f(0.3) }],
      ["own.Twice", "a k", "y"],
    ],
    functions: [
      [
        "Twice",
        "p q",
        "out",
        [
          ["own.Leaky", "p", "mid", { slope: new Taken("slope", 1) }],
          ["Add", "mid q", "r"],
          ["own.Leaky", "r", "out", { slope: new Taken("slope", 1) }],
        ],
        ["slope"],
      ],
      ["Leaky", "p", "out", [["LeakyRelu", "p", "out", { alpha: new Taken("slope", 1) }]], ["slope"]],
    ],
    constants: { k: scalar(0.25) },
  },
  "a function that hands on its input": {
    nodes: [["own.Both", "x", "y same"]],
    functions: [
      [
        "Both",
        "p",
        "out p",
        [
          ["Neg", "p", "mid"],
          ["Abs", "mid", "out"],
        ],
      ],
    ],
    outputs: ["y", "same"],
    peer: false,
  },
  "a function's branch, and its default": {
    nodes: [
      ["own.Choose", "x", "y"],
      ["own.Choose", "y", "z", { alpha: f(0.5) }],
    ],
    functions: [
      [
        "Choose",
        "p",
        "out",
        [
          ["Constant", "", "c", { value: flag(1) }],
          [
            "If",
            "c",
            "out",
            {
              then_branch: new Branch([["Elu", "p", "r", { alpha: new Taken("alpha", 1) }]], ["r"]),
              else_branch: new Branch([["Identity", "p", "r"]], ["r"]),
            },
          ],
        ],
        [],
        { alpha: f(1.5) },
      ],
    ],
    outputs: ["y", "z"],
  },
};
