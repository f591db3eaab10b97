// order.ts: operators that reorder or join whole axes: transpose, depth to space and back, concatenate.
import { elements, type Shape, simplifiedOrder } from "../../ops/index.js";
import { type Activation, isActivation, type Known, shapeFor } from "../draft.js";
import type { ElementType } from "../tensor.js";
import { range, transposed } from "./arrays.js";
import {
  added,
  allOperands,
  axisOf,
  type Call,
  type Conversion,
  expectNode,
  make,
  onlyActivation,
  required,
  resultName,
  shapeUnsupported,
} from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { choice, int, ints, type Specs, type ValuesOf } from "./spec.js";

/** The input read as an array of `dims`; axis i of it reordered is axis order[i]; `result` are its dimensions after. */
interface Reordering {
  readonly dims: readonly number[];
  readonly order: readonly number[];
  readonly result: readonly number[];
}

/** The elements of an operand in another order; no node where only axes of length 1 move. */
export function reordered(conversion: Conversion, x: Known, how: Reordering, name = resultName(conversion)): Known {
  const { dims, order, result } = how;
  if (!isActivation(x)) return { ...transposed(conversion, { ...x, dims }, order), dims: result };
  const { lengths, places } = simplifiedOrder(dims, order);
  if (places.length <= 1) return { ...x, dims: result };
  if (places.length > 8) throw shapeUnsupported(conversion.node, x.dims);
  const shape = groupedShape(result);
  const node = { op: "permute", input: x.node, dims: lengths, order: places, shape } as const;
  return { ...x, node: conversion.draft.add(name, node, shape), dims: result };
}

/** Three axes for a result of more: the first as it is, the others in two groups of about the same size, since lists along them are that long. */
function groupedShape(dims: readonly number[]): Shape {
  const [first, ...rest] = dims[0] === 1 ? dims.slice(1) : dims;
  if (rest.length < 3) return shapeFor(dims);
  const groups = range(rest.length - 1).map((i): Shape => {
    return [first, elements(rest.slice(0, i + 1)), elements(rest.slice(i + 1))];
  });
  return groups.reduce((best, one) => (Math.max(one[1], one[2]) < Math.max(best[1], best[2]) ? one : best));
}

function reordering<S extends Specs>(
  attributes: S,
  howOrdered: (call: Call<ValuesOf<S>>, dims: readonly number[]) => Reordering,
): Operator {
  return operator(attributes, {
    evaluate(call) {
      const x = required(call, 0);
      const { dims, order, result } = howOrdered(call, x.dims);
      return [{ ...transposed(call, { ...x, dims }, order), dims: result }];
    },
    convert(conversion) {
      const x = onlyActivation(conversion);
      return [reordered(conversion, x, howOrdered(conversion, x.dims))];
    },
    anyType: true,
    moves: true,
  });
}

/** The activation with its axes in another order: axis i of the result is axis order[i]. */
export function transposedActivation(conversion: Conversion, x: Activation, order: readonly number[], name: string) {
  const result = order.map((axis) => x.dims[axis]);
  return reordered(conversion, x, { dims: x.dims, order, result }, name) as Activation;
}

/** (batch, channels, height, width) and the side of a block. */
function blocks({ node, attributes }: Call<{ blocksize: number | null }>, dims: readonly number[]): number[] {
  expectNode(dims.length === 4, node, "4 dimensions", dims);
  const side = attributes.blocksize ?? 0;
  expectNode(Number.isInteger(side) && side >= 1, node, "a size of 1 or more", side, "blocksize");
  return [...dims, side];
}

const concat = operator(
  { axis: int(null) },
  {
    evaluate(call) {
      const parts = call.operands.map((_, i) => required(call, i));
      const { axis, dims } = joined(call, parts);
      const y = make(call, parts[0].type, dims);
      const outer = elements(dims.slice(0, axis));
      let at = 0;
      for (let o = 0; o < outer; o++) {
        for (const { data } of parts) {
          const length = data.length / outer;
          y.data.set(data.subarray(o * length, (o + 1) * length), at);
          at += length;
        }
      }
      return [y];
    },
    convert(conversion) {
      const all = allOperands(conversion);
      const { axis, dims } = joined(conversion, all);
      const parts = all.filter((part) => part.dims[axis] > 0);
      if (parts.length === 1) return parts;
      const outer = elements(dims.slice(0, axis));
      const inner = elements(dims.slice(axis + 1));
      // channels of planes as they are
      if (axis === 1 && dims[0] === 1)
        return [concatenated(conversion, parts, (n) => shapeFor(dims.with(1, n)), axis, dims)];
      if (outer === 1) return [concatenated(conversion, parts, (n) => [n, inner, 1], axis, dims)];
      return [concatenatedRows(conversion, parts, axis, dims)];
    },
    anyType: true,
    moves: true,
  },
);

/** The axis along which values are joined, and the dimensions of the result. */
function joined({ node, attributes }: Call<{ axis: number | null }>, parts: readonly Known[]) {
  expectNode(parts.length > 0, node, "at least one input", 0);
  expectNode(attributes.axis !== null, node, "an axis", "none", "axis");
  const [{ dims: first }] = parts;
  const axis = axisOf(node, attributes.axis, first.length);
  for (const { dims } of parts) {
    const fits = dims.length === first.length && dims.every((n, i) => i === axis || n === first[i]);
    expectNode(fits, node, `shapes like ${first.join("x")} but for axis ${axis}`, dims.join("x"));
  }
  return {
    axis,
    dims: first.with(
      axis,
      parts.reduce((sum, { dims }) => sum + dims[axis], 0),
    ),
  };
}

/** A part's elements as a tensor of this shape. */
function source(conversion: Conversion, part: Known, shape: Shape, index: number): string {
  const { draft } = conversion;
  if (isActivation(part)) return draft.shaped(part, shape);
  const constant = { op: "constant", value: draft.parameter(part, shape) } as const;
  return draft.add(`${resultName(conversion)}.constant${index}`, constant, shape);
}

/** The type of integers that are joined; undefined for floats, as constants beside them name theirs. */
const typeOf = (parts: readonly Known[]): ElementType | undefined => parts.find((part) => isActivation(part))?.type;

/** Joined along the channels of the shape that each length along the axis has. */
function concatenated(
  conversion: Conversion,
  parts: readonly Known[],
  shapeOf: (length: number) => Shape,
  axis: number,
  dims: readonly number[],
): Activation {
  const inputs = parts.map((part, i) => source(conversion, part, shapeOf(part.dims[axis]), i));
  return added(conversion, { op: "concat", inputs }, shapeOf(dims[axis]), dims, typeOf(parts));
}

/** Joined along any axis: it becomes the channels before, and goes back behind. */
function concatenatedRows(
  conversion: Conversion,
  parts: readonly Known[],
  axis: number,
  dims: readonly number[],
): Activation {
  const { draft } = conversion;
  const outer = elements(dims.slice(0, axis));
  const inner = elements(dims.slice(axis + 1));
  const name = resultName(conversion);
  const swapped = (input: string, [a, b, c]: Shape) =>
    ({ op: "permute", input, dims: [a, b, c], order: [1, 0, 2], shape: [b, a, c] }) as const;
  const inputs = parts.map((part, i) => {
    const shape: Shape = [outer, part.dims[axis], inner];
    const move = swapped(source(conversion, part, shape, i), shape);
    return draft.add(`${name}.part${i}`, move, move.shape);
  });
  const shape: Shape = [dims[axis], outer, inner];
  const move = swapped(draft.add(`${name}.joined`, { op: "concat", inputs }, shape), shape);
  return added(conversion, move, move.shape, dims, typeOf(parts));
}

export const ORDERS: Operators = {
  Concat: concat,
  DepthToSpace: reordering({ blocksize: int(null), mode: choice("DCR", "CRD") }, (call, dims) => {
    const [n, c, h, w, b] = blocks(call, dims);
    expectNode(c % (b * b) === 0, call.node, `a multiple of ${b * b} channels`, c);
    const depth = c / (b * b);
    const result = [n, depth, h * b, w * b];
    return call.attributes.mode === "DCR"
      ? { dims: [n, b, b, depth, h, w], order: [0, 3, 4, 1, 5, 2], result }
      : { dims: [n, depth, b, b, h, w], order: [0, 1, 4, 2, 5, 3], result };
  }),
  SpaceToDepth: reordering({ blocksize: int(null) }, (call, dims) => {
    const [n, c, h, w, b] = blocks(call, dims);
    expectNode(h % b === 0 && w % b === 0, call.node, `multiples of ${b}`, [h, w]);
    const result = [n, c * b * b, h / b, w / b];
    return { dims: [n, c, h / b, b, w / b, b], order: [0, 3, 5, 1, 2, 4], result };
  }),
  /** Axes reversed where no order is named. */
  Transpose: reordering({ perm: ints() }, ({ node, attributes }, dims) => {
    const axes = range(dims.length);
    const order = attributes.perm ?? axes.toReversed();
    const ok = order.length === dims.length && axes.every((axis) => order.includes(axis));
    expectNode(ok, node, `the axes 0..${dims.length - 1}`, order, "perm");
    return { dims, order, result: order.map((axis) => dims[axis]) };
  }),
};
