// arrays.ts: walking through arrays of any rank: broadcasting, and results picked element by element.
import { elements, simplifiedOrder, stridesOf } from "../../ops/index.js";
import type { OnnxNode } from "../model.js";
import type { ElementType, Value } from "../tensor.js";
import { type Bare, expectNode, make } from "./call.js";

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
  call: Bare,
  type: ElementType,
  operands: readonly Value[],
  f: (...numbers: number[]) => number,
): Value {
  const dims = operands.map((operand) => operand.dims).reduce((a, b) => broadcastDims(a, b, call.node));
  const result = make(call, type, dims);
  const columns = operands.map((operand) => {
    if (elements(operand.dims) === result.data.length) return operand.data;
    call.budget.spend(result.data.length);
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
export function map(call: Bare, value: Value, f: (x: number) => number): Value {
  const y = make(call, value.type, value.dims);
  for (let i = 0; i < y.data.length; i++) y.data[i] = f(value.data[i]);
  return y;
}

/** Evenly spaced indices along an axis: start, start + step, and so on. */
export interface Run {
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/** The indices picked along one axis, in their order; -1 in a list where there is no element to pick. */
export type Indices = Run | readonly number[];

/** All indices of an axis. */
export function whole(length: number): Run {
  return { start: 0, step: 1, length };
}

/** The indices as a run, if they are one. */
export function runOf(indices: Indices): Run | null {
  if ("start" in indices) return indices;
  const { length } = indices;
  const [start = 0] = indices;
  const step = length > 1 ? indices[1] - start : 1;
  return start >= 0 && indices.every((n, i) => n >= 0 && n === start + i * step) ? { start, step, length } : null;
}

/** The indices one by one. */
export function listOf({ budget }: Bare, indices: Indices): readonly number[] {
  if (!("start" in indices)) return indices;
  const { start, step, length } = indices;
  budget.spend(2 * length);
  const list = new Array<number>(length);
  for (let i = 0; i < length; i++) list[i] = start + i * step;
  return list;
}

/** The elements that `indices` pick along each axis; `fill` where an index is -1. */
export function pick(call: Bare, value: Value, indices: readonly Indices[], fill = 0): Value {
  const strides = stridesOf(value.dims);
  const dims = indices.map(({ length }) => length);
  const result = make(call, value.type, dims);
  if (result.data.length === 0) return result;
  // where each index leads; NaN where nothing is picked
  const places = indices.map((axis, k) => {
    call.budget.spend(axis.length);
    const list = new Float64Array(axis.length);
    const place = (index: number): number => (index < 0 ? NaN : index * strides[k]);
    if ("start" in axis) for (let i = 0; i < list.length; i++) list[i] = place(axis.start + i * axis.step);
    else for (let i = 0; i < list.length; i++) list[i] = place(axis[i]);
    return list;
  });
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

/** Rows and columns of the blocks in which a matrix is turned, so that both lie in the cache. */
const BLOCK = [64, 8] as const;

/** Writes a matrix to another with rows and columns in each other's place. */
function turn(from: Value["data"], to: Value["data"], rows: number, columns: number): void {
  const [tall, wide] = BLOCK;
  for (let top = 0; top < rows; top += tall) {
    for (let left = 0; left < columns; left += wide) {
      const [bottom, right] = [Math.min(top + tall, rows), Math.min(left + wide, columns)];
      for (let column = left; column < right; column++) {
        for (let row = top; row < bottom; row++) {
          to[column * rows + row] = from[row * columns + column];
        }
      }
    }
  }
}

/** The array with its axes in another order: axis i of the result is axis order[i]. */
export function transposed(call: Bare, value: Value, order: readonly number[]): Value {
  const strides = stridesOf(value.dims);
  const dims = order.map((axis) => value.dims[axis]);
  const result = make(call, value.type, dims);
  const { lengths, places } = simplifiedOrder(value.dims, order);
  if (places.length === 2) {
    turn(value.data, result.data, lengths[0], lengths[1]);
    return result;
  }
  const [length, step] = [dims.at(-1) ?? 1, strides[order.at(-1) ?? 0] ?? 1];
  const outer = order.slice(0, -1).map((axis) => strides[axis]);
  walk(dims.slice(0, -1), outer, (i, at) => {
    for (let k = 0; k < length; k++) result.data[i * length + k] = value.data[at + k * step];
  });
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
