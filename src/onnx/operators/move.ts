// move.ts: operators that move elements: transpose, slice, split, concatenate, pad, depth to space.
import type { OnnxNode } from "../model.js";
import type { Value } from "../tensor.js";
import { type Indices, pick, range, transposed, whole } from "./arrays.js";
import {
  axesOf,
  axisOf,
  type Call,
  checkAxis,
  expectNode,
  integersOf,
  make,
  type Operator,
  optional,
  required,
  unsupported,
} from "./call.js";

/** The order of axes that Transpose asks for: reversed where it names none. */
export function permutationOf(node: OnnxNode, rank: number): number[] {
  const order = node.attributes.has("perm") ? [...node.attributes.ints("perm", [])] : range(rank).reverse();
  const ok = order.length === rank && range(rank).every((axis) => order.includes(axis));
  expectNode(ok, node, `the axes 0..${rank - 1}`, order, "perm");
  return order;
}

/** For every axis the indices that Slice keeps, in its order. */
export function sliceIndices(call: Call, dims: readonly number[]): Indices[] {
  const { node } = call;
  const starts = integersOf(call, "starts", 1) ?? [];
  const ends = integersOf(call, "ends", 2) ?? [];
  const axes = axesOf(node, integersOf(call, "axes", 3) ?? range(starts.length), dims.length);
  const steps = optional(call, 4) ? [...required(call, 4).data] : starts.map(() => 1);
  const same = [ends, axes, steps].every((list) => list.length === starts.length);
  expectNode(same, node, `${starts.length} ends, axes and steps`, [ends.length, axes.length, steps.length]);
  const indices: Indices[] = dims.map(whole);
  for (const [i, axis] of axes.entries()) {
    const [size, step] = [dims[axis], steps[i]];
    expectNode(Number.isInteger(step) && step !== 0, node, "steps other than 0", step, "steps");
    const hold = (place: number, low: number, high: number): number =>
      Math.min(Math.max(place < 0 ? place + size : place, low), high);
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const [start, end] = [hold(starts[i], step > 0 ? 0 : -1, high), hold(ends[i], low, high)];
    const count = Math.max(0, Math.ceil((end - start) / step));
    indices[axis] = { start, step, length: count };
  }
  return indices;
}

/** Sizes of the parts that Split makes along its axis. */
export function splitSizes(call: Call, size: number): number[] {
  const { node } = call;
  const given = integersOf(call, "split", 1);
  if (given) {
    const { length } = node.outputs;
    expectNode(given.length === length, node, `${length} sizes, one an output`, given.length, "split");
    const ok = given.every((n) => Number.isInteger(n) && n >= 0) && given.reduce((a, b) => a + b, 0) === size;
    expectNode(ok, node, `parts that add up to ${size}`, given, "split");
    return [...given];
  }
  const count = node.attributes.int("num_outputs", node.outputs.length);
  expectNode(count >= 1 && count <= node.outputs.length, node, `1..${node.outputs.length} parts`, count, "num_outputs");
  const part = Math.ceil(size / count);
  return range(count).map((i) => Math.max(0, Math.min(part, size - i * part)));
}

/** What Pad puts before and behind every axis; negative where it cuts off. */
export function padWidths(call: Call, dims: readonly number[]): (readonly [before: number, behind: number])[] {
  const { node } = call;
  const pads = integersOf(call, "pads", 1) ?? [];
  const axes = axesOf(node, optional(call, 3) ? [...required(call, 3).data] : range(dims.length), dims.length);
  expectNode(pads.length === 2 * axes.length, node, `${2 * axes.length} integers`, pads, "pads");
  const widths = dims.map((): readonly [number, number] => [0, 0]);
  for (const [i, axis] of axes.entries()) {
    const [before, behind, size] = [pads[i], pads[axes.length + i], dims[axis]];
    const ok = Number.isInteger(before) && Number.isInteger(behind);
    expectNode(ok && size + before + behind >= 0, node, "pads that leave a size", [before, behind], "pads");
    checkAxis(node, size + Math.max(before, 0) + Math.max(behind, 0), "pads");
    widths[axis] = [before, behind];
  }
  return widths;
}

/** The index of an axis of `size` that stands for one outside it, by Pad's mode. */
const OUTSIDE: Readonly<Record<string, (at: number, size: number) => number>> = {
  constant: () => -1,
  edge: (at, size) => (at < 0 ? 0 : size - 1),
  wrap: (at, size) => ((at % size) + size) % size,
  reflect(at, size) {
    if (size === 1) return 0;
    const period = 2 * (size - 1);
    const place = ((at % period) + period) % period;
    return place < size ? place : period - place;
  },
};

/** For every axis the indices that Pad takes elements from; -1 where it fills in its constant. */
export function padIndices(call: Call, dims: readonly number[]): Indices[] {
  const { node, budget } = call;
  const mode = node.attributes.string("mode", "constant");
  if (!Object.hasOwn(OUTSIDE, mode)) throw unsupported(node, `mode ${mode}`);
  return padWidths(call, dims).map(([before, behind], axis) => {
    const size = dims[axis];
    const length = size + before + behind;
    if (before <= 0 && behind <= 0) return { start: 0 - before, step: 1, length };
    expectNode(mode === "constant" || size > 0, node, "elements to repeat", size, "pads");
    budget.spend(2 * length);
    const list = new Array<number>(length);
    for (let i = 0; i < length; i++) {
      const at = i - before;
      list[i] = at >= 0 && at < size ? at : OUTSIDE[mode](at, size);
    }
    return list;
  });
}

/** What Pad fills in: an attribute before version 11, an input since. */
export function padValue(call: Call): number {
  return optional(call, 2)?.data[0] ?? call.node.attributes.float("value", 0);
}

/** Axes and their order between (batch, channels, height, width) and that of DepthToSpace or SpaceToDepth. */
export function blockMoves(
  node: OnnxNode,
  dims: readonly number[],
): { dims: number[]; order: number[]; result: number[] } {
  expectNode(dims.length === 4, node, "4 dimensions", dims);
  const [n, c, h, w] = dims;
  const b = node.attributes.int("blocksize", 0);
  expectNode(Number.isInteger(b) && b >= 1, node, "a size of 1 or more", b, "blocksize");
  if (node.op === "SpaceToDepth") {
    expectNode(h % b === 0 && w % b === 0, node, `multiples of ${b}`, [h, w]);
    return { dims: [n, c, h / b, b, w / b, b], order: [0, 3, 5, 1, 2, 4], result: [n, c * b * b, h / b, w / b] };
  }
  expectNode(c % (b * b) === 0, node, `a multiple of ${b * b} channels`, c);
  const result = [n, c / (b * b), h * b, w * b];
  const mode = node.attributes.string("mode", "DCR");
  if (mode === "DCR") return { dims: [n, b, b, c / (b * b), h, w], order: [0, 3, 4, 1, 5, 2], result };
  if (mode === "CRD") return { dims: [n, c / (b * b), b, b, h, w], order: [0, 1, 4, 2, 5, 3], result };
  throw unsupported(node, `mode ${mode}`);
}

const moveBlocks: Operator = (call) => {
  const x = required(call, 0);
  const { dims, order, result } = blockMoves(call.node, x.dims);
  return [{ ...transposed(call, { ...x, dims }, order), dims: result }];
};

const concat: Operator = (call) => {
  const { node } = call;
  const parts = call.inputs.map((_, i) => required(call, i));
  const [first] = parts;
  expectNode(first !== undefined, node, "at least one input", 0);
  expectNode(node.attributes.has("axis"), node, "an axis", "none", "axis");
  const axis = axisOf(node, node.attributes.int("axis", 0), first.dims.length);
  for (const part of parts) {
    const fits = part.dims.length === first.dims.length && part.dims.every((n, i) => i === axis || n === first.dims[i]);
    expectNode(fits, node, `shapes like ${first.dims.join("x")} but for axis ${axis}`, part.dims);
  }
  const dims = first.dims.map((n, i) => (i === axis ? parts.reduce((sum, part) => sum + part.dims[i], 0) : n));
  const y = make(call, first.type, dims);
  const outer = first.dims.slice(0, axis).reduce((a, b) => a * b, 1);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const { data } of parts) {
      const length = data.length / outer;
      y.data.set(data.subarray(o * length, (o + 1) * length), at);
      at += length;
    }
  }
  return [y];
};

export const MOVES: Readonly<Record<string, Operator>> = {
  Concat: concat,
  DepthToSpace: moveBlocks,
  Pad: (call) => {
    const x = required(call, 0);
    return [pick(call, x, padIndices(call, x.dims), padValue(call))];
  },
  Slice: (call) => {
    const x = required(call, 0);
    return [pick(call, x, sliceIndices(call, x.dims))];
  },
  SpaceToDepth: moveBlocks,
  Split: (call) => {
    const x = required(call, 0);
    const axis = axisOf(call.node, call.node.attributes.int("axis", 0), x.dims.length);
    let start = 0;
    return splitSizes(call, x.dims[axis]).map((size): Value => {
      const part = { start, step: 1, length: size };
      start += size;
      return pick(call, x, x.dims.map(whole).with(axis, part));
    });
  },
  Transpose: (call) => {
    const x = required(call, 0);
    return [transposed(call, x, permutationOf(call.node, x.dims.length))];
  },
};
