// recipes.ts: how INQ goes about a bit width: as the paper did, and as has measured best here.
import { frozenCopy, given, is } from "../base/index.js";
import { type ActivationScheme, checkBits, portionsFor, quantizerNamed } from "../quantize/index.js";
import type { RetrainOptions } from "../training/index.js";
import { DEFAULTS } from "./defaults.js";

/** The names of the recipes. */
export const RECIPES = frozenCopy(["tuned", "paper"] as const);
/** The name of a recipe. */
export type RecipeName = (typeof RECIPES)[number];

/** Settings of quantizeByRetraining: those of `retrain`, and what stands around it. recipeFor gives all for a width. */
export interface RetrainingRecipe extends Omit<RetrainOptions, "distill" | "pruned" | "test" | "checkpoint"> {
  readonly bits: number;
  /** Bits of single layers by name, in place of `bits`. */
  readonly layers?: ReadonlyMap<string, number>;
  readonly activations?: ActivationScheme;
  /** Training images that portions are rounded on with compensation; of a smaller set all. Default 0: plain rounding. */
  readonly compensate?: number;
  /** The share of the loss from the float network's logits, 0 to 1; see Distillation. Default 0: the labels alone. */
  readonly share?: number;
  /** Share of the weights that is pruned before, 0 to below 1. */
  readonly sparsity?: number;
  /** Epochs of pruning; weights are cut in the first third. */
  readonly pruneEpochs?: number;
}

/** The levels of 2 and 3 bits: at these widths INQ's own leave codes unused, and lose the most by it. */
export const NARROW_LEVELS = "two-term";
/** Training images that portions are rounded on. */
const COMPENSATE = 256;
/** Longest gradient: with batch norm frozen, the steps behind a coarse portion can outgrow each other until the loss diverges. */
const CLIP = 2;
/** After each of the paper's portions but the last; the paper says "no more than 8" in all at 5 bits. */
const PAPER_EPOCHS = 2;
/** The rate of pruning, in rates of retraining: pruning bears and needs more than what follows. */
const PRUNING_RATE = 2.5;
/** Share of the epochs of pruning in which weights are cut; in the others what is left settles. */
const CUTTING = 1 / 3;

/**
 * Gives the settings of quantizeByRetraining for a width. "tuned": fewer portions with a fine tail, rounded with compensation,
 * one schedule over the run; the float network alone teaches and batch norm keeps its statistics; at 2 and 3 bits besides
 * levels that are sums of two powers, with tables and a scale for every channel. "paper": the paper's levels and portions, plain
 * rounding, n1 by Eq. 3, one scale a layer, the schedule anew in each portion, the loss of the labels.
 * @param bits of the weights, of several widths the fewest.
 * @throws BAD_OPTION for bits outside 2..5, or another name.
 */
export function recipeFor(bits: number, name: RecipeName = "tuned") {
  given({ bits, name }, { bits: is.number, name: is.oneOf(...RECIPES) });
  const width = checkBits(bits);
  const { activations, seed, threads } = DEFAULTS;
  const { batchSize, weightDecay, augment, sparsity, pruneEpochs } = DEFAULTS.retraining;
  const base = {
    bits: width as number,
    activations,
    batchSize,
    weightDecay,
    augment,
    seed,
    threads,
    sparsity,
    pruneEpochs,
  };
  return { ...base, schedule: { kind: "cosine" }, ...ownOf(name, width) } as const satisfies RetrainingRecipe;
}

function ownOf(name: RecipeName, width: number) {
  if (name === "paper") {
    const portions = portionsFor(width);
    const labels = { anneal: "portion", batchNorm: "train", learningRate: 0.01, share: 0, clip: undefined } as const;
    const quantizer = quantizerNamed(DEFAULTS.retraining.levels);
    return {
      quantizer,
      portions,
      epochs: epochsOver(portions, PAPER_EPOCHS),
      rule: "max",
      scale: "layer",
      compensate: 0,
      ...labels,
    } as const;
  }
  const teaching = { batchNorm: "frozen", learningRate: 0.02, clip: CLIP, share: 1 } as const;
  const common = { compensate: COMPENSATE, anneal: "run", rule: undefined, ...teaching } as const;
  if (width >= 4) {
    const quantizer = quantizerNamed(DEFAULTS.retraining.levels);
    return { quantizer, portions: [0.5, 0.8, 1], epochs: [1, 1, 0], scale: "layer", ...common } as const;
  }
  const quantizer = quantizerNamed(NARROW_LEVELS);
  const portions = width === 3 ? [0.4, 0.7, 0.85, 0.95, 1] : [0.3, 0.6, 0.8, 0.95, 1];
  return { quantizer, portions, epochs: [1, 1, 2, 2, 1], scale: "channel", ...common } as const;
}

/**
 * Spreads epochs: so many after each portion but the last, when no weight is free.
 * @throws BAD_OPTION
 */
export function epochsOver(portions: readonly number[], epochs: number): readonly number[] {
  given({ portions, epochs }, { portions: is.list(is.number), epochs: is.integer(0) });
  return portions.map((portion) => (portion < 1 ? epochs : 0));
}

/**
 * Returns the settings of pruning that differ from the retraining that follows. Batch norm follows, so gradients are not
 * limited.
 * @param epochs of cutting and settling together.
 * @param rate of the retraining.
 */
export function pruningFor(sparsity: number, epochs: number, rate: number) {
  const cutting = Math.ceil(epochs * CUTTING);
  return {
    sparsity,
    epochs: cutting,
    settle: epochs - cutting,
    learningRate: PRUNING_RATE * rate,
    batchNorm: "train",
    clip: Number.POSITIVE_INFINITY,
  } as const;
}
