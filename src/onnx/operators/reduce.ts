// reduce.ts: sums, means and maxima along axes, and softmax.
import { elements, type Shape, sameShape, softmax as softmaxOf } from "../../ops/index.js";
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

/** Any axes: those that stay are brought to the front, then every row of the rest is averaged, or its maximum taken. */
function reduced(conversion: Conversion & ReduceCall, average: boolean): Activation {
  const { node, draft } = conversion;
  const x = onlyActivation(conversion);
  const { axes, stay, result } = reduction(conversion, x.dims);
  const order = [...stay, ...axes.toSorted((a, b) => a - b)];
  const kept = elements(stay.map((axis) => x.dims[axis]));
  const inOrder = order.every((axis, i) => axis === i);
  const flat: Shape = [kept, elements(x.dims) / kept, 1];
  const usual = sameShape(stay, [0, 1]) && x.dims[0] === 1 ? shapeFor(x.dims) : flat;
  if (order.length > 8) throw unsupported(node, `${order.length} dimensions`);
  const lines = { op: "permute", input: x.node, dims: x.dims, order, shape: flat } as const;
  const input = inOrder ? draft.shaped(x, usual) : draft.add(`${resultName(conversion)}.lines`, lines, flat);
  return added(conversion, wholePool(input, draft.shapeOf(input), average), [kept, 1, 1], result);
}

/** Outer, line and inner number of elements. */
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
  ReduceMax: reduce(largest, (conversion) => [reduced(conversion, false)]),
  ReduceMean: reduce(
    (line) => sum(line) / line.length,
    (conversion) => [reduced(conversion, true)],
  ),
  ReduceSum: reduce(sum, (conversion) => {
    const mean = reduced(conversion, true);
    const count = elements(onlyActivation(conversion).dims) / elements(mean.dims);
    return [combined(conversion, "mul", mean, toValue("float32", [], [count]))];
  }),
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
