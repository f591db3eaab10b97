// portions.ts: INQ's accumulated portions, what share of every layer is on the grid after each step.

import { frozenCopy, given, is, type Kind, leastOf, ShiftwiseError } from "../base/index.js";
import type { CodeBits } from "../format/index.js";

/** One width for every conv and dense node, or a width for each by node name. */
export type LayerBits = number | ReadonlyMap<string, number>;

/**
 * Checks that a value is one width, or widths by the names of layers; which there are is for the function to check.
 * @internal
 */
export const WIDTHS: Kind = is.either((value) => typeof value === "number", is.number, is.map(is.number));

/** INQ section 3, ResNet-18: the fewer the bits, the finer the steps and the finer the tail. */
const PRESETS: { readonly [bits in CodeBits]: readonly number[] } = frozenCopy({
  5: [0.5, 0.75, 0.875, 1],
  4: [0.3, 0.5, 0.8, 0.9, 0.95, 1],
  3: [0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1],
  2: [0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 1],
});

/**
 * A bit width from outside.
 * @throws BAD_OPTION unless it is 2, 3, 4 or 5.
 * @internal
 */
export function checkBits(bits: number, where = "bits"): CodeBits {
  if (bits === 2 || bits === 3 || bits === 4 || bits === 5) return bits;
  throw new ShiftwiseError("BAD_OPTION", "unsupported bit width", { expected: "2, 3, 4 or 5", found: bits, where });
}

/**
 * The paper's portions for a bit width, accumulated shares rising to exactly 1; of several widths those of the smallest.
 * @throws BAD_OPTION for bits outside 2..5, or a map without any.
 */
export function portionsFor(bits: LayerBits): readonly number[] {
  given({ bits }, { bits: WIDTHS });
  if (typeof bits === "number") return PRESETS[checkBits(bits)];
  if (bits.size === 0) throw new ShiftwiseError("BAD_OPTION", "no layer to quantize", { found: "none", where: "bits" });
  const widths = [...bits].map(([name, width]) => checkBits(width, `bits of ${name}`));
  return PRESETS[checkBits(leastOf(widths))];
}

/**
 * The widths of the paper that come nearest to a quantizer's.
 * @internal
 */
export function paperBits(bits: number): number;
export function paperBits(bits: LayerBits): LayerBits;
export function paperBits(bits: LayerBits): LayerBits {
  const within = (width: number): number => Math.min(Math.max(width, 2), 5);
  return typeof bits === "number" ? within(bits) : new Map([...bits].map(([name, width]) => [name, within(width)]));
}

/**
 * Portions from outside: one or more accumulated shares in (0, 1], strictly rising, the last exactly 1.
 * @throws BAD_OPTION naming the first that breaks this.
 * @internal
 */
export function checkPortions(portions: readonly number[]): readonly number[] {
  let before = 0;
  for (const [i, portion] of portions.entries()) {
    if (!(portion > before && portion <= 1)) {
      throw new ShiftwiseError("BAD_OPTION", "portions must rise", {
        expected: `a share above ${before} and at most 1`,
        found: portion,
        where: `portions[${i}]`,
      });
    }
    before = portion;
  }
  if (before !== 1) {
    throw new ShiftwiseError("BAD_OPTION", "the last portion must be 1", {
      found: portions.length ? before : "no portions",
      where: "portions",
    });
  }
  return portions;
}
