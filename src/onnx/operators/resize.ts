// resize.ts: enlarging and shrinking, as weighted taps for every position of every axis.
import { type AxisWeights, elements, sameShape } from "../../ops/index.js";
import { shapeFor } from "../draft.js";
import { checkSize, type Value } from "../tensor.js";
import { listOf, range, whole } from "./arrays.js";
import {
  added,
  axesOf,
  type Bare,
  type Call,
  type Conversion,
  cast,
  checkAxis,
  checkWork,
  expectNode,
  make,
  optional,
  planes,
  required,
  unsupported,
  withoutBatch,
} from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { choice, flag, float, floats, int, ints, type Specs, type ValuesOf } from "./spec.js";

/** The place in an input axis of `from` elements that position x of `to` looks at. */
const PLACES = {
  half_pixel: (x: number, scale: number) => (x + 0.5) / scale - 0.5,
  pytorch_half_pixel: (x: number, scale: number, _: number, to: number) => (to > 1 ? (x + 0.5) / scale - 0.5 : 0),
  asymmetric: (x: number, scale: number) => x / scale,
  align_corners: (x: number, _: number, from: number, to: number) => (to === 1 ? 0 : (x * (from - 1)) / (to - 1)),
  half_pixel_symmetric: (x: number, scale: number, from: number, to: number) =>
    (from / 2) * (1 - to / (scale * from)) + (x + 0.5) / scale - 0.5,
};

const NEAREST = {
  round_prefer_floor: (place: number) => Math.ceil(place - 0.5),
  round_prefer_ceil: (place: number) => Math.floor(place + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

const MODE = choice("nearest", "linear", "bilinear", "cubic");
/** Resize before version 11, and Upsample, the older name: scales are an attribute or input 1, with one rule for places. */
const OLD = { mode: MODE, scales: floats({ input: 1 }) };
const NEW = {
  antialias: int(0, { legal: [0] }),
  axes: ints(),
  coordinate_transformation_mode: choice(
    "half_pixel",
    "pytorch_half_pixel",
    "asymmetric",
    "align_corners",
    "half_pixel_symmetric",
  ),
  cubic_coeff_a: float(-0.75),
  exclude_outside: flag(false),
  extrapolation_value: float(0),
  keep_aspect_ratio_policy: choice("stretch", "not_larger", "not_smaller"),
  mode: MODE,
  nearest_mode: choice("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
  scales: floats({ input: 2 }),
};
type Rules = Omit<ValuesOf<typeof NEW>, "antialias" | "extrapolation_value">;
const OLD_RULES = {
  axes: null,
  coordinate_transformation_mode: "asymmetric",
  cubic_coeff_a: -0.75,
  exclude_outside: false,
  keep_aspect_ratio_policy: "stretch",
  nearest_mode: "floor",
} as const;

interface Resizing {
  readonly dims: readonly number[];
  /** The taps along every axis; null where it stays as it is. */
  readonly taps: readonly (AxisWeights | null)[];
}

/**
 * Plans the resizing of an input of these dimensions. @throws OVERFLOW for a result too large, before anything is made
 */
function resizing(call: Bare, rules: Rules, dims: readonly number[]): Resizing {
  const { node, budget } = call;
  const axes = rules.axes ? axesOf(node, rules.axes, dims.length) : range(dims.length);
  const { sizes, scales } = targets(
    call,
    rules,
    axes.map((axis) => dims[axis]),
  );
  const result = [...dims];
  for (const [i, axis] of axes.entries()) {
    checkAxis(node, sizes[i], "sizes");
    expectNode(sizes[i] >= 1, node, "sizes of 1 or more", sizes[i], "sizes");
    result[axis] = sizes[i];
  }
  checkSize(result, node.where);
  const place = PLACES[rules.coordinate_transformation_mode];
  const taps = dims.map((): AxisWeights | null => null);
  for (const [i, axis] of axes.entries()) {
    const [from, to, scale] = [dims[axis], sizes[i], scales[i]];
    if (to === from && scale === 1) continue;
    const kernel = kernelOf(rules, from);
    const count = to * kernel.each;
    budget.spend(4 * count);
    const [indices, weights] = [new Array<number>(count), new Array<number>(count)];
    const around: number[] = [];
    for (let x = 0, at = 0; x < to; x++) {
      const first = kernel.weigh(place(x, scale, from, to), around);
      for (let k = 0; k < kernel.each; k++, at++) {
        indices[at] = Math.min(Math.max(first + k, 0), from - 1);
        weights[at] = around[k];
      }
    }
    taps[axis] = { indices, weights };
  }
  return { dims: result, taps };
}

/** The new length of each of some axes, and its ratio to the old. */
function targets(call: Bare, rules: Rules, lengths: readonly number[]): { sizes: number[]; scales: number[] } {
  const { node } = call;
  const count = lengths.length;
  if (rules.scales && rules.scales.length > 0) {
    const scales = [...rules.scales];
    expectNode(scales.length === count, node, `${count} scales`, scales.length, "scales");
    const sound = scales.every((s) => s > 0 && s < Infinity);
    expectNode(sound, node, "positive scales", scales, "scales");
    return { scales, sizes: scales.map((s, i) => Math.floor(lengths[i] * s)) };
  }
  const wanted = optional(call, 3);
  expectNode(wanted !== null && wanted.data.length === count, node, "scales or sizes", "neither", "sizes");
  const sizes = [...withoutBatch(call, [...wanted.data])];
  const scales = sizes.map((size, i) => size / lengths[i]);
  const policy = rules.keep_aspect_ratio_policy;
  if (policy === "stretch") return { sizes, scales };
  const common = policy === "not_larger" ? Math.min(...scales) : Math.max(...scales);
  return { scales: scales.map(() => common), sizes: lengths.map((n) => Math.round(common * n)) };
}

/** The weights of the elements around a place between them. */
interface Kernel {
  readonly each: number;
  /** Writes the weights of `each` elements; returns the index of the first, which may lie outside. */
  weigh(place: number, weights: number[]): number;
}

function kernelOf(rules: Rules, size: number): Kernel {
  const round = NEAREST[rules.nearest_mode];
  switch (rules.mode) {
    case "nearest":
      return {
        each: 1,
        weigh(place, weights) {
          weights[0] = 1;
          return round(place);
        },
      };
    case "linear":
    case "bilinear":
      return {
        each: 2,
        weigh(place, weights) {
          const low = Math.floor(place);
          weights[1] = place - low;
          weights[0] = 1 - weights[1];
          return low;
        },
      };
    case "cubic":
      return cubic(rules.cubic_coeff_a, size, rules.exclude_outside);
  }
}

/** Keys' cubic convolution over the four neighbours (Keys 1981). */
function cubic(a: number, size: number, exclude: boolean): Kernel {
  const weight = (x: number): number => {
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
  };
  return {
    each: 4,
    weigh(place, weights) {
      const first = Math.floor(place) - 1;
      let sum = 0;
      for (let k = 0; k < 4; k++) {
        const outside = first + k < 0 || first + k >= size;
        weights[k] = exclude && outside ? 0 : weight(Math.abs(place - first - k));
        sum += weights[k];
      }
      if (exclude) for (let k = 0; k < 4; k++) weights[k] /= sum;
      return first;
    },
  };
}

/** Every line along one axis becomes sums of its taps. */
function resampled(call: Bare, x: Value, axis: number, { indices, weights }: AxisWeights, length: number): Value {
  const y = make(call, "float64", x.dims.with(axis, length));
  const each = indices.length / length;
  const inner = elements(x.dims.slice(axis + 1));
  const size = x.dims[axis];
  checkWork(call, y.data.length * each * 8);
  for (let i = 0; i < y.data.length; i++) {
    const outer = Math.floor(i / (inner * length));
    const place = Math.floor(i / inner) % length;
    for (let k = place * each; k < (place + 1) * each; k++) {
      y.data[i] += weights[k] * x.data[(outer * size + indices[k]) * inner + (i % inner)];
    }
  }
  return y;
}

function evaluated(call: Bare, rules: Rules): readonly Value[] {
  const x = required(call, 0);
  const { dims, taps } = resizing(call, rules, x.dims);
  const made = taps.reduce((value, one, axis) => (one ? resampled(call, value, axis, one, dims[axis]) : value), x);
  return [cast(call, x.type, made)];
}

function converted(conversion: Conversion, rules: Rules) {
  const { node, budget } = conversion;
  const { dims: from, shape, input } = planes(conversion);
  const { dims, taps } = resizing(conversion, rules, from);
  if (!sameShape(dims.slice(0, 2), from.slice(0, 2))) throw unsupported(node, "a change of batch or channels");
  const result = shapeFor(dims);
  const [rows, columns] = [taps[2] ?? null, taps[3] ?? null];
  if ([rows, columns].every((one) => one === null || one.weights.every((w) => w === 1))) {
    const along = (one: AxisWeights | null, n: number): readonly number[] =>
      one?.indices ?? listOf(conversion, whole(n));
    const places = { channels: along(null, shape[0]), rows: along(rows, shape[1]), columns: along(columns, shape[2]) };
    return [added(conversion, { op: "gather", input, ...places, value: 0 }, result, dims)];
  }
  const rounded = (one: AxisWeights | null, n: number): AxisWeights => {
    budget.spend(one?.weights.length ?? n);
    if (!one) return { indices: listOf(conversion, whole(n)), weights: new Array<number>(n).fill(1) };
    return { indices: one.indices, weights: one.weights.map(Math.fround) };
  };
  const lines = { rows: rounded(rows, shape[1]), columns: rounded(columns, shape[2]) };
  return [added(conversion, { op: "resample", input, shape: result, ...lines }, result, dims)];
}

function resize<S extends Specs>(attributes: S, rules: (call: Call<ValuesOf<S>>) => Rules): Operator {
  return operator(attributes, {
    evaluate: (call) => evaluated(call, rules(call)),
    convert: (conversion) => converted(conversion, rules(conversion)),
  });
}

const old = resize(OLD, ({ attributes }) => ({ ...OLD_RULES, ...attributes }));

export const RESIZES: Operators = {
  Resize: { versions: { 1: old, 11: resize(NEW, ({ attributes }) => attributes) } },
  Upsample: old,
};
