// histogram.ts: what values a tensor takes, counted in one pass without knowing its range beforehand.

import { given, is, ShiftwiseError } from "../base/index.js";
import { HISTOGRAM } from "./given.js";

/**
 * Counts of a tensor's values by sign and magnitude. Bins are linear inside an octave, BINS_PER_OCTAVE of them, so a
 * bin is at most 1/256 of its values wide. Bin i covers binLow(i) <= |x| < binLow(i + 1).
 */
export interface Histogram {
  /** Values seen. */
  total: number;
  min: number;
  max: number;
  /** Values of magnitude below 2^-32, zeros among them. */
  tiny: number;
  readonly positive: Float64Array;
  readonly negative: Float64Array;
}

/** One occupied bin: the middle of its values, signed, and how many there are. */
export interface Bin {
  readonly value: number;
  readonly count: number;
}

const MANTISSA_BITS = 8;
const LOWEST_OCTAVE = -32;
const OCTAVES = 64;
/** float32 bits >>> SHIFT are the exponent and the top of the mantissa: a bin's number, up to the offset BASE. */
const SHIFT = 23 - MANTISSA_BITS;
const BASE = (127 + LOWEST_OCTAVE) << MANTISSA_BITS;
export const BINS = OCTAVES << MANTISSA_BITS;

export const BINS_PER_OCTAVE = 1 << MANTISSA_BITS;

/** Returns a histogram without values. */
export function createHistogram(): Histogram {
  return {
    total: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    tiny: 0,
    positive: new Float64Array(BINS),
    negative: new Float64Array(BINS),
  };
}

/** Smallest magnitude of bin i. Exact. */
export function binLow(i: number): number {
  return 2 ** (LOWEST_OCTAVE + Math.floor(i / BINS_PER_OCTAVE)) * (1 + (i % BINS_PER_OCTAVE) / BINS_PER_OCTAVE);
}

/**
 * Counts all values in.
 * @param where tensor to name in the error.
 * @throws BAD_DATA for a value that is not finite or of magnitude 2^32 and more; the histogram is spoilt then.
 */
export function addToHistogram(histogram: Histogram, values: Float32Array, where: string): void {
  given({ histogram, values, where }, { histogram: HISTOGRAM, values: is.floats, where: is.text });
  const { positive, negative } = histogram;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let { min, max, tiny } = histogram;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const bin = ((bits[i] & 0x7fffffff) >>> SHIFT) - BASE;
    if (bin < 0) tiny++;
    else if (bin >= BINS) {
      throw new ShiftwiseError("BAD_DATA", "activation out of range", {
        expected: "a finite value below 2^32",
        found: String(value),
        where: `${where}[${i}]`,
      });
    } else if (value > 0) positive[bin]++;
    else negative[bin]++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  histogram.min = min;
  histogram.max = max;
  histogram.tiny = tiny;
  histogram.total += values.length;
}

/** The histogram of all values of several tensors together. */
export function mergeHistograms(histograms: readonly Histogram[]): Histogram {
  given({ histograms }, { histograms: is.list(HISTOGRAM) });
  const merged = createHistogram();
  for (const one of histograms) {
    merged.total += one.total;
    merged.tiny += one.tiny;
    merged.min = Math.min(merged.min, one.min);
    merged.max = Math.max(merged.max, one.max);
    for (let i = 0; i < BINS; i++) {
      merged.positive[i] += one.positive[i];
      merged.negative[i] += one.negative[i];
    }
  }
  return merged;
}

/** The occupied bins from the most negative to the most positive; the tiny values stand as one bin at 0. */
export function occupiedBins(histogram: Histogram): Bin[] {
  const bins: Bin[] = [];
  for (let i = BINS - 1; i >= 0; i--) {
    if (histogram.negative[i] > 0) bins.push({ value: -binMiddle(i), count: histogram.negative[i] });
  }
  if (histogram.tiny > 0) bins.push({ value: 0, count: histogram.tiny });
  for (let i = 0; i < BINS; i++) {
    if (histogram.positive[i] > 0) bins.push({ value: binMiddle(i), count: histogram.positive[i] });
  }
  return bins;
}

function binMiddle(i: number): number {
  return (binLow(i) + binLow(i + 1)) / 2;
}
