// judged.ts: a conversion's goal before anything is rounded: whether samples and outputs can judge it, and what limits them.
import { ShiftwiseError } from "../base/index.js";
import type { Samples, SamplesByInput } from "../data/browser.js";
import type { Network } from "../graph/index.js";
import type { WeightGrids } from "../ops/index.js";
import type { OutputFidelity } from "../training/index.js";
import type { Goal } from "./goal/index.js";
import type { ResolvedSettings } from "./image-settings.js";
import { areReady } from "./ready.js";
import type { Source } from "./source.js";
import type { StillInputs } from "./still-inputs.js";
import { type Judgement, judgementOf } from "./unjudged.js";

/** A judgement, with the outputs of rounded activations and float weights. */
export type Judged = Judgement & { readonly limit: readonly OutputFidelity[] };

/** A conversion that is to be judged. */
interface ToJudge {
  readonly source: Source;
  /** The network as it was given. */
  readonly original: Network;
  readonly held: Samples | SamplesByInput;
  readonly ready: WeightGrids;
  readonly settings: ResolvedSettings;
  readonly still: StillInputs | null;
}

/**
 * Judges whether the goal can be judged; null without one, and where nothing is left to choose.
 * @param limit measures outputs with rounded activations and float weights
 * @throws BAD_OPTION for a goal of equal answers where no output has answers
 */
export function judged(
  { source: { network, samples }, original, held, ready, settings: { goal, bits }, still }: ToJudge,
  limit: () => readonly OutputFidelity[],
): Judged | null {
  if (!goal || areReady(original, ready)) return null;
  const outputs = limit();
  checkAnswers(goal, outputs);
  return { ...judgementOf({ network, goal, outputs, held, all: samples, bits, still }), limit: outputs };
}

/** @throws BAD_OPTION for a goal of equal answers where no output has answers */
function checkAnswers(goal: Goal, outputs: readonly OutputFidelity[]): void {
  if (goal.kind !== "lossless" || goal.agreement === undefined) return;
  if (outputs.some(({ agreement }) => agreement !== null)) return;
  throw new ShiftwiseError("BAD_OPTION", "no output has answers that could be equal", {
    where: "loss",
    expected: "dB, such as 24: only the logits or softmax of a network's one output, and whole numbers, are answers",
    found: `${Number((100 * goal.agreement).toFixed(2))} % of the answers of ${outputs.map(({ name }) => `"${name}"`).join(", ")}`,
  });
}
