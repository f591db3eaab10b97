// pick.ts: operators whose result is made of elements picked along each axis: slice, split, gather, expand, tile.
import { elements, type Shape } from "../../ops/index.js";
import { type Activation, type Known, shapeFor } from "../draft.js";
import { checkRank, checkSize, type Value } from "../tensor.js";
import { type Indices, listOf, pick, type Run, range, runOf, whole } from "./arrays.js";
import {
  axesOf,
  axisOf,
  type Call,
  type Conversion,
  checkAxis,
  expectNode,
  make,
  onlyActivation,
  optional,
  required,
  withoutBatch,
} from "./call.js";
import { type Operators, operator, type Simple } from "./operator.js";
import { int, ints, type Specs, type ValuesOf } from "./spec.js";

/** One output as it is made of the input. */
interface Pick {
  readonly indices: readonly Indices[];
  /** Dimensions that the input is read with; its own if absent. */
  readonly from?: readonly number[];
  /** Dimensions of the result; as many as are picked if absent. */
  readonly dims?: readonly number[];
}

function picking<S extends Specs>(
  attributes: S,
  picks: (call: Call<ValuesOf<S>>, dims: readonly number[]) => readonly Pick[],
  flags: { readonly keepsImages?: true } = {},
): Simple {
  return operator(attributes, {
    evaluate(call) {
      const x = required(call, 0);
      return picks(call, x.dims).map(({ indices, from = x.dims, dims }) => {
        const made = pick(call, { ...x, dims: from }, indices);
        return { ...made, dims: dims ?? made.dims };
      });
    },
    convert(conversion) {
      const x = onlyActivation(conversion);
      return picks(conversion, x.dims).map(({ indices, from = x.dims, dims }, i) => {
        const name = conversion.node.outputs[i] || `${conversion.node.name}.${i}`;
        const made = picked(conversion, { ...x, dims: from }, indices, name);
        return { ...made, dims: dims ?? made.dims };
      });
    },
    anyType: true,
    moves: true,
    ...flags,
  });
}

/**
 * Nodes that pick elements along the axes; `fill` where an index is -1. Where nothing is picked it is a constant without
 * elements, since the input cannot change it.
 */
export function picked(
  conversion: Conversion,
  x: Activation,
  indices: readonly Indices[],
  name: string,
  fill = 0,
): Known {
  const dims = indices.map(({ length }) => length);
  const runs = indices.map(runOf);
  const stays = runs.map((run, axis) => run?.start === 0 && run.step === 1 && run.length === x.dims[axis]);
  if (stays.every(Boolean)) return x;
  if (dims.includes(0)) return make(conversion, x.type ?? "float32", dims);
  checkSize(dims, conversion.node.where);
  // the batch is left out; what else three axes do not hold is picked axis by axis
  const batch = x.dims.length > 1 && x.dims[0] === 1 && stays[0] ? 1 : 0;
  if (x.dims.length - batch <= 3) {
    const from = { node: x.node, dims: x.dims.slice(batch) };
    return { ...x, ...pickedPlanes(conversion, from, indices.slice(batch), name, fill), dims };
  }
  const last = stays.lastIndexOf(false);
  let result = x;
  for (const axis of range(x.dims.length).filter((k) => !stays[k])) {
    const { dims: own } = result;
    const { view, place } = viewAlong(own, axis, conversion.draft.shapeOf(result.node));
    const from = { node: result.node, dims: view };
    const label = axis === last ? name : `${name}.axis${axis}`;
    const made = pickedPlanes(
      conversion,
      from,
      view.map((n, k) => (k === place ? indices[axis] : whole(n))),
      label,
      fill,
    );
    result = { ...x, ...made, dims: own.with(axis, dims[axis]) };
  }
  return result;
}

/**
 * The elements as three axes of which one is the axis picked along: as the node has them where that is so, since nothing is copied
 * then; else where there are two others of about the same size, since the lists of what stays are as long as they are.
 */
function viewAlong(
  dims: readonly number[],
  axis: number,
  own: Shape,
): { readonly view: Shape; readonly place: number } {
  const size = dims[axis];
  const [outer, inner] = [elements(dims.slice(0, axis)), elements(dims.slice(axis + 1))];
  const place = [0, 1, 2].find((k) => own[k] === size && elements(own.slice(0, k)) === outer);
  if (place !== undefined) return { view: own, place };
  if (outer === 1) return { view: [size, ...halves(inner)], place: 0 };
  if (inner === 1) return { view: [...halves(outer), size], place: 2 };
  return { view: [outer, size, inner], place: 1 };
}

/** Two factors of a number, as near to each other as there are. */
function halves(count: number): [number, number] {
  let factor = Math.floor(Math.sqrt(count));
  while (factor > 1 && count % factor !== 0) factor--;
  return [factor, count / factor];
}

/** The same for at most three axes: a slice where it is one, else a gather. */
function pickedPlanes(
  conversion: Conversion,
  x: Activation,
  indices: readonly Indices[],
  name: string,
  value: number,
): Activation {
  const { draft } = conversion;
  const dims = indices.map(({ length }) => length);
  const shape = shapeFor([1, ...dims]);
  const input = draft.shaped(x, shapeFor([1, ...x.dims]));
  const one: Run = { start: 0, step: 1, length: 1 };
  const [channel = one, row = one, column = one] = indices.map(runOf);
  if (isStepped(channel) && isStepped(row) && isStepped(column)) {
    // a slice of a slice is one
    const before = draft.get(input);
    const from = before.op === "slice" ? before : { start: [0, 0, 0], step: [1, 1, 1], input };
    const along = (value: (run: Run, start: number, step: number) => number): Shape => {
      const [c, y, x] = [channel, row, column].map((run, axis) => value(run, from.start[axis], from.step[axis]));
      return [c, y, x];
    };
    const start = along((run, first, step) => first + run.start * step);
    const stop = along((run, first, step) => first + (run.start + (run.length - 1) * run.step) * step + 1);
    const step = along((run, _, step) => step * (run.length > 1 ? run.step : 1));
    return { node: draft.add(name, { op: "slice", input: from.input, start, stop, step }, shape), dims };
  }
  const [channels = [0], rows = [0], columns = [0]] = indices.map((list) => listOf(conversion, list));
  return { node: draft.add(name, { op: "gather", input, channels, rows, columns, value }, shape), dims };
}

function isStepped(run: Run | null): run is Run {
  return run !== null && (run.step >= 1 || run.length === 1);
}

/** All indices of each axis. */
function everything(dims: readonly number[]): Indices[] {
  return dims.map(whole);
}

/** Those of int32 and int64. */
const LARGEST_INTEGERS: readonly number[] = [2 ** 31 - 1, 2 ** 63];

const slice = picking(
  { starts: ints({ input: 1 }), ends: ints({ input: 2 }), axes: ints({ input: 3 }) },
  (call, dims) => {
    const { node, attributes } = call;
    const starts = attributes.starts ?? [];
    const ends = attributes.ends ?? [];
    const axes = axesOf(node, attributes.axes ?? range(starts.length), dims.length);
    const steps = optional(call, 4)?.data ?? starts.map(() => 1);
    const same = [ends, axes, steps].every((list) => list.length === starts.length);
    expectNode(same, node, `${starts.length} ends, axes and steps`, [ends.length, axes.length, steps.length]);
    const indices = everything(dims);
    for (const [i, axis] of axes.entries()) {
      const [size, step] = [dims[axis], steps[i]];
      expectNode(Number.isInteger(step) && step !== 0, node, "steps other than 0", step, "steps");
      const hold = (place: number, low: number, high: number): number =>
        Math.min(Math.max(place < 0 ? place + size : place, low), high);
      const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
      const start = hold(starts[i], 0, high);
      // backwards, too, the largest integer is the end, as exporters write it and onnxruntime reads it
      const end = step < 0 && LARGEST_INTEGERS.includes(ends[i]) ? -1 : hold(ends[i], low, high);
      indices[axis] = { start, step, length: Math.max(0, Math.ceil((end - start) / step)) };
    }
    return [{ indices }];
  },
  { keepsImages: true },
);

const split = picking(
  { axis: int(0), split: ints({ input: 1 }), num_outputs: int(null) },
  ({ node, attributes }, dims) => {
    const axis = axisOf(node, attributes.axis, dims.length);
    let start = 0;
    return partSizes(node, attributes, dims[axis]).map((length) => {
      const indices = everything(dims).with(axis, { start, step: 1, length });
      start += length;
      return { indices };
    });
  },
);

/** Sizes of the parts that Split makes along its axis. */
function partSizes(
  node: Call["node"],
  { split: given, num_outputs }: { split: readonly number[] | null; num_outputs: number | null },
  size: number,
): readonly number[] {
  const { length } = node.outputs;
  if (given) {
    expectNode(given.length === length, node, `${length} sizes, one an output`, given.length, "split");
    const ok = given.every((n) => Number.isInteger(n) && n >= 0) && given.reduce((a, b) => a + b, 0) === size;
    expectNode(ok, node, `parts that add up to ${size}`, given, "split");
    return given;
  }
  const count = num_outputs ?? length;
  expectNode(count >= 1 && count <= length, node, `1..${length} parts`, count, "num_outputs");
  const part = Math.ceil(size / count);
  return range(count).map((i) => Math.max(0, Math.min(part, size - i * part)));
}

/** Gather by constant indices. */
export const gather = picking({ axis: int(0) }, (call, dims) => {
  const { node, attributes } = call;
  const indices = required(call, 1);
  const axis = axisOf(node, attributes.axis, dims.length);
  const list = gatherIndices(call, indices, dims[axis]);
  const result = [...dims.slice(0, axis), ...indices.dims, ...dims.slice(axis + 1)];
  return [{ indices: everything(dims).with(axis, list), dims: result }];
});

/** Indices along an axis of `size`, negative ones counted from behind. */
function gatherIndices({ node, budget }: Call, { data }: Value, size: number): number[] {
  budget.spend(2 * data.length);
  const list = new Array<number>(data.length);
  for (let i = 0; i < list.length; i++) {
    const index = data[i];
    const ok = Number.isInteger(index) && index >= -size && index < size;
    if (!ok) expectNode(ok, node, `indices in ${-size}..${size - 1}`, index, "input[1]");
    list[i] = index < 0 ? index + size : index;
  }
  return list;
}

const expand = picking({}, (call, dims) => {
  const { node } = call;
  const asked = [...required(call, 1).data];
  const wanted = withoutBatch(call, asked, asked.length - dims.length);
  checkRank(wanted.length, `${node.where}.shape`);
  const rank = Math.max(wanted.length, dims.length);
  const from = [...new Array<number>(rank - dims.length).fill(1), ...dims];
  const to = [...new Array<number>(rank - wanted.length).fill(1), ...wanted];
  const indices = from.map((n, i): Run => {
    checkAxis(node, to[i], "shape");
    expectNode(n === 1 || to[i] === 1 || to[i] === n, node, `a shape that meets ${dims.join("x")}`, wanted, "shape");
    return n === 1 ? { start: 0, step: 0, length: to[i] } : whole(n);
  });
  return [{ indices, from }];
});

const tile = picking({}, (call, dims) => {
  const { node, budget } = call;
  const times = [...required(call, 1).data];
  expectNode(times.length === dims.length, node, `${dims.length} repeats`, times.length, "repeats");
  const indices = dims.map((n, i): Indices => {
    checkAxis(node, times[i], "repeats");
    checkAxis(node, n * times[i], "repeats");
    if (times[i] === 1 || n === 1) return { start: 0, step: n === 1 ? 0 : 1, length: n * times[i] };
    budget.spend(2 * n * times[i]);
    return Array.from({ length: n * times[i] }, (_, k) => k % n);
  });
  return [{ indices }];
});

export const PICKS: Operators = { Expand: expand, Slice: slice, Split: split, Tile: tile };
