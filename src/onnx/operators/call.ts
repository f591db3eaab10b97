// call.ts: one node of a model at work: what its operator is given, what it may make, and how it complains.

import { ShiftwiseError } from "../../base/index.js";
import { fields } from "../../format/index.js";
import type { Shape, Unnamed } from "../../ops/index.js";
import type { Budget } from "../budget.js";
import { type Activation, isActivation, type Known, shapeFor } from "../draft.js";
import type { OnnxNode } from "../model.js";
import type { Surroundings } from "../surroundings.js";
import { castNumber, countElements, createValue, type ElementType, type Value } from "../tensor.js";

/** A node before its attributes are read. */
export interface Bare {
  /** The batch that stands in the file and is read as 1; only while converting. */
  readonly batch?: number;
  readonly node: OnnxNode;
  /** The node's inputs; null where an optional one is left out. Activations only while converting. */
  readonly operands: readonly (Known | null)[];
  /** The budget that is left; asked before anything is made. */
  readonly budget: Budget;
}

export interface BareConversion extends Omit<Bare, "batch">, Surroundings {
  /** Whether the first output is an output of the model. */
  readonly last: boolean;
}

/** One evaluation. @template A values of the operator's attributes */
export type Call<A = unknown> = Bare & { readonly attributes: A };
/** One node to convert. */
export type Conversion<A = unknown> = BareConversion & { readonly attributes: A };

export function expectNode(ok: boolean, node: OnnxNode, expected: string, found: unknown, field = ""): asserts ok {
  fields.expect(ok, field ? `${node.where}.${field}` : node.where, expected, found, "BAD_GRAPH");
}

/** The error for what is well formed but not done here. */
export function unsupported(node: OnnxNode, what: string): ShiftwiseError {
  return new ShiftwiseError("UNSUPPORTED", `${node.op}: ${what}`, { where: node.where });
}

/** The error for an activation of a shape that does not fit an operator here. */
export function shapeUnsupported(node: OnnxNode, dims: readonly number[]): ShiftwiseError {
  return unsupported(node, `an input of shape ${dims.join("x")}`);
}

/** Longest axis that anything here makes, or walks along: only an attack or a mistake asks for more. */
export const AXIS_MAX = 2 ** 22;
/** Most products or comparisons of one node. */
const WORK_MAX = 2 ** 33;

/** @throws OVERFLOW for an axis longer than AXIS_MAX; BAD_GRAPH for a length that is no integer >= 0 */
export function checkAxis(node: OnnxNode, length: number, field: string): void {
  expectNode(Number.isInteger(length) && length >= 0, node, "an integer >= 0", length, field);
  if (length <= AXIS_MAX) return;
  const details = { where: `${node.where}.${field}`, expected: `at most ${AXIS_MAX}`, found: length };
  throw new ShiftwiseError("OVERFLOW", "an axis is too long", details);
}

/** @throws OVERFLOW where one node would compute for minutes, or beyond the budget */
export function checkWork({ node, budget }: Bare, operations: number): void {
  if (operations > WORK_MAX) {
    const details = { where: node.where, expected: `at most ${WORK_MAX} operations`, found: operations };
    throw new ShiftwiseError("OVERFLOW", "too much to compute", details);
  }
  budget.work(operations);
}

/** A value of zeros. @throws OVERFLOW where it is larger than anything may be, or than the budget */
export function make({ node, budget }: Bare, type: ElementType, dims: readonly number[]): Value {
  budget.spend(countElements(dims, node.where));
  return createValue(type, dims, node.where);
}

/** The value as Cast makes it of another type. */
export function cast(call: Bare, type: ElementType, { dims, data }: Value): Value {
  const y = make(call, type, dims);
  for (let i = 0; i < data.length; i++) y.data[i] = castNumber(data[i], type);
  return y;
}

/** Constant input `index`, or null where it is left out. @throws UNSUPPORTED where it depends on the model's input */
export function optional({ node, operands }: Bare, index: number): Value | null {
  const operand = operands[index] ?? null;
  if (isActivation(operand)) throw unsupported(node, `input ${index} depends on the model's input`);
  return operand;
}

/** Constant input `index`. @throws BAD_GRAPH where it is left out; UNSUPPORTED where it depends on the model's input */
export function required(call: Bare, index: number): Value {
  const value = optional(call, index);
  expectNode(value !== null, call.node, "an input", "none", `input[${index}]`);
  return value;
}

/** Sizes that a file asks for, with the batch that stands in it read as 1. @param at where the first axis has its size, if anywhere */
export function withoutBatch({ batch = 1 }: Bare, sizes: readonly number[], at = 0): readonly number[] {
  return batch > 1 && sizes[at] === batch ? sizes.with(at, 1) : sizes;
}

/** All inputs, none of them left out. */
export function allOperands({ node, operands }: Bare): readonly Known[] {
  return operands.map((operand, i) => {
    expectNode(operand !== null, node, "an input", "none", `input[${i}]`);
    return operand;
  });
}

/** The first input, which must depend on the model's input, with all others constant. */
export function onlyActivation(conversion: Bare): Activation {
  const { node, operands } = conversion;
  const [x] = operands;
  if (!isActivation(x)) throw unsupported(node, "a constant first input");
  for (let i = 1; i < operands.length; i++) optional(conversion, i);
  return x;
}

/** An activation (batch 1, channels, ...) as channels, rows and columns; one axis of space is that of rows. */
export function planes(conversion: Conversion): { dims: readonly number[]; shape: Shape; input: string } {
  const activation = onlyActivation(conversion);
  const { dims } = activation;
  if (dims.length < 2 || dims.length > 4 || dims[0] !== 1) throw shapeUnsupported(conversion.node, dims);
  const shape = shapeFor(dims);
  return { dims, shape, input: conversion.draft.shaped(activation, shape) };
}

/** The name that ONNX gives the conversion's first result. */
export function resultName({ node }: Bare): string {
  return node.outputs[0] ?? node.name;
}

/** Adds the node that makes the first result, of `shape` in the network and `dims` in ONNX. */
export function added(
  conversion: Conversion,
  node: Unnamed,
  shape: Shape,
  dims: readonly number[],
  type?: ElementType,
): Activation {
  return { node: conversion.draft.add(resultName(conversion), node, shape), dims, ...(type && { type }) };
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
