// resize.ts: enlarging and shrinking, as weighted taps for every position of every axis.
import { elements, type Taps } from "../../ops/index.js";
import type { OnnxNode } from "../model.js";
import { createValue, toValue, type Value } from "../tensor.js";
import { range } from "./arrays.js";
import { axesOf, type Call, checkAxis, expectNode, type Operator, optional, required, unsupported } from "./call.js";

export interface Resizing {
  readonly dims: readonly number[];
  /** For every axis; one tap of weight 1 for each position where nothing is interpolated. */
  readonly taps: readonly Taps[];
}

/** What Resize (or Upsample, the older name) does to an input of these dimensions. */
export function resizing(call: Call, dims: readonly number[]): Resizing {
  const { node, opset } = call;
  const { attributes } = node;
  // before version 11 scales are input 1 and there is one rule for places
  const old = node.op === "Upsample" || opset < 11;
  if (attributes.int("antialias", 0) !== 0) throw unsupported(node, "antialias 1");
  const mode = attributes.string("mode", "nearest");
  const where = old ? "asymmetric" : attributes.string("coordinate_transformation_mode", "half_pixel");
  const axes = attributes.has("axes") ? axesOf(node, attributes.ints("axes", []), dims.length) : range(dims.length);
  const { sizes, scales } = targets(call, dims, axes, old);
  const result = [...dims];
  const taps = dims.map((n): Taps => ({ indices: range(n), weights: new Array<number>(n).fill(1) }));
  for (const [i, axis] of axes.entries()) {
    checkAxis(node, sizes[i], "sizes");
    expectNode(sizes[i] >= 1, node, "sizes of 1 or more", sizes[i], "sizes");
    result[axis] = sizes[i];
    if (sizes[i] === dims[axis] && scales[i] === 1) continue;
    const places = range(sizes[i]).map((x) => placeOf(node, where, x, scales[i], dims[axis], sizes[i]));
    taps[axis] = axisTaps(node, mode, places, dims[axis], old);
  }
  return { dims: result, taps };
}

function targets(
  call: Call,
  dims: readonly number[],
  axes: readonly number[],
  old: boolean,
): { sizes: number[]; scales: number[] } {
  const { node } = call;
  const lengths = axes.map((axis) => dims[axis]);
  const given = call.opset < 9 && node.op === "Upsample" ? null : optional(call, old ? 1 : 2);
  const listed = node.attributes.all.get("scales");
  const factors = given?.data ?? (listed?.type === "floats" ? (listed.value as readonly number[]) : []);
  if (factors.length > 0) {
    expectNode(factors.length === axes.length, node, `${axes.length} scales`, factors.length, "scales");
    const scales = Array.from(factors);
    const sound = scales.every((s) => s > 0 && s < Infinity);
    expectNode(sound, node, "positive scales", scales, "scales");
    return { scales, sizes: scales.map((s, i) => Math.floor(lengths[i] * s)) };
  }
  const wanted = optional(call, 3);
  expectNode(wanted !== null && wanted.data.length === axes.length, node, "scales or sizes", "neither", "sizes");
  const sizes = [...wanted.data];
  const policy = node.attributes.string("keep_aspect_ratio_policy", "stretch");
  const scales = sizes.map((size, i) => size / lengths[i]);
  if (policy === "stretch") return { sizes, scales };
  const common = policy === "not_larger" ? Math.min(...scales) : Math.max(...scales);
  return { scales: scales.map(() => common), sizes: lengths.map((n) => Math.round(common * n)) };
}

/** The place in the input that output position x looks at. */
function placeOf(node: OnnxNode, where: string, x: number, scale: number, from: number, to: number): number {
  switch (where) {
    case "half_pixel":
      return (x + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return to > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case "asymmetric":
      return x / scale;
    case "align_corners":
      return to === 1 ? 0 : (x * (from - 1)) / (to - 1);
    case "half_pixel_symmetric": {
      const adjustment = to / (scale * from);
      return (from / 2) * (1 - adjustment) + (x + 0.5) / scale - 0.5;
    }
    default:
      throw unsupported(node, `coordinate_transformation_mode ${where}`);
  }
}

function axisTaps(node: OnnxNode, mode: string, places: readonly number[], size: number, old: boolean): Taps {
  const inside = (at: number): number => Math.min(Math.max(at, 0), size - 1);
  switch (mode) {
    case "nearest": {
      const round = nearest(node, old ? "floor" : node.attributes.string("nearest_mode", "round_prefer_floor"));
      return { indices: places.map((place) => inside(round(place))), weights: places.map(() => 1) };
    }
    case "linear":
    case "bilinear":
      return {
        indices: places.flatMap((place) => [inside(Math.floor(place)), inside(Math.floor(place) + 1)]),
        weights: places.flatMap((place) => [1 - (place - Math.floor(place)), place - Math.floor(place)]),
      };
    case "cubic": {
      const a = node.attributes.float("cubic_coeff_a", -0.75);
      const exclude = node.attributes.int("exclude_outside", 0) !== 0;
      const all = places.map((place) => cubicTaps(place, a, size, exclude));
      return {
        indices: all.flatMap(({ first }) => [0, 1, 2, 3].map((k) => inside(first + k))),
        weights: all.flatMap(({ weights }) => weights),
      };
    }
    default:
      throw unsupported(node, `mode ${mode}`);
  }
}

function nearest(node: OnnxNode, mode: string): (place: number) => number {
  switch (mode) {
    case "floor":
      return Math.floor;
    case "ceil":
      return Math.ceil;
    case "round_prefer_floor":
      return (place) => Math.ceil(place - 0.5);
    case "round_prefer_ceil":
      return (place) => Math.floor(place + 0.5);
    default:
      throw unsupported(node, `nearest_mode ${mode}`);
  }
}

/** Keys' cubic convolution over the four neighbours (Keys 1981). */
function cubicTaps(
  place: number,
  a: number,
  size: number,
  exclude: boolean,
): { first: number; weights: readonly number[] } {
  const first = Math.floor(place) - 1;
  const weights = [0, 1, 2, 3].map((k) => {
    if (exclude && (first + k < 0 || first + k >= size)) return 0;
    const x = Math.abs(place - first - k);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
  });
  const sum = exclude ? weights.reduce((total, w) => total + w, 0) : 1;
  return { first, weights: weights.map((w) => w / sum) };
}

/** Every line along one axis becomes sums of its taps. */
function resampled(x: Value, axis: number, { indices, weights }: Taps, length: number, node: OnnxNode): Value {
  const dims = x.dims.map((n, i) => (i === axis ? length : n));
  const y = createValue("float64", dims, node.where);
  const each = indices.length / length;
  const inner = elements(dims.slice(axis + 1));
  const size = x.dims[axis];
  for (let i = 0; i < y.data.length; i++) {
    const outer = Math.floor(i / (inner * length));
    const place = Math.floor(i / inner) % length;
    for (let k = place * each; k < (place + 1) * each; k++) {
      y.data[i] += weights[k] * x.data[(outer * size + indices[k]) * inner + (i % inner)];
    }
  }
  return y;
}

const resize: Operator = (call) => {
  const x = required(call, 0);
  const { dims, taps } = resizing(call, x.dims);
  const sums = taps.reduce((value, one, axis) => resampled(value, axis, one, dims[axis], call.node), x);
  return [toValue(x.type, dims, sums.data)];
};

export const RESIZES: Readonly<Record<string, Operator>> = { Resize: resize, Upsample: resize };
