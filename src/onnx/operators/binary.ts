// binary.ts: functions of two or more elements at the same place, operands repeated as numpy does.
import { firstNonFinite } from "../../base/index.js";
import {
  type BinaryName,
  binaryOf,
  elements,
  power,
  type Shape,
  type Step,
  sameShape,
  type Tensor,
} from "../../ops/index.js";
import { type Activation, isActivation, type Known } from "../draft.js";
import { FLOAT32_MAX, isFloatType, toValue, type Value } from "../tensor.js";
import { broadcastDims, map, zip } from "./arrays.js";
import {
  added,
  allOperands,
  type Call,
  type Conversion,
  expectNode,
  onlyActivation,
  required,
  resultName,
  unsupported,
} from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { int, type Specs, type ValuesOf } from "./spec.js";
import { inSteps, stepped } from "./steps.js";
import { clipped } from "./unary.js";

/** Arithmetic on two values of one type. */
function arithmetic(fn: BinaryName): Operator {
  return operator(
    {},
    {
      evaluate(call) {
        const [a, b] = [required(call, 0), required(call, 1)];
        if (fn !== "prelu") expectNode(a.type === b.type, call.node, `two inputs of ${a.type}`, b.type);
        // integers divide towards zero
        const whole = fn === "div" && !isFloatType(a.type);
        return [zip(call, a.type, [a, b], whole ? (x, y) => Math.trunc(x / y) : binaryOf(fn))];
      },
      convert: (conversion) => binary(conversion, fn),
    },
  );
}

/** Powers as the same products, which kernels take many at a time. */
const PRODUCTS: ReadonlyMap<number, readonly Step[]> = new Map([
  [2, inSteps(["mul", [0, 0]])],
  [3, inSteps(["mul", [0, 0]], ["mul", [1, 0]])],
]);

/** A function of two operands, of which one number becomes a step. */
function withNumber<S extends Specs>(
  fn: "pow" | "mod",
  attributes: S,
  choose: (call: Call<ValuesOf<S>>) => (x: number, y: number) => number,
): Operator {
  return operator(attributes, {
    evaluate(call) {
      const [a, b] = [required(call, 0), required(call, 1)];
      return [zip(call, a.type, [a, b], choose(call))];
    },
    convert(conversion) {
      const [a, b] = allOperands(conversion);
      expectNode(b !== undefined, conversion.node, "two inputs", "one");
      const [x, other] = isActivation(a) ? [a, b] : [b as Activation, a];
      const number = isActivation(other) || other.dims.length > x.dims.length ? null : onlyNumber(other);
      if (number === null) return [combined(conversion, fn, a, b)];
      const product = fn === "pow" && x === a ? PRODUCTS.get(number) : undefined;
      const steps = product ?? inSteps(["constant", [], number], [fn, x === a ? [0, 1] : [1, 0]]);
      return [stepped(conversion, x, steps)];
    },
  });
}

/** The number that all elements of a constant are; null where they differ. */
function onlyNumber({ data }: Value): number | null {
  return data.length > 0 && data.every((value) => value === data[0]) ? data[0] : null;
}

/** Any number of operands, taken two at a time; constants first. */
function variadic(
  f: (x: number, y: number) => number,
  convert: (conversion: Conversion, a: Activation, b: Known) => Activation,
  finish: { evaluate(call: Call, sum: Value): Value; convert(conversion: Conversion, sum: Activation): Activation } = {
    evaluate: (_, sum) => sum,
    convert: (_, sum) => sum,
  },
): Operator {
  const folded = (call: Call, values: readonly Value[]): Value =>
    values.reduce((a, b) => zip(call, a.type, [a, b], (x, y) => f(x, y)));
  return operator(
    {},
    {
      evaluate(call) {
        const values = call.operands.map((_, i) => required(call, i));
        expectNode(values.length > 0, call.node, "at least one input", "none");
        return [finish.evaluate(call, folded(call, values))];
      },
      convert(conversion) {
        const all = allOperands(conversion);
        const [first, ...others] = all.filter(isActivation);
        const constants = all.filter((operand): operand is Value => !isActivation(operand));
        const rest: readonly Known[] = constants.length > 0 ? [folded(conversion, constants), ...others] : others;
        return [
          finish.convert(
            conversion,
            rest.reduce((a: Activation, b) => convert(conversion, a, b), first),
          ),
        ];
      },
    },
  );
}

/** The larger or the smaller of two: a bound, which an epilogue takes in, where one of them is one number. */
export function extreme(conversion: Conversion, fn: "max" | "min", a: Activation, b: Known): Activation {
  const bound = isActivation(b) || b.dims.length > a.dims.length ? null : onlyNumber(b);
  if (bound === null) return combined(conversion, fn, a, b);
  return fn === "max" ? clipped(conversion, a, bound, Infinity) : clipped(conversion, a, -Infinity, bound);
}

/**
 * The shapes in which operands meet elementwise, and that of what they make: axes along which all are alike are one. One number meets
 * an array as it lies, so that all steps of a function of this array are of one shape.
 */
function meetingShapes(conversion: Conversion, operands: readonly [Known, Known], made: readonly number[]): Shape[] {
  const array = operands.filter(isActivation).find((operand) => sameShape(operand.dims, made));
  if (array && operands.some((operand) => !isActivation(operand) && operand.data.length === 1)) {
    const lies = conversion.draft.shapeOf(array.node);
    return [...operands.map((operand): Shape => (operand === array ? lies : [1, 1, 1])), lies];
  }
  const dims = [...operands.map((operand) => operand.dims), made];
  const rank = Math.max(...dims.map((one) => one.length), 2);
  const aligned = dims.map((one) => [...new Array<number>(rank - one.length).fill(1), ...one]);
  const batch = aligned.every((one) => one[0] === 1);
  const merged = rank > 4 || (rank === 4 && !batch) ? mergedAxes(aligned) : aligned;
  if (merged !== aligned && merged[0].length > 3) {
    throw unsupported(conversion.node, `shapes ${dims.map((d) => d.join("x"))}`);
  }
  return merged.map((one) => {
    const [a = 1, b = 1, c = 1] = batch && merged === aligned ? one.slice(1) : one;
    return [a, b, c];
  });
}

/** The arrays without axes of length 1, and with neighbouring axes made one where each array has both or none. */
function mergedAxes(aligned: readonly (readonly number[])[]): number[][] {
  const merged = aligned.map((): number[] => []);
  let before = "";
  for (const axis of aligned[0].keys()) {
    const lengths = aligned.map((one) => one[axis]);
    if (lengths.every((n) => n === 1)) continue;
    const pattern = lengths.map((n) => (n === 1 ? "1" : "n")).join("");
    for (const [i, one] of merged.entries()) {
      if (pattern === before) one[one.length - 1] *= lengths[i];
      else one.push(lengths[i]);
    }
    before = pattern;
  }
  return merged;
}

function binary(conversion: Conversion, fn: BinaryName): readonly Activation[] {
  const [a, b] = allOperands(conversion);
  expectNode(b !== undefined, conversion.node, "two inputs", "one");
  return [affine(conversion, fn, a, b) ?? combined(conversion, fn, a, b)];
}

/** A node that meets two operands elementwise, of which one or both are activations. */
export function combined(
  conversion: Conversion,
  fn: BinaryName,
  first: Known,
  second: Known,
  name = resultName(conversion),
): Activation {
  const { node, draft } = conversion;
  const [a, b] = [first, second].map((operand) => firstImage(conversion, operand));
  const dims = broadcastDims(a.dims, b.dims, node);
  if (isActivation(a) && isActivation(b) && sameShape(a.dims, b.dims)) {
    const shape = draft.shapeOf(a.node);
    const inputs = [a.node, draft.shaped(b, shape)] as const;
    const made = fn === "add" ? ({ op: "add", inputs } as const) : ({ op: "binary", fn, inputs } as const);
    return { node: draft.add(name, made, shape), dims };
  }
  const shapes = meetingShapes(conversion, [a, b], dims);
  const [left, right] = [a, b].map((operand, i) => {
    if (isActivation(operand)) return draft.shaped(operand, shapes[i]);
    const value = draft.parameter(finite(conversion, operand), shapes[i]);
    return draft.add(`${name}.constant`, { op: "constant", value }, shapes[i]);
  });
  const [, , shape] = shapes;
  return { node: draft.add(name, { op: "binary", fn, inputs: [left, right] }, shape), dims };
}

/** A constant as a network may hold it: infinities, as masks have them, become the largest numbers. */
export function finite(conversion: Conversion, value: Value): Value {
  if (firstNonFinite(value.data) < 0) return value;
  if (value.data.some(Number.isNaN)) throw unsupported(conversion.node, "a constant that holds NaN");
  return map(conversion, value, (x) => Math.min(Math.max(x, -FLOAT32_MAX), FLOAT32_MAX));
}

/** A constant with the batch that stands in the file as the first image has it, if all images have the same. */
export function firstImage({ node, batch = 1, operands }: Conversion, operand: Known): Known {
  const { dims } = operand;
  const rank = Math.max(...operands.map((one) => one?.dims.length ?? 0));
  if (isActivation(operand) || batch === 1 || dims.length < rank || dims[0] !== batch) return operand;
  const { data } = operand;
  const length = data.length / batch;
  const same = data.every((value, i) => value === data[i % length]);
  if (!same) throw unsupported(node, `a constant that differs within the batch of ${batch}, which is read as 1`);
  return { ...operand, dims: dims.with(0, 1), data: data.subarray(0, length) };
}

/**
 * A sum or product with one constant a channel, straight behind a convolution or dense layer: y = gamma x + beta, a
 * batch norm, which the epilogue takes in. Several in a row become one. Null where it is something else.
 */
function affine(conversion: Conversion, fn: BinaryName, a: Known, b: Known): Activation | null {
  const { draft, node } = conversion;
  const [x, constant] = isActivation(a) ? [a, b] : [b, a];
  if (fn === "prelu" || !isActivation(x) || isActivation(constant) || firstNonFinite(constant.data) >= 0) return null;
  const turned = behindProduct(conversion, fn, x, constant);
  if (turned) return turned;
  const before = draft.get(x.node);
  const first = x === a;
  if (!["conv", "dense", "batchNorm"].includes(before.op) || !draft.isAlone(x.node)) return null;
  const dims = broadcastDims(a.dims, b.dims, node);
  const shape = draft.shapeOf(x.node);
  const [channels] = shape;
  const value = elements(dims) === elements(shape) ? perChannel(constant, dims, channels) : null;
  if (!value || (fn === "div" && !first)) return null;
  const sign = fn === "sub" && !first ? -1 : 1;
  const factor = (c: number): number => (fn === "mul" ? value(c) : fn === "div" ? 1 / value(c) : sign);
  const addend = (c: number): number => (fn === "add" ? value(c) : fn === "sub" ? -sign * value(c) : 0);
  const list = (of: (c: number) => number): Tensor => draft.filled([channels], of);
  const norm = before.op === "batchNorm" ? before : null;
  const gamma = list((c) => (norm?.gamma.data[c] ?? 1) * factor(c));
  const beta = list((c) => (norm?.beta.data[c] ?? 0) * factor(c) + addend(c));
  // a division by 0, say, is no batch norm
  if (firstNonFinite(gamma.data) >= 0 || firstNonFinite(beta.data) >= 0) return null;
  if (norm) {
    draft.replace({ ...norm, gamma, beta });
    return { node: norm.name, dims };
  }
  const still = { mean: list(() => 0), variance: list(() => 1), epsilon: 0, momentum: 0 };
  return added(conversion, { op: "batchNorm", input: x.node, gamma, beta, ...still }, shape, dims);
}

/**
 * A constant that is added to each feature of tokens, straight behind their dense layer: a convolution that a permute turns
 * back, which takes it as its bias. Null where it is something else.
 */
function behindProduct(conversion: Conversion, fn: BinaryName, x: Activation, constant: Value): Activation | null {
  const { draft } = conversion;
  const back = draft.get(x.node);
  if (fn !== "add" || back.op !== "permute" || !draft.isAlone(x.node) || x.dims.length < constant.dims.length)
    return null;
  const conv = draft.get(back.input);
  const outputs = x.dims.at(-1);
  const isProduct = conv.op === "conv" && conv.bias === null && sameShape(back.dims, draft.shapeOf(conv.name));
  if (!isProduct || conv.weight.shape[0] !== outputs || !sameShape(back.order, [1, 0, 2]) || back.dims[2] !== 1)
    return null;
  const perFeature = constant.data.length === outputs && constant.dims.at(-1) === outputs;
  if (!perFeature && constant.data.length !== 1) return null;
  draft.replace({ ...conv, bias: draft.filled([outputs], (i) => constant.data[perFeature ? i : 0]) });
  return x;
}

/**
 * A constant's value for each channel if it has one; null if it differs within a channel. Channels are the first axis of `dims`
 * that is longer than 1: axis 1 of (1, c, h, w), axis 2 of the one token (1, 1, c).
 */
function perChannel({ data, dims: own }: Value, dims: readonly number[], channels: number) {
  if (data.length === 1) return () => data[0];
  const missing = dims.length - own.length;
  const axis = dims.findIndex((n) => n !== 1);
  const alone = own.every((n, i) => n === 1 || i + missing === axis);
  return alone && dims[axis] === channels && data.length === channels ? (c: number) => data[c] : null;
}

export const BINARY: Operators = {
  Add: arithmetic("add"),
  Div: arithmetic("div"),
  Max: variadic(Math.max, (conversion, a, b) => extreme(conversion, "max", a, b)),
  Mean: variadic(
    (x, y) => x + y,
    (conversion, a, b) => combined(conversion, "add", a, b),
    {
      evaluate: (call, sum) => map(call, sum, (x) => x / call.operands.length),
      convert: (conversion, sum) =>
        combined(conversion, "div", sum, toValue("float32", [], [conversion.operands.length])),
    },
  ),
  Min: variadic(Math.min, (conversion, a, b) => extreme(conversion, "min", a, b)),
  // of integers the result has the sign of the divisor
  Mod: withNumber("mod", { fmod: int(0) }, (call) =>
    call.attributes.fmod !== 0 ? (x, y) => x % y : (x, y) => x - y * Math.floor(x / y),
  ),
  Mul: arithmetic("mul"),
  Neg: operator(
    {},
    {
      evaluate: (call) => [map(call, required(call, 0), (x) => -x)],
      convert(conversion) {
        const [x, minus] = [onlyActivation(conversion), toValue("float32", [], [-1])];
        return [affine(conversion, "mul", x, minus) ?? combined(conversion, "mul", x, minus)];
      },
    },
  ),
  PRelu: arithmetic("prelu"),
  Pow: withNumber("pow", {}, () => power),
  Sub: arithmetic("sub"),
  Sum: variadic(
    (x, y) => x + y,
    (conversion, a, b) => combined(conversion, "add", a, b),
  ),
};
