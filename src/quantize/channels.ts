// channels.ts: levels with a real scale for every output channel, fitted so that rounding errs least.
import { is, type Kind } from "../base/index.js";
import { type ExponentRule, powersOfTwo, RULE, SMALLEST_WEIGHT } from "./levels.js";

/**
 * The levels that the weights of a layer are rounded to.
 * - powers: 0 and 2^(bits - 2) signed powers of two, times a scale for every channel or, with `scale` "layer", with one
 *   n1 for all (INQ).
 * - codebook: integers, times a scale for every channel.
 * - codebooks: the same, and every channel has the levels of one table, the one that errs least.
 *
 * `price` is what a weight that is not 0 costs where a layer is rounded with compensation, 0 or more: a weight is 0 unless it
 * takes more than that from the error of the layer's outputs. The unit is the mean over channels of scale^2 times the mean
 * square of an input, which is four times the error of a weight halfway between levels 0 and 1. Default 0.
 */
export type LayerLevels = { readonly price?: number } & (
  | {
      readonly kind: "powers";
      readonly bits: number;
      readonly scale: "layer" | "channel";
      readonly rule?: ExponentRule;
    }
  | { readonly kind: "codebook"; readonly levels: readonly number[] }
  | { readonly kind: "codebooks"; readonly tables: readonly (readonly number[])[] }
);

const PRICE = is.optional(is.within(0));

const LEVELS_OF_KIND: Readonly<Record<LayerLevels["kind"], Kind>> = {
  powers: is.record<Extract<LayerLevels, { kind: "powers" }>>({
    kind: is.text,
    bits: is.number,
    scale: is.oneOf("layer", "channel"),
    rule: is.optional(RULE),
    price: PRICE,
  }),
  codebook: is.record<Extract<LayerLevels, { kind: "codebook" }>>({
    kind: is.text,
    levels: is.list(is.number),
    price: PRICE,
  }),
  codebooks: is.record<Extract<LayerLevels, { kind: "codebooks" }>>({
    kind: is.text,
    tables: is.list(is.list(is.number)),
    price: PRICE,
  }),
};
const KIND_OF_LEVELS = is.record({ kind: is.oneOf("powers", "codebook", "codebooks") });

/**
 * Checks what a layer's weights are to be rounded to.
 * @internal
 */
export const LAYER_LEVELS: Kind = (value, where) => {
  KIND_OF_LEVELS(value, where);
  LEVELS_OF_KIND[(value as LayerLevels).kind](value, where);
};

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
 * Levels that a row of weights may have, ascending, and the numbers halfway between neighbours.
 * @internal
 */
export interface LevelTable {
  readonly levels: Float64Array;
  readonly midpoints: Float64Array;
}

/**
 * The table of some levels.
 * @internal
 */
export function levelTable(levels: Iterable<number>): LevelTable {
  const own = Float64Array.from(levels);
  return { levels: own, midpoints: midpointsOf(own) };
}

/**
 * A scale and a table for each row of weights.
 * @internal
 */
export interface RowFits {
  readonly scales: Float64Array;
  /** Which of the tables. */
  readonly of: Uint8Array;
}

/**
 * Finds for every row of `weights` the table and the scale s > 0 with the least sum of importance (w - s level)^2, level the
 * nearest. Weights between two midpoints share a level, so that sums over intervals of weights tell the error of any scale:
 * in the interval that a midpoint falls into, both of its levels err alike.
 * @param importance one number a column, 0 or more.
 * @param price added to the error for each weight whose level is not 0; a weight takes level 0 where that is less in all
 * @internal
 */
export function fitScales(
  weights: Float64Array,
  importance: Float64Array,
  tables: readonly LevelTable[],
  price = 0,
): RowFits {
  const n = importance.length;
  const rows = weights.length / n;
  const fits = { scales: new Float64Array(rows), of: new Uint8Array(rows) };
  const errorOf = createRowError();
  // a row of zeros, or next to nothing, which has any scale where 0 is a level, and otherwise nearly none
  const idle = tables[0].levels.includes(0) ? 1 : SMALLEST_SCALE;
  for (let r = 0; r < rows; r++) {
    const row = weights.subarray(r * n, (r + 1) * n);
    let largest = 0;
    for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(row[i]));
    fits.scales[r] = idle;
    if (largest < SMALLEST_WEIGHT) continue;
    const error = errorOf(row, importance, largest, price);
    let least = Number.POSITIVE_INFINITY;
    for (const [t, table] of tables.entries()) {
      const { levels } = table;
      // what comes to the end of the shorter side
      const top = Math.min(-levels[0], levels[levels.length - 1]);
      const end = top > 0 ? top : Math.max(-levels[0], levels[levels.length - 1]);
      // the largest weight may also lie above the top level
      for (let step = -STEPS_PER_OCTAVE / 4; step <= STEPS_PER_OCTAVE * OCTAVES; step++) {
        const scale = (largest / end) * 2 ** (-step / STEPS_PER_OCTAVE);
        const found = error(table, scale / largest);
        if (found >= least) continue;
        least = found;
        fits.scales[r] = scale;
        fits.of[r] = t;
      }
    }
  }
  return fits;
}

/**
 * The price of a weight that is not 0, in units of the error.
 * @param share see LayerLevels
 * @param importance one number a column
 * @internal
 */
export function priceOf(share: number, scales: Float64Array, importance: Float64Array): number {
  const mean = (values: Float64Array, f: (value: number) => number): number =>
    values.reduce((sum, value) => sum + f(value), 0) / values.length;
  return share === 0 ? 0 : share * mean(scales, (scale) => scale ** 2) * mean(importance, (value) => value);
}

/**
 * Midpoints between which fewer weights have levels other than 0: one of level v, times its scale, stays if it takes more from
 * the error than `price`, v (2 w - v) > price. What that is for the largest of weights that are 0 holds for two neighbouring
 * levels alike at the midpoint between them.
 * @param price in units of the scale's square, for an importance of 1
 */
function pricedMidpoints({ levels, midpoints }: LevelTable, price: number): Float64Array {
  const zero = levels.indexOf(0);
  if (zero < 0 || price === 0) return midpoints;
  // the least |w| that leaves 0, on the side that the levels from `first` on lie on
  const leastOf = (first: number, step: 1 | -1): number => {
    for (let j = first; ; j += step) {
      const size = Math.abs(levels[j]);
      const least = (size + price / size) / 2;
      const [inner, outer] = step === 1 ? [j - 1, j] : [j, j - 1];
      if (least < Math.abs(midpoints[outer] ?? Infinity)) return Math.max(least, Math.abs(midpoints[inner]));
    }
  };
  const above = zero + 1 < levels.length ? leastOf(zero + 1, 1) : 0;
  const below = zero > 0 ? leastOf(zero - 1, -1) : 0;
  return midpoints.map((middle, k) => (k >= zero ? Math.max(middle, above) : Math.min(middle, -below)));
}

/** Makes the error of a row as a function of its table and scale; both are in units of the row's largest magnitude. */
function createRowError() {
  // sums over all weights below an interval's end: importance times w^0, w^1, and their number
  const mass = new Float64Array(BINS + 1);
  const moment = new Float64Array(BINS + 1);
  const counts = new Float64Array(BINS + 1);
  return (row: Float64Array, importance: Float64Array, largest: number, price: number) => {
    mass.fill(0);
    moment.fill(0);
    counts.fill(0);
    for (let i = 0; i < row.length; i++) {
      const w = row[i] / largest;
      const bin = 1 + Math.min(Math.floor((w + 1) * (BINS / 2)), BINS - 1);
      mass[bin] += importance[i];
      moment[bin] += importance[i] * w;
      counts[bin]++;
    }
    for (let bin = 1; bin <= BINS; bin++) {
      mass[bin] += mass[bin - 1];
      moment[bin] += moment[bin - 1];
      counts[bin] += counts[bin - 1];
    }
    const relative = price / largest ** 2;
    const usual = mass[BINS] / row.length;
    // the sum of importance (s level)^2 - 2 w s level; that of importance w^2 is the same for all scales
    return (table: LevelTable, scale: number): number => {
      const { levels } = table;
      const midpoints = usual > 0 ? pricedMidpoints(table, relative / (usual * scale ** 2)) : table.midpoints;
      let sum = 0;
      let from = 0;
      for (let j = 0; j < levels.length; j++) {
        const end = j < midpoints.length ? (midpoints[j] * scale + 1) * (BINS / 2) : BINS;
        const to = Math.min(Math.max(Math.round(end), from), BINS);
        const level = levels[j] * scale;
        sum += level * (level * (mass[to] - mass[from]) - 2 * (moment[to] - moment[from]));
        if (level !== 0) sum += relative * (counts[to] - counts[from]);
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
