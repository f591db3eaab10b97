// channels.ts: levels with a real scale for every output channel, and what a weight that is not 0 costs.
import { is, type Kind } from "../base/index.js";
import { type ExponentRule, powersOfTwo, RULE } from "./levels.js";

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
 *
 * With `zeros`, 0 to 0.99, the price is the least one at which that share of the weights is 0, about.
 */
export type LayerLevels = { readonly price?: number; readonly zeros?: number } & (
  | {
      readonly kind: "powers";
      readonly bits: number;
      readonly scale: "layer" | "channel";
      readonly rule?: ExponentRule;
    }
  | { readonly kind: "codebook"; readonly levels: readonly number[] }
  | { readonly kind: "codebooks"; readonly tables: readonly (readonly number[])[] }
);

/**
 * The largest share of zeros that may be asked for.
 * @internal
 */
export const MOST_ZEROS = 0.99;

const PRICE = is.optional(is.within(0));
const ZEROS = is.optional(is.within(0, MOST_ZEROS));

const LEVELS_OF_KIND: Readonly<Record<LayerLevels["kind"], Kind>> = {
  powers: is.record<Extract<LayerLevels, { kind: "powers" }>>({
    kind: is.text,
    bits: is.number,
    scale: is.oneOf("layer", "channel"),
    rule: is.optional(RULE),
    price: PRICE,
    zeros: ZEROS,
  }),
  codebook: is.record<Extract<LayerLevels, { kind: "codebook" }>>({
    kind: is.text,
    levels: is.list(is.number),
    price: PRICE,
    zeros: ZEROS,
  }),
  codebooks: is.record<Extract<LayerLevels, { kind: "codebooks" }>>({
    kind: is.text,
    tables: is.list(is.list(is.number)),
    price: PRICE,
    zeros: ZEROS,
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
