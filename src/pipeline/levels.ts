// levels.ts: which levels each layer's weights are rounded to: set, or dealt out for a budget.
import type { Samples } from "../data/browser.js";
import type { Network } from "../graph/index.js";
import type { ConvNode, DenseNode } from "../ops/index.js";
import { allocateBits, type LayerLevels, twoTermLevels } from "../quantize/index.js";
import { compensate } from "../rounding/index.js";
import type { FullSettings, ImageControl } from "./images.js";

/**
 * The kinds of levels.
 * @internal
 */
export const LEVEL_KINDS = ["powers", "two-term"] as const;
/** Levels of weights: powers of two, or sums of two of them. */
export type LevelKind = (typeof LEVEL_KINDS)[number];

export type Weighted = ConvNode | DenseNode;

const FEWEST_BITS = 2;
/** The most that single powers have; one more means sums of two powers. */
export const POWER_BITS = 5;
/** The fewest that sums of two powers have. */
export const TWO_TERM_BITS = 4;
export const MOST_BITS = 6;
/** Images on which layers are compared before bits are dealt out. */
const COMPARED_IMAGES = 64;

/** Levels for a number of bits: powers of two with a scale a channel, or sums of two of them. */
export function levelsWith(bits: number, kind: LevelKind): LayerLevels {
  const most = kind === "two-term" ? TWO_TERM_BITS - 1 : POWER_BITS;
  return bits <= most ? { kind: "powers", bits, scale: "channel" } : twoTerms(bits);
}

const twoTerms = (bits: number): LayerLevels => ({ kind: "codebook", levels: twoTermLevels(bits) });

/** Levels as the settings name them. */
export function levelsBy(
  network: Network,
  { bits, levels, twoTerm, layers }: FullSettings,
): (node: Weighted) => LayerLevels {
  const first = network.nodes.find((node) => node.op === "conv");
  return (node) => {
    const given = layers.get(node.name);
    if (given !== undefined) return levelsWith(given, levels);
    const few = node.name === first?.name || (node.op === "conv" && node.groups > 1);
    return few && twoTerm !== null ? twoTerms(twoTerm) : levelsWith(bits, levels);
  };
}

/** Levels for a budget, from what each number of bits costs each layer; layers that were given bits keep them. */
export async function dealOut(
  simulated: Network,
  samples: Samples,
  { layers, budget, levels: kind }: FullSettings,
  { signal, onStep, onProgress }: ImageControl,
): Promise<(node: Weighted) => LayerLevels> {
  onStep?.("dealing out bits");
  const all = Array.from({ length: MOST_BITS - FEWEST_BITS + 1 }, (_, i) => FEWEST_BITS + i);
  const choicesOf = (name: string) => (layers.has(name) ? [layers.get(name)!] : all);
  const few = { ...samples, count: Math.min(samples.count, COMPARED_IMAGES) };
  const compared = await compensate(
    simulated,
    few,
    {
      levels: () => levelsWith(POWER_BITS, kind),
      explore: ({ name }) => choicesOf(name).map((bits) => levelsWith(bits, kind)),
    },
    { signal, onProgress: (done, total, layer) => onProgress?.(done / total, layer) },
  );
  const candidates = compared.layers.map(({ name, weights, explored }) => ({
    name,
    weights,
    choices: choicesOf(name).map((bits, i) => ({ bits, noise: 10 ** (-explored[i] / 10) })),
  }));
  const chosen = allocateBits(candidates, budget!);
  return ({ name }) => levelsWith(choicesOf(name)[chosen.get(name)!], kind);
}
