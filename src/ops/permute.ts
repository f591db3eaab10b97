// permute.ts: axes in another order.
import type { Check } from "../format/index.js";
import { axes, shape, sizes, tensor } from "./field.js";
import { elements, sameEncoding, sameShape, stridesOf } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import type { Shape } from "./tensor.js";

/**
 * Moves raw values: the input read as an array of `dims`, its axes brought into `order` (axis i of the result is axis
 * order[i]), the result read as the output's shape. Input and output share one encoding.
 */
export interface PermuteLayer {
  readonly op: "permute";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly dims: readonly number[];
  readonly order: readonly number[];
}

/** The input read as an array of `dims`, axis i of the result being axis order[i], and that read as `shape`. */
export interface PermuteNode {
  readonly op: "permute";
  readonly name: string;
  readonly input: string;
  readonly dims: readonly number[];
  readonly order: readonly number[];
  readonly shape: Shape;
}

type Order = Pick<PermuteLayer, "dims" | "order">;

function checkOrder({ dims, order }: Order, input: Shape, output: Shape, check: Check): void {
  check(dims.length >= 1 && dims.length <= 8, "dims", "1 to 8 axes", dims.length);
  const positive = dims.every((n) => Number.isInteger(n) && n >= 1);
  check(positive, "dims", "positive integers", dims);
  check(elements(dims) === elements(input), "dims", `${elements(input)} elements`, dims);
  check(elements(dims) === elements(output), "output", `${elements(dims)} elements`, output);
  const sorted = order.toSorted((a, b) => a - b);
  check(sameShape(sorted, [...dims.keys()]), "order", `the axes 0..${dims.length - 1}`, order);
}

/**
 * The same order with fewer axes: without those of length 1, and with those that stay neighbours as one. One axis, or none,
 * is left of an order that moves nothing.
 */
export function simplifiedOrder(dims: readonly number[], order: readonly number[]) {
  const groups: number[][] = [];
  for (const axis of order.filter((one) => dims[one] > 1)) {
    const last = groups.at(-1)?.at(-1);
    // between two neighbours only axes of length 1 may lie
    if (last !== undefined && last < axis && elements(dims.slice(last + 1, axis)) === 1) groups.at(-1)?.push(axis);
    else groups.push([axis]);
  }
  const sorted = groups.toSorted((a, b) => a[0] - b[0]);
  const lengths = sorted.map((group) => elements(group.map((axis) => dims[axis])));
  return { lengths, places: groups.map((group) => sorted.indexOf(group)) };
}

/** The place in the input that every element of the result comes from. */
export function permutedPlaces({ dims, order }: Order): Int32Array {
  const strides = stridesOf(dims);
  const places = new Int32Array(elements(dims));
  // from the last axis on: what is there comes again, a stride further, for each index of the axis
  let length = 1;
  for (const axis of order.toReversed()) {
    for (let at = length; at < length * dims[axis]; at++) places[at] = places[at - length] + strides[axis];
    length *= dims[axis];
  }
  return places;
}

export const permuteLayer: LayerKind<PermuteLayer> = {
  since: 1,
  fields: { input: tensor, dims: sizes, order: axes },
  check(layer, [input], output, check: Check) {
    check(sameEncoding(input.encoding, output.encoding), "output", "the input's encoding", output.encoding);
    checkOrder(layer, input.shape, output.shape, check);
  },
  run: (layer, [{ raw }]) => Float32Array.from(permutedPlaces(layer), (place) => raw[place]),
};

export const permuteNode: NodeKind<PermuteNode> = {
  since: 1,
  fields: { input: tensor, dims: sizes, order: axes, shape },
  role: () => "move",
  shape(node, [input], check: Check) {
    checkOrder(node, input, node.shape, check);
    return node.shape;
  },
  lower({ op, name, dims, order }, { sources: [input], output, spec, push }) {
    push<PermuteLayer>({ op, name, input, output, dims, order }, spec(input).encoding);
  },
};
