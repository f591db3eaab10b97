// levels.ts: which levels each layer's weights are rounded to: set, or dealt out for a budget.
import { noiseOf } from "../base/index.js";
import { countOf, eachInput, type Samples, type SamplesByInput } from "../data/browser.js";
import type { Network } from "../graph/index.js";
import type { ConvNode, DenseNode, WeightGrids } from "../ops/index.js";
import { allocateBits, type LayerLevels, levelsFor, type Quantizer, quantizerNamed } from "../quantize/index.js";
import { compensate } from "../rounding/index.js";
import type { ImageControl, ResolvedSettings } from "./image-settings.js";

export type Weighted = ConvNode | DenseNode;

/** The quantizer of a layer, its bits, and the price of a weight that is not 0 (see LayerLevels). */
export interface Width {
  readonly quantizer: Quantizer;
  readonly bits: number;
  readonly price: number;
}

/** The widths that layers by themselves and budgets may ask for, whatever the quantizer. */
export const WIDTHS: readonly number[] = [2, 3, 4, 5, 6];
/** Images on which layers are compared before bits are dealt out. */
const COMPARED_IMAGES = 64;

/** A width of a quantizer; one that it lacks is of sums of two powers, which have all of WIDTHS. */
function widthOf(quantizer: Quantizer, bits: number, price: number): Width {
  return { quantizer: quantizer.bits.includes(bits) ? quantizer : quantizerNamed("two-term"), bits, price };
}

/** The levels of a layer. */
export const levelsOf = (node: Weighted, { quantizer, bits, price }: Width): LayerLevels => ({
  ...levelsFor(node, quantizer, bits),
  price,
});

/** The width with one bit more; null where there is none. */
export function wider({ bits, price }: Width, quantizer: Quantizer): Width | null {
  return WIDTHS.includes(bits + 1) ? widthOf(quantizer, bits + 1, price) : null;
}

/** The setting that each layer's width is from. */
export function widthSettings(
  network: Network,
  { twoTerm, layers }: Pick<ResolvedSettings, "twoTerm" | "layers">,
): (node: Weighted) => "layers" | "twoTerm" | "bits" {
  const first = network.nodes.find((node) => node.op === "conv");
  return (node) => {
    if (layers.has(node.name)) return "layers";
    const few = node.name === first?.name || (node.op === "conv" && node.groups > 1);
    return few && twoTerm !== null ? "twoTerm" : "bits";
  };
}

/** Widths as the settings name them. */
export function widthsBy(network: Network, settings: ResolvedSettings): (node: Weighted) => Width {
  const { bits, quantizer, twoTerm, layers, price } = settings;
  const settingOf = widthSettings(network, settings);
  const widths = {
    layers: (name: string) => widthOf(quantizer, layers.get(name)!, price),
    twoTerm: () => ({ quantizer: quantizerNamed("two-term"), bits: twoTerm!, price }),
    bits: () => ({ quantizer, bits, price }),
  };
  return (node) => widths[settingOf(node)](node.name);
}

/**
 * Widths for a budget, from what each number of bits costs each layer; layers that were given bits keep them.
 * @param ready layers that are not rounded: the budget is for the others
 */
export async function dealOut(
  simulated: Network,
  samples: Samples | SamplesByInput,
  { layers, budget, quantizer, price }: ResolvedSettings,
  ready: WeightGrids,
  { signal, onStep, onProgress }: ImageControl,
): Promise<(node: Weighted) => Width> {
  await onStep?.("dealing out bits");
  const choicesOf = (name: string) => (layers.has(name) ? [layers.get(name)!] : WIDTHS);
  const count = Math.min(countOf(samples), COMPARED_IMAGES);
  const few = eachInput(samples, (one) => ({ ...one, count }));
  const compared = await compensate(
    simulated,
    few,
    {
      levels: (node) => (ready.has(node.name) ? null : levelsOf(node, widthOf(quantizer, 5, price))),
      explore: (node) => choicesOf(node.name).map((bits) => levelsOf(node, widthOf(quantizer, bits, price))),
    },
    { signal, onProgress: (done, total, layer) => onProgress?.(done / total, layer) },
  );
  const candidates = compared.layers.map(({ name, weights, explored }) => ({
    name,
    weights,
    choices: choicesOf(name).map((bits, i) => ({ bits, noise: noiseOf(explored[i]) })),
  }));
  const chosen = candidates.length > 0 ? allocateBits(candidates, budget!) : new Map<string, number>();
  return ({ name }) => widthOf(quantizer, choicesOf(name)[chosen.get(name) ?? 0], price);
}
