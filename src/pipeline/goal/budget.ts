// budget.ts: bits for each layer, for so many on average.
import { allocateBits } from "../../quantize/index.js";
import type { Width } from "../levels.js";
import type { Survey } from "./survey.js";

/**
 * Deals out bits by the noise that they take from the worst output.
 * @param average bits of a weight
 * @throws BAD_OPTION for fewer than any choice has
 */
export function dealBits({ layers }: Survey, average: number): ReadonlyMap<string, Width> {
  const chosen = allocateBits(layers, average);
  return new Map(layers.map(({ name, choices }) => [name, choices[chosen.get(name)!]]));
}
