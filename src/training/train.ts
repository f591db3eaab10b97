// train.ts: plain training of a float network, with masks where some weights must not move.

import { given, is, ShiftwiseError } from "../base/index.js";
import { NETWORK, type Network } from "../graph/index.js";
import { GRIDS, type WeightGrids } from "../ops/index.js";
import { weightNodes } from "../quantize/index.js";
import type { EpochRecord } from "./checkpoint.js";
import { COMMON, CONTROL } from "./given.js";
import { LEARNING_SET, type LearningSet } from "./lessons.js";
import { type CommonOptions, type Control, count } from "./options.js";
import { reestimateNorms } from "./reestimate.js";
import { runStages, type Stage } from "./session.js";

/** Options of `train`. */
export interface TrainOptions extends CommonOptions {
  readonly epochs: number;
  /**
   * Batches, augmented, over which batch norm statistics are measured anew at the end. Default 0: they stay as they have
   * faded in.
   */
  readonly reestimate?: number;
  /** Weights that keep their value. Default: none. */
  readonly grids?: WeightGrids;
}

const OPTIONS = is.record<TrainOptions>({
  ...COMMON,
  epochs: is.number,
  reestimate: is.optional(is.number),
  grids: is.optional(GRIDS),
});

/** The result of `train`. */
export interface TrainResult {
  readonly history: readonly EpochRecord[];
}

/**
 * Trains a network in place with SGD on softmax cross-entropy. Weight decay acts on conv and dense weights. The result is
 * the same to the bit for the same network, data, options and number of threads; with several threads each normalizes its
 * share of the batch by itself, so thread counts differ from one another.
 *
 * Afterwards, and after ABORTED, the network holds the parameters reached; after DIVERGED those of the last epoch or
 * checkpoint.
 * @throws BAD_OPTION, BAD_DATA, UNSUPPORTED before anything changes; ABORTED; DIVERGED; IO for the checkpoint or a dead
 *   worker.
 */
export async function train(
  network: Network,
  set: LearningSet,
  options: TrainOptions,
  control: Control = {},
): Promise<TrainResult> {
  given(
    { network, set, options, control },
    { network: NETWORK, set: LEARNING_SET, options: OPTIONS, control: CONTROL },
  );
  const { epochs, reestimate = 0 } = options;
  count("epochs", epochs, 1);
  count("reestimate", reestimate, 0);
  const grids = options.grids ?? null;
  const layers = weightNodes(network);
  for (const [name, { frozen }] of grids ?? []) {
    const weights = layers.find((node) => node.name === name)?.weight.data.length ?? 0;
    if (frozen.length === weights) continue;
    throw new ShiftwiseError("BAD_OPTION", "mask of another layer", {
      where: `grids.${name}`,
      expected: `${weights} weights`,
      found: frozen.length,
    });
  }
  const stage: Stage = {
    epochs,
    begin: () => grids,
    async end(session) {
      if (reestimate > 0) await reestimateNorms(session, reestimate);
      return null;
    },
  };
  const { history } = await runStages(network, set, options, [stage], { epochs, reestimate }, control);
  return { history };
}
