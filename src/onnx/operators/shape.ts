// shape.ts: operators that tell a shape, or hand on elements under another one.
import { elements } from "../../ops/index.js";
import type { OnnxNode } from "../model.js";
import { checkRank, integers, toValue, type Value } from "../tensor.js";
import { type Indices, pick, whole, zip } from "./arrays.js";
import {
  axesOf,
  axisOf,
  type Call,
  expectNode,
  integersOf,
  make,
  type Operator,
  optional,
  required,
  unsupported,
} from "./call.js";

/** Dimensions that Reshape asks for: 0 keeps one unless `allowzero`, one -1 takes what is left. */
export function reshapedDims(node: OnnxNode, dims: readonly number[], wanted: readonly number[]): number[] {
  checkRank(wanted.length, `${node.where}.shape`);
  const zero = node.attributes.int("allowzero", 0) !== 0;
  const result = wanted.map((n, i) => {
    expectNode(Number.isInteger(n) && n >= -1, node, "integers of at least -1", n, `shape[${i}]`);
    if (n !== 0 || zero) return n;
    expectNode(i < dims.length, node, `at most ${dims.length} dimensions kept by 0`, wanted, "shape");
    return dims[i];
  });
  const open = result.indexOf(-1);
  const count = elements(dims);
  if (open >= 0) {
    const rest = elements(result.filter((_, i) => i !== open));
    result[open] = rest === 0 ? 0 : count / rest;
  }
  const ok = result.every((n) => Number.isInteger(n) && n >= 0) && elements(result) === count;
  expectNode(ok, node, `a shape of ${count} elements`, wanted, "shape");
  return result;
}

export function flattenedDims(node: OnnxNode, dims: readonly number[]): number[] {
  const axis = node.attributes.int("axis", 1);
  const cut = axis === dims.length ? axis : axisOf(node, axis, Math.max(dims.length, 1));
  return [elements(dims.slice(0, cut)), elements(dims.slice(cut))];
}

/** Without the axes of length 1 that are named, or all of them. */
export function squeezedDims(call: Call, dims: readonly number[]): number[] {
  const named = integersOf(call, "axes", 1);
  if (!named) return dims.filter((n) => n !== 1);
  const axes = axesOf(call.node, named, dims.length);
  for (const axis of axes) expectNode(dims[axis] === 1, call.node, "axes of length 1", dims[axis], "axes");
  return dims.filter((_, i) => !axes.includes(i));
}

/** With axes of length 1 so that they stand at the named places of the result. */
export function unsqueezedDims(call: Call, dims: readonly number[]): number[] {
  const named = integersOf(call, "axes", 1);
  expectNode(named !== null, call.node, "axes", "none", "axes");
  checkRank(dims.length + named.length, `${call.node.where}.axes`);
  const axes = axesOf(call.node, named, dims.length + named.length);
  const rest = [...dims];
  return Array.from({ length: dims.length + axes.length }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!));
}

/** The part of the dimensions that Shape gives: start up to, not including, end. */
export function shapeOf(node: OnnxNode, dims: readonly number[]): number[] {
  const { attributes } = node;
  return dims.slice(attributes.int("start", 0), attributes.has("end") ? attributes.int("end", 0) : undefined);
}

const reshaped =
  (dims: (call: Call, x: Value) => readonly number[]): Operator =>
  (call) => {
    const x = required(call, 0);
    return [{ ...x, dims: dims(call, x) }];
  };

const makeConstant: Operator = ({ node }) => {
  const { attributes } = node;
  if (attributes.has("value")) return [attributes.tensor("value")];
  if (attributes.has("value_float")) return [toValue("float32", [], [attributes.float("value_float", 0)])];
  if (attributes.has("value_int")) return [toValue("int64", [], [attributes.int("value_int", 0)])];
  if (attributes.has("value_ints")) return [integers(attributes.ints("value_ints", []))];
  const floats = attributes.all.get("value_floats");
  if (floats?.type !== "floats") throw unsupported(node, [...attributes.all.keys()].join(", "));
  const list = floats.value as readonly number[];
  return [toValue("float32", [list.length], list)];
};

export const SHAPES: Readonly<Record<string, Operator>> = {
  Constant: makeConstant,
  ConstantOfShape: (call) => {
    const { attributes } = call.node;
    const fill = attributes.has("value") ? attributes.tensor("value") : toValue("float32", [1], [0]);
    const value = make(call, fill.type, [...required(call, 0).data]);
    value.data.fill(fill.data[0]);
    return [value];
  },
  Dropout: (call) => {
    const x = required(call, 0);
    const training = optional(call, 2);
    if (training && training.data[0] !== 0) throw unsupported(call.node, "training_mode");
    const mask = make(call, "bool", x.dims);
    mask.data.fill(1);
    return [x, mask];
  },
  Expand: (call) => {
    const x = required(call, 0);
    const shape = make(call, x.type, [...required(call, 1).data]);
    return [zip(call, x.type, [x, shape], (value) => value)];
  },
  Flatten: reshaped(({ node }, x) => flattenedDims(node, x.dims)),
  Gather: (call) => {
    const [x, indices] = [required(call, 0), required(call, 1)];
    const axis = axisOf(call.node, call.node.attributes.int("axis", 0), x.dims.length);
    const all: Indices[] = x.dims.map(whole);
    const picked = pick(call, x, all.with(axis, gatherIndices(call, indices, x.dims[axis])));
    return [{ ...picked, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)] }];
  },
  Identity: reshaped((_, x) => x.dims),
  Reshape: reshaped((call, x) => reshapedDims(call.node, x.dims, [...required(call, 1).data])),
  Shape: (call) => [integers(shapeOf(call.node, required(call, 0).dims))],
  Squeeze: reshaped((call, x) => squeezedDims(call, x.dims)),
  Unsqueeze: reshaped((call, x) => unsqueezedDims(call, x.dims)),
};

/** Indices along an axis of `size`, negative ones counted from behind. */
export function gatherIndices({ node, budget }: Call, indices: Value, size: number): number[] {
  const { data } = indices;
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
