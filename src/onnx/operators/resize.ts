// resize.ts: enlarging and shrinking, as weighted taps for every position of every axis.
import { elements, type Taps } from "../../ops/index.js";
import type { OnnxNode } from "../model.js";
import type { Value } from "../tensor.js";
import { range } from "./arrays.js";
import {
  axesOf,
  type Call,
  cast,
  checkAxis,
  checkSize,
  checkWork,
  expectNode,
  make,
  type Operator,
  optional,
  required,
  unsupported,
} from "./call.js";

export interface Resizing {
  readonly dims: readonly number[];
  /** For every axis; null where it stays as it is. */
  readonly taps: readonly (Taps | null)[];
}

/** The place in an input axis of `from` elements that position x of `to` looks at. */
const PLACES: Readonly<Record<string, (x: number, scale: number, from: number, to: number) => number>> = {
  half_pixel: (x, scale) => (x + 0.5) / scale - 0.5,
  pytorch_half_pixel: (x, scale, _, to) => (to > 1 ? (x + 0.5) / scale - 0.5 : 0),
  asymmetric: (x, scale) => x / scale,
  align_corners: (x, _, from, to) => (to === 1 ? 0 : (x * (from - 1)) / (to - 1)),
  half_pixel_symmetric: (x, scale, from, to) => (from / 2) * (1 - to / (scale * from)) + (x + 0.5) / scale - 0.5,
};

const NEAREST: Readonly<Record<string, (place: number) => number>> = {
  round_prefer_floor: (place) => Math.ceil(place - 0.5),
  round_prefer_ceil: (place) => Math.floor(place + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** The entry of a table that an attribute names. */
function chosen<T>(node: OnnxNode, table: Readonly<Record<string, T>>, attribute: string, otherwise: string): T {
  const name = node.attributes.string(attribute, otherwise);
  if (!Object.hasOwn(table, name)) throw unsupported(node, `${attribute} ${name}`);
  return table[name];
}

/**
 * What Resize (or Upsample, the older name) does to an input of these dimensions.
 * @throws OVERFLOW for a result too large, before anything is made
 */
export function resizing(call: Call, dims: readonly number[]): Resizing {
  const { node, opset, budget } = call;
  const { attributes } = node;
  // before version 11 scales are input 1 and there is one rule for places
  const old = node.op === "Upsample" || opset < 11;
  if (attributes.int("antialias", 0) !== 0) throw unsupported(node, "antialias 1");
  const place = old ? PLACES.asymmetric : chosen(node, PLACES, "coordinate_transformation_mode", "half_pixel");
  const axes = attributes.has("axes") ? axesOf(node, attributes.ints("axes", []), dims.length) : range(dims.length);
  const { sizes, scales } = targets(call, dims, axes, old);
  const result = [...dims];
  for (const [i, axis] of axes.entries()) {
    checkAxis(node, sizes[i], "sizes");
    expectNode(sizes[i] >= 1, node, "sizes of 1 or more", sizes[i], "sizes");
    result[axis] = sizes[i];
  }
  checkSize(node, result);
  const taps = dims.map((): Taps | null => null);
  for (const [i, axis] of axes.entries()) {
    const [from, to, scale] = [dims[axis], sizes[i], scales[i]];
    if (to === from && scale === 1) continue;
    const kernel = kernelOf(node, from, old);
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

/** How a place between elements is made of those around it. */
interface Kernel {
  readonly each: number;
  /** Writes the weights of `each` elements; returns the index of the first, which may lie outside. */
  weigh(place: number, weights: number[]): number;
}

function kernelOf(node: OnnxNode, size: number, old: boolean): Kernel {
  const mode = node.attributes.string("mode", "nearest");
  switch (mode) {
    case "nearest": {
      const round = old ? Math.floor : chosen(node, NEAREST, "nearest_mode", "round_prefer_floor");
      return {
        each: 1,
        weigh(place, weights) {
          weights[0] = 1;
          return round(place);
        },
      };
    }
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
    case "cubic": {
      const a = node.attributes.float("cubic_coeff_a", -0.75);
      return cubic(a, size, node.attributes.int("exclude_outside", 0) !== 0);
    }
    default:
      throw unsupported(node, `mode ${mode}`);
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
function resampled(call: Call, x: Value, axis: number, { indices, weights }: Taps, length: number): Value {
  const dims = x.dims.with(axis, length);
  const y = make(call, "float64", dims);
  const each = indices.length / length;
  const inner = elements(dims.slice(axis + 1));
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

const resize: Operator = (call) => {
  const x = required(call, 0);
  const { dims, taps } = resizing(call, x.dims);
  const made = taps.reduce((value, one, axis) => (one ? resampled(call, value, axis, one, dims[axis]) : value), x);
  return [cast(call, x.type, made)];
};

export const RESIZES: Readonly<Record<string, Operator>> = { Resize: resize, Upsample: resize };
