// log-encoding.ts: logarithmic activation levels (LogQuant; WEQ algorithm 2) as tables of small integers.

import { given, is, ShiftwiseError } from "../base/index.js";
import type { Encoding } from "../ops/index.js";
import { checkNotEmpty, errorMeter, usableScale } from "./activations.js";
import { HISTOGRAM, type Histogram, occupiedBins } from "./histogram.js";

/** An encoding whose levels are a table of integers. */
export type LevelsEncoding = Extract<Encoding, { kind: "levels" }>;

/** The size of a table of levels. */
export interface LogShape {
  /** 2^bits levels, zero among them; 2..6. Levels that fall on one integer are merged, so the table may be shorter. */
  readonly bits: number;
  /** Largest integer the table may hold, which decides the lane of the sums: 31 for u8, 255 for the wider one. */
  readonly largest: 31 | 255;
}

/** Options of `fitLog`. */
export interface LogOptions extends LogShape {
  /**
   * Distances between levels to try, in 1/16 octave: 16 is base 2, 8 base sqrt 2. Even integers in 2..32.
   * Default: all sixteen, as in WEQ.
   */
  readonly steps?: readonly number[];
}

const SHAPE_FIELDS = { bits: is.integer(2, 6), largest: is.oneOf(31, 255) } as const;

const LOG_SHAPE = is.record<LogShape>(SHAPE_FIELDS);
export const LOG_OPTIONS = is.record<LogOptions>({ ...SHAPE_FIELDS, steps: is.optional(is.list(is.number)) });

const ALL_STEPS = Array.from({ length: 16 }, (_, i) => 2 * (i + 1));

/** The top level is sought from the largest value downwards, over this many 1/16 octaves. */
const TOP_SEARCH = 96;

/** Largest exponent of a lowest level, in 1/16 octave: every exponent of a normal float32 number is within it. */
const FSR_MAX = 16 * 256;

/** Candidate scales for a table are this many to one unit of its top integer. */
const SCALES_PER_UNIT = 16;

/** Levels of base 2^(step / 16) relative to the lowest, and their log-domain rounding boundaries, as integers. */
interface Table {
  /** Value of one integer unit, the lowest ideal level being 1. */
  readonly unit: number;
  readonly levels: readonly number[];
  /** Thresholds in units. */
  readonly thresholds: readonly number[];
}

/**
 * Levels 0 and 2^((fsr + step (i - 1)) / 16), i = 1..2^bits - 1, as integers times one scale. The scale is the one with
 * the least sum of squared relative errors over the non-zero levels, of equals the smallest table. A value takes the
 * level that is nearest in the log domain: the boundary under level i is 2^((fsr + step (i - 3/2)) / 16), everything
 * under the first boundary is zero and the top level is open-ended.
 * @param fsr exponent of the lowest level, an integer in 1/16 octave.
 * @param step distance of the levels in 1/16 octave, an even integer in 2..32.
 * @throws BAD_OPTION for bits outside 2..6, or an fsr or step that is none.
 */
export function logEncoding(fsr: number, step: number, shape: LogShape): LevelsEncoding {
  given({ options: shape }, { options: LOG_SHAPE });
  checkStep(step);
  if (!Number.isInteger(fsr) || Math.abs(fsr) > FSR_MAX) {
    throw new ShiftwiseError("BAD_OPTION", "fsr out of range", {
      expected: `an integer in ${-FSR_MAX}..${FSR_MAX}`,
      found: fsr,
      where: "fsr",
    });
  }
  return placeTable(integerTable(step, shape), fsr);
}

/**
 * The LogQuant encoding with the least mean squared error over a histogram: fsr and step searched together, each
 * measured with the integer table that would run.
 * @throws BAD_OPTION as logEncoding does, BAD_DATA for a histogram that is empty or holds negative values.
 */
export function fitLog(histogram: Histogram, options: LogOptions): LevelsEncoding {
  given({ histogram, options }, { histogram: HISTOGRAM, options: LOG_OPTIONS });
  const { steps = ALL_STEPS } = options;
  for (const step of steps) checkStep(step);
  checkNotEmpty(histogram);
  checkNotNegative(histogram);
  const measure = errorMeter(histogram);
  const top = histogram.max > 0 ? Math.ceil(16 * Math.log2(histogram.max)) : 0;
  let best: LevelsEncoding | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const step of steps) {
    const table = integerTable(step, options);
    const span = step * (2 ** options.bits - 2);
    for (let down = 0; down <= TOP_SEARCH; down++) {
      const encoding = placeTable(table, top - down - span);
      const error = measure(encoding, least);
      if (best === undefined || error < least) {
        least = error;
        best = encoding;
      }
    }
  }
  if (!best) throw new ShiftwiseError("BAD_OPTION", "no steps to try", { where: "steps" });
  return best;
}

/** The search for the lowest level starts this far above the smallest value, in 1/16 octave (WEQ, algorithm 2). */
const BOTTOM_MARGIN = 40;

/**
 * The LogQuant encoding with the largest weighted entropy over a histogram (WEQ, algorithm 2):
 *
 *     S = - sum over i >= 1 of level_i P_i ln P_i,    P_i the share of the positive values that take level i,
 *
 * level 0 counting nothing. Values are counted in bins of 1/16 octave. Every step 2, 4, ..., 32 is tried with every fsr from
 * 2.5 octaves above the smallest positive value up to where the top level still begins inside the data; where no step has
 * such an fsr, from the smallest value itself; and where the data is narrower than that, the finest steps under the largest
 * value. Values that are never positive take level 0 of any table: base 2 with a top level of 1.
 * @throws as fitLog
 */
export function fitWeightedEntropy(histogram: Histogram, options: LogShape): LevelsEncoding {
  given({ histogram, options }, { histogram: HISTOGRAM, options: LOG_SHAPE });
  checkNotEmpty(histogram);
  checkNotNegative(histogram);
  const { low, counts } = sixteenths(histogram);
  const steps = 2 ** options.bits - 2;
  if (counts.length === 0) return logEncoding(-16 * steps, 16, options);
  // below[i]: values in bins under low + i
  const below = new Float64Array(counts.length + 1);
  counts.forEach((count, i) => {
    below[i + 1] = below[i] + count;
  });
  const total = below[counts.length];
  const under = (edge: number): number => below[Math.min(Math.max(Math.ceil(edge) - low, 0), counts.length)];
  const entropy = (fsr: number, step: number): number => {
    let sum = 0;
    for (let i = 0; i <= steps; i++) {
      const edge = fsr + step * (i - 0.5);
      const count = (i === steps ? total : under(edge + step)) - under(edge);
      if (count > 0) sum -= 2 ** ((fsr + step * i) / 16) * (count / total) * Math.log(count / total);
    }
    return sum;
  };
  const highest = low + counts.length - 1;
  for (const margin of [BOTTOM_MARGIN, 0]) {
    let best: readonly [fsr: number, step: number] | undefined;
    let most = Number.NEGATIVE_INFINITY;
    for (const step of ALL_STEPS) {
      for (let fsr = low + margin; fsr + step * (steps - 0.5) <= highest; fsr++) {
        const found = entropy(fsr, step);
        if (found <= most) continue;
        most = found;
        best = [fsr, step];
      }
    }
    if (best) return logEncoding(best[0], best[1], options);
  }
  return logEncoding(highest - ALL_STEPS[0] * steps, ALL_STEPS[0], options);
}

/** Counts of the positive values in bins floor(16 log2 x), from the lowest occupied bin to the highest. */
function sixteenths(histogram: Histogram): { low: number; counts: Float64Array } {
  const bins = occupiedBins(histogram).flatMap(({ value, count }) =>
    value > 0 ? [{ bin: Math.floor(16 * Math.log2(value)), count }] : [],
  );
  if (bins.length === 0) return { low: 0, counts: new Float64Array(0) };
  const low = bins[0].bin;
  const counts = new Float64Array(bins[bins.length - 1].bin - low + 1);
  for (const { bin, count } of bins) counts[bin - low] += count;
  return { low, counts };
}

function integerTable(step: number, { bits, largest }: LogShape): Table {
  const ideal = Array.from({ length: 2 ** bits - 1 }, (_, i) => 2 ** ((step * i) / 16));
  const top = ideal[ideal.length - 1];
  let unit = top;
  let least = Number.POSITIVE_INFINITY;
  for (let t = SCALES_PER_UNIT; t <= SCALES_PER_UNIT * largest; t++) {
    const candidate = (top * SCALES_PER_UNIT) / t;
    let error = 0;
    for (const level of ideal) error += (Math.round(level / candidate) * (candidate / level) - 1) ** 2;
    // A table as good but for the last bits of float64 is no better.
    if (error < least - 1e-12) {
      least = error;
      unit = candidate;
    }
  }
  const levels = [0];
  const thresholds: number[] = [];
  for (const level of ideal) {
    const integer = Math.round(level / unit);
    if (integer === levels[levels.length - 1]) continue;
    levels.push(integer);
    thresholds.push((level * 2 ** (-step / 32)) / unit);
  }
  return { unit, levels, thresholds };
}

function placeTable(table: Table, fsr: number): LevelsEncoding {
  return {
    kind: "levels",
    scale: usableScale(table.unit * 2 ** (fsr / 16), table.levels[table.levels.length - 1]),
    levels: table.levels,
    thresholds: table.thresholds.map(Math.fround),
  };
}

function checkNotNegative({ min }: Histogram): void {
  if (min >= 0) return;
  throw new ShiftwiseError("BAD_DATA", "logarithmic levels hold no negative values", {
    expected: "values of 0 and more",
    found: min,
  });
}

function checkStep(step: number): void {
  if (!Number.isInteger(step) || step < 2 || step > 32 || step % 2 !== 0) {
    throw new ShiftwiseError("BAD_OPTION", "step out of range", {
      expected: "an even integer in 2..32",
      found: step,
      where: "step",
    });
  }
}
