// levels.ts: INQ's codebook, zero and signed powers of two, and the rounding onto it (INQ section 2.1, Eq. 1 to 4).

import { given, is, ShiftwiseError } from "../base/index.js";
import type { CodeBits } from "../format/index.js";
import { checkBits } from "./portions.js";

/**
 * The values {0, +-2^n2, ..., +-2^n1} of one layer. A weight is held as a signed digit: 0, or +-m for +-2^(n2 + m - 1),
 * m in 1..magnitudes.length. `magnitudes[m - 1]` is the value of digit m and `thresholds[m - 1]` the smallest |w| that
 * takes digit m or more.
 */
export interface PowersOfTwo {
  readonly bits: CodeBits;
  readonly n1: number;
  readonly n2: number;
  readonly magnitudes: readonly number[];
  readonly thresholds: readonly number[];
}

const POWERS_OF_TWO = is.record<PowersOfTwo>({
  bits: is.number,
  n1: is.number,
  n2: is.number,
  magnitudes: is.list(is.number),
  thresholds: is.list(is.number),
});

/**
 * The rule by which n1 of a layer is chosen.
 * - max: n1 = floor(log2(4 s / 3)), s = max |w| (Eq. 3): the largest weight rounds to 2^n1.
 * - mse: the n1 <= that with the least squared rounding error. At 2 and 3 bits `max` sends 50 to 99 % of a bell-shaped
 *   layer to zero; this rule does not.
 */
export type ExponentRule = "max" | "mse";

export const RULE = is.oneOf("max", "mse");

/**
 * The default rule.
 * @internal
 */
export const defaultRule = (bits: number): ExponentRule => (bits >= 4 ? "max" : "mse");

/** The lowest n1 tried by `mse` lies this many octaves under the one of `max`. */
const MSE_OCTAVES = 12;

/**
 * The codebook of a bit width and largest exponent: 2^(bits - 2) magnitudes, n2 = n1 + 1 - 2^(bits - 2).
 * Thresholds are Eq. 4's in linear scale: 2^(n2 - 1) under the first level, then the midpoints 1.5 * 2^(k - 1); a value
 * on a threshold goes up. Above 1.5 * 2^n1, where Eq. 4 read literally gives 0, values clamp to 2^n1.
 * @throws BAD_OPTION for bits outside 2..5, or an n1 whose levels are not all normal float32 numbers.
 */
export function powersOfTwo(bits: number, n1: number): PowersOfTwo {
  given({ bits, n1 }, { bits: is.number, n1: is.number });
  const width = checkBits(bits);
  const count = 2 ** (width - 2);
  const n2 = n1 + 1 - count;
  if (!Number.isInteger(n1) || n1 > 127 || n2 < -126) {
    throw new ShiftwiseError("BAD_OPTION", "largest exponent out of range", {
      expected: `an integer in ${count - 127}..127`,
      found: n1,
      where: "n1",
    });
  }
  const magnitudes = Array.from({ length: count }, (_, i) => 2 ** (n2 + i));
  const thresholds = magnitudes.map((level, i) => (i === 0 ? level / 2 : 0.75 * level));
  return { bits: width, n1, n2, magnitudes, thresholds };
}

/** The signed digit of a value: 0, or +-m. Defined for every finite value; never leaves the codebook. */
export function digitOf(value: number, book: PowersOfTwo): number {
  const magnitude = Math.abs(value);
  const { thresholds } = book;
  let m = 0;
  while (m < thresholds.length && magnitude >= thresholds[m]) m++;
  return value < 0 && m > 0 ? -m : m;
}

/** The codebook value of a signed digit. Exact. */
export function levelOf(digit: number, book: PowersOfTwo): number {
  if (digit === 0) return 0;
  return digit > 0 ? book.magnitudes[digit - 1] : -book.magnitudes[-digit - 1];
}

/** Rounds a finite value to the codebook (Eq. 4): zero below 2^(n2 - 1), midpoints up, clamped to +-2^n1. */
export function quantizeToLevel(value: number, book: PowersOfTwo): number {
  given({ value, book }, { value: is.number, book: POWERS_OF_TWO });
  return levelOf(digitOf(value, book), book);
}

/**
 * floor(log2(4 s / 3)), held to the exponents whose codebook stays in normal float32 numbers; s = 0 gives 0.
 * Exact: the largest n with 0.75 * 2^n <= s, found by comparison; a rounded logarithm would miss s = 0.75 * 2^n.
 */
export function largestExponent(s: number, bits: number): number {
  const lowest = 2 ** (checkBits(bits) - 2) - 127;
  if (s === 0) return 0;
  let n = Math.floor(Math.log2(s));
  while (0.75 * 2 ** (n + 1) <= s) n++;
  while (0.75 * 2 ** n > s) n--;
  return Math.min(Math.max(n, lowest), 127);
}

/**
 * The largest weight of a layer must be at least this, if it is not 0: below it the smaller levels, or the scale that makes
 * them of integers, would lose bits as float32 numbers, or vanish.
 * @internal
 */
export const SMALLEST_WEIGHT = 2 ** -118;

/** @throws BAD_DATA for weights that are too small for their levels to be float32 numbers. */
function checkLargest(largest: number, where: string): void {
  if (largest === 0 || largest >= SMALLEST_WEIGHT) return;
  throw new ShiftwiseError("BAD_DATA", "weights too small to be quantized", {
    expected: `a largest weight of at least ${SMALLEST_WEIGHT.toPrecision(2)}: set them to 0, or multiply them and divide what follows by as much`,
    found: `at most ${largest.toPrecision(3)}`,
    where,
  });
}

/** @throws BAD_DATA for a weight that is not finite, and for weights that are too small. */
export function largestMagnitude(values: Float32Array, where: string): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]);
    if (!Number.isFinite(magnitude)) {
      throw new ShiftwiseError("BAD_DATA", "weight is not finite", {
        found: String(values[i]),
        where: `${where}[${i}]`,
      });
    }
    if (magnitude > largest) largest = magnitude;
  }
  checkLargest(largest, where);
  return largest;
}

/**
 * Chooses the exponent n1 of a layer from all of its weights.
 * @throws BAD_OPTION for bits outside 2..5, BAD_DATA for a weight that is not finite, or a largest one below 2^-118.
 */
export function chooseExponent(values: Float32Array, bits: number, rule: ExponentRule, where: string): number {
  given({ values, bits, rule, where }, { values: is.floats, bits: is.number, rule: RULE, where: is.text });
  const s = largestMagnitude(values, where);
  const top = largestExponent(s, bits);
  if (rule === "max" || s === 0) return top;
  const bottom = Math.max(top - MSE_OCTAVES, 2 ** (bits - 2) - 127);
  let best = top;
  let least = Number.POSITIVE_INFINITY;
  for (let n1 = top; n1 >= bottom; n1--) {
    const error = squaredError(values, powersOfTwo(bits, n1));
    if (error < least) {
      least = error;
      best = n1;
    }
  }
  return best;
}

/** Sum over all values of (w - Q(w))^2, in float64. */
export function squaredError(values: Float32Array, book: PowersOfTwo): number {
  const { magnitudes, thresholds } = book;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]);
    let m = 0;
    while (m < thresholds.length && magnitude >= thresholds[m]) m++;
    const error = m === 0 ? magnitude : magnitude - magnitudes[m - 1];
    sum += error * error;
  }
  return sum;
}
