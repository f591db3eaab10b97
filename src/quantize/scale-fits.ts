// scale-fits.ts: a scale and a table of levels for every row of weights, chosen so that rounding errs least.
//
// Weights between two midpoints share a level, so that sums over intervals of weights tell the error of any scale: in the
// interval that a midpoint falls into, both of its levels err alike. A row is counted into intervals once for all tables.
import { type LevelTable, SMALLEST_SCALE } from "./channels.js";
import { SMALLEST_WEIGHT } from "./levels.js";

/** Scales tried lie this close, and reach this far down from the one at which nothing is clipped. */
const STEPS_PER_OCTAVE = 12;
const OCTAVES = 4;
/** Steps above that one: the largest weight may also lie above the top level. */
const ABOVE = STEPS_PER_OCTAVE / 4;
/** The scales tried, as shares of the one at which nothing is clipped. */
const SHARES = Float64Array.from(
  { length: ABOVE + STEPS_PER_OCTAVE * OCTAVES + 1 },
  (_, i) => 2 ** (-(i - ABOVE) / STEPS_PER_OCTAVE),
);

/** Intervals of equal width that weights are counted into, from the smallest to the largest magnitude. */
const BINS = 4096;
/** Rows of which a fitter keeps what it has counted. */
const KEPT = 64;

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
 * Fits levels to rows of weights, one choice of tables after the other.
 * @internal
 */
export interface ScaleFitter {
  /**
   * Finds for every row the table and the scale s > 0 with the least sum of importance (w - s level)^2, level the nearest. A row
   * with a weight of 0, such as a pruned one, takes a table that has a level 0, if there is one.
   * @param price added to the error for each weight whose level is not 0; a weight takes level 0 where that is less in all
   */
  fit(tables: readonly LevelTable[], price?: number): RowFits;
}

/**
 * Finds scale and table of every row of `weights` for one choice of tables, as a ScaleFitter does.
 * @param importance one number a column, 0 or more.
 * @internal
 */
export function fitScales(
  weights: Float64Array,
  importance: Float64Array,
  tables: readonly LevelTable[],
  price = 0,
): RowFits {
  return createScaleFitter(weights, importance).fit(tables, price);
}

/**
 * Makes a fitter of rows.
 * @param importance one number a column, 0 or more.
 * @param original the weights that `weights` come from: those tell which are 0
 * @internal
 */
export function createScaleFitter(
  weights: Float64Array,
  importance: Float64Array,
  original: Float64Array = weights,
): ScaleFitter {
  const n = importance.length;
  const rows = weights.length / n;
  const kept: (RowSums | null)[] = [];
  const count = (r: number): RowSums | null => {
    const [from, to] = [r * n, (r + 1) * n];
    return countRow(weights.subarray(from, to), importance, original.subarray(from, to).includes(0));
  };
  const sumsOf = (r: number): RowSums | null => {
    if (rows > KEPT) return count(r);
    if (kept.length <= r) kept.push(count(r));
    return kept[r];
  };
  return {
    fit(tables, price = 0) {
      const fits = { scales: new Float64Array(rows), of: new Uint8Array(rows) };
      // a row of zeros, or next to nothing, which has any scale where 0 is a level, and otherwise nearly none
      const idle = tables[0].levels.includes(0) ? 1 : SMALLEST_SCALE;
      for (let r = 0; r < rows; r++) {
        const sums = sumsOf(r);
        if (sums) chooseFit(sums, tables, price, fits, r);
        else fits.scales[r] = idle;
      }
      return fits;
    },
  };
}

/** A row of weights in units of its largest magnitude, counted into intervals. */
interface RowSums {
  readonly largest: number;
  readonly count: number;
  /** Whether one of the weights is 0. */
  readonly sparse: boolean;
  /** The number of intervals up to each that have weights. */
  readonly places: Uint16Array;
  /** Sums over all weights of so many of these intervals: importance times w^0, w^1, and their number. */
  readonly mass: Float64Array;
  readonly moment: Float64Array;
  readonly counts: Float64Array;
}

/** The sums of each interval, all 0 between two calls. */
const [MASS, MOMENT, COUNTS] = [0, 1, 2].map(() => new Float64Array(BINS + 1));

/** Returns null for a row that is as good as 0. */
function countRow(row: Float64Array, importance: Float64Array, sparse: boolean): RowSums | null {
  let largest = 0;
  for (let i = 0; i < row.length; i++) largest = Math.max(largest, Math.abs(row[i]));
  if (largest < SMALLEST_WEIGHT) return null;
  let filled = 0;
  for (let i = 0; i < row.length; i++) {
    const w = row[i] / largest;
    const bin = 1 + Math.min(Math.floor((w + 1) * (BINS / 2)), BINS - 1);
    if (COUNTS[bin] === 0) filled++;
    MASS[bin] += importance[i];
    MOMENT[bin] += importance[i] * w;
    COUNTS[bin]++;
  }
  const places = new Uint16Array(BINS + 1);
  const [mass, moment, counts] = [0, 1, 2].map(() => new Float64Array(filled + 1));
  let place = 0;
  for (let bin = 1; bin <= BINS; bin++) {
    if (COUNTS[bin] !== 0) {
      mass[place + 1] = MASS[bin] + mass[place];
      moment[place + 1] = MOMENT[bin] + moment[place];
      counts[place + 1] = COUNTS[bin] + counts[place];
      place++;
      MASS[bin] = 0;
      MOMENT[bin] = 0;
      COUNTS[bin] = 0;
    }
    places[bin] = place;
  }
  return { largest, count: row.length, sparse, places, mass, moment, counts };
}

function chooseFit(sums: RowSums, tables: readonly LevelTable[], price: number, fits: RowFits, r: number): void {
  const { largest, count, sparse, mass } = sums;
  const needsZero = sparse && tables.some(({ levels }) => levels.includes(0));
  const relative = price / largest ** 2;
  const usual = mass[mass.length - 1] / count;
  let least = Number.POSITIVE_INFINITY;
  for (let t = 0; t < tables.length; t++) {
    const { levels } = tables[t];
    if (needsZero && !levels.includes(0)) continue;
    const zero = price > 0 && usual > 0 ? levels.indexOf(0) : -1;
    // what comes to the end of the shorter side
    const top = Math.min(-levels[0], levels[levels.length - 1]);
    const end = top > 0 ? top : Math.max(-levels[0], levels[levels.length - 1]);
    for (let step = 0; step < SHARES.length; step++) {
      const scale = (largest / end) * SHARES[step];
      const own = scale / largest;
      const error =
        zero < 0
          ? plainError(sums, tables[t], own, relative)
          : pricedError(sums, tables[t], own, relative, zero, relative / (usual * own ** 2));
      if (error >= least) continue;
      least = error;
      fits.scales[r] = scale;
      fits.of[r] = t;
    }
  }
}

/** The end of an interval that a value falls into: at least `from`, at most all. */
function binAt(value: number, from: number): number {
  // what is rounded is positive from here on, and far below 2^31
  const end = (value + 1) * (BINS / 2);
  return end >= BINS ? BINS : end < from ? from : (end + 0.5) | 0;
}

/**
 * The error of a row as a function of its table and scale, both in units of the row's largest magnitude: the sum of importance
 * (s level)^2 - 2 w s level; that of importance w^2 is the same for all scales.
 */
function plainError(sums: RowSums, { levels, midpoints }: LevelTable, scale: number, relative: number): number {
  const { places, mass, moment, counts } = sums;
  let sum = 0;
  let from = 0;
  let start = 0;
  for (let j = 0; j < levels.length; j++) {
    from = j < midpoints.length ? binAt(midpoints[j] * scale, from) : BINS;
    const to = places[from];
    if (to === start) continue;
    const level = levels[j] * scale;
    sum += level * (level * (mass[to] - mass[start]) - 2 * (moment[to] - moment[start]));
    if (level !== 0) sum += relative * (counts[to] - counts[start]);
    start = to;
  }
  return sum;
}

/**
 * The same with the prices, where fewer weights have levels other than 0: one of level v, times its scale, stays if it takes more
 * from the error than `price`, v (2 w - v) > price.
 * @param zero place of level 0
 * @param price in units of the scale's square, for an importance of 1
 */
function pricedError(
  sums: RowSums,
  table: LevelTable,
  scale: number,
  relative: number,
  zero: number,
  price: number,
): number {
  const { levels, midpoints } = table;
  const { places, mass, moment, counts } = sums;
  const above = zero + 1 < levels.length ? leastBeside(table, zero + 1, 1, price) : 0;
  const below = zero > 0 ? -leastBeside(table, zero - 1, -1, price) : 0;
  let sum = 0;
  let from = 0;
  let start = 0;
  for (let j = 0; j < levels.length; j++) {
    if (j < midpoints.length) {
      const middle = j >= zero ? Math.max(midpoints[j], above) : Math.min(midpoints[j], below);
      from = binAt(middle * scale, from);
    } else from = BINS;
    const to = places[from];
    if (to === start) continue;
    const level = levels[j] * scale;
    sum += level * (level * (mass[to] - mass[start]) - 2 * (moment[to] - moment[start]));
    if (level !== 0) sum += relative * (counts[to] - counts[start]);
    start = to;
  }
  return sum;
}

/**
 * The least |w| that leaves 0, on the side that the levels from `first` on lie on. What that is for the largest of weights that
 * are 0 holds for two neighbouring levels alike at the midpoint between them.
 */
function leastBeside({ levels, midpoints }: LevelTable, first: number, step: 1 | -1, price: number): number {
  for (let j = first; ; j += step) {
    const size = Math.abs(levels[j]);
    const least = (size + price / size) / 2;
    const inner = step === 1 ? j - 1 : j;
    const outer = step === 1 ? j : j - 1;
    const end = outer >= 0 && outer < midpoints.length ? Math.abs(midpoints[outer]) : Number.POSITIVE_INFINITY;
    if (least < end) return Math.max(least, Math.abs(midpoints[inner]));
  }
}
