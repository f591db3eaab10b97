// quantization.ts: what QuantizeLinear says of a value: the integers of floats, and whether two say the same.
import type { Encoding } from "../../ops/index.js";
import type { Activation, Quantization } from "../draft.js";
import type { OnnxNode } from "../model.js";
import { type ElementType, elementType, type Value } from "../tensor.js";
import { combined } from "./binary.js";
import { axisOf, type Call, type Conversion, expectNode, optional, required, resultName, unsupported } from "./call.js";
import { inSteps, stepped } from "./steps.js";
import { clipped } from "./unary.js";

const RANGES: { readonly [type in ElementType]?: readonly [low: number, high: number] } = {
  uint4: [0, 15],
  int4: [-8, 7],
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

const BYTE_MAX = 255;

/** The type of the integers, and the least and largest of them. */
export function quantizedType(node: OnnxNode, zero: Value | null, declared: number) {
  const type = zero?.type ?? (declared === 0 ? "uint8" : elementType(declared, `${node.where}.output_dtype`));
  const range = RANGES[type];
  if (!range) throw unsupported(node, `quantized type ${type}`);
  return { type, range };
}

/** The scale and zero point of a node, which are its inputs 1 and 2, for an input of these dimensions. */
export function quantizationOf(call: Call<{ axis: number }>, rank: number, range: Quantization["range"]): Quantization {
  const [scale, zero] = [required(call, 1), optional(call, 2)];
  const axis = scale.data.length === 1 ? 0 : axisOf(call.node, call.attributes.axis, rank);
  return { scale, zero, axis, range };
}

/** Whether two say the same: then the integers of one stand for the floats of the other. */
export function sameQuantization(a: Quantization, b: Quantization): boolean {
  const zeros = (one: Quantization): ArrayLike<number> => one.zero?.data ?? new Float32Array(one.scale.data.length);
  const same = (x: ArrayLike<number>, y: ArrayLike<number>): boolean =>
    x.length === y.length && Array.from(x).every((value, i) => value === y[i]);
  return a === b || (a.axis === b.axis && same(a.scale.data, b.scale.data) && same(zeros(a), zeros(b)));
}

/** Whether one scale and one zero point stand for all places, so that places may change. */
export function isUniform({ scale, zero }: Quantization): boolean {
  return scale.data.length === 1 && (zero === null || zero.data.length === 1);
}

/** The encoding that integers are, if a tensor may have it: one scale, and 256 of them at most. */
export function encodingOf({ scale, zero, range }: Quantization): Extract<Encoding, { kind: "linear" }> | null {
  const [low, high] = range;
  const [step, from] = [scale.data[0], zero?.data[0] ?? 0];
  const usable = step > 0 && Math.fround(step * BYTE_MAX) < Infinity && Math.fround(1 / step) < Infinity;
  if (!isUniform({ scale, zero, range, axis: 0 }) || high - low > BYTE_MAX || !usable) return null;
  return { kind: "linear", scale: step, zero: from - low, max: high - low };
}

/** The values along an axis in dimensions that meet those of the input. */
export function alongAxis(conversion: Conversion, value: Value, axis: number, dims: readonly number[]): Value {
  if (value.data.length === 1) return { ...value, dims: [] };
  const fits = value.data.length === dims[axis];
  expectNode(fits, conversion.node, `one value or ${dims[axis]}`, value.data.length, "input[1]");
  return { ...value, dims: dims.map((n, i) => (i === axis ? n : 1)) };
}

/** The integers of a value themselves. */
export function asIntegers(conversion: Conversion, x: Activation): Activation {
  const { quantization, node, dims, type } = x;
  if (!quantization) return x;
  const { scale, zero, axis, range } = quantization;
  const name = resultName(conversion);
  const floats = { node, dims };
  const divided = combined(conversion, "div", floats, alongAxis(conversion, scale, axis, dims), `${name}.steps`);
  const rounded = stepped(conversion, divided, inSteps(["round", [0]]), `${name}.rounded`);
  const moved = zero?.data.some((z) => z !== 0)
    ? combined(conversion, "add", rounded, alongAxis(conversion, zero, axis, dims), `${name}.moved`)
    : rounded;
  return { ...clipped(conversion, moved, ...range), type };
}
