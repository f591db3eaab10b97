// grids.js: the values that a grid lets weights have.
import { powerLevels } from "../../dist/quantize/index.js";

/** Levels of a grid, and the scale of each of its layer's output channels. */
export function levelsOn(grid, outputs) {
  const levels = grid.kind === "powers" ? [...powerLevels(grid.bits, grid.n1)] : grid.levels;
  return { levels, scale: grid.scale ?? new Float32Array(outputs).fill(1) };
}
