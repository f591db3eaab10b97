// places.ts: elements picked one by one: indices that do not depend on the input, into a value as one list.
import { elements, type Shape, stridesOf } from "../../ops/index.js";
import { type Activation, isActivation, type Known } from "../draft.js";
import { checkSize, type Value } from "../tensor.js";
import { walk } from "./arrays.js";
import {
  allOperands,
  axisOf,
  type Bare,
  type Call,
  type Conversion,
  expectNode,
  make,
  onlyActivation,
  required,
  resultName,
  unsupported,
} from "./call.js";
import { byConstantIndices } from "./indices.js";
import { type Operators, operator, type Simple } from "./operator.js";
import { choice, flag, int, type Specs, type ValuesOf } from "./spec.js";

/** The place in the input for each element of the result, -1 for none; and the result's dimensions. */
interface Places {
  readonly places: Int32Array;
  readonly dims: readonly number[];
}

/** Places to be filled. */
function emptyPlaces({ node, budget }: Bare, dims: readonly number[]): Places {
  checkSize(dims, node.where);
  budget.spend(2 * elements(dims));
  return { places: new Int32Array(elements(dims)), dims };
}

/** Nodes that pick elements of a value as one list; the name is that of the first result unless given. */
function pickedPlaces(
  conversion: Conversion,
  x: Activation,
  { places, dims }: Places,
  name = resultName(conversion),
  value = 0,
): Known {
  const { draft } = conversion;
  if (places.length === 0) return make(conversion, x.type ?? "float32", dims);
  if (places.length === elements(x.dims) && places.every((place, i) => place === i)) return { ...x, dims };
  const input = draft.shaped(x, [1, 1, elements(x.dims)]);
  const shape: Shape = [1, 1, places.length];
  const lists = { channels: [0], rows: [0], columns: [...places] };
  return { ...x, node: draft.add(name, { op: "gather", input, ...lists, value }, shape), dims };
}

/** An operator that picks elements of its first input, by attributes and constants. @param fills whether zeros come in */
function placing<S extends Specs>(
  attributes: S,
  placesFor: (call: Call<ValuesOf<S>>, dims: readonly number[]) => Places,
  fills = false,
): Simple {
  return operator(attributes, {
    evaluate(call) {
      const x = required(call, 0);
      const { places, dims } = placesFor(call, x.dims);
      const y = make(call, x.type, dims);
      for (const [i, place] of places.entries()) y.data[i] = place < 0 ? 0 : x.data[place];
      return [y];
    },
    convert(conversion) {
      const x = onlyActivation(conversion);
      return [pickedPlaces(conversion, x, placesFor(conversion, x.dims))];
    },
    anyType: true,
    ...(!fills && { moves: true }),
  });
}

/** An index counted from the front. @throws BAD_GRAPH outside the axis */
function indexOf({ node }: Bare, index: number, size: number, field = "input[1]"): number {
  const ok = Number.isInteger(index) && index >= -size && index < size;
  if (!ok) expectNode(ok, node, `indices in ${-size}..${size - 1}`, index, field);
  return index < 0 ? index + size : index;
}

/** y[i][j][k] = x[indices[i][j][k]][j][k], on axis 0. */
const gatherElements = placing({ axis: int(0) }, (call, dims) => {
  const indices = required(call, 1);
  const axis = axisOf(call.node, call.attributes.axis, dims.length);
  const fits = indices.dims.length === dims.length && indices.dims.every((n, i) => i === axis || n <= dims[i]);
  expectNode(fits, call.node, `indices within ${dims.join("x")}`, indices.dims.join("x"), "input[1]");
  const made = emptyPlaces(call, indices.dims);
  const strides = stridesOf(dims);
  walk(indices.dims, strides.with(axis, 0), (i, at) => {
    made.places[i] = at + indexOf(call, indices.data[i], dims[axis]) * strides[axis];
  });
  return made;
});

/** Tuples of indices as places of slices, and what they leave. */
function tuples(call: Bare, indices: Value, dims: readonly number[], batch: number) {
  const depth = indices.dims.at(-1) ?? 0;
  const ok = indices.dims.length > batch && depth >= 1 && batch + depth <= dims.length;
  expectNode(ok, call.node, `tuples of 1 to ${dims.length - batch} indices`, indices.dims.join("x"), "input[1]");
  const strides = stridesOf(dims);
  const rest = dims.slice(batch + depth);
  const count = indices.data.length / depth;
  const batches = elements(dims.slice(0, batch));
  call.budget.spend(count);
  const starts = Float64Array.from({ length: count }, (_, i) => {
    let at = Math.floor(i / (count / batches)) * (strides[batch - 1] ?? 0);
    for (let k = 0; k < depth; k++) {
      at += indexOf(call, indices.data[i * depth + k], dims[batch + k]) * strides[batch + k];
    }
    return at;
  });
  return { starts, length: elements(rest), rest };
}

const gatherND = placing({ batch_dims: int(0) }, (call, dims) => {
  const indices = required(call, 1);
  const { batch_dims: batch } = call.attributes;
  const same =
    Number.isInteger(batch) &&
    batch >= 0 &&
    batch < dims.length &&
    dims.slice(0, batch).every((n, i) => indices.dims[i] === n);
  expectNode(same, call.node, `the batch of ${dims.join("x")}`, indices.dims.join("x"), "batch_dims");
  const { starts, length, rest } = tuples(call, indices, dims, batch);
  const made = emptyPlaces(call, [...indices.dims.slice(0, -1), ...rest]);
  for (let i = 0; i < made.places.length; i++) made.places[i] = starts[Math.floor(i / length)] + (i % length);
  return made;
});

/** The places along an axis that a condition keeps. */
const compress = placing({ axis: int(null) }, (call, dims) => {
  const condition = required(call, 1);
  const whole = call.attributes.axis === null;
  const from = whole ? [elements(dims)] : dims;
  const axis = axisOf(call.node, call.attributes.axis ?? 0, from.length);
  expectNode(
    condition.data.length <= from[axis],
    call.node,
    `at most ${from[axis]} conditions`,
    condition.data.length,
    "input[1]",
  );
  const kept = [...condition.data.keys()].filter((i) => condition.data[i] !== 0);
  const result = from.with(axis, kept.length);
  const made = emptyPlaces(call, result);
  const strides = stridesOf(from);
  const inner = elements(from.slice(axis + 1));
  walk(result, strides.with(axis, 0), (i, at) => {
    made.places[i] = at + kept[Math.floor(i / inner) % kept.length] * strides[axis];
  });
  return made;
});

/** The first elements of each sequence backwards. */
const reverseSequence = placing({ batch_axis: int(1), time_axis: int(0) }, (call, dims) => {
  const { batch_axis: batch, time_axis: time } = call.attributes;
  const lengths = required(call, 1);
  const ok = dims.length >= 2 && batch + time === 1 && batch * time === 0 && lengths.data.length === dims[batch];
  expectNode(ok, call.node, "time and batch as the first two axes, and a length for each sequence", [
    time,
    batch,
    lengths.data.length,
  ]);
  const made = emptyPlaces(call, dims);
  const strides = stridesOf(dims);
  for (let i = 0; i < made.places.length; i++) {
    const [b, t] = [batch, time].map((axis) => Math.floor(i / strides[axis]) % dims[axis]);
    const length = lengths.data[b];
    made.places[i] = t < length ? i + (length - 1 - 2 * t) * strides[time] : i;
  }
  return made;
});

/** The upper triangles of matrices, or the lower ones, with zeros elsewhere. */
const trilu = placing(
  { upper: flag(true) },
  (call, dims) => {
    expectNode(dims.length >= 2, call.node, "matrices", dims.join("x"));
    const [k = 0] = call.operands.length > 1 && call.operands[1] ? required(call, 1).data : [];
    const made = emptyPlaces(call, dims);
    const [rows, columns] = dims.slice(-2);
    for (let i = 0; i < made.places.length; i++) {
      const [row, column] = [Math.floor(i / columns) % rows, i % columns];
      made.places[i] = (call.attributes.upper ? column - row >= k : column - row <= k) ? i : -1;
    }
    return made;
  },
  true,
);

const REDUCTION = { reduction: choice("none", "add", "mul", "max", "min") };
const COMBINE: Readonly<Record<ValuesOf<typeof REDUCTION>["reduction"], (old: number, update: number) => number>> = {
  none: (_, update) => update,
  add: (old, update) => old + update,
  mul: (old, update) => old * update,
  max: Math.max,
  min: Math.min,
};

function reductionOf({ attributes }: Call): keyof typeof COMBINE {
  return (attributes as ValuesOf<typeof REDUCTION>).reduction;
}

/**
 * A copy of a value with others written over some of its elements: picked out of both, one behind the other.
 * @param placesOf for each element of the updates, its place in the copy
 */
function scatter<S extends Specs>(
  attributes: S,
  placesOf: (
    call: Call<ValuesOf<S>>,
    dims: readonly number[],
    indices: Value,
    updates: readonly number[],
  ) => Int32Array,
): Simple {
  const sources = (call: Call<ValuesOf<S>>, data: Known, updates: Known): Places => {
    const { places } = emptyPlaces(call, data.dims);
    for (let i = 0; i < places.length; i++) places[i] = i;
    const written = placesOf(call, data.dims, required(call, 1), updates.dims);
    for (const [i, place] of written.entries()) places[place] = places.length + i;
    return { places, dims: data.dims };
  };
  return operator(attributes, {
    evaluate(call) {
      const [data, updates] = [required(call, 0), required(call, 2)];
      const y = make(call, data.type, data.dims);
      y.data.set(data.data);
      const combine = COMBINE[reductionOf(call)];
      const written = placesOf(call, data.dims, required(call, 1), updates.dims);
      for (const [i, place] of written.entries()) y.data[place] = combine(y.data[place], updates.data[i]);
      return [y];
    },
    convert(conversion) {
      const [data, , updates] = allOperands(conversion);
      expectNode(updates !== undefined, conversion.node, "three inputs", conversion.operands.length);
      const { draft, node } = conversion;
      const reduction = reductionOf(conversion);
      if (reduction !== "none") throw unsupported(node, `reduction ${reduction} on activations`);
      const name = resultName(conversion);
      const made = sources(conversion, data, updates);
      const inputs = [data, updates].map((part, i) => {
        const shape: Shape = [elements(part.dims), 1, 1];
        if (isActivation(part)) return draft.shaped(part, shape);
        return draft.add(`${name}.constant${i}`, { op: "constant", value: draft.parameter(part, shape) }, shape);
      });
      const length = elements(data.dims) + elements(updates.dims);
      const joined = draft.add(`${name}.joined`, { op: "concat", inputs }, [length, 1, 1]);
      const type = [data, updates].find(isActivation)?.type;
      const x = { node: joined, dims: [length], ...(type && { type }) };
      return [pickedPlaces(conversion, x, made, name)];
    },
    anyType: true,
  });
}

const scatterElements = scatter({ axis: int(0), ...REDUCTION }, (call, dims, indices, updates) => {
  const axis = axisOf(call.node, call.attributes.axis, dims.length);
  const fits = indices.dims.join() === updates.join() && updates.length === dims.length;
  expectNode(fits, call.node, `updates of ${indices.dims.join("x")}`, updates.join("x"), "input[2]");
  const { places } = emptyPlaces(call, indices.dims);
  const strides = stridesOf(dims);
  walk(indices.dims, strides.with(axis, 0), (i, at) => {
    places[i] = at + indexOf(call, indices.data[i], dims[axis]) * strides[axis];
  });
  return places;
});

const scatterND = scatter(REDUCTION, (call, dims, indices, updates) => {
  const { starts, length } = tuples(call, indices, dims, 0);
  expectNode(
    elements(updates) === starts.length * length,
    call.node,
    `${starts.length * length} updates`,
    elements(updates),
    "input[2]",
  );
  const { places } = emptyPlaces(call, updates);
  for (let i = 0; i < places.length; i++) places[i] = starts[Math.floor(i / length)] + (i % length);
  return places;
});

export const PLACES: Operators = {
  Compress: compress,
  GatherElements: byConstantIndices(gatherElements),
  GatherND: byConstantIndices(gatherND),
  ReverseSequence: reverseSequence,
  Scatter: byConstantIndices(scatterElements),
  ScatterElements: byConstantIndices(scatterElements),
  ScatterND: byConstantIndices(scatterND),
  Trilu: trilu,
  "com.microsoft.Trilu": trilu,
};
