// reduce.ts: sums, means and maxima along axes, and softmax.
import { elements, softmax as softmaxOf } from "../../ops/index.js";
import { largest, range, sum, transposed } from "./arrays.js";
import { axesOf, axisOf, type Call, integersOf, make, type Operator, required } from "./call.js";

/** The axes that a reduction takes away: all where none are named, unless that is declared to mean none. */
export function reducedAxes(call: Call, rank: number): number[] {
  const named = integersOf(call, "axes", 1);
  if (named !== null && named.length > 0) return axesOf(call.node, named, rank);
  return call.node.attributes.int("noop_with_empty_axes", 0) !== 0 ? [] : range(rank);
}

/** Dimensions after a reduction. */
export function reducedDims(dims: readonly number[], axes: readonly number[], keep: boolean): number[] {
  return dims.flatMap((n, i) => (axes.includes(i) ? (keep ? [1] : []) : [n]));
}

const reduce =
  (f: (line: ArrayLike<number>) => number): Operator =>
  (call) => {
    const x = required(call, 0);
    const axes = reducedAxes(call, x.dims.length);
    const keep = call.node.attributes.int("keepdims", 1) !== 0;
    const y = make(call, x.type, reducedDims(x.dims, axes, keep));
    const order = [...range(x.dims.length).filter((axis) => !axes.includes(axis)), ...axes];
    const lines = transposed(call, x, order);
    const length = elements(axes.map((axis) => x.dims[axis]));
    for (let i = 0; i < y.data.length; i++) y.data[i] = f(lines.data.subarray(i * length, (i + 1) * length));
    return [y];
  };

/**
 * Before version 13 all axes from `axis` on (default 1) are one line; since then only `axis` itself (default -1).
 * @returns outer, line and inner number of elements
 */
export function softmaxLines({ node, opset }: Pick<Call, "node" | "opset">, dims: readonly number[]): number[] {
  const axis = axisOf(node, node.attributes.int("axis", opset < 13 ? 1 : -1), Math.max(dims.length, 1));
  const outer = elements(dims.slice(0, axis));
  if (opset < 13) return [outer, elements(dims.slice(axis)), 1];
  return [outer, dims[axis] ?? 1, elements(dims.slice(axis + 1))];
}

const softmax: Operator = (call) => {
  const x = required(call, 0);
  const [outer, length, inner] = softmaxLines(call, x.dims);
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
};

export const REDUCTIONS: Readonly<Record<string, Operator>> = {
  ReduceMax: reduce(largest),
  ReduceMean: reduce((line) => sum(line) / line.length),
  ReduceSum: reduce(sum),
  Softmax: softmax,
};
