// grid.ts: the digits of INQ's codebook: 0, and m = 1..2^(bits-2) for 2^(n2 + m - 1) with n2 = n1 + 1 - 2^(bits-2).
import { magnitudes } from "../format/index.js";
import type { WeightGrid } from "./network.js";
import { check } from "./shapes.js";

/** Exponent of the smallest magnitude: n2 = n1 + 1 - 2^(bits - 2) (INQ, section 2.1). */
export function smallestExponent(bits: WeightGrid["bits"], n1: number): number {
  return n1 + 1 - magnitudes(bits);
}

/** Magnitude digit by absolute value: 0 and the powers of two from n2 to n1. */
export function gridDigits(bits: WeightGrid["bits"], n1: number): ReadonlyMap<number, number> {
  const n2 = smallestExponent(bits, n1);
  const digits = new Map([[0, 0]]);
  for (let m = 1; m <= magnitudes(bits); m++) digits.set(2 ** (n2 + m - 1), m);
  return digits;
}

/**
 * Signed digits of weights that all lie on their grid.
 * @throws BAD_GRAPH naming the first that does not
 */
export function gridCodes(weights: Float32Array, { bits, n1 }: WeightGrid, where: string): Int8Array {
  const digits = gridDigits(bits, n1);
  const off = weights.findIndex((w) => !digits.has(Math.abs(w)));
  check(off < 0, `${where}[${off}]`, `0 or +-2^${smallestExponent(bits, n1)}..2^${n1}`, String(weights[off]));
  return Int8Array.from(weights, (w) => Math.sign(w) * digits.get(Math.abs(w))!);
}
