// reduce.ts: sums, means and maxima along axes, and softmax.
import { elements, exp, log, type Shape, sameShape, softmax as softmaxOf } from "../../ops/index.js";
import { type Activation, shapeFor } from "../draft.js";
import { toValue } from "../tensor.js";
import { largest, range, sum, transposed } from "./arrays.js";
import { combined } from "./binary.js";
import {
  added,
  axesOf,
  axisOf,
  type Call,
  type Conversion,
  expectNode,
  make,
  onlyActivation,
  required,
  resultName,
  unsupported,
} from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { wholePool } from "./pool.js";
import { flag, int, ints, type ValuesOf } from "./spec.js";
import { inSteps, type ShortStep, stepped } from "./steps.js";

const REDUCE = { axes: ints({ input: 1 }), keepdims: flag(true), noop_with_empty_axes: flag(false) };
type ReduceCall = Call<ValuesOf<typeof REDUCE>>;

/** The axes that a reduction takes away, all where none are named; those that stay; and the dimensions of the result. */
function reduction({ node, attributes }: ReduceCall, dims: readonly number[]) {
  const { axes: named, keepdims, noop_with_empty_axes } = attributes;
  const all = range(dims.length);
  const axes = named && named.length > 0 ? axesOf(node, named, dims.length) : noop_with_empty_axes ? [] : all;
  const result = dims.flatMap((n, i) => (axes.includes(i) ? (keepdims ? [1] : []) : [n]));
  return { axes, stay: all.filter((axis) => !axes.includes(axis)), result };
}

function reduce(
  f: (line: ArrayLike<number>) => number,
  convert?: (conversion: Conversion & ReduceCall) => readonly Activation[],
): Operator {
  return operator(REDUCE, {
    evaluate(call) {
      const x = required(call, 0);
      const { axes, stay, result } = reduction(call, x.dims);
      const y = make(call, x.type, result);
      const lines = transposed(call, x, [...stay, ...axes]);
      const length = elements(axes.map((axis) => x.dims[axis]));
      for (let i = 0; i < y.data.length; i++) y.data[i] = f(lines.data.subarray(i * length, (i + 1) * length));
      return [y];
    },
    ...(convert && { convert }),
  });
}

/** Function of a line of values that a reduction computes. */
type Kind = "mean" | "max";

/** The axes of a reduction: those that go, those that stay, and the dimensions of the result. */
export interface Reduction {
  readonly axes: readonly number[];
  readonly stay: readonly number[];
  readonly result: readonly number[];
}

/** A reduction along axes of an array, which become axes of length 1. */
export function along(dims: readonly number[], axes: readonly number[]): Reduction {
  const stay = range(dims.length).filter((axis) => !axes.includes(axis));
  return { axes, stay, result: dims.map((n, i) => (axes.includes(i) ? 1 : n)) };
}

/** Reduces any axes: those that stay are brought to the front, and every row of the rest becomes its mean or its maximum. */
export function reduced(
  conversion: Conversion,
  kind: Kind,
  x: Activation,
  { axes, stay, result }: Reduction,
  name = resultName(conversion),
): Activation {
  const { node, draft } = conversion;
  const order = [...stay, ...axes.toSorted((a, b) => a - b)];
  const kept = elements(stay.map((axis) => x.dims[axis]));
  const inOrder = order.every((axis, i) => axis === i);
  const flat: Shape = [kept, elements(x.dims) / kept, 1];
  const usual = sameShape(stay, [0, 1]) && x.dims[0] === 1 ? shapeFor(x.dims) : flat;
  if (order.length > 8) throw unsupported(node, `${order.length} dimensions`);
  const lines = { op: "permute", input: x.node, dims: x.dims, order, shape: flat } as const;
  const input = inOrder ? draft.shaped(x, usual) : draft.add(`${name}.lines`, lines, flat);
  const pool = wholePool(input, draft.shapeOf(input), kind === "mean");
  return { node: draft.add(name, pool, [kept, 1, 1]), dims: result };
}

/** A reduction put together from others; `x` is the one input, and names are made for what stands in between. */
interface Parts {
  /** Steps on every element. */
  steps(x: Activation, ...steps: readonly ShortStep[]): Activation;
  mean(x: Activation): Activation;
  sum(x: Activation): Activation;
  max(x: Activation): Activation;
  /** x - y, with y repeated along the axes that it lost. */
  less(x: Activation, y: Activation): Activation;
  plus(x: Activation, y: Activation): Activation;
}

function partsOf(conversion: Conversion, dims: readonly number[], reduction: Reduction): Parts {
  const name = `${resultName(conversion)}.part`;
  const count = elements(reduction.axes.map((axis) => dims[axis]));
  const mean = (x: Activation): Activation => reduced(conversion, "mean", x, reduction, name);
  return {
    steps: (x, ...steps) => stepped(conversion, x, inSteps(...steps), name),
    mean,
    sum: (x) => combined(conversion, "mul", mean(x), toValue("float32", [], [count]), name),
    max: (x) => reduced(conversion, "max", x, reduction, name),
    less: (x, y) => combined(conversion, "sub", x, y, name),
    plus: (x, y) => combined(conversion, "add", x, y, name),
  };
}

/** A reduction whose result is made of parts that keep the axes, which go at the end. */
function composed(f: (line: ArrayLike<number>) => number, make: (parts: Parts, x: Activation) => Activation): Operator {
  return reduce(f, (conversion) => {
    const x = onlyActivation(conversion);
    const { axes, result } = reduction(conversion, x.dims);
    const kept = along(x.dims, axes);
    const { node } = make(partsOf(conversion, x.dims, kept), x);
    return [{ node, dims: result }];
  });
}

/** ln sum exp x = m + ln sum exp(x - m), m the largest x. */
function logSumExp(parts: Parts, x: Activation): Activation {
  const most = parts.max(x);
  const sum = parts.sum(parts.steps(parts.less(x, most), ["exp", [0]]));
  return parts.plus(parts.steps(sum, ["log", [0]]), most);
}

/** ln softmax x = x - ln sum exp x. */
function logSoftmax(axis: number, axesFor: (rank: number, axis: number) => readonly number[]): Operator {
  const axesOfCall = ({ node, attributes }: Call<{ axis: number }>, { length }: readonly number[]) =>
    axesFor(length, axisOf(node, attributes.axis, Math.max(length, 1)));
  return operator(
    { axis: int(axis) },
    {
      evaluate(call) {
        const x = required(call, 0);
        const { axes, stay } = along(x.dims, axesOfCall(call, x.dims));
        const lines = transposed(call, x, [...stay, ...axes]);
        const length = elements(axes.map((one) => x.dims[one]));
        for (let i = 0; i < lines.data.length; i += length) {
          const line = lines.data.subarray(i, i + length);
          const most = largest(line);
          const total = log(sum(Array.from(line, (value) => exp(value - most))));
          for (let k = 0; k < length; k++) line[k] -= most + total;
        }
        const back = [...stay, ...axes];
        return [
          transposed(
            call,
            lines,
            range(x.dims.length).map((one) => back.indexOf(one)),
          ),
        ];
      },
      convert(conversion) {
        if (conversion.logits && conversion.last) return [onlyActivation(conversion)];
        const x = onlyActivation(conversion);
        const reduction = along(x.dims, axesOfCall(conversion, x.dims));
        const total = logSumExp(partsOf(conversion, x.dims, reduction), x);
        return [combined(conversion, "sub", x, total)];
      },
    },
  );
}

/** The numbers of elements before, along and behind an axis. */
type Lines = readonly [outer: number, length: number, inner: number];

/** @param axis where none is named. @param lines how an axis divides the elements */
function softmax(axis: number, lines: (dims: readonly number[], axis: number) => Lines): Operator {
  const linesOf = ({ node, attributes }: Call<{ axis: number }>, dims: readonly number[]): Lines =>
    lines(dims, axisOf(node, attributes.axis, Math.max(dims.length, 1)));
  return operator(
    { axis: int(axis) },
    {
      evaluate(call) {
        const x = required(call, 0);
        const [outer, length, inner] = linesOf(call, x.dims);
        const y = make(call, x.type, x.dims);
        call.budget.spend(length);
        const line = new Float64Array(length);
        for (let o = 0; o < outer; o++) {
          for (let i = 0; i < inner; i++) {
            const place = (k: number): number => (o * length + k) * inner + i;
            for (let k = 0; k < length; k++) line[k] = x.data[place(k)];
            softmaxOf(line);
            for (let k = 0; k < length; k++) y.data[place(k)] = line[k];
          }
        }
        return [y];
      },
      convert(conversion) {
        const { node, draft, logits, last } = conversion;
        const x = onlyActivation(conversion);
        if (logits && last) return [x];
        const [outer, length, inner] = linesOf(conversion, x.dims);
        expectNode(length >= 1, node, "an axis of length 1 or more", length, "axis");
        const own = draft.shapeOf(x.node);
        // the whole tensor as one line, or one line for each place, needs no other shape
        const alone = outer === 1 && own[0] === length && own[1] * own[2] === inner;
        const shape: Shape = alone ? own : [outer, length, inner];
        const made = { op: "softmax", input: draft.shaped(x, shape), axis: alone ? 0 : 1 } as const;
        return [added(conversion, made, shape, x.dims)];
      },
    },
  );
}

export const REDUCTIONS: Operators = {
  LogSoftmax: {
    versions: {
      // all axes from `axis` on were one line
      1: logSoftmax(1, (rank, axis) => range(rank).slice(axis)),
      13: logSoftmax(-1, (_, axis) => [axis]),
    },
  },
  ReduceL1: composed(
    (line) => sum(Array.from(line, Math.abs)),
    (parts, x) => parts.sum(parts.steps(x, ["abs", [0]])),
  ),
  ReduceL2: composed(
    (line) => Math.sqrt(sum(Array.from(line, (x) => x * x))),
    (parts, x) => parts.steps(parts.sum(parts.steps(x, ["mul", [0, 0]])), ["sqrt", [0]]),
  ),
  ReduceLogSum: composed(
    (line) => log(sum(line)),
    (parts, x) => parts.steps(parts.sum(x), ["log", [0]]),
  ),
  ReduceLogSumExp: composed((line) => {
    const most = largest(line);
    return most + log(sum(Array.from(line, (x) => exp(x - most))));
  }, logSumExp),
  ReduceMax: reduce(largest, (conversion) => {
    const x = onlyActivation(conversion);
    return [reduced(conversion, "max", x, reduction(conversion, x.dims))];
  }),
  ReduceMean: reduce(
    (line) => sum(line) / line.length,
    (conversion) => {
      const x = onlyActivation(conversion);
      return [reduced(conversion, "mean", x, reduction(conversion, x.dims))];
    },
  ),
  ReduceMin: composed(
    (line) => -largest(Array.from(line, (x) => -x)),
    (parts, x) => {
      const minus: readonly ShortStep[] = [
        ["constant", [], 0],
        ["sub", [1, 0]],
      ];
      return parts.steps(parts.max(parts.steps(x, ...minus)), ...minus);
    },
  ),
  ReduceProd: reduce((line) => Array.from(line).reduce((before, x) => before * x, 1)),
  ReduceSum: composed(sum, (parts, x) => parts.sum(x)),
  ReduceSumSquare: composed(
    (line) => sum(Array.from(line, (x) => x * x)),
    (parts, x) => parts.sum(parts.steps(x, ["mul", [0, 0]])),
  ),
  Softmax: {
    versions: {
      // all axes from `axis` on were one line
      1: softmax(1, (dims, axis) => [elements(dims.slice(0, axis)), elements(dims.slice(axis)), 1]),
      13: softmax(-1, (dims, axis) => {
        return [elements(dims.slice(0, axis)), dims[axis] ?? 1, elements(dims.slice(axis + 1))];
      }),
    },
  },
};
