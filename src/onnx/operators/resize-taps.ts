// resize-taps.ts: which elements of an axis make each position of a larger or smaller one, with which weights.
import { type AxisWeights, sameShape } from "../../ops/index.js";
import { checkSize } from "../tensor.js";
import { range } from "./arrays.js";
import { axesOf, type Bare, checkAxis, expectNode, optional, withoutBatch } from "./call.js";
import { choice, flag, float, floats, ints, type ValuesOf } from "./spec.js";

const { fround } = Math;

const halfPixel: Place = (x, scale) => fround(fround(fround(x + 0.5) / scale) - 0.5);

/**
 * The place in an input axis of `from` elements that position x of `to` looks at: each operation in float32, as
 * onnxruntime has it, since it decides which of two elements is the nearest.
 */
const PLACES = {
  half_pixel: halfPixel,
  pytorch_half_pixel: (x: number, scale: number, from: number, to: number) =>
    to > 1 ? halfPixel(x, scale, from, to) : 0,
  asymmetric: (x: number, scale: number) => fround(x / scale),
  align_corners: (x: number, _: number, from: number, to: number) =>
    to === 1 ? 0 : fround(fround(x * (from - 1)) / (to - 1)),
  half_pixel_symmetric: (x: number, scale: number, from: number, to: number) => {
    const offset = fround((from / 2) * fround(1 - fround(to / fround(scale * from))));
    // onnxruntime's constants of this one are float64
    return fround(offset + (x + 0.5) / scale - 0.5);
  },
};

/** The distance from the middle between two elements within which a place counts as the middle: onnxruntime's number. */
const TIE = 1e-6;

const NEAREST = {
  round_prefer_floor: (place: number) => Math.ceil(place - 0.5 - TIE),
  round_prefer_ceil: (place: number) => Math.floor(place + 0.5 + TIE),
  floor: Math.floor,
  ceil: Math.ceil,
  /** Before version 11: towards the end where the axis shrinks. */
  simple: (place: number, scale: number) => (scale < 1 ? Math.ceil(place) : Math.trunc(place)),
};

const MODE = choice("nearest", "linear", "bilinear", "cubic");
/** Resize before version 11, and Upsample, the older name: scales are an attribute or input 1, with one rule for places. */
export const OLD = { mode: MODE, scales: floats({ input: 1 }) };
/** Resize from version 11 on. */
export const NEW = {
  antialias: flag(false),
  axes: ints(),
  coordinate_transformation_mode: choice(
    "half_pixel",
    "pytorch_half_pixel",
    "asymmetric",
    "align_corners",
    "half_pixel_symmetric",
    "tf_crop_and_resize",
  ),
  cubic_coeff_a: float(-0.75),
  exclude_outside: flag(false),
  extrapolation_value: float(0),
  keep_aspect_ratio_policy: choice("stretch", "not_larger", "not_smaller"),
  mode: MODE,
  nearest_mode: choice("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
  roi: floats({ input: 1 }),
  scales: floats({ input: 2 }),
};
/** The rules of a resizing, whatever the version that says them. */
export type Rules = Omit<ValuesOf<typeof NEW>, "nearest_mode"> & { readonly nearest_mode: keyof typeof NEAREST };
/** The rules of the older versions that they do not say. */
export const OLD_RULES = {
  antialias: false,
  axes: null,
  coordinate_transformation_mode: "asymmetric",
  cubic_coeff_a: -0.75,
  exclude_outside: false,
  extrapolation_value: 0,
  keep_aspect_ratio_policy: "stretch",
  nearest_mode: "simple",
  roi: null,
} as const;

/** A resizing as taps. */
export interface Resizing {
  readonly dims: readonly number[];
  /** The taps along every axis; null where it stays as it is. Those of a place outside have the weight 0. */
  readonly taps: readonly (AxisWeights | null)[];
  /** Along every axis the positions that lie outside of the input; null for none. */
  readonly outside: readonly (readonly boolean[] | null)[];
}

/**
 * Plans the resizing of an input of these dimensions. @throws OVERFLOW for a result too large, before anything is made
 */
export function resizing(call: Bare, rules: Rules, dims: readonly number[]): Resizing {
  const { node, budget } = call;
  const axes = rules.axes ? axesOf(node, rules.axes, dims.length) : range(dims.length);
  const { sizes, scales } = targets(call, rules, dims, axes);
  const result = [...dims];
  for (const [i, axis] of axes.entries()) {
    checkAxis(node, sizes[i], "sizes");
    expectNode(sizes[i] >= 1, node, "sizes of 1 or more", sizes[i], "sizes");
    result[axis] = sizes[i];
  }
  checkSize(result, node.where);
  const taps = dims.map((): AxisWeights | null => null);
  const outside = dims.map((): boolean[] | null => null);
  for (const [i, axis] of axes.entries()) {
    const [from, to, scale] = [dims[axis], sizes[i], scales[i]];
    const place = placeOf(call, rules, i, axes.length);
    // whatever the mode says of places, as onnxruntime has it
    if (scale === 1 || sameShape(result, dims) || (rules.antialias && to === from)) continue;
    const kernel = kernelOf(rules, from, scale);
    const count = to * kernel.each;
    budget.spend(4 * count);
    const [indices, weights] = [new Array<number>(count), new Array<number>(count)];
    const around: number[] = [];
    const beyond: boolean[] = [];
    for (let x = 0, at = 0; x < to; x++) {
      const where = place(x, scale, from, to);
      const first = kernel.weigh(where, around);
      beyond.push(rules.coordinate_transformation_mode === "tf_crop_and_resize" && !(where >= 0 && where <= from - 1));
      for (let k = 0; k < kernel.each; k++, at++) {
        indices[at] = Math.min(Math.max(first + k, 0), from - 1);
        weights[at] = beyond[x] ? 0 : around[k];
      }
    }
    taps[axis] = { indices, weights };
    if (beyond.includes(true)) outside[axis] = beyond;
  }
  return { dims: result, taps, outside };
}

type Place = (x: number, scale: number, from: number, to: number) => number;

/** The place that a position looks at, along the i-th of so many axes. */
function placeOf(
  { node }: Bare,
  { coordinate_transformation_mode: mode, roi }: Rules,
  i: number,
  count: number,
): Place {
  if (mode !== "tf_crop_and_resize") return PLACES[mode];
  expectNode(
    roi !== null && roi.length === 2 * count,
    node,
    `a region of ${2 * count} numbers`,
    roi?.length ?? "none",
    "input[1]",
  );
  const [start, end] = [roi[i], roi[count + i]];
  return (x, _, from, to) => {
    if (to <= 1) return fround(0.5 * fround(start + end) * (from - 1));
    const way = fround(fround(fround(x * fround(end - start)) * (from - 1)) / (to - 1));
    return fround(fround(start * (from - 1)) + way);
  };
}

/** The new length of each of some axes, and its ratio to the old. */
function targets(call: Bare, rules: Rules, dims: readonly number[], axes: readonly number[]) {
  const { node } = call;
  const lengths = axes.map((axis) => dims[axis]);
  const count = lengths.length;
  if (rules.scales && rules.scales.length > 0) {
    const scales = [...rules.scales];
    expectNode(scales.length === count, node, `${count} scales`, scales.length, "scales");
    const sound = scales.every((s) => s > 0 && s < Infinity);
    expectNode(sound, node, "positive scales", scales, "scales");
    return { scales, sizes: scales.map((s, i) => Math.floor(fround(lengths[i] * s))) };
  }
  const wanted = optional(call, 3);
  expectNode(wanted !== null && wanted.data.length === count, node, "scales or sizes", "neither", "sizes");
  const sizes = [...withoutBatch(call, [...wanted.data], axes.indexOf(0))];
  const scales = sizes.map((size, i) => fround(size / lengths[i]));
  const policy = rules.keep_aspect_ratio_policy;
  if (policy === "stretch") return { sizes, scales };
  const common = policy === "not_larger" ? Math.min(...scales) : Math.max(...scales);
  return { scales: scales.map(() => common), sizes: lengths.map((n) => Math.round(fround(common * n))) };
}

/** The weights of the elements around a place between them. */
interface Kernel {
  readonly each: number;
  /** Writes the weights of `each` elements; returns the index of the first, which may lie outside. */
  weigh(place: number, weights: number[]): number;
}

function kernelOf(rules: Rules, size: number, scale: number): Kernel {
  if (rules.antialias && scale < 1 && rules.mode !== "nearest") return smoothed(rules, size, scale);
  const round = NEAREST[rules.nearest_mode];
  switch (rules.mode) {
    case "nearest":
      return {
        each: 1,
        weigh(place, weights) {
          weights[0] = 1;
          return round(place, scale);
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

/** The kernel as wide as it is on the smaller image, so that all elements count. */
function smoothed({ mode, cubic_coeff_a: a, exclude_outside: exclude }: Rules, size: number, scale: number): Kernel {
  const cubic = mode === "cubic";
  const support = (cubic ? 2 : 1) / scale;
  const weight = cubic ? cubicWeight(a) : (x: number): number => Math.max(0, 1 - x);
  const each = Math.ceil(2 * support) + 1;
  return {
    each,
    weigh(place, weights) {
      const first = Math.floor(place - support) + 1;
      let sum = 0;
      for (let k = 0; k < each; k++) {
        const at = first + k;
        weights[k] = exclude && (at < 0 || at >= size) ? 0 : weight(Math.abs(at - place) * scale);
        sum += weights[k];
      }
      for (let k = 0; k < each; k++) weights[k] /= sum;
      return first;
    },
  };
}

/** The weight of an element by its distance. */
function cubicWeight(a: number): (x: number) => number {
  return (x) => {
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
  };
}

/** Keys' cubic convolution over the four neighbours (Keys 1981). */
function cubic(a: number, size: number, exclude: boolean): Kernel {
  const weight = cubicWeight(a);
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
