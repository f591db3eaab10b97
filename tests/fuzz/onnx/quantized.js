// quantized.js: generators of operators on integers, between QuantizeLinear and DequantizeLinear.
import { bytes } from "../../onnx/build.js";
import { elements } from "../project.js";
import { isPlanes } from "./helpers.js";

const UINT8 = 2;
const INT8 = 3;

/** A scale and a zero point, as names. */
function linear(draw, b) {
  const scale = b.floats(draw, [], () => draw.pick([0.05, 0.5, 0.01]));
  return [scale, b.constant(bytes([], [draw.pick([128, 0, 255, 100])], UINT8))];
}

/** An activation as integers: its name, scale and zero point. */
function integers(draw, b, accept) {
  const x = b.source(draw, accept);
  if (!x) return null;
  const [scale, zero] = linear(draw, b);
  const made = b.node("QuantizeLinear", [x, scale, zero]);
  return made && [made[0], scale, zero, b.dimsOf(x)];
}

function weights(draw, b, dims) {
  const random = draw.random();
  const list = Array.from({ length: elements(dims) }, () => random.below(255) - 127);
  return b.constant(bytes(dims, list, INT8));
}

/** A weight of integers with one scale, or one for each of `several`. */
function quantizedWeight(draw, b, dims, several) {
  const count = draw.chance(0.5) ? [] : [several];
  const scale = b.floats(draw, count, () => draw.pick([0.01, 0.02, 0.005]));
  return [weights(draw, b, dims), scale, b.constant(bytes(count, new Array(elements(count)).fill(0), INT8))];
}

/** Floats again. */
function real(b, made, scale, zero) {
  if (made) b.node("DequantizeLinear", [made[0], scale, zero]);
}

export function qlinearConv(op) {
  return (draw, b) => {
    const found = integers(draw, b, isPlanes);
    if (!found) return;
    const [q, s, z, dims] = found;
    const kernel = dims.slice(2).map((n) => Math.min(n, draw.pick([1, 2, 3])));
    const out = linear(draw, b);
    const w = quantizedWeight(draw, b, [3, dims[1], ...kernel], 3);
    real(b, b.node(op, [q, s, z, ...w, ...out]), ...out);
  };
}

/** Whatever multiplies by a matrix. @param write the inputs, given those of x and of the matrix */
export const matrix =
  (op, write, result = true) =>
  (draw, b) => {
    const found = integers(draw, b, (dims) => dims.length >= 2);
    if (!found) return;
    const [q, s, z, dims] = found;
    const w = quantizedWeight(draw, b, [dims.at(-1), 4], 4);
    const out = linear(draw, b);
    const made = b.node(op, write([q, s, z], w, out));
    if (result) real(b, made, ...out);
    else if (made) b.node("Cast", made, { to: 1 });
  };

export const qlinearUnary =
  (op, attributes = () => ({}), accept = () => true) =>
  (draw, b) => {
    const found = integers(draw, b, accept);
    if (!found) return;
    const [q, s, z, dims] = found;
    const out = linear(draw, b);
    real(b, b.node(`com.microsoft.${op}`, [q, s, z, ...out], attributes(draw, dims)), ...out);
  };

export const qlinearBinary = (op) => (draw, b) => {
  const first = integers(draw, b);
  const second = first && integers(draw, b, (dims) => String(dims) === String(first[3]));
  if (!second) return;
  const out = linear(draw, b);
  const parts = [...first.slice(0, 3), ...second.slice(0, 3)];
  const inputs = {
    QLinearConcat: [...out, ...parts],
    QLinearWhere: [b.constant(bytes([], [draw.below(2)], 9)), ...parts, ...out],
  };
  const attributes = op === "QLinearConcat" ? { axis: first[3].length - 1 } : {};
  real(b, b.node(`com.microsoft.${op}`, inputs[op] ?? [...parts, ...out], attributes), ...out);
};

export function convInteger(draw, b) {
  const found = integers(draw, b, isPlanes);
  if (!found) return;
  const [q, , z, dims] = found;
  const w = weights(draw, b, [2, dims[1], ...dims.slice(2).map(() => 1)]);
  const made = b.node("ConvInteger", [q, w, ...(draw.chance(0.7) ? [z] : [])]);
  if (made) b.node("Cast", made, { to: 1 });
}

/** The scale goes on as what the product is multiplied by. */
export function dynamic(draw, b) {
  const x = b.source(draw, (dims) => dims.length >= 2);
  if (!x) return;
  const made = b.node("DynamicQuantizeLinear", [x], {}, 3);
  const product = made && b.node("MatMulInteger", [made[0], weights(draw, b, [b.dimsOf(x).at(-1), 3]), made[2]]);
  const floats = product && b.node("Cast", product, { to: 1 });
  if (floats) b.node("Mul", [floats[0], made[1]]);
}

export function dynamicMatMul(draw, b) {
  const x = b.source(draw, (dims) => dims.length >= 2);
  if (x) b.node("com.microsoft.DynamicQuantizeMatMul", [x, ...quantizedWeight(draw, b, [b.dimsOf(x).at(-1), 3], 3)]);
}

export function nhwcMaxPool(draw, b) {
  const found = integers(draw, b, (dims) => dims.length === 4);
  if (!found) return;
  const made = b.node("com.microsoft.NhwcMaxPool", [found[0]], { kernel_shape: [1, 2], strides: [2, 1] });
  real(b, made, found[1], found[2]);
}

export const QUANTIZED = {
  ConvInteger: convInteger,
  DynamicQuantizeLinear: dynamic,
  MatMulInteger: matrix("MatMulInteger", ([q, , z], [w]) => [q, w, z], false),
  QLinearConv: qlinearConv("QLinearConv"),
  QLinearMatMul: matrix("QLinearMatMul", (x, w, out) => [...x, ...w, ...out]),
  "com.microsoft.DequantizeLinear": (draw, b) => {
    const found = integers(draw, b);
    if (found) b.node("com.microsoft.DequantizeLinear", found.slice(0, 3));
  },
  "com.microsoft.DynamicQuantizeMatMul": dynamicMatMul,
  "com.microsoft.MatMulIntegerToFloat": matrix(
    "com.microsoft.MatMulIntegerToFloat",
    ([q, s, z], [w, ws, wz]) => [q, w, s, ws, z, wz],
    false,
  ),
  "com.microsoft.NhwcMaxPool": nhwcMaxPool,
  "com.microsoft.QGemm": matrix("com.microsoft.QGemm", (x, w, out) => [...x, ...w, "", ...out]),
  "com.microsoft.QLinearAdd": qlinearBinary("QLinearAdd"),
  "com.microsoft.QLinearAveragePool": qlinearUnary(
    "QLinearAveragePool",
    (_, dims) => ({ kernel_shape: dims.slice(2).map(() => 1) }),
    isPlanes,
  ),
  "com.microsoft.QLinearConcat": qlinearBinary("QLinearConcat"),
  "com.microsoft.QLinearConv": qlinearConv("com.microsoft.QLinearConv"),
  "com.microsoft.QLinearGlobalAveragePool": qlinearUnary("QLinearGlobalAveragePool", undefined, isPlanes),
  "com.microsoft.QLinearLeakyRelu": qlinearUnary("QLinearLeakyRelu"),
  "com.microsoft.QLinearMul": qlinearBinary("QLinearMul"),
  "com.microsoft.QLinearReduceMean": qlinearUnary("QLinearReduceMean", () => ({ axes: [-1] })),
  "com.microsoft.QLinearSigmoid": qlinearUnary("QLinearSigmoid"),
  "com.microsoft.QLinearSoftmax": qlinearUnary("QLinearSoftmax", () => ({ axis: -1 })),
  "com.microsoft.QLinearWhere": qlinearBinary("QLinearWhere"),
  "com.microsoft.QuantizeLinear": (draw, b) => {
    const [scale, zero] = linear(draw, b);
    real(b, b.node("com.microsoft.QuantizeLinear", [b.source(draw), scale, zero]), scale, zero);
  },
};
