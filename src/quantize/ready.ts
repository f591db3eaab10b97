// ready.ts: the grids of weights that lie on one already, as networks have them that were quantized elsewhere.
//
// A channel of float32 weights lies on a grid if one scale s and integers L give each of them to the bit, w = fround(s L).
// Each integer is tried for the smallest weight, the smallest first, and with it s is known to a few float32 numbers.

import { given, greatestOf } from "../base/index.js";
import { codebookWidth, LEVEL_MAX, LEVELS_MAX } from "../format/index.js";
import { NETWORK, type Network } from "../graph/index.js";
import type { WeightGrid, WeightGrids } from "../ops/index.js";
import { weightNodes } from "./apply.js";
import { SMALLEST_WEIGHT } from "./levels.js";

/** The farthest that a quotient may lie from its integer, as a share of it: two roundings of float32. */
const NEAR = 2 ** -22;
/** Exponents that codes of 5 bits hold. */
const EXPONENTS_MAX = 8;
const MANTISSA = 0x007fffff;
const EXPONENT = 0x7f800000;
const INT32_MAX = 0x7fffffff;
const ACTIVATION_MAX = 255;

/**
 * Finds the layers whose weights lie on a grid already, to the bit: zero and signed powers of two, sums of them, ternary and
 * binary weights, integers of 4 or 8 bits and any other levels that are integers of one scale a channel, 128 of them at most.
 * @returns their grids, with all weights frozen, in network order.
 */
export function readyGrids(network: Network): WeightGrids {
  given({ network }, { network: NETWORK });
  const grids = new Map<string, WeightGrid>();
  for (const { name, weight } of weightNodes(network)) {
    const grid = gridOf(weight.data, weight.shape[0]);
    if (grid) grids.set(name, grid);
  }
  return grids;
}

/**
 * Says how many bits a weight on a grid takes in the file.
 * @internal
 */
export function bitsOfGrid(grid: WeightGrid): number {
  return grid.kind === "powers" ? grid.bits : codebookWidth(grid.levels.length);
}

/**
 * Finds the grid that weights lie on to the bit; null where there is none.
 * @param outputs channels, the first dimension of the weights
 * @internal
 */
export function gridOf(weights: Float32Array, outputs: number): WeightGrid | null {
  const depth = weights.length / outputs;
  const channels: Float32Array[] = [];
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (let c = 0; c < outputs; c++) {
    const found = magnitudesOf(weights.subarray(c * depth, (c + 1) * depth));
    if (!found) return null;
    if (found.length > 0) [least, most] = [Math.min(least, found[0]), Math.max(most, found[found.length - 1])];
    channels.push(found);
  }
  if (most > 0 && (most < SMALLEST_WEIGHT || least < 2 ** -126)) return null;
  const frozen = new Uint8Array(weights.length).fill(1);
  return powersGrid(channels, least, most, frozen) ?? codebookGrid(weights, channels, frozen);
}

/** The magnitudes above 0 of some weights, rising; null where there are too many, or weights that are no numbers. */
function magnitudesOf(weights: Float32Array): Float32Array | null {
  const found = new Set<number>();
  for (let i = 0; i < weights.length; i++) {
    const magnitude = Math.abs(weights[i]);
    if (magnitude > 0) found.add(magnitude);
    else if (magnitude !== 0) return null;
    if (found.size > LEVELS_MAX) return null;
  }
  const rising = Float32Array.from(found).sort();
  return rising.length > 0 && rising[rising.length - 1] === Number.POSITIVE_INFINITY ? null : rising;
}

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);

/** The number of exponents from the smallest to the largest magnitude; Infinity for those that are no powers of two of one another. */
function exponentsIn(magnitudes: Float32Array): number {
  if (magnitudes.length === 0) return 1;
  const bits = bitsOf(magnitudes);
  if (bits.some((one) => (one & MANTISSA) !== (bits[0] & MANTISSA))) return Number.POSITIVE_INFINITY;
  return ((bits[bits.length - 1] & EXPONENT) >> 23) - ((bits[0] & EXPONENT) >> 23) + 1;
}

/** INQ's codes: one n1 for weights that are powers of two themselves, else a scale for each channel. */
function powersGrid(
  channels: readonly Float32Array[],
  least: number,
  most: number,
  frozen: Uint8Array,
): WeightGrid | null {
  const widthFor = (exponents: number): 2 | 3 | 4 | 5 =>
    exponents > 4 ? 5 : exponents > 2 ? 4 : exponents > 1 ? 3 : 2;
  if (most === 0) return { kind: "powers", bits: 2, n1: 0, scale: null, frozen };
  const ends = Float32Array.of(least, most);
  const plain = channels.every((one) => bitsOf(one).every((bits) => (bits & MANTISSA) === 0));
  const all = plain ? exponentsIn(ends) : Number.POSITIVE_INFINITY;
  if (all <= EXPONENTS_MAX) {
    const n1 = (bitsOf(ends)[1] >> 23) - 127;
    const bits = widthFor(all);
    // the lowest of the exponents has to be a normal number, too
    if (n1 + 1 - 2 ** (bits - 2) >= -126) return { kind: "powers", bits, n1, scale: null, frozen };
  }
  const longest = greatestOf(channels.map(exponentsIn));
  if (longest > EXPONENTS_MAX) return null;
  const scale = Float32Array.from(channels, (one) => (one.length > 0 ? one[one.length - 1] : 1));
  return { kind: "powers", bits: widthFor(longest), n1: 0, scale, frozen };
}

/** A scale, and the integer that each magnitude is of it. */
interface Integers {
  readonly scale: number;
  readonly of: ReadonlyMap<number, number>;
}

/** A table of integers: of one scale for the whole layer where there is one, else of each channel's own. */
function codebookGrid(weights: Float32Array, channels: readonly Float32Array[], frozen: Uint8Array): WeightGrid | null {
  const distinct = new Set<number>();
  for (const one of channels) {
    for (const magnitude of one) distinct.add(magnitude);
    if (distinct.size > LEVELS_MAX) break;
  }
  const shared = distinct.size <= LEVELS_MAX ? integersOf(Float32Array.from(distinct).sort()) : null;
  return (
    (shared &&
      gridWith(
        weights,
        channels.map(() => shared),
        frozen,
      )) ??
    ownScales(weights, channels, frozen)
  );
}

function ownScales(weights: Float32Array, channels: readonly Float32Array[], frozen: Uint8Array): WeightGrid | null {
  const made: Integers[] = [];
  for (const magnitudes of channels) {
    const found = integersOf(magnitudes);
    if (!found) return null;
    made.push(found);
  }
  return gridWith(weights, made, frozen);
}

/** The grid of weights whose channels have these integers; null where they are too many, or too large for the sums. */
function gridWith(weights: Float32Array, channels: readonly Integers[], frozen: Uint8Array): WeightGrid | null {
  const depth = weights.length / channels.length;
  const levels = new Set<number>();
  for (const [c, { of }] of channels.entries()) {
    for (let i = c * depth; i < (c + 1) * depth; i++) {
      const weight = weights[i];
      levels.add(weight === 0 ? 0 : Math.sign(weight) * of.get(Math.abs(weight))!);
    }
    if (levels.size > LEVELS_MAX) return null;
  }
  if (levels.size === 1) levels.add(0);
  const rising = [...levels].sort((a, b) => a - b);
  const top = Math.max(-rising[0], rising[rising.length - 1]);
  if (top * depth * ACTIVATION_MAX > INT32_MAX) return null;
  return { kind: "codebook", levels: rising, scale: Float32Array.from(channels, ({ scale }) => scale), frozen };
}

/** The largest scale of which all magnitudes, rising, are integers to the bit; null where there is none. */
function integersOf(magnitudes: Float32Array): Integers | null {
  if (magnitudes.length === 0) return { scale: 1, of: new Map() };
  const [smallest] = magnitudes;
  const integers = new Array<number>(magnitudes.length);
  for (let least = 1; least <= LEVEL_MAX; least++) {
    const near = smallest / least;
    if (Math.round(magnitudes[magnitudes.length - 1] / near) > LEVEL_MAX) return null;
    let fits = true;
    for (let i = 0; i < magnitudes.length && fits; i++) {
      const quotient = magnitudes[i] / near;
      integers[i] = Math.round(quotient);
      fits = Math.abs(quotient - integers[i]) <= NEAR * integers[i];
    }
    const scale = fits ? scaleFor(magnitudes, integers) : null;
    if (scale !== null) return { scale, of: new Map(Array.from(magnitudes, (one, i) => [one, integers[i]])) };
  }
  return null;
}

/** A float32 number of which the integers make the magnitudes to the bit; null where there is none. */
function scaleFor(magnitudes: Float32Array, integers: readonly number[]): number | null {
  // what rounds to a magnitude lies within half a step of it; the last one has the finest quotient
  const value = new Float32Array(1);
  const bits = bitsOf(value);
  value[0] = magnitudes[magnitudes.length - 1] / integers[integers.length - 1];
  const middle = bits[0];
  for (const step of [0, -1, 1, -2, 2]) {
    bits[0] = middle + step;
    const [scale] = value;
    if (scale >= 2 ** -126 && integers.every((n, i) => Math.fround(scale * n) === magnitudes[i])) return scale;
  }
  return null;
}
