// gather.ts: values moved along the three axes: gathering, padding and slicing, which are one kind of layer.
import { type Check, isWritable } from "../format/index.js";
import { indices, number, shape, start, tensor, widths } from "./field.js";
import { sameEncoding } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import type { Lowering } from "./lowering.js";
import { encodeInput } from "./numeric.js";
import type { Shape } from "./tensor.js";
import { checkShape } from "./window.js";

/** The index that each index of the result is taken from, -1 for none, along each axis. */
export interface Places {
  readonly channels: readonly number[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** A real value: what stands where one of the three is -1. */
  readonly value: number;
}

/**
 * Moves raw values: output[c][y][x] = input[channels[c]][rows[y]][columns[x]], or the raw value of `value` where one of
 * the three is -1. Slices, splits, paddings, enlargements by repetition and zeros in between are all of this form. Input
 * and output share one encoding.
 */
export interface GatherLayer extends Places {
  readonly op: "gather";
  readonly name: string;
  readonly input: string;
  readonly output: string;
}

/**
 * Elements moved: output[c][y][x] = input[channels[c]][rows[y]][columns[x]], or `value` where one of the three is -1.
 */
export interface GatherNode extends Places {
  readonly op: "gather";
  readonly name: string;
  readonly input: string;
}

/** Surrounds its input with a constant, so many planes, rows and columns of it. */
export interface PadNode {
  readonly op: "pad";
  readonly name: string;
  readonly input: string;
  readonly channels: readonly [front: number, back: number];
  readonly rows: readonly [top: number, bottom: number];
  readonly columns: readonly [left: number, right: number];
  readonly value: number;
}

/** Every step-th element from start up to, not including, stop: each (channel, row, column), 0 <= start < stop. */
export interface SliceNode {
  readonly op: "slice";
  readonly name: string;
  readonly input: string;
  readonly start: Shape;
  readonly stop: Shape;
  readonly step: Shape;
}

const AXES = ["channels", "rows", "columns"] as const;
const fields = { input: tensor, channels: indices, rows: indices, columns: indices, value: number };

function placesShape(places: Places, input: Shape, check: Check): Shape {
  for (const [axis, field] of AXES.entries()) {
    const size = input[axis];
    const bad = places[field].findIndex((n) => !(Number.isInteger(n) && n >= -1 && n < size));
    check(bad < 0, `${field}[${bad}]`, `an integer in -1..${size - 1}`, places[field][bad]);
  }
  return [places.channels.length, places.rows.length, places.columns.length];
}

/** The place in the input that every element of the result comes from, -1 for none. */
export function gatheredPlaces(
  { channels, rows, columns }: Omit<Places, "value">,
  [, height, width]: Shape,
): Int32Array {
  const places = new Int32Array(channels.length * rows.length * columns.length);
  let at = 0;
  for (const c of channels) {
    for (const y of rows) {
      for (const x of columns) places[at++] = c < 0 || y < 0 || x < 0 ? -1 : (c * height + y) * width + x;
    }
  }
  return places;
}

export const gatherLayer: LayerKind<GatherLayer> = {
  since: 1,
  fields,
  check(layer, [input], output, check: Check) {
    check(sameEncoding(input.encoding, output.encoding), "output", "the input's encoding", output.encoding);
    check(isWritable(layer.value), "value", "a finite number other than -0", layer.value);
    checkShape(output, placesShape(layer, input.shape, check), check);
  },
  run(layer, [{ spec, raw }]) {
    const fill = encodeInput(layer.value, spec.encoding);
    return Float32Array.from(gatheredPlaces(layer, spec.shape), (place) => (place < 0 ? fill : raw[place]));
  },
};

export const gatherNode: NodeKind<GatherNode> = {
  since: 1,
  fields,
  role: () => "move",
  shape: (node, [input], check) => placesShape(node, input, check),
  check: checkValue,
  lower: (node, lowering) => lowerPlaces(lowering, node.name, node),
};

export const padNode: NodeKind<PadNode> = {
  since: 1,
  fields: { input: tensor, channels: widths, rows: widths, columns: widths, value: number },
  role: () => "move",
  shape({ channels, rows, columns }, input, check: Check) {
    const around = [channels, rows, columns];
    const ok = around.every((two) => two.length === 2 && two.every((n) => Number.isInteger(n) && n >= 0));
    check(ok, "widths", "channels, rows and columns: two integers >= 0 each", around);
    const along = (axis: 0 | 1 | 2): number => input[0][axis] + around[axis][0] + around[axis][1];
    return listable([along(0), along(1), along(2)], check);
  },
  check: checkValue,
  lower(node, lowering) {
    const input = lowering.spec(lowering.sources[0]).shape;
    const [channels, rows, columns] = AXES.map((field, axis) => [
      ...Array<number>(node[field][0]).fill(-1),
      ...Array(input[axis]).keys(),
      ...Array<number>(node[field][1]).fill(-1),
    ]);
    lowerPlaces(lowering, node.name, { channels, rows, columns, value: node.value });
  },
};

export const sliceNode: NodeKind<SliceNode> = {
  since: 1,
  fields: { input: tensor, start, stop: shape, step: shape },
  role: () => "move",
  shape(node, [input], check: Check) {
    const along = (axis: 0 | 1 | 2): number => {
      const [from, to, by, size] = [node.start[axis], node.stop[axis], node.step[axis], input[axis]];
      const ok = [from, to, by].every(Number.isInteger) && from >= 0 && from < to && to <= size && by >= 1;
      check(ok, "range", `0 <= start < stop <= ${size} and step >= 1`, [from, to, by]);
      return Math.ceil((to - from) / by);
    };
    return listable([along(0), along(1), along(2)], check);
  },
  lower(node, lowering) {
    const [channels, rows, columns] = AXES.map((_, axis) => {
      const [from, to, by] = [node.start[axis], node.stop[axis], node.step[axis]];
      return Array.from({ length: Math.ceil((to - from) / by) }, (__, i) => from + i * by);
    });
    lowerPlaces(lowering, node.name, { channels, rows, columns, value: 0 });
  },
};

/** The longest axis whose indices are listed one by one: a few bytes of a file can ask for any. */
const AXIS_MAX = 4194304;

function listable(shape: Shape, check: Check): Shape {
  check(Math.max(...shape) <= AXIS_MAX, "", `at most ${AXIS_MAX} channels, rows and columns`, shape, "OVERFLOW");
  return shape;
}

function checkValue({ value }: GatherNode | PadNode, check: Check): void {
  check(Number.isFinite(value), "value", "a finite number", value);
}

/** Adds one layer; where nothing else reads a gather before it, such as the slice of a pad, one for both. */
function lowerPlaces(
  { sources, output, spec, soleWriter, remove, push }: Lowering,
  name: string,
  places: Places,
): void {
  const [input] = sources;
  const { encoding } = spec(input);
  const { channels, rows, columns } = places;
  // no file holds -0
  const value = places.value + 0;
  const before = soleWriter<GatherLayer>("gather", input);
  const both = before ? composed(before, { channels, rows, columns, value }) : null;
  if (before && both) {
    remove(before);
    push<GatherLayer>({ op: "gather", name, input: before.input, output, ...both }, encoding);
  } else push<GatherLayer>({ op: "gather", name, input, output, channels, rows, columns, value }, encoding);
}

/** Two gatherings in a row as one; null where they fill in different values. */
function composed(first: Places, then: Places): Places | null {
  const fills = (places: Places): boolean => AXES.some((axis) => places[axis].includes(-1));
  if (fills(first) && fills(then) && first.value !== then.value) return null;
  const [channels, rows, columns] = AXES.map((axis) =>
    then[axis].map((index) => (index < 0 ? -1 : first[axis][index])),
  );
  return { channels, rows, columns, value: fills(first) ? first.value : then.value };
}
