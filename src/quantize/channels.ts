// channels.ts: levels with a real scale for every output channel, fitted so that rounding errs least.
import { is, type Kind, ShiftwiseError } from "../base/index.js";
import { type ExponentRule, powersOfTwo, RULE, SMALLEST_WEIGHT } from "./levels.js";

/**
 * The levels that the weights of a layer are rounded to.
 * - powers: 0 and 2^(bits - 2) signed powers of two, times a scale for every channel or, with `scale` "layer", with one
 *   n1 for all (INQ).
 * - codebook: integers, times a scale for every channel.
 */
export type LayerLevels =
  | {
      readonly kind: "powers";
      readonly bits: number;
      readonly scale: "layer" | "channel";
      readonly rule?: ExponentRule;
    }
  | { readonly kind: "codebook"; readonly levels: readonly number[] };

type Powers = Extract<LayerLevels, { kind: "powers" }>;
type Table = Extract<LayerLevels, { kind: "codebook" }>;

/**
 * Checks what a layer's weights are to be rounded to.
 * @internal
 */
export const LAYER_LEVELS: Kind = is.either(
  (value) => (value as LayerLevels | undefined)?.kind === "codebook",
  is.record<Table>({ kind: is.text, levels: is.list(is.number) }),
  is.record<Powers>({
    kind: is.oneOf("powers", "codebook"),
    bits: is.number,
    scale: is.oneOf("layer", "channel"),
    rule: is.optional(RULE),
  }),
);

/** Scales tried lie this close, and reach this far down from the one at which nothing is clipped. */
const STEPS_PER_OCTAVE = 12;
const OCTAVES = 4;
/**
 * The scale that stands for 0, which no grid has.
 * @internal
 */
export const SMALLEST_SCALE = 2 ** -126;

/** Zero and the signed powers of two of a codebook, ascending. */
export function powerLevels(bits: number, n1: number): Float64Array {
  const { magnitudes } = powersOfTwo(bits, n1);
  return Float64Array.from([...magnitudes.map((m) => -m).reverse(), 0, ...magnitudes]);
}

/** Intervals of equal width that weights are counted into, from the smallest to the largest magnitude. */
const BINS = 4096;

/**
 * Returns for every row of `weights` the scale s > 0 with the least sum of importance (w - s level)^2, level the
 * nearest. Weights between two midpoints share a level, so that sums over intervals of weights tell the error of any scale:
 * in the interval that a midpoint falls into, both of its levels err alike.
 * @param importance one number a column, 0 or more.
 * @param levels ascending.
 * @internal
 */
export function fitScales(weights: Float64Array, importance: Float64Array, levels: Float64Array): Float64Array {
  const n = importance.length;
  const top = Math.max(Math.abs(levels[0]), Math.abs(levels[levels.length - 1]));
  const midpoints = midpointsOf(levels);
  const errorOf = createRowError(levels, midpoints);
  // a row of zeros, or next to nothing, which has any scale where 0 is a level, and otherwise nearly none
  const idle = levels.includes(0) ? 1 : SMALLEST_SCALE;
  return Float64Array.from({ length: weights.length / n }, (_, r) => {
    const row = weights.subarray(r * n, (r + 1) * n);
    let largest = 0;
    for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(row[i]));
    if (largest < SMALLEST_WEIGHT) return idle;
    const error = errorOf(row, importance, largest);
    let best = largest / top;
    let least = Number.POSITIVE_INFINITY;
    // the largest weight may also lie above the top level
    for (let step = -STEPS_PER_OCTAVE / 4; step <= STEPS_PER_OCTAVE * OCTAVES; step++) {
      const scale = (largest / top) * 2 ** (-step / STEPS_PER_OCTAVE);
      const found = error(scale / largest);
      if (found < least) {
        least = found;
        best = scale;
      }
    }
    return best;
  });
}

/** Makes the error of a row as a function of its scale; both are in units of the row's largest magnitude. */
function createRowError(levels: Float64Array, midpoints: Float64Array) {
  // sums over all weights below an interval's end: importance times w^0, w^1
  const mass = new Float64Array(BINS + 1);
  const moment = new Float64Array(BINS + 1);
  return (row: Float64Array, importance: Float64Array, largest: number) => {
    mass.fill(0);
    moment.fill(0);
    for (let i = 0; i < row.length; i++) {
      const w = row[i] / largest;
      const bin = 1 + Math.min(Math.floor((w + 1) * (BINS / 2)), BINS - 1);
      mass[bin] += importance[i];
      moment[bin] += importance[i] * w;
    }
    for (let bin = 1; bin <= BINS; bin++) {
      mass[bin] += mass[bin - 1];
      moment[bin] += moment[bin - 1];
    }
    // the sum of importance (s level)^2 - 2 w s level; that of importance w^2 is the same for all scales
    return (scale: number): number => {
      let sum = 0;
      let from = 0;
      for (let j = 0; j < levels.length; j++) {
        const end = j < midpoints.length ? (midpoints[j] * scale + 1) * (BINS / 2) : BINS;
        const to = Math.min(Math.max(Math.round(end), from), BINS);
        const level = levels[j] * scale;
        sum += level * (level * (mass[to] - mass[from]) - 2 * (moment[to] - moment[from]));
        from = to;
      }
      return sum;
    };
  };
}

/**
 * The numbers halfway between neighbouring levels.
 * @internal
 */
export function midpointsOf(levels: Float64Array): Float64Array {
  return Float64Array.from(levels.subarray(1), (level, i) => (level + levels[i]) / 2);
}

/** Index of the level nearest to z; a midpoint goes up. */
export function nearest(midpoints: Float64Array, z: number): number {
  let low = 0;
  let high = midpoints.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (z >= midpoints[middle]) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The integers that are sums of at most two signed powers of two: 0 and +-1, 2, 3, ... in falling fineness. Each costs a
 * bucket-sum kernel no more than a power of two does, so layers with few weights may have them.
 * @param bits 4..6: at most 2^bits levels.
 * @throws BAD_OPTION
 */
export function twoTermLevels(bits: number): readonly number[] {
  if (!Number.isInteger(bits) || bits < 4 || bits > 6) {
    throw new ShiftwiseError("BAD_OPTION", "unsupported width of two-term levels", {
      expected: "4, 5 or 6",
      found: bits,
      where: "bits",
    });
  }
  const magnitudes: number[] = [];
  for (let m = 1; magnitudes.length < 2 ** (bits - 1) - 1; m++) if (signedDigits(m) <= 2) magnitudes.push(m);
  return [...magnitudes.map((m) => -m).reverse(), 0, ...magnitudes];
}

/** Signed powers of two that make up an integer above 0, at the least: its canonical signed digits. */
function signedDigits(value: number): number {
  let count = 0;
  for (let rest = (3 * value) ^ value; rest !== 0; rest &= rest - 1) count++;
  return count;
}
