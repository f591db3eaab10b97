// recipes.ts: how INQ goes about a bit width: as the paper did, and as has measured best here.
import { checkBits, portionsFor } from "../quantize/index.js";
import type { RetrainOptions } from "./retrain.js";

export const RECIPES = ["tuned", "paper"] as const;
export type RecipeName = (typeof RECIPES)[number];

/** Settings of `retrain`, but for the teacher of the distillation. */
export interface Recipe
  extends Required<Pick<RetrainOptions, "portions" | "scale" | "compensate" | "anneal">>,
    Pick<RetrainOptions, "rule"> {
  /** Of the loss from the float network's logits, 0 for none; see Distillation. */
  readonly share: number;
}

/** Training images that portions are rounded on. */
const COMPENSATE = 256;

/**
 * "paper": the paper's portions, plain rounding, n1 by Eq. 3, one scale a layer, the schedule anew in each portion. "tuned":
 * at 5 bits the same, since that loses nothing; below, compensated rounding, fewer portions with a fine tail and one
 * schedule over the run; at 2 and 3 bits besides a scale for every channel and half of the loss from the float network.
 * @param bits of the weights, of several widths the fewest.
 * @throws BAD_OPTION for bits outside 2..5.
 */
export function recipeFor(name: RecipeName, bits: number): Recipe {
  const width = checkBits(bits);
  const plain = { portions: portionsFor(width), scale: "layer", compensate: 0, anneal: "portion", share: 0 } as const;
  if (name === "paper") return { ...plain, rule: "max" };
  if (width === 5) return plain;
  const common = { compensate: COMPENSATE, anneal: "run" } as const;
  if (width === 4) return { ...common, portions: [0.5, 0.8, 1], scale: "layer", share: 0 };
  const portions = width === 3 ? [0.4, 0.75, 0.95, 1] : [0.3, 0.6, 0.8, 0.95, 1];
  return { ...common, portions, scale: "channel", share: 0.5 };
}
