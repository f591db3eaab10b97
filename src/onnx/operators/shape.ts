// shape.ts: operators that tell a shape, make a constant, or hand on elements under another shape.
import { elements } from "../../ops/index.js";
import type { OnnxNode } from "../model.js";
import { checkRank, integers, toValue } from "../tensor.js";
import {
  axesOf,
  axisOf,
  type Call,
  expectNode,
  make,
  onlyActivation,
  optional,
  required,
  unsupported,
} from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { flag, float, floats, int, ints, type Specs, tensor, type ValuesOf } from "./spec.js";

/** Dimensions that Reshape asks for: 0 keeps one unless `allowZero`, one -1 takes what is left. */
function reshapedDims(
  node: OnnxNode,
  dims: readonly number[],
  wanted: readonly number[],
  allowZero: boolean,
): number[] {
  checkRank(wanted.length, `${node.where}.shape`);
  const result = wanted.map((n, i) => {
    expectNode(Number.isInteger(n) && n >= -1, node, "integers of at least -1", n, `shape[${i}]`);
    if (n !== 0 || allowZero) return n;
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

/** The same elements under other dimensions: no node of the network. */
function regrouping<S extends Specs>(
  attributes: S,
  regrouped: (call: Call<ValuesOf<S>>, dims: readonly number[]) => readonly number[],
  flags: { readonly keepsImages?: true } = {},
): Operator {
  return operator(attributes, {
    evaluate(call) {
      const x = required(call, 0);
      return [{ ...x, dims: regrouped(call, x.dims) }];
    },
    convert(conversion) {
      const x = onlyActivation(conversion);
      return [{ ...x, dims: regrouped(conversion, x.dims) }];
    },
    anyType: true,
    moves: true,
    ...flags,
  });
}

const axes = ints({ input: 1 });

export const SHAPES: Operators = {
  Constant: operator(
    {
      value: tensor(),
      value_float: float(null),
      value_floats: floats(),
      value_int: int(null),
      value_ints: ints(),
    },
    {
      evaluate({ node, attributes: a }) {
        if (a.value) return [a.value];
        if (a.value_float !== null) return [toValue("float32", [], [a.value_float])];
        if (a.value_int !== null) return [toValue("int64", [], [a.value_int])];
        if (a.value_ints) return [integers(a.value_ints)];
        if (a.value_floats) return [toValue("float32", [a.value_floats.length], a.value_floats)];
        throw unsupported(node, "no value");
      },
    },
  ),
  ConstantOfShape: operator(
    { value: tensor() },
    {
      evaluate(call) {
        const fill = call.attributes.value ?? toValue("float32", [1], [0]);
        const value = make(call, fill.type, [...required(call, 0).data]);
        value.data.fill(fill.data[0]);
        return [value];
      },
    },
  ),
  Dropout: operator(
    { ratio: float(0.5), seed: int(0) },
    {
      evaluate(call) {
        const x = required(call, 0);
        if (optional(call, 2)?.data[0]) throw unsupported(call.node, "training_mode");
        const mask = make(call, "bool", x.dims);
        mask.data.fill(1);
        return [x, mask];
      },
      convert: (conversion) => [onlyActivation(conversion)],
    },
  ),
  Flatten: regrouping({ axis: int(1) }, ({ node, attributes: { axis } }, dims) => {
    const cut = axis === dims.length ? axis : axisOf(node, axis, Math.max(dims.length, 1));
    return [elements(dims.slice(0, cut)), elements(dims.slice(cut))];
  }),
  Identity: regrouping({}, (_, dims) => dims),
  Reshape: regrouping({ allowzero: flag(false) }, (call, dims) => {
    const { node, attributes, batch = 1 } = call;
    const wanted = [...required(call, 1).data];
    // the first image of a batch is the first part of the first axis
    if (batch > 1 && wanted[0] > 0 && wanted[0] % batch === 0) wanted[0] /= batch;
    return reshapedDims(node, dims, wanted, attributes.allowzero);
  }),
  Shape: operator(
    { start: int(0), end: int(null) },
    {
      ofShapes: true,
      evaluate({ node, operands: [x], attributes: { start, end } }) {
        expectNode(x !== null && x !== undefined, node, "an input", "none", "input[0]");
        return [integers(x.dims.slice(start, end ?? undefined))];
      },
    },
  ),
  /** Without the axes of length 1 that are named, or all of them. */
  Squeeze: regrouping({ axes }, ({ node, attributes }, dims) => {
    if (!attributes.axes) return dims.filter((n) => n !== 1);
    const named = axesOf(node, attributes.axes, dims.length);
    for (const axis of named) expectNode(dims[axis] === 1, node, "axes of length 1", dims[axis], "axes");
    return dims.filter((_, i) => !named.includes(i));
  }),
  /** With axes of length 1 so that they stand at the named places of the result. */
  Unsqueeze: regrouping(
    { axes },
    ({ node, attributes }, dims) => {
      expectNode(attributes.axes !== null, node, "axes", "none", "axes");
      const rank = dims.length + attributes.axes.length;
      checkRank(rank, `${node.where}.axes`);
      const named = axesOf(node, attributes.axes, rank);
      const rest = [...dims];
      return Array.from({ length: rank }, (_, i) => (named.includes(i) ? 1 : rest.shift()!));
    },
    { keepsImages: true },
  ),
};
