// recipes.ts: how INQ goes about a bit width: as the paper did, and as has measured best here.
import { given, is } from "../base/index.js";
import { checkBits, portionsFor } from "../quantize/index.js";
import type { PruneOptions } from "./prune.js";
import type { RetrainOptions } from "./retrain.js";

/** The names of the recipes. */
export const RECIPES = ["tuned", "paper"] as const;
/** The name of a recipe. */
export type RecipeName = (typeof RECIPES)[number];

/** Settings of `retrain`, but for the teacher of the distillation. */
export interface Recipe
  extends Required<Pick<RetrainOptions, "portions" | "scale" | "compensate" | "anneal" | "batchNorm" | "learningRate">>,
    Pick<RetrainOptions, "rule" | "clip"> {
  /** After each portion. */
  readonly epochs: readonly number[];
  /** The share of the loss from the float network's logits, 0 for none; see Distillation. */
  readonly share: number;
}

/** Training images that portions are rounded on. */
const COMPENSATE = 256;
/** Longest gradient: with batch norm frozen, the steps behind a coarse portion can outgrow each other until the loss diverges. */
const CLIP = 2;
/** After each of the paper's portions but the last; the paper says "no more than 8" in all at 5 bits. */
const PAPER_EPOCHS = 2;
/** Pruning bears and needs more than what follows: times the rate of retraining. */
const PRUNING_RATE = 2.5;
/** Share of the epochs of pruning in which weights are cut; in the others what is left settles. */
const CUTTING = 1 / 3;

/**
 * "paper": the paper's portions, plain rounding, n1 by Eq. 3, one scale a layer, the schedule anew in each portion, the loss of
 * the labels. "tuned": fewer portions with a fine tail, rounded with compensation, one schedule over the run; the float network
 * alone teaches and batch norm keeps its statistics; at 2 and 3 bits besides a scale for every channel.
 * @param bits of the weights, of several widths the fewest.
 * @throws BAD_OPTION for bits outside 2..5.
 */
export function recipeFor(name: RecipeName, bits: number): Recipe {
  given({ name, bits }, { name: is.oneOf(...RECIPES), bits: is.number });
  const width = checkBits(bits);
  if (name === "paper") {
    const portions = portionsFor(width);
    const epochs = portions.map((portion) => (portion < 1 ? PAPER_EPOCHS : 0));
    const labels = { anneal: "portion", batchNorm: "train", learningRate: 0.01, share: 0 } as const;
    return { portions, epochs, rule: "max", scale: "layer", compensate: 0, ...labels };
  }
  const teaching = { batchNorm: "frozen", learningRate: 0.02, clip: CLIP, share: 1 } as const;
  const common = { compensate: COMPENSATE, anneal: "run", ...teaching } as const;
  if (width >= 4) return { portions: [0.5, 0.8, 1], epochs: [1, 1, 0], scale: "layer", ...common };
  const portions = width === 3 ? [0.4, 0.7, 0.85, 0.95, 1] : [0.3, 0.6, 0.8, 0.95, 1];
  return { portions, epochs: [1, 1, 2, 2, 1], scale: "channel", ...common };
}

/**
 * Returns the settings of `prune` that differ from the retraining that follows. Batch norm follows, so gradients are
 * not limited.
 * @param epochs of cutting and settling together.
 * @param rate of the retraining.
 */
export function pruningFor(sparsity: number, epochs: number, rate: number) {
  given({ sparsity, epochs, rate }, { sparsity: is.number, epochs: is.integer(1), rate: is.number });
  const cutting = Math.ceil(epochs * CUTTING);
  return {
    sparsity,
    epochs: cutting,
    settle: epochs - cutting,
    learningRate: PRUNING_RATE * rate,
    batchNorm: "train",
    clip: Number.POSITIVE_INFINITY,
  } as const satisfies Partial<PruneOptions>;
}
