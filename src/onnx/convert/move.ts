// move.ts: operators that move or regroup elements as nodes of the network; what only regroups needs none.
import { elements, type Shape, sameShape, type Taps } from "../../ops/index.js";
import { type Indices, listOf, type Run, runOf, whole } from "../operators/arrays.js";
import { axisOf, checkAxis, checkSize, expectNode, required, unsupported } from "../operators/call.js";
import {
  blockMoves,
  padIndices,
  padValue,
  padWidths,
  permutationOf,
  sliceIndices,
  splitSizes,
} from "../operators/move.js";
import { resizing } from "../operators/resize.js";
import {
  flattenedDims,
  gatherIndices,
  reshapedDims,
  shapeOf,
  squeezedDims,
  unsqueezedDims,
} from "../operators/shape.js";
import { checkRank, integers, type Value } from "../tensor.js";
import {
  type Activation,
  type Conversion,
  type Converter,
  isActivation,
  onlyActivation,
  planes,
  resultName,
  shapeFor,
  shapeUnsupported,
} from "./draft.js";

/** The same elements under other dimensions: no node. */
const regrouped =
  (dims: (conversion: Conversion, x: Activation) => readonly number[]): Converter =>
  (conversion) => {
    const x = onlyActivation(conversion);
    return [{ node: x.node, dims: dims(conversion, x) }];
  };

/** Elements picked along the axes of (1, channels, rows, columns), or as many of those as there are. */
function picked(
  conversion: Conversion,
  x: Activation,
  indices: readonly Indices[],
  name: string,
  value = 0,
): Activation {
  const { node, draft } = conversion;
  const dims = indices.map(({ length }) => length);
  const runs = indices.map(runOf);
  if (runs.every((run, axis) => run?.start === 0 && run.step === 1 && run.length === x.dims[axis])) return x;
  const batch = x.dims.length > 1 && x.dims[0] === 1;
  if (x.dims.length > 4 || (x.dims.length === 4 && !batch)) throw shapeUnsupported(node, x.dims);
  if (batch && !(dims[0] === 1 && runs[0]?.start === 0)) throw unsupported(node, "a change of the batch");
  expectNode(
    dims.every((n) => n >= 1),
    node,
    "a result with elements",
    dims,
  );
  const shape = shapeFor(batch ? dims : [1, ...dims]);
  const input = draft.shaped(x, shapeFor(x.dims));
  const one: Run = { start: 0, step: 1, length: 1 };
  const [channel = one, row = one, column = one] = batch ? runs.slice(1) : runs;
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
  checkSize(node, dims);
  const [channels = [0], rows = [0], columns = [0]] = indices
    .slice(batch ? 1 : 0)
    .map((list) => listOf(conversion, list));
  return { node: draft.add(name, { op: "gather", input, channels, rows, columns, value }, shape), dims };
}

function isStepped(run: Run | null): run is Run {
  return run !== null && (run.step >= 1 || run.length === 1);
}

const pad: Converter = (conversion) => {
  const { node, draft } = conversion;
  const x = onlyActivation(conversion);
  const widths = padWidths(conversion, x.dims);
  const value = padValue(conversion);
  const name = resultName(conversion);
  const ranked = x.dims.length >= 2 && x.dims.length <= 4 && x.dims[0] === 1;
  const constant = node.attributes.string("mode", "constant") === "constant";
  const grows = widths.every(([before, behind]) => before >= 0 && behind >= 0);
  const same = widths.every(([before, behind]) => before === 0 && behind === 0);
  if (!ranked || !constant || !grows || same || widths[0].some((n) => n > 0)) {
    return [picked(conversion, x, padIndices(conversion, x.dims), name, value)];
  }
  const [channels, rows = [0, 0], columns = [0, 0]] = widths.slice(1);
  const dims = x.dims.map((n, axis) => n + widths[axis][0] + widths[axis][1]);
  const input = draft.shaped(x, shapeFor(x.dims));
  return [{ node: draft.add(name, { op: "pad", input, channels, rows, columns, value }, shapeFor(dims)), dims }];
};

const split: Converter = (conversion) => {
  const { node } = conversion;
  const x = onlyActivation(conversion);
  const axis = axisOf(node, node.attributes.int("axis", 0), x.dims.length);
  const all: Indices[] = x.dims.map(whole);
  let start = 0;
  return splitSizes(conversion, x.dims[axis]).map((length, part) => {
    const indices = all.with(axis, { start, step: 1, length });
    start += length;
    return picked(conversion, x, indices, node.outputs[part] || `${node.name}.${part}`);
  });
};

const gather: Converter = (conversion) => {
  const { node } = conversion;
  const x = onlyActivation(conversion);
  const indices = required(conversion, 1);
  const axis = axisOf(node, node.attributes.int("axis", 0), x.dims.length);
  const all: Indices[] = x.dims.map(whole);
  const list = gatherIndices(conversion, indices, x.dims[axis]);
  const made = picked(conversion, x, all.with(axis, list), resultName(conversion));
  return [{ node: made.node, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)] }];
};

const expand: Converter = (conversion) => {
  const { node } = conversion;
  const x = onlyActivation(conversion);
  const wanted = [...required(conversion, 1).data];
  checkRank(wanted.length, `${node.where}.shape`);
  const rank = Math.max(wanted.length, x.dims.length);
  const from = [...new Array<number>(rank - x.dims.length).fill(1), ...x.dims];
  const to = [...new Array<number>(rank - wanted.length).fill(1), ...wanted];
  const indices = from.map((n, i) => {
    checkAxis(node, to[i], "shape");
    expectNode(n === 1 || to[i] === 1 || to[i] === n, node, `a shape that meets ${x.dims.join("x")}`, wanted, "shape");
    return n === 1 ? { start: 0, step: 0, length: to[i] } : whole(n);
  });
  return [picked(conversion, { ...x, dims: from }, indices, resultName(conversion))];
};

const transpose: Converter = (conversion) => {
  const { node, draft } = conversion;
  const x = onlyActivation(conversion);
  const order = permutationOf(node, x.dims.length);
  const dims = order.map((axis) => x.dims[axis]);
  // axes of length 1 may go anywhere
  const long = order.filter((axis) => x.dims[axis] > 1);
  if (long.every((axis, i) => i === 0 || axis > long[i - 1])) return [{ node: x.node, dims }];
  if (order.length > 8) throw shapeUnsupported(node, x.dims);
  const shape = shapeFor(dims);
  return [
    {
      node: draft.add(resultName(conversion), { op: "permute", input: x.node, dims: x.dims, order, shape }, shape),
      dims,
    },
  ];
};

const moveBlocks: Converter = (conversion) => {
  const { node, draft } = conversion;
  const x = onlyActivation(conversion);
  const { dims, order, result } = blockMoves(node, x.dims);
  const shape = shapeFor(result);
  const made = draft.add(resultName(conversion), { op: "permute", input: x.node, dims, order, shape }, shape);
  return [{ node: made, dims: result }];
};

const concat: Converter = (conversion) => {
  const { node, draft, operands } = conversion;
  const parts = operands.map((operand, i) => {
    expectNode(operand !== null, node, "an input", "none", `input[${i}]`);
    return operand;
  });
  const [{ dims: first }] = parts;
  expectNode(node.attributes.has("axis"), node, "an axis", "none", "axis");
  const axis = axisOf(node, node.attributes.int("axis", 0), first.length);
  for (const { dims } of parts) {
    const fits = dims.length === first.length && dims.every((n, i) => i === axis || n === first[i]);
    expectNode(fits, node, `shapes like ${first.join("x")} but for axis ${axis}`, dims.join("x"));
  }
  const total = parts.reduce((sum, { dims }) => sum + dims[axis], 0);
  const dims = first.map((n, i) => (i === axis ? total : n));
  const outer = elements(first.slice(0, axis));
  const inner = elements(first.slice(axis + 1));
  const name = resultName(conversion);
  const channelwise = axis === 1 && first[0] === 1;
  // channels of planes as they are; anything else as rows that are first made channels
  const shapeOfPart = (n: number): Shape =>
    channelwise ? shapeFor(first.with(1, n)) : outer === 1 ? [n, inner, 1] : [outer, n, inner];
  const inputs = parts.map((part, i) => {
    const shape = shapeOfPart(part.dims[axis]);
    const source = isActivation(part) ? draft.shaped(part, shape) : constantNode(conversion, part, shape, i);
    if (outer === 1) return source;
    const turned: Shape = [shape[1], shape[0], shape[2]];
    const move = { op: "permute", input: source, dims: shape, order: [1, 0, 2], shape: turned } as const;
    return draft.add(`${name}.part${i}`, move, turned);
  });
  if (outer === 1) return [{ node: draft.add(name, { op: "concat", inputs }, shapeOfPart(total)), dims }];
  const joined: Shape = [total, outer, inner];
  const made = draft.add(`${name}.joined`, { op: "concat", inputs }, joined);
  const shape: Shape = [outer, total, inner];
  return [
    { node: draft.add(name, { op: "permute", input: made, dims: joined, order: [1, 0, 2], shape }, shape), dims },
  ];
};

function constantNode({ draft, ...conversion }: Conversion, value: Value, shape: Shape, index: number): string {
  const constant = { op: "constant", value: draft.parameter(value, shape) } as const;
  return draft.add(`${resultName({ draft, ...conversion })}.constant${index}`, constant, shape);
}

const resize: Converter = (conversion) => {
  const { node, draft } = conversion;
  const { activation, shape, input } = planes(conversion);
  const { dims, taps } = resizing(conversion, activation.dims);
  if (!sameShape(dims.slice(0, 2), activation.dims.slice(0, 2)))
    throw unsupported(node, "a change of batch or channels");
  const result = shapeFor(dims);
  const name = resultName(conversion);
  const [rows, columns] = [taps[2] ?? null, taps[3] ?? null];
  if ([rows, columns].every((one) => one === null || one.weights.every((w) => w === 1))) {
    const along = (one: Taps | null, n: number): readonly number[] => one?.indices ?? listOf(conversion, whole(n));
    const places = { channels: along(null, shape[0]), rows: along(rows, shape[1]), columns: along(columns, shape[2]) };
    return [{ node: draft.add(name, { op: "gather", input, ...places, value: 0 }, result), dims }];
  }
  const rounded = (one: Taps | null, n: number): Taps => {
    conversion.budget.spend(one?.weights.length ?? n);
    if (!one) return { indices: listOf(conversion, whole(n)), weights: new Array<number>(n).fill(1) };
    return { indices: one.indices, weights: one.weights.map(Math.fround) };
  };
  const lines = { rows: rounded(rows, shape[1]), columns: rounded(columns, shape[2]) };
  return [{ node: draft.add(name, { op: "resample", input, shape: result, ...lines }, result), dims }];
};

/** Known before anything runs, whatever the input. */
const shape: Converter = ({ node, operands }) => {
  const [x] = operands;
  expectNode(x !== null && x !== undefined, node, "an input", "none", "input[0]");
  return [integers(shapeOf(node, x.dims))];
};

export const MOVES: Readonly<Record<string, Converter>> = {
  Concat: concat,
  DepthToSpace: moveBlocks,
  Expand: expand,
  Flatten: regrouped(({ node }, x) => flattenedDims(node, x.dims)),
  Gather: gather,
  Pad: pad,
  Reshape: regrouped((conversion, x) => reshapedDims(conversion.node, x.dims, [...required(conversion, 1).data])),
  Resize: resize,
  Shape: shape,
  Slice: (conversion) => {
    const x = onlyActivation(conversion);
    return [picked(conversion, x, sliceIndices(conversion, x.dims), resultName(conversion))];
  },
  SpaceToDepth: moveBlocks,
  Split: split,
  Squeeze: regrouped((conversion, x) => squeezedDims(conversion, x.dims)),
  Transpose: transpose,
  Unsqueeze: regrouped((conversion, x) => unsqueezedDims(conversion, x.dims)),
  Upsample: resize,
};
