// grid.ts: the codes of weights that lie on a grid: INQ's signed digits, or indices into a codebook's levels.
import { type Check, checker, LEVEL_MAX, LEVELS_MAX, magnitudes } from "../format/index.js";
import { checkBooks } from "./books.js";
import type { ChannelBooks } from "./tensor.js";

/** Says what is wrong with a network at a place. @throws BAD_GRAPH unless ok */
export const check: Check = /* @__PURE__ */ checker("", "invalid network");

/**
 * The grid of the weights of one conv or dense node, and which of them are on it for good: frozen[i] = 1 where weight i
 * must not change any more, since it already equals fround(scale[c] * level) to the bit, c its output channel and level
 * one of the grid's. Keyed by node name in a WeightGrids map.
 * - powers: the levels are 0 and +-2^n2..2^n1, n2 = n1 + 1 - 2^(bits - 2) (INQ); scale null stands for 1.
 * - codebook: the levels are integers, as the model file's `Weights` have them. Scales are finite and positive, one an
 *   output channel. They end up in the epilogue. With `books` every channel has some of the levels only.
 */
export type WeightGrid =
  | {
      readonly kind: "powers";
      readonly bits: 2 | 3 | 4 | 5;
      readonly n1: number;
      readonly scale: Float32Array | null;
      readonly frozen: Uint8Array;
    }
  | {
      readonly kind: "codebook";
      readonly levels: readonly number[];
      readonly scale: Float32Array;
      readonly frozen: Uint8Array;
      readonly books?: ChannelBooks;
    };
/** The grids of conv and dense nodes by node name. */
export type WeightGrids = ReadonlyMap<string, WeightGrid>;

type PowersGrid = Extract<WeightGrid, { kind: "powers" }>;

/** Exponent of the smallest magnitude: n2 = n1 + 1 - 2^(bits - 2) (INQ, section 2.1). */
export function smallestExponent(bits: PowersGrid["bits"], n1: number): number {
  return n1 + 1 - magnitudes(bits);
}

/** Real levels of a channel before its scale, and the code of each: m or -m for +-2^(n2 + m - 1), or an index. */
function gridLevels(grid: WeightGrid, channel: number): readonly (readonly [level: number, code: number])[] {
  if (grid.kind === "codebook") {
    const { levels, books } = grid;
    const own = books ? books.tables[books.of[channel]] : levels;
    return own.map((level) => [level, levels.indexOf(level)]);
  }
  const n2 = smallestExponent(grid.bits, grid.n1);
  const levels: [number, number][] = [[0, 0]];
  for (let m = 1; m <= magnitudes(grid.bits); m++) levels.push([2 ** (n2 + m - 1), m], [-(2 ** (n2 + m - 1)), -m]);
  return levels;
}

/**
 * Codes of all weights.
 * @param outputs channels, the first dimension of the weights
 * @param frozen whose weights to look at, by a 1; null for all. The others get code 0
 * @throws BAD_GRAPH naming the first weight that is off the grid
 */
export function gridCodes(
  weights: Float32Array,
  outputs: number,
  grid: WeightGrid,
  where: string,
  frozen: Uint8Array | null = null,
): Int8Array {
  const depth = weights.length / outputs;
  const codes = new Int8Array(weights.length);
  // a Map does not tell -0 from 0
  let known = new Map<number, number>();
  for (let c = 0; c < outputs; c++) {
    const scale = grid.scale ? grid.scale[c] : 1;
    if (c === 0 || grid.scale) {
      known = new Map(gridLevels(grid, c).map(([level, code]) => [Math.fround(scale * level), code]));
    }
    for (let i = c * depth; i < (c + 1) * depth; i++) {
      const code = known.get(weights[i]);
      if (code !== undefined) codes[i] = code;
      else if (frozen === null || frozen[i] === 1) {
        check(false, `${where}[${i}]`, gridText(grid), String(weights[i]));
      }
    }
  }
  return codes;
}

function gridText(grid: WeightGrid): string {
  const scaled = grid.scale ? "the channel's scale times " : "";
  if (grid.kind === "codebook") {
    return `${scaled}a level of ${grid.levels.join(", ")}${grid.books ? ", of its table" : ""}`;
  }
  return `${scaled}0 or +-2^${smallestExponent(grid.bits, grid.n1)}..2^${grid.n1}`;
}

/**
 * Checks a grid by itself and against the weights of its node: sizes, ranges, and every frozen weight on the grid.
 * @throws BAD_GRAPH
 */
export function validateGrid(weights: Float32Array, outputs: number, grid: WeightGrid, place: string): void {
  checkGrid(grid, weights.length, outputs, place);
  gridCodes(weights, outputs, grid, `${place}.frozen`, grid.frozen);
}

/**
 * Checks a grid by itself: sizes and ranges.
 * @throws BAD_GRAPH
 */
export function checkGrid(grid: WeightGrid, count: number, outputs: number, place: string): void {
  const { scale, frozen } = grid;
  if (grid.kind === "powers") {
    const { bits, n1 } = grid;
    check([2, 3, 4, 5].includes(bits), `${place}.bits`, "2, 3, 4 or 5", bits);
    check(Number.isInteger(n1) && n1 >= -126 && n1 <= 127, `${place}.n1`, "an integer in -126..127", n1);
  } else {
    const { levels } = grid;
    const rising = levels.every((level, i) => i === 0 || level > levels[i - 1]);
    const integers = levels.every((level) => Number.isInteger(level) && Math.abs(level) <= LEVEL_MAX);
    const expected = `2 to ${LEVELS_MAX} ascending integers in ${-LEVEL_MAX}..${LEVEL_MAX}`;
    check(rising && integers && levels.length >= 2 && levels.length <= LEVELS_MAX, `${place}.levels`, expected, levels);
    if (grid.books) checkBooks(grid.books, levels, outputs, `${place}.books`, check);
  }
  if (scale) {
    check(scale.length === outputs, `${place}.scale`, `${outputs} values`, scale.length);
    const bad = scale.findIndex((s) => !(s > 0 && s < Number.POSITIVE_INFINITY));
    check(bad < 0, `${place}.scale[${bad}]`, "a positive finite number", String(scale[bad]));
  }
  check(frozen.length === count, `${place}.frozen`, `${count} values`, frozen.length);
  const odd = frozen.findIndex((flag) => flag > 1);
  check(odd < 0, `${place}.frozen[${odd}]`, "0 or 1", frozen[odd]);
}
