// histogram.ts: what values a tensor takes, counted in one pass without knowing its range beforehand.

import { given, is, type Kind, ShiftwiseError } from "../base/index.js";
import { FIRST, LAST, numberAt, orderOf } from "./ordered.js";

/**
 * Counts of a tensor's values by sign and magnitude. Bins are linear inside an octave, BINS_PER_OCTAVE of them, so a
 * bin is at most 1/256 of its values wide. Bin i covers binLow(i) <= |x| < binLow(i + 1). The bins span 64 octaves, from
 * 2^-32 on where the largest value lies in 2^-12..2^32, and otherwise from 47 octaves below it.
 */
export interface Histogram {
  /** Values seen. */
  total: number;
  min: number;
  max: number;
  /** Exponent of the lowest octave that has bins. */
  lowest: number;
  /** Values below that octave, zeros among them. */
  tiny: number;
  readonly positive: Float64Array;
  readonly negative: Float64Array;
}

const FIELDS = is.record<Histogram>({
  total: is.number,
  min: is.number,
  max: is.number,
  lowest: is.integer(-126, 64),
  tiny: is.number,
  positive: is.array("Float64Array"),
  negative: is.array("Float64Array"),
});

/** A histogram as createHistogram makes them. */
export const HISTOGRAM: Kind = (value, where) => {
  FIELDS(value, where);
  for (const side of ["positive", "negative"] as const) {
    const counts = (value as Histogram)[side];
    if (counts.length !== BINS) throw is.refused(`${where}.${side}`, `${BINS} counts`, counts);
  }
};

/** One occupied bin: the middle of its values, signed, and how many there are. */
export interface Bin {
  readonly value: number;
  readonly count: number;
}

const MANTISSA_BITS = 8;
const LOWEST_OCTAVE = -32;
const OCTAVES = 64;
/** Octaves that there are at least below the one of the largest value, and those that do where the bins need not move for it. */
const DEPTH = 47;
const DEPTH_MIN = 20;
/** Exponents of normal float32 numbers. */
const EXPONENT_MIN = -126;
const EXPONENT_MAX = 127;
/** float32 bits >>> SHIFT are the exponent and the top of the mantissa: a bin's number, up to an offset. */
const SHIFT = 23 - MANTISSA_BITS;
const BINS = OCTAVES << MANTISSA_BITS;

export const BINS_PER_OCTAVE = 1 << MANTISSA_BITS;

/** Returns a histogram without values. */
export function createHistogram(): Histogram {
  return {
    total: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    lowest: LOWEST_OCTAVE,
    tiny: 0,
    positive: new Float64Array(BINS),
    negative: new Float64Array(BINS),
  };
}

/** Smallest magnitude of bin i, `lowest` the histogram's. Exact. */
export function binLow(i: number, lowest = LOWEST_OCTAVE): number {
  return 2 ** (lowest + Math.floor(i / BINS_PER_OCTAVE)) * (1 + (i % BINS_PER_OCTAVE) / BINS_PER_OCTAVE);
}

/**
 * Counts all values in.
 * @param where tensor to name in the error.
 * @throws BAD_DATA for a value that is not finite.
 */
export function addToHistogram(histogram: Histogram, values: Float32Array, where: string): void {
  given({ histogram, values, where }, { histogram: HISTOGRAM, values: is.floats, where: is.text });
  if (values.length === 0) return;
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  // without a branch on what a value is, which would be guessed wrong at every other one; the counts go in once all are finite
  counts.fill(0);
  let [first, last] = [LAST, FIRST];
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    const order = orderOf(word);
    if (order < first) first = order;
    if (order > last) last = order;
    counts[word >>> SHIFT]++;
  }
  const largest = Math.max(last, orderOf(first) & 0x7fffffff);
  // an infinity and a NaN have the highest exponent
  if (largest >= INFINITE) {
    const i = bits.findIndex((word) => (word & INFINITE) === INFINITE);
    throw new ShiftwiseError("BAD_DATA", "activation is not finite", {
      expected: "a finite value: weights, or a normalization, that float32 has room for",
      found: String(values[i]),
      where: `${where}[${i}]`,
    });
  }
  histogram.min = Math.min(histogram.min, numberAt(first));
  histogram.max = Math.max(histogram.max, numberAt(last));
  moveBins(histogram, lowestFor(Math.max(histogram.max, -histogram.min)));
  const { positive, negative, lowest } = histogram;
  const base = (127 + lowest) << MANTISSA_BITS;
  let tiny = values.length;
  for (let bin = 0; bin <= (largest >>> SHIFT) - base; bin++) {
    const [above, below] = [counts[base + bin], counts[SIGN + base + bin]];
    positive[bin] += above;
    negative[bin] += below;
    tiny -= above + below;
  }
  histogram.tiny += tiny;
  histogram.total += values.length;
}

/** Counts of one call by the top bits of float32 numbers, the sign's first. */
const counts = new Uint32Array(2 ** (32 - SHIFT));
const SIGN = 2 ** (31 - SHIFT);
const INFINITE = 0x7f800000;

/** The lowest octave of the bins of values up to `largest`; it rises with it. */
function lowestFor(largest: number): number {
  if (!(largest > 0)) return LOWEST_OCTAVE;
  const top = Math.floor(Math.log2(largest));
  if (top >= LOWEST_OCTAVE + DEPTH_MIN && top < LOWEST_OCTAVE + OCTAVES) return LOWEST_OCTAVE;
  return Math.min(Math.max(top - DEPTH, EXPONENT_MIN), EXPONENT_MAX + 1 - OCTAVES);
}

/** Moves the bins to other octaves. What falls out below counts as tiny; nothing falls out above. */
function moveBins(histogram: Histogram, lowest: number): void {
  const by = (lowest - histogram.lowest) << MANTISSA_BITS;
  histogram.lowest = lowest;
  if (by === 0) return;
  for (const counts of [histogram.positive, histogram.negative]) {
    const from = counts.slice();
    counts.fill(0);
    from.forEach((count, i) => {
      if (i < by) histogram.tiny += count;
      else if (count > 0) counts[i - by] = count;
    });
  }
}

/** The histogram of all values of several tensors together. */
export function mergeHistograms(histograms: readonly Histogram[]): Histogram {
  given({ histograms }, { histograms: is.list(HISTOGRAM) });
  const merged = createHistogram();
  const largest = histograms.reduce((most, { min, max }) => Math.max(most, max, -min), 0);
  merged.lowest = lowestFor(largest);
  for (const part of histograms) {
    const one = { ...part, positive: part.positive.slice(), negative: part.negative.slice() };
    moveBins(one, merged.lowest);
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
  const middle = (i: number): number => (binLow(i, histogram.lowest) + binLow(i + 1, histogram.lowest)) / 2;
  for (let i = BINS - 1; i >= 0; i--) {
    if (histogram.negative[i] > 0) bins.push({ value: -middle(i), count: histogram.negative[i] });
  }
  if (histogram.tiny > 0) bins.push({ value: 0, count: histogram.tiny });
  for (let i = 0; i < BINS; i++) {
    if (histogram.positive[i] > 0) bins.push({ value: middle(i), count: histogram.positive[i] });
  }
  return bins;
}
