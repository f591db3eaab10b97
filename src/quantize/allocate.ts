// allocate.ts: how many bits each layer's weights get, for so many on average.
import { given, is, type Kind, ShiftwiseError } from "../base/index.js";
import { deal } from "./deal.js";

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
 * The bits of each layer that leave the least noise in all, while the average over all weights stays within `average`.
 * @returns index of the choice by layer name.
 * @throws BAD_OPTION when the fewest bits are more than that already.
 */
export function allocateBits(layers: readonly LayerChoices[], average: number): ReadonlyMap<string, number> {
  given({ layers, average }, { layers: LAYERS, average: is.number });
  const total = layers.reduce((sum, { weights }) => sum + weights, 0);
  const fewest = layers.reduce((sum, { weights, choices }) => sum + weights * choices[0].bits, 0);
  if (fewest > average * total) {
    throw new ShiftwiseError("BAD_OPTION", "fewer bits than any choice has", {
      where: "budget",
      expected: `at least ${(fewest / total).toFixed(2)}`,
      found: average,
    });
  }
  const things = layers.map(({ weights, choices }) =>
    choices.map(({ bits, noise }) => ({ cost: weights * bits, noise })),
  );
  const chosen = deal(things, { cost: average * total });
  return new Map(layers.map(({ name }, i) => [name, chosen[i]]));
}
