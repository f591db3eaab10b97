// binary.ts: functions of two or more elements at the same place, operands repeated as numpy does.
import {
  type BatchNormNode,
  type BinaryName,
  binaryOf,
  elements,
  type Shape,
  sameShape,
  type Tensor,
} from "../../ops/index.js";
import { type Activation, isActivation, type Known, shapeFor } from "../draft.js";
import { isFloatType, type Value } from "../tensor.js";
import { broadcastDims, zip } from "./arrays.js";
import { added, allOperands, type Conversion, expectNode, required, resultName, unsupported } from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";

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

function compare(f: (x: number, y: number) => boolean): Operator {
  return operator(
    {},
    { evaluate: (call) => [zip(call, "bool", [required(call, 0), required(call, 1)], (x, y) => Number(f(x, y)))] },
  );
}

function variadic(f: (x: number, y: number) => number): Operator {
  return operator(
    {},
    {
      evaluate(call) {
        const values = call.operands.map((_, i) => required(call, i));
        return [values.reduce((a, b) => zip(call, a.type, [a, b], (x, y) => f(x, y)))];
      },
    },
  );
}

/** Two operands of at most four dimensions as shapes that meet; the batch is left out. */
function meetingShapes(conversion: Conversion, dims: readonly (readonly number[])[]): Shape[] {
  const rank = Math.max(...dims.map((one) => one.length), 2);
  const aligned = dims.map((one) => [...new Array<number>(rank - one.length).fill(1), ...one]);
  const batch = aligned.every((one) => one[0] === 1);
  if (rank > 4 || (rank === 4 && !batch)) throw unsupported(conversion.node, `shapes ${dims.map((d) => d.join("x"))}`);
  return aligned.map((one) => {
    const [a = 1, b = 1, c = 1] = batch ? one.slice(1) : one;
    return [a, b, c];
  });
}

function binary(conversion: Conversion, fn: BinaryName): readonly Activation[] {
  const { node, draft } = conversion;
  const [a, b] = allOperands(conversion);
  expectNode(b !== undefined, node, "two inputs", "one");
  const dims = broadcastDims(a.dims, b.dims, node);
  if (isActivation(a) && isActivation(b) && sameShape(a.dims, b.dims)) {
    const shape = draft.shapeOf(a.node);
    const inputs = [a.node, draft.shaped(b, shape)] as const;
    const made = fn === "add" ? ({ op: "add", inputs } as const) : ({ op: "binary", fn, inputs } as const);
    return [added(conversion, made, shape, dims)];
  }
  const folded = affine(conversion, fn, a, b, dims);
  if (folded) return [folded];
  const shapes = meetingShapes(conversion, [a.dims, b.dims]);
  const [left, right] = [a, b].map((operand, i) => {
    if (isActivation(operand)) return draft.shaped(operand, shapes[i]);
    const value = draft.parameter(operand, shapes[i]);
    return draft.add(`${resultName(conversion)}.constant`, { op: "constant", value }, shapes[i]);
  });
  const [shape] = meetingShapes(conversion, [dims]);
  return [added(conversion, { op: "binary", fn, inputs: [left, right] }, shape, dims)];
}

/**
 * A sum or product with one constant a channel, straight behind a convolution or dense layer: y = gamma x + beta, a
 * batch norm, which the epilogue takes in. Several in a row become one. Null where it is something else.
 */
function affine(
  conversion: Conversion,
  fn: BinaryName,
  a: Known,
  b: Known,
  dims: readonly number[],
): Activation | null {
  const { draft, node } = conversion;
  const [x, constant] = isActivation(a) ? [a, b] : [b, a];
  if (fn === "prelu" || !isActivation(x) || isActivation(constant)) return null;
  const before = draft.get(x.node);
  const first = x === a;
  if (!["conv", "dense", "batchNorm"].includes(before.op) || draft.readers(node.inputs[first ? 0 : 1]) > 1) return null;
  const shape = draft.shapeOf(x.node);
  const [channels] = shape;
  const value = perChannel(constant, dims, channels);
  if (!value || !sameShape(shapeFor(dims), shape) || (fn === "div" && !first)) return null;
  const sign = fn === "sub" && !first ? -1 : 1;
  const factor = (c: number): number => (fn === "mul" ? value(c) : fn === "div" ? 1 / value(c) : sign);
  const addend = (c: number): number => (fn === "add" ? value(c) : fn === "sub" ? -sign * value(c) : 0);
  const list = (of: (c: number) => number): Tensor => draft.filled([channels], of);
  if (before.op === "batchNorm") {
    const { gamma, beta } = before;
    const merged: BatchNormNode = {
      ...before,
      gamma: list((c) => gamma.data[c] * factor(c)),
      beta: list((c) => beta.data[c] * factor(c) + addend(c)),
    };
    draft.replace(merged);
    return { node: before.name, dims };
  }
  const still = { mean: list(() => 0), variance: list(() => 1), epsilon: 0, momentum: 0 };
  const norm = { op: "batchNorm", input: x.node, gamma: list(factor), beta: list(addend), ...still } as const;
  return added(conversion, norm, shape, dims);
}

/** A constant's value for each channel (axis 1 of `dims`) if it has one; null if it differs within a channel. */
function perChannel({ data, dims: own }: Value, dims: readonly number[], channels: number) {
  if (data.length === 1) return () => data[0];
  const missing = dims.length - own.length;
  const alone = own.every((n, i) => n === 1 || i + missing === 1);
  return alone && elements(own) === channels ? (c: number) => data[c] : null;
}

export const BINARY: Operators = {
  Add: arithmetic("add"),
  And: compare((x, y) => x !== 0 && y !== 0),
  Div: arithmetic("div"),
  Equal: compare((x, y) => x === y),
  Greater: compare((x, y) => x > y),
  GreaterOrEqual: compare((x, y) => x >= y),
  Less: compare((x, y) => x < y),
  Max: variadic(Math.max),
  Min: variadic(Math.min),
  Mul: arithmetic("mul"),
  PRelu: arithmetic("prelu"),
  Sub: arithmetic("sub"),
  Where: operator(
    {},
    {
      evaluate(call) {
        const [condition, a, b] = [0, 1, 2].map((i) => required(call, i));
        return [zip(call, a.type, [condition, a, b], (yes, x, y) => (yes ? x : y))];
      },
    },
  ),
};
