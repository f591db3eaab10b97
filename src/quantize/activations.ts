// activations.ts: linear encodings of activations, fitted to what a tensor was seen to hold.

import { given, is, ShiftwiseError } from "../base/index.js";
import type { Encoding } from "../ops/index.js";
import { HISTOGRAM, type Histogram, occupiedBins } from "./histogram.js";

/**
 * The rule for where an encoding's range ends.
 * - minmax: at the extreme values seen.
 * - percentile: at the magnitudes that `percentile` percent of the values on each side do not exceed.
 * - mse: where the squared error, clipping and rounding together, is least.
 */
export type ClipRule = "minmax" | "percentile" | "mse";

/** Options of `fitLinear`. */
export interface LinearOptions {
  /** Integers 0..2^bits - 1; 1..8. */
  readonly bits: number;
  /** Default "mse". */
  readonly clip?: ClipRule;
  /** The share of the percentile rule, in (0, 100]. Default 99.99. */
  readonly percentile?: number;
}

export const LINEAR_OPTIONS = is.record<LinearOptions>({
  bits: is.integer(1, 8),
  clip: is.optional(is.oneOf("minmax", "percentile", "mse")),
  percentile: is.optional(is.number),
});

/** An encoding with evenly spaced levels. */
export type LinearEncoding = Extract<Encoding, { kind: "linear" }>;

/** `mse` tries ranges from the extremes inwards, 16 to the octave, down to 1/16 of them. */
const STEPS_PER_OCTAVE = 16;
const OCTAVES = 4;

/**
 * Fits real = scale (q - zero), 0 <= q <= 2^bits - 1. Real zero is always an exact level: zero = 0 for a tensor without
 * negative values, else the integer nearest to where zero falls in the range. A tensor that holds nothing but zeros, or
 * values so small that float32 has no inverse of their scale, gets scale 1.
 * @throws BAD_OPTION for bits outside 1..8 or a percentile outside (0, 100], BAD_DATA for an empty histogram.
 */
export function fitLinear(histogram: Histogram, options: LinearOptions): LinearEncoding {
  given({ histogram, options }, { histogram: HISTOGRAM, options: LINEAR_OPTIONS });
  const { bits, clip = "mse", percentile = 99.99 } = options;
  if (!(percentile > 0 && percentile <= 100)) {
    throw new ShiftwiseError("BAD_OPTION", "percentile out of range", {
      expected: "a number in (0, 100]",
      found: percentile,
      where: "percentile",
    });
  }
  checkNotEmpty(histogram);
  const max = 2 ** bits - 1;
  const low = Math.min(histogram.min, 0);
  const high = Math.max(histogram.max, 0);
  if (clip === "minmax") return overRange(low, high, max);
  if (clip === "percentile") {
    const [from, to] = percentileRange(histogram, percentile);
    return overRange(Math.max(from, low), Math.min(to, high), max);
  }
  let best = overRange(low, high, max);
  let least = encodingError(histogram, best);
  const measure = errorMeter(histogram);
  for (const from of shrunk(low)) {
    for (const to of shrunk(high)) {
      const encoding = overRange(from, to, max);
      const error = measure(encoding, least);
      if (error < least) {
        least = error;
        best = encoding;
      }
    }
  }
  return best;
}

/** Mean squared difference between the values seen (each at the middle of its bin) and what the encoding makes of them. */
export function encodingError(histogram: Histogram, encoding: Encoding): number {
  checkNotEmpty(histogram);
  return errorMeter(histogram)(encoding, Number.POSITIVE_INFINITY);
}

/** encodingError for many encodings of one histogram; gives up with Infinity once the error is known to reach `limit`. */
export function errorMeter(histogram: Histogram): (encoding: Encoding, limit: number) => number {
  const bins = occupiedBins(histogram);
  const values = Float64Array.from(bins, (bin) => bin.value);
  const shares = Float64Array.from(bins, (bin) => bin.count / histogram.total);
  return (encoding, limit) => {
    if (encoding.kind === "float32") return 0;
    return encoding.kind === "linear"
      ? linearError(values, shares, encoding, limit)
      : levelsError(values, shares, encoding, limit);
  };
}

function linearError(values: Float64Array, shares: Float64Array, encoding: LinearEncoding, limit: number): number {
  const { scale, zero, max } = encoding;
  let sum = 0;
  for (let i = values.length - 1; i >= 0 && sum < limit; i--) {
    const q = Math.min(Math.max(Math.round(values[i] / scale + zero), 0), max);
    const error = values[i] - scale * (q - zero);
    sum += error * error * shares[i];
  }
  return sum < limit ? sum : Number.POSITIVE_INFINITY;
}

function levelsError(
  values: Float64Array,
  shares: Float64Array,
  encoding: Extract<Encoding, { kind: "levels" }>,
  limit: number,
): number {
  const { scale, levels, thresholds } = encoding;
  let sum = 0;
  // Values fall from bin to bin, so the level only ever steps down.
  let k = thresholds.length;
  for (let i = values.length - 1; i >= 0 && sum < limit; i--) {
    const z = values[i] / scale;
    while (k > 0 && z < thresholds[k - 1]) k--;
    const error = values[i] - scale * levels[k];
    sum += error * error * shares[i];
  }
  return sum < limit ? sum : Number.POSITIVE_INFINITY;
}

/** The encoding of [low, high], low <= 0 <= high. */
function overRange(low: number, high: number, max: number): LinearEncoding {
  const step = Math.fround((high - low) / max);
  if (Math.fround(1 / step) === Infinity) return { kind: "linear", scale: 1, zero: 0, max };
  const zero = Math.min(Math.max(Math.round(-low / step), 0), max);
  return { kind: "linear", scale: usableScale(step, Math.max(zero, max - zero)), zero, max };
}

const FLOAT32_MAX = (2 - 2 ** -23) * 2 ** 127;

/**
 * A scale that an encoding may have: a float32 that has an inverse, and with which the level farthest from zero is a number.
 * Values so small that there is none get scale 1, and with it the level of zero.
 */
export function usableScale(scale: number, farthest: number): number {
  const rounded = Math.fround(scale);
  if (Math.fround(1 / rounded) === Infinity) return 1;
  const limit = Math.fround((FLOAT32_MAX / farthest) * (1 - 2 ** -22));
  return Math.min(rounded, limit);
}

function shrunk(end: number): number[] {
  if (end === 0) return [0];
  return Array.from({ length: STEPS_PER_OCTAVE * OCTAVES + 1 }, (_, i) => end * 2 ** (-i / STEPS_PER_OCTAVE));
}

/**
 * Returns the range that ends, for each sign, at the least magnitude whose bin brings the count of that sign's values up
 * to `percentile` percent.
 */
function percentileRange(histogram: Histogram, percentile: number): readonly [low: number, high: number] {
  const bins = occupiedBins(histogram);
  const reach = (side: typeof bins) => {
    const total = side.reduce((sum, bin) => sum + bin.count, 0);
    let seen = 0;
    for (const bin of side) {
      seen += bin.count;
      if (100 * seen >= percentile * total) return bin.value;
    }
    return 0;
  };
  return [reach(bins.filter((bin) => bin.value < 0).reverse()), reach(bins.filter((bin) => bin.value > 0))];
}

export function checkNotEmpty(histogram: Histogram): void {
  if (histogram.total === 0) throw new ShiftwiseError("BAD_DATA", "no activations to calibrate on");
}
