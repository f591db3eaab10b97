// integer-cases.js: models of integers between their scales, and of operators on them.
import { bytes, Float, floats, ints, scalar } from "./build.js";

const f = (value) => new Float(value);
const w = (...dims) => floats(dims);
const u8 = (value) => bytes([], [value], 2);
const i8 = (...dims) =>
  bytes(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 37) % 255) - 127),
    3,
  );
const i32 = (...values) => bytes([values.length], values, 6);
const flag = (value) => bytes([], [value], 9);

/** Scales and zero points that hold the numbers of the tests. */
const SCALES = { s: scalar(0.02), z: u8(128), t: scalar(0.05), v: u8(120), wide: scalar(0.5), mid: u8(127) };
const LIN = ["QuantizeLinear", "x s z", "q"];

const linear = (nodes, constants = {}, parts = {}) => ({
  nodes: [LIN, ...nodes, ["DequantizeLinear", "r t v", "y"]],
  constants: { ...SCALES, ...constants },
  decibels: 23,
  ...parts,
});
const signed = { w: i8(5, 4, 3, 3), ws: scalar(0.004), wz: bytes([], [0], 3) };
const perChannel = {
  w: i8(5, 4, 3, 3),
  ws: floats([5], [0.004, 0.002, 0.003, 0.001, 0.004]),
  wz: bytes([5], [0, 0, 0, 0, 0], 3),
};
const same = (op) => [`com.microsoft.${op}`, "q s z t v", "r"];

/** By name, as GRAPHS of graph-cases.js. */
export const INTEGERS = {
  "Q and DQ": { nodes: [LIN, ["DequantizeLinear", "q s z", "y"]], constants: SCALES, decibels: 38 },
  "Q, moves, DQ": {
    nodes: [
      LIN,
      ["Transpose", "q", "a", { perm: [0, 2, 3, 1] }],
      ["Slice", "a one end axis", "b"],
      ["Reshape", "b flat", "c"],
      ["Split", "c", "d e", { axis: 2 }],
      ["Concat", "e d", "g", { axis: 1 }],
      ["DequantizeLinear", "g s z", "y"],
    ],
    constants: { ...SCALES, one: ints(1), end: ints(5), axis: ints(1), flat: ints(1, 4, 28) },
    decibels: 38,
  },
  "Q, MaxPool, DQ": {
    nodes: [LIN, ["MaxPool", "q", "a", { kernel_shape: [2, 2] }], ["DequantizeLinear", "a s z", "y"]],
    constants: SCALES,
    opset: 12,
    decibels: 38,
  },
  "Q and DQ of other scales": {
    nodes: [LIN, ["DequantizeLinear", "q t v", "y"]],
    constants: SCALES,
  },
  "Q, Pad, Resize, DQ": {
    nodes: [
      LIN,
      ["Pad", "q pads fill", "a"],
      ["Resize", "a _ twice", "b", { mode: "nearest" }],
      ["DequantizeLinear", "b s z", "y"],
    ],
    constants: { ...SCALES, pads: ints(0, 0, 1, 0, 0, 0, 0, 2), fill: u8(128), twice: floats([4], [1, 1, 2, 2]) },
  },
  "Q at the end": { nodes: [LIN, ["Transpose", "q", "y"]], constants: SCALES, type: 2 },
  "Q per channel, DQ": {
    nodes: [
      ["QuantizeLinear", "x several z4", "q", { axis: 1 }],
      ["DequantizeLinear", "q several z4", "y", { axis: 1 }],
    ],
    constants: { several: floats([4], [0.02, 0.03, 0.04, 0.05]), z4: bytes([4], [120, 128, 130, 110], 2) },
    decibels: 34,
  },
  QLinearConv: linear([["QLinearConv", "q s z w ws wz t v b", "r", { pads: [1, 1, 1, 1] }]], {
    ...signed,
    b: i32(9, -500, 0, 70, 3),
  }),
  "QLinearConv per channel": linear([["QLinearConv", "q s z w ws wz t v", "r", { strides: [2, 2] }]], perChannel),
  "com.microsoft.QLinearConv": linear(
    [
      ["Transpose", "q", "l", { perm: [0, 2, 3, 1] }],
      ["com.microsoft.QLinearConv", "l s z w ws wz t v", "m", { channels_last: 1, kernel_shape: [3, 3] }],
      ["Transpose", "m", "r", { perm: [0, 3, 1, 2] }],
    ],
    signed,
    { peer: false },
  ),
  QLinearMatMul: linear([["QLinearMatMul", "q s z m ms mz t v", "r"]], {
    m: i8(7, 3),
    ms: scalar(0.01),
    mz: bytes([], [3], 3),
  }),
  QGemm: {
    nodes: [LIN, ["com.microsoft.QGemm", "q s z m ms mz", "y", { transB: 1, alpha: f(1) }]],
    constants: { ...SCALES, m: i8(3, 7), ms: scalar(0.01), mz: bytes([], [0], 3) },
    x: [1, 7],
    decibels: 30,
  },
  QLinearAdd: linear(
    [
      ["QuantizeLinear", "c s z", "p"],
      ["com.microsoft.QLinearAdd", "q s z p s z t v", "r"],
    ],
    { c: w(4, 6, 7) },
  ),
  QLinearMul: linear(
    [
      ["QuantizeLinear", "c s z", "p"],
      ["com.microsoft.QLinearMul", "q s z p s z t v", "r"],
    ],
    { c: w(1, 4, 6, 7) },
  ),
  QLinearConcat: linear([
    ["Relu", "x", "a"],
    ["QuantizeLinear", "a t v", "p"],
    ["com.microsoft.QLinearConcat", "t v q s z p t v", "r", { axis: 1 }],
  ]),
  QLinearAveragePool: linear([["com.microsoft.QLinearAveragePool", "q s z t v", "r", { kernel_shape: [2, 2] }]]),
  QLinearGlobalAveragePool: linear(
    [same("QLinearGlobalAveragePool")],
    { t: scalar(0.005), v: u8(128) },
    { decibels: 14 },
  ),
  QLinearLeakyRelu: linear([same("QLinearLeakyRelu").concat({ alpha: f(0.2) })]),
  QLinearSigmoid: linear([same("QLinearSigmoid")], { t: scalar(1 / 256), v: u8(0) }),
  QLinearSoftmax: linear([same("QLinearSoftmax").concat({ axis: -1, opset: 13 })], { t: scalar(1 / 256), v: u8(0) }),
  QLinearReduceMean: linear(
    [same("QLinearReduceMean").concat({ axes: [2, 3] })],
    { t: scalar(0.005), v: u8(128) },
    { peer: false, decibels: 14 },
  ),
  QLinearWhere: linear([["com.microsoft.QLinearWhere", "no q s z q s z t v", "r"]], { no: flag(0) }),
  ConvInteger: {
    nodes: [LIN, ["ConvInteger", "q w z", "i"], ["Cast", "i", "r", { to: 1 }], ["Mul", "r scale", "y"]],
    constants: {
      ...SCALES,
      w: bytes(
        [5, 4, 3, 3],
        signed.w.int32Data.map((n) => n + 127),
        2,
      ),
      scale: scalar(0.0001),
    },
    decibels: 60,
  },
  MatMulInteger: {
    nodes: [LIN, ["MatMulInteger", "q m z mz", "i"], ["Cast", "i", "r", { to: 1 }], ["Mul", "r scale", "y"]],
    constants: { ...SCALES, m: i8(7, 3), mz: bytes([3], [1, -2, 5], 3), scale: scalar(0.0001) },
    decibels: 60,
  },
  DynamicQuantizeLinear: {
    nodes: [
      ["DynamicQuantizeLinear", "x", "q qs qz"],
      ["MatMulInteger", "q m qz mz", "i"],
      ["Cast", "i", "r", { to: 1 }],
      ["Mul", "qs ms", "scale"],
      ["Mul", "r scale", "y"],
    ],
    constants: { m: i8(7, 3), mz: bytes([], [0], 3), ms: scalar(0.01) },
    decibels: 30,
  },
  DynamicQuantizeMatMul: {
    nodes: [["com.microsoft.DynamicQuantizeMatMul", "x m ms mz b", "y"]],
    constants: { m: i8(7, 3), ms: scalar(0.01), mz: bytes([], [0], 3), b: w(3) },
    decibels: 30,
  },
  MatMulIntegerToFloat: {
    nodes: [LIN, ["com.microsoft.MatMulIntegerToFloat", "q m s ms z mz", "y"]],
    constants: { ...SCALES, m: i8(7, 3), ms: scalar(0.01), mz: bytes([], [0], 3) },
    decibels: 30,
  },
  NhwcMaxPool: {
    nodes: [
      ["QuantizeLinear", "x s z", "q"],
      ["com.microsoft.NhwcMaxPool", "q", "r", { kernel_shape: [2, 3], strides: [2, 1] }],
      ["DequantizeLinear", "r s z", "y"],
    ],
    constants: SCALES,
    decibels: 38,
  },
  "com.microsoft.QuantizeLinear": {
    nodes: [
      ["com.microsoft.QuantizeLinear", "x s z", "q"],
      ["com.microsoft.DequantizeLinear", "q s z", "y"],
    ],
    constants: SCALES,
    decibels: 38,
  },
};
