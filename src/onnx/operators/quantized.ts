// quantized.ts: operators on integers with scales, written out between DequantizeLinear and QuantizeLinear.
import type { Attribute } from "../attributes.js";
import { range } from "./arrays.js";
import { type Bare, expectNode } from "./call.js";
import { channelsFirst, channelsLast, rankOf } from "./fused.js";
import { type Composite, composite, type Operators } from "./operator.js";
import { flag, float, int, ints, type Specs } from "./spec.js";
import { WINDOW } from "./window.js";
import { type Written, written } from "./written.js";

type Kept = Readonly<Record<string, Attribute>>;

/** The floats of an input; its scale and zero point are the two inputs behind it. @param axis of several scales */
function real(w: Written, at: number, axis = 0): string {
  return w.node(
    "DequantizeLinear",
    range(3).map((i) => w.input(at + i)),
    { axis },
  );
}

/** The result as integers; its scale and zero point are inputs. @param axis of several scales */
function rounded(w: Written, y: string, at: number, result = w.result): void {
  const zero = w.input(at + 1);
  if (w.has(at)) w.node("QuantizeLinear", zero === "" ? [y, w.input(at)] : [y, w.input(at), zero], { axis: 0 }, result);
  else w.node("Identity", [y], {}, result);
}

/** The floats of a bias, whose scale is the product of two others. */
function realBias(w: Written, at: number, scales: readonly [number, number]): string {
  if (!w.has(at)) return "";
  return w.node("DequantizeLinear", [w.input(at), w.node("Mul", scales.map(w.input))], { axis: 0 });
}

const names = (specs: Specs): string[] => Object.keys(specs);

const CONV = { ...WINDOW, group: int(1) };
/** Inputs: x, weight, their scales and zero points, scale and zero point of the result, bias. */
const convolution = composite({ ...CONV, channels_last: flag(false) }, (call) => {
  const w = written(call);
  const last = call.attributes.channels_last;
  const rank = rankOf(call, 0, last);
  const x = last ? channelsFirst(w, real(w, 0), rank) : real(w, 0);
  const y = w.node("Conv", [x, real(w, 3), realBias(w, 8, [1, 4])], w.kept(...names(CONV)));
  rounded(w, last ? channelsLast(w, y, rank) : y, 6);
  return w;
});

/** One input: x with scale and zero point, then those of the result. @param write adds the operator */
function unary<S extends Specs>(
  attributes: S,
  write: (w: Written, x: string, kept: Kept, call: Bare) => string,
): Composite {
  return composite(attributes, (call) => {
    const w = written(call);
    rounded(w, write(w, real(w, 0), w.kept(...names(attributes)), call), 3);
    return w;
  });
}

const of =
  (op: string) =>
  (w: Written, x: string, kept: Kept): string =>
    w.node(op, [x], kept);

/** A pool whose input may have its channels last. */
function pool(op: string, attributes: Specs): Composite {
  return unary({ ...attributes, channels_last: flag(false) }, (w, x, { channels_last: last, ...kept }, call) => {
    if (last?.value !== 1) return w.node(op, [x], kept);
    const rank = rankOf(call, 0, true);
    return channelsLast(w, w.node(op, [channelsFirst(w, x, rank)], kept), rank);
  });
}

/** Two inputs with their scales and zero points, then those of the result. */
function binary(op: string): Composite {
  return composite({}, (call) => {
    const w = written(call);
    rounded(w, w.node(op, [real(w, 0), real(w, 3)]), 6);
    return w;
  });
}

const matMul = composite({}, (call) => {
  const w = written(call);
  rounded(w, w.node("MatMul", [real(w, 0, -2), real(w, 3, -1)]), 6);
  return w;
});

/** The result is floats where no scale of it is given. */
const gemm = composite({ alpha: float(1), transA: flag(false), transB: flag(false) }, (call) => {
  const w = written(call);
  const inputs = [real(w, 0), real(w, 3, call.attributes.transB ? 0 : 1), realBias(w, 6, [1, 4])];
  rounded(w, w.node("Gemm", inputs, w.kept("alpha", "transA", "transB")), 7);
  return w;
});

/** Scale and zero point of the result come first, then three inputs for each part. */
const concat = composite({ axis: int(null) }, (call) => {
  const w = written(call);
  const count = (call.node.inputs.length - 2) / 3;
  expectNode(Number.isInteger(count) && count >= 1, call.node, "three inputs for each part", call.node.inputs.length);
  const parts = range(count).map((i) => real(w, 2 + 3 * i));
  rounded(w, w.node("Concat", parts, w.kept("axis")), 0);
  return w;
});

const where = composite({}, (call) => {
  const w = written(call);
  rounded(w, w.node("Where", [w.input(0), real(w, 1), real(w, 4)]), 7);
  return w;
});

/** Multiplies integers by floats behind them: a MatMulInteger with the scales. @param dynamic whether a is rounded here */
function integerToFloat(dynamic: boolean): Composite {
  return composite({}, (call) => {
    const w = written(call);
    const [bScale, bZero, bias] = dynamic ? [2, 3, 4] : [3, 5, 6];
    const a = dynamic ? w.input(0) : w.node("DequantizeLinear", [w.input(0), w.input(2), w.input(4)], { axis: -2 });
    const b = w.node("DequantizeLinear", [w.input(1), w.input(bScale), w.input(bZero)], { axis: -1 });
    const product = w.node("MatMul", [a, b], {}, w.has(bias) ? undefined : w.result);
    if (w.has(bias)) w.node("Add", [product, w.input(bias)], {}, w.result);
    return w;
  });
}

export const QUANTIZED: Operators = {
  QLinearConv: convolution,
  QLinearMatMul: matMul,
  "com.microsoft.DynamicQuantizeMatMul": integerToFloat(true),
  "com.microsoft.MatMulIntegerToFloat": integerToFloat(false),
  "com.microsoft.QGemm": gemm,
  "com.microsoft.QLinearAdd": binary("Add"),
  "com.microsoft.QLinearAveragePool": pool("AveragePool", { ...WINDOW, ceil_mode: int(0), count_include_pad: int(0) }),
  "com.microsoft.QLinearConcat": concat,
  "com.microsoft.QLinearConv": convolution,
  "com.microsoft.QLinearGlobalAveragePool": pool("GlobalAveragePool", {}),
  "com.microsoft.QLinearLeakyRelu": unary({ alpha: float(0.01) }, of("LeakyRelu")),
  "com.microsoft.QLinearMul": binary("Mul"),
  "com.microsoft.QLinearReduceMean": unary({ axes: ints(), keepdims: int(1) }, of("ReduceMean")),
  "com.microsoft.QLinearSigmoid": unary({}, of("Sigmoid")),
  "com.microsoft.QLinearSoftmax": composite({ axis: int(-1), opset: int(13) }, (call) => {
    const w = written(call);
    const x = real(w, 0);
    // before opset 13 all axes from `axis` on were one line
    const axis = call.attributes.axis;
    const rank = rankOf(call, 0);
    const flat = call.attributes.opset < 13 && axis !== -1 && axis !== rank - 1;
    expectNode(!flat, call.node, "the last axis", axis, "axis");
    rounded(w, w.node("Softmax", [x], { axis: call.attributes.opset < 13 ? -1 : axis }), 3);
    return w;
  }),
  "com.microsoft.QLinearWhere": where,
};
