// grids.js: the values that a grid lets weights have.
import { powerLevels } from "../../dist/quantize/index.js";

/** Levels of every output channel of a grid, and its scale. */
export function levelsOn(grid, outputs) {
  const all = grid.kind === "powers" ? [...powerLevels(grid.bits, grid.n1)] : grid.levels;
  const levels = Array.from({ length: outputs }, (_, c) => grid.books?.tables[grid.books.of[c]] ?? all);
  return { levels, scale: grid.scale ?? new Float32Array(outputs).fill(1) };
}
