// moments.ts: normalizations by the mean and the variance of layers, groups, channels.
import { elements } from "../../ops/index.js";
import type { Activation } from "../draft.js";
import type { Value } from "../tensor.js";
import { pick, range, sum, transposed, zip } from "./arrays.js";
import { combined } from "./binary.js";
import {
  axesOf,
  axisOf,
  type Bare,
  type Call,
  type Conversion,
  expectNode,
  onlyActivation,
  optional,
  required,
  resultName,
} from "./call.js";
import { type Operator, operator } from "./operator.js";
import { along, reduced } from "./reduce.js";
import { float, int, ints, type Specs, type ValuesOf } from "./spec.js";
import { inSteps, type ShortStep, stepped } from "./steps.js";

/** A normalization by moments: the groups that share a mean, and the scale and offset behind it. */
interface Moments {
  /** Dimensions in which the axes below are counted: the input's own, or those of its groups. */
  readonly view: readonly number[];
  /** Axes over which the mean and the variance are taken. */
  readonly axes: readonly number[];
  /** Whether the mean is subtracted; else the mean square stands for the variance. */
  readonly centred: boolean;
  /** Number added to the variance, or to its root. */
  readonly epsilon: number;
  readonly behindRoot?: boolean;
  /** Factors and addends, in dimensions that meet those of the input. */
  readonly scale: Value | null;
  readonly bias: Value | null;
}

/** y = scale (x - mean) / sqrt(variance + epsilon) + bias, in the network: sums and products with one value a group. */
export function normalized(conversion: Conversion, x: Activation, moments: Moments): readonly Activation[] {
  const { view, axes, centred, epsilon, behindRoot = false, scale, bias } = moments;
  const name = resultName(conversion);
  const groups = along(view, axes);
  const grouped = { node: x.node, dims: view };
  const mean = (of: Activation, label: string): Activation =>
    reduced(conversion, "mean", of, groups, `${name}.${label}`);
  const centre = centred ? combined(conversion, "sub", grouped, mean(grouped, "mean"), `${name}.centred`) : grouped;
  const square = stepped(conversion, centre, inSteps(["mul", [0, 0]]), `${name}.square`);
  const root: readonly ShortStep[] = behindRoot
    ? [
        ["sqrt", [0]],
        ["constant", [], epsilon],
        ["add", [1, 2]],
      ]
    : [
        ["constant", [], epsilon],
        ["add", [0, 1]],
        ["sqrt", [2]],
      ];
  const inverse = inSteps(...root, ["constant", [], 1], ["div", [4, 3]]);
  const factor = stepped(conversion, mean(square, "variance"), inverse, `${name}.factor`);
  const last = scale || bias ? `${name}.normalized` : name;
  let y: Activation = { ...combined(conversion, "mul", centre, factor, last), dims: x.dims };
  if (scale) y = combined(conversion, "mul", y, scale, bias ? `${name}.scaled` : name);
  if (bias) y = combined(conversion, "add", y, bias);
  return [y];
}

/** The same of constants, in float64. */
function normalizedValue(call: Bare, x: Value, moments: Moments): readonly Value[] {
  const { view, axes, centred, epsilon, behindRoot = false, scale, bias } = moments;
  const { stay } = along(view, axes);
  const order = [...stay, ...axes];
  const lines = transposed(call, { ...x, dims: view }, order);
  const length = elements(axes.map((axis) => view[axis]));
  for (let i = 0; i < lines.data.length; i += length) {
    const line = lines.data.subarray(i, i + length);
    const mean = centred ? sum(line) / length : 0;
    const variance = sum(Array.from(line, (value) => (value - mean) ** 2)) / length;
    const root = behindRoot ? Math.sqrt(variance) + epsilon : Math.sqrt(variance + epsilon);
    for (let k = 0; k < length; k++) line[k] = (line[k] - mean) / root;
  }
  const back = view.map((_, axis) => order.indexOf(axis));
  let y: Value = { ...transposed(call, lines, back), dims: x.dims };
  if (scale) y = zip(call, x.type, [y, scale], (a, b) => a * b);
  if (bias) y = zip(call, x.type, [y, bias], (a, b) => a + b);
  return [y];
}

/** An operator that normalizes by moments. */
function byMoments<S extends Specs>(
  attributes: S,
  momentsOf: (call: Call<ValuesOf<S>>, dims: readonly number[]) => Moments,
): Operator {
  return operator(attributes, {
    evaluate: (call) => normalizedValue(call, required(call, 0), momentsOf(call, required(call, 0).dims)),
    convert(conversion) {
      const x = onlyActivation(conversion);
      return normalized(conversion, x, momentsOf(conversion, x.dims));
    },
  });
}

/** A value a channel, in dimensions that meet (batch, channels, ...). */
function perChannel(call: Bare, index: number, dims: readonly number[], count = dims[1]): Value {
  const value = required(call, index);
  expectNode(value.data.length === count, call.node, `${count} values`, value.data.length, `input[${index}]`);
  return { ...value, dims: [count, ...dims.slice(2).map(() => 1)] };
}

const EPSILON = { epsilon: float(Math.fround(1e-5)) };
const spaceOf = (dims: readonly number[]): readonly number[] => range(dims.length).slice(2);

export const instanceNormalization = byMoments(EPSILON, (call, dims) => ({
  view: dims,
  axes: spaceOf(dims),
  centred: true,
  epsilon: call.attributes.epsilon,
  scale: perChannel(call, 1, dims),
  bias: perChannel(call, 2, dims),
}));

/** @param each whether scale and bias have a value a channel; else one a group */
export function groupNormalization(each: boolean): Operator {
  return byMoments({ ...EPSILON, num_groups: int(1), stash_type: int(1) }, (call, dims) => {
    const { num_groups: groups, epsilon } = call.attributes;
    const channels = dims[1];
    const size = channels / groups;
    expectNode(groups >= 1 && Number.isInteger(size), call.node, `a divisor of ${channels}`, groups, "num_groups");
    const spread = (index: number): Value => {
      const value = perChannel(call, index, dims, each ? channels : groups);
      if (each) return value;
      return pick(call, value, [range(channels).map((c) => Math.floor(c / size)), ...spaceOf(dims).map(() => [0])]);
    };
    const view = [dims[0], groups, size * elements(dims.slice(2))];
    return { view, axes: [2], centred: true, epsilon, scale: spread(1), bias: spread(2) };
  });
}

/** Over the axes from `axis` on. @param centred whether the mean is subtracted */
export function layerNormalization(centred: boolean): Operator {
  return byMoments({ ...EPSILON, axis: int(-1), stash_type: int(1) }, (call, dims) => {
    const first = axisOf(call.node, call.attributes.axis, dims.length);
    return {
      view: dims,
      axes: range(dims.length).slice(first),
      centred,
      epsilon: call.attributes.epsilon,
      scale: optional(call, 1),
      bias: centred ? optional(call, 2) : null,
    };
  });
}

export const meanVarianceNormalization = byMoments({ axes: ints() }, (call, dims) => ({
  view: dims,
  axes: axesOf(call.node, call.attributes.axes ?? [0, 2, 3], dims.length),
  centred: true,
  epsilon: 1e-9,
  behindRoot: true,
  scale: null,
  bias: null,
}));
