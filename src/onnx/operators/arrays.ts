// arrays.ts: walking through arrays of any rank: broadcasting, and results picked element by element.
import { elements, stridesOf } from "../../ops/index.js";
import type { OnnxNode } from "../model.js";
import { createValue, type ElementType, type Value } from "../tensor.js";
import { expectNode } from "./call.js";

/** Dimensions of two arrays met elementwise (numpy's rules). */
export function broadcastDims(a: readonly number[], b: readonly number[], node: OnnxNode): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const n = a[a.length - rank + i] ?? 1;
    const m = b[b.length - rank + i] ?? 1;
    expectNode(n === m || n === 1 || m === 1, node, `shapes that meet: ${a.join("x")}`, b.join("x"));
    return n === 1 ? m : n;
  });
}

/** Calls `visit` with each place of an array and the place that `strides` give it in another. */
export function walk(
  dims: readonly number[],
  strides: readonly number[],
  visit: (i: number, at: number) => void,
): void {
  const count = elements(dims);
  const index = dims.map(() => 0);
  let at = 0;
  for (let i = 0; i < count; i++) {
    visit(i, at);
    for (let k = dims.length - 1; k >= 0; k--) {
      at += strides[k];
      if (++index[k] < dims[k]) break;
      at -= strides[k] * dims[k];
      index[k] = 0;
    }
  }
}

/** Distances by which an array of `dims` is walked along the axes of a larger one: 0 where it is repeated. */
export function broadcastStrides(dims: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(dims);
  return to.map((_, i) => {
    const k = dims.length - to.length + i;
    return k < 0 || dims[k] === 1 ? 0 : own[k];
  });
}

/** A value whose element i is f of the operands' elements there, operands repeated as needed. */
export function zip(
  node: OnnxNode,
  type: ElementType,
  operands: readonly Value[],
  f: (...numbers: number[]) => number,
): Value {
  const dims = operands.map((operand) => operand.dims).reduce((a, b) => broadcastDims(a, b, node));
  const result = createValue(type, dims, node.where);
  const columns = operands.map((operand) => {
    if (elements(operand.dims) === result.data.length) return operand.data;
    const column = new Float64Array(result.data.length);
    walk(dims, broadcastStrides(operand.dims, dims), (i, at) => {
      column[i] = operand.data[at];
    });
    return column;
  });
  const [a, b, c] = columns;
  for (let i = 0; i < result.data.length; i++) result.data[i] = f(a[i], b?.[i], c?.[i]);
  return result;
}

/** f of every element. */
export function map(value: Value, f: (x: number) => number): Value {
  const data = value.data.slice();
  for (let i = 0; i < data.length; i++) data[i] = f(data[i]);
  return { ...value, data };
}

/** The elements that `indices` pick along each axis; `fill` where an index is -1. */
export function pick(value: Value, indices: readonly (readonly number[])[], node: OnnxNode, fill = 0): Value {
  const strides = stridesOf(value.dims);
  const dims = indices.map((list) => list.length);
  const result = createValue(value.type, dims, node.where);
  const places = indices.map((list, axis) => list.map((index) => (index < 0 ? NaN : index * strides[axis])));
  const index = dims.map(() => 0);
  for (let i = 0; i < result.data.length; i++) {
    let at = 0;
    for (let k = 0; k < index.length; k++) at += places[k][index[k]];
    result.data[i] = Number.isNaN(at) ? fill : value.data[at];
    for (let k = index.length - 1; k >= 0; k--) {
      if (++index[k] < dims[k]) break;
      index[k] = 0;
    }
  }
  return result;
}

/** The array with its axes in another order: axis i of the result is axis order[i]. */
export function transposed(value: Value, order: readonly number[], node: OnnxNode): Value {
  const strides = stridesOf(value.dims);
  const dims = order.map((axis) => value.dims[axis]);
  const result = createValue(value.type, dims, node.where);
  walk(
    dims,
    order.map((axis) => strides[axis]),
    (i, at) => {
      result.data[i] = value.data[at];
    },
  );
  return result;
}

/** 0, 1, ... n - 1 */
export function range(n: number): number[] {
  return [...Array(n).keys()];
}

export function sum(numbers: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < numbers.length; i++) total += numbers[i];
  return total;
}

export function largest(numbers: ArrayLike<number>): number {
  let best = -Infinity;
  for (let i = 0; i < numbers.length; i++) best = Math.max(best, numbers[i]);
  return best;
}

/** The nearest integer, the even one of two. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}
