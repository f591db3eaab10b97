// call.ts: one evaluation of an operator: what it is given, and how it complains.

import { ShiftwiseError } from "../../base/index.js";
import { fields } from "../../format/index.js";
import { elements } from "../../ops/index.js";
import type { Budget } from "../budget.js";
import type { OnnxNode } from "../model.js";
import { castNumber, countElements, createValue, type ElementType, type Value } from "../tensor.js";

export interface Call {
  readonly node: OnnxNode;
  readonly opset: number;
  /** null where an optional input is left out. */
  readonly inputs: readonly (Value | null)[];
  /** What may still be made; asked before anything is. */
  readonly budget: Budget;
}

/** An operator: its inputs' values to its outputs' (as many as the node asks for, or fewer). */
export type Operator = (call: Call) => readonly Value[];

export function expectNode(ok: boolean, node: OnnxNode, expected: string, found: unknown, field = ""): asserts ok {
  fields.expect(ok, field ? `${node.where}.${field}` : node.where, expected, found, "BAD_GRAPH");
}

/** Longest axis that anything here makes, or walks along: only an attack or a mistake asks for more. */
export const AXIS_MAX = 2 ** 22;
/** Most elements of a tensor of the network: half a gigabyte of float32. */
const ELEMENTS_MAX = 2 ** 27;
/** Most products or comparisons of one node. */
const WORK_MAX = 2 ** 33;

/** @throws OVERFLOW for an axis longer than AXIS_MAX; BAD_GRAPH for a length that is no integer >= 0 */
export function checkAxis(node: OnnxNode, length: number, field: string): void {
  expectNode(Number.isInteger(length) && length >= 0, node, "an integer >= 0", length, field);
  if (length <= AXIS_MAX) return;
  const details = { where: `${node.where}.${field}`, expected: `at most ${AXIS_MAX}`, found: length };
  throw new ShiftwiseError("OVERFLOW", "an axis is too long", details);
}

/** @throws OVERFLOW for a tensor larger than one of a network may be */
export function checkSize(node: Pick<OnnxNode, "where">, dims: readonly number[]): void {
  if (elements(dims) <= ELEMENTS_MAX) return;
  const details = { where: node.where, expected: `at most ${ELEMENTS_MAX} elements`, found: dims.join("x") };
  throw new ShiftwiseError("OVERFLOW", "a tensor is too large", details);
}

/** @throws OVERFLOW where one node would compute for minutes, or beyond the budget */
export function checkWork({ node, budget }: Pick<Call, "node" | "budget">, operations: number): void {
  if (operations > WORK_MAX) {
    const details = { where: node.where, expected: `at most ${WORK_MAX} operations`, found: operations };
    throw new ShiftwiseError("OVERFLOW", "too much to compute", details);
  }
  budget.work(operations);
}

/** A value of zeros. @throws OVERFLOW where it is larger than anything may be, or than the budget */
export function make(
  { node, budget }: Pick<Call, "node" | "budget">,
  type: ElementType,
  dims: readonly number[],
): Value {
  budget.spend(countElements(dims, node.where));
  return createValue(type, dims, node.where);
}

/** The value as Cast makes it of another type. */
export function cast(call: Pick<Call, "node" | "budget">, type: ElementType, { dims, data }: Value): Value {
  const y = make(call, type, dims);
  for (let i = 0; i < data.length; i++) y.data[i] = castNumber(data[i], type);
  return y;
}

/** The error for what is well formed but not done here. */
export function unsupported(node: OnnxNode, what: string, opset?: number): ShiftwiseError {
  const version = opset === undefined ? "" : ` (opset ${opset})`;
  return new ShiftwiseError("UNSUPPORTED", `${node.op}${version}: ${what}`, { where: node.where });
}

/** Input `index`. @throws BAD_GRAPH where it is left out */
export function required({ node, inputs }: Call, index: number): Value {
  const value = inputs[index];
  expectNode(value !== null && value !== undefined, node, "an input", "none", `input[${index}]`);
  return value;
}

export function optional({ inputs }: Call, index: number): Value | null {
  return inputs[index] ?? null;
}

/** The integers of an attribute of older versions that later became an input; null where neither is there. */
export function integersOf(call: Call, attribute: string, input: number): readonly number[] | null {
  if (call.node.attributes.has(attribute)) return call.node.attributes.ints(attribute, []);
  const value = optional(call, input);
  return value ? [...value.data] : null;
}

/** An axis counted from the front; negative ones count from behind. */
export function axisOf(node: OnnxNode, axis: number, rank: number): number {
  const ok = Number.isInteger(axis) && axis >= -rank && axis < rank;
  expectNode(ok, node, `an axis in ${-rank}..${rank - 1}`, axis, "axis");
  return axis < 0 ? axis + rank : axis;
}

/** Axes counted from the front, each once. */
export function axesOf(node: OnnxNode, axes: readonly number[], rank: number): number[] {
  expectNode(axes.length <= rank, node, `at most ${rank} axes`, axes.length, "axes");
  const found = axes.map((axis) => axisOf(node, axis, rank));
  expectNode(new Set(found).size === found.length, node, "axes that differ", axes, "axes");
  return found;
}
