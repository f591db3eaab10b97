// allocate.ts: how many bits each layer's weights get, for so many on average.
import { given, is, type Kind, ShiftwiseError } from "../base/index.js";

/** The widths that a layer could have, by rising bits. The noise is a share of its outputs' signal. */
export interface LayerChoices {
  readonly name: string;
  readonly weights: number;
  readonly choices: readonly { readonly bits: number; readonly noise: number }[];
}

const CHOICES: Kind = (value, where) => {
  is.list(is.record<LayerChoices["choices"][number]>({ bits: is.number, noise: is.number }))(value, where);
  if ((value as unknown[]).length === 0) throw is.refused(where, "at least one choice", value);
};
const LAYERS = is.list(is.record<LayerChoices>({ name: is.text, weights: is.number, choices: CHOICES }));

/**
 * Starts every layer at its fewest bits, then again and again gives more to the layer whose noise falls most for each bit
 * spent, as long as the average over all weights stays within `average`.
 * @returns index of the choice by layer name.
 * @throws BAD_OPTION when the fewest bits are more than that already.
 */
export function allocateBits(layers: readonly LayerChoices[], average: number): ReadonlyMap<string, number> {
  given({ layers, average }, { layers: LAYERS, average: is.number });
  const total = layers.reduce((sum, { weights }) => sum + weights, 0);
  const chosen = new Map(layers.map(({ name }) => [name, 0]));
  let left = average * total - layers.reduce((sum, { weights, choices }) => sum + weights * choices[0].bits, 0);
  if (left < 0) {
    throw new ShiftwiseError("BAD_OPTION", "fewer bits than any choice has", {
      where: "budget",
      expected: `at least ${(average - left / total).toFixed(2)}`,
      found: average,
    });
  }
  for (;;) {
    let best: { name: string; to: number; cost: number; worth: number } | null = null;
    for (const { name, weights, choices } of layers) {
      const now = choices[chosen.get(name)!];
      // a step may also skip a choice that is worth little by itself
      for (let to = chosen.get(name)! + 1; to < choices.length; to++) {
        const cost = weights * (choices[to].bits - now.bits);
        const worth = (now.noise - choices[to].noise) / cost;
        if (cost <= left && worth > (best?.worth ?? 0)) best = { name, to, cost, worth };
      }
    }
    if (!best) return chosen;
    chosen.set(best.name, best.to);
    left -= best.cost;
  }
}
