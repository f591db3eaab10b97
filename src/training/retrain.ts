// retrain.ts: incremental network quantization: freeze a share of the weights on the grid, retrain the rest, repeat.

import { given, is, ShiftwiseError } from "../base/index.js";
import { DATASET, type Dataset, sampleImages, samplesOf, size } from "../data/browser.js";
import { crc32 } from "../format/index.js";
import { NETWORK, type Network } from "../graph/index.js";
import type { WeightGrids } from "../ops/index.js";
import {
  advancePortion,
  checkPortions,
  PORTION_FIELDS,
  type PortionOptions,
  paperBits,
  planPortion,
  portionsFor,
} from "../quantize/index.js";
import { compensate } from "../rounding/index.js";
import { copyParameters, type EpochRecord } from "./checkpoint.js";
import { measureAccuracy } from "./evaluate.js";
import { COMMON, CONTROL } from "./given.js";
import { type CommonOptions, type Control, checkFit, count, inRange } from "./options.js";
import { reestimateNorms } from "./reestimate.js";
import { runStages, type Stage } from "./session.js";

/** Options of `retrain`. */
export interface RetrainOptions extends CommonOptions {
  /** See advancePortion. */
  readonly bits: PortionOptions["bits"];
  /** Accumulated shares rising to 1. Default: the paper's for the bits, of several widths for the fewest. */
  readonly portions?: readonly number[];
  /**
   * Epochs of each portion, or one number for every portion. After the last only biases and batch norm train; 0 is
   * allowed.
   */
  readonly epochs: number | readonly number[];
  readonly partition?: PortionOptions["partition"];
  readonly rule?: PortionOptions["rule"];
  /**
   * Over what the schedule runs: "portion" starts it anew with each (the paper), "run" runs it once over all epochs, so that
   * no portion undoes what the one before has settled. Default "portion".
   */
  readonly anneal?: "portion" | "run";
  /** See advancePortion. */
  readonly quantizer?: PortionOptions["quantizer"];
  readonly ranking?: PortionOptions["ranking"];
  readonly scale?: PortionOptions["scale"];
  readonly pruned?: PortionOptions["pruned"];
  /**
   * Training images on which every portion is rounded with compensation: the rest of each layer takes its errors up before
   * it is retrained. Default 0: plain rounding.
   */
  readonly compensate?: number;
  /**
   * Batches, augmented as in training, over which batch norm statistics are measured anew when the last portion is done.
   * Worth much behind plain rounding; compensated rounding keeps the means itself. Default 0: they stay.
   */
  readonly reestimate?: number;
  /** Images whose accuracy is measured after every portion. Default: none. */
  readonly test?: Dataset;
}

const OPTIONS = is.record<RetrainOptions>({
  ...COMMON,
  ...PORTION_FIELDS,
  portions: is.optional(is.list(is.number)),
  epochs: is.either((value) => typeof value === "number", is.number, is.list(is.number)),
  anneal: is.optional(is.oneOf("portion", "run")),
  compensate: is.optional(is.number),
  reestimate: is.optional(is.number),
  test: is.optional(DATASET),
});

/** The result of `retrain`. */
export interface RetrainResult {
  readonly history: readonly EpochRecord[];
  /** Accuracy on the test images after each portion, 0..1; null where there are no test images. */
  readonly tests: readonly (number | null)[];
  /** All weights of these layers are on the levels of their grid now, times their channel's scale where there is one. */
  readonly grids: WeightGrids;
}

/**
 * INQ, algorithm 1. For each portion: the next share of every conv and dense layer, first and last included, is rounded
 * and frozen; rate and momentum start anew (the rate only if `anneal` says so); the rest is retrained, W <- W - rate dE/dW T
 * with T applied after momentum and weight decay, so that frozen weights never change. Biases and batch norm stay float and
 * train throughout.
 * Quantize nodes of the network act in the forward pass, straight-through in the backward pass.
 * @throws as `train`, and as `advancePortion`.
 */
export async function retrain(
  network: Network,
  dataset: Dataset,
  options: RetrainOptions,
  control: Control = {},
): Promise<RetrainResult> {
  given(
    { network, dataset, options, control },
    { network: NETWORK, dataset: DATASET, options: OPTIONS, control: CONTROL },
  );
  const { bits, partition, quantizer, ranking, rule, scale, pruned, test } = options;
  const { seed = 1, reestimate = 0, compensate: images = 0 } = options;
  const portions = checkPortions(
    options.portions ?? portionsFor(quantizer && !quantizer.exponents ? paperBits(bits) : bits),
  );
  const epochs = epochsOf(options.epochs, portions.length);
  count("reestimate", reestimate, 0);
  inRange("compensate", images, 0, size(dataset) + 1);
  count("compensate", images, 0);
  if (test) checkFit(network, test);
  const stages = portions.map((portion, i): Stage => {
    const step: PortionOptions = {
      bits,
      portion,
      // a draw of its own for every portion
      seed: seed + i,
      ...(partition && { partition }),
      ...(quantizer && { quantizer }),
      ...(ranking && { ranking }),
      ...(rule && { rule }),
      ...(scale && { scale }),
      ...(pruned && { pruned }),
    };
    const last = i === portions.length - 1;
    return {
      epochs: epochs[i],
      ...(options.anneal === "run" && { annealed: { from: sum(epochs.slice(0, i)), of: sum(epochs) } }),
      begin: (grids) =>
        images > 0
          ? roundCompensated(network, dataset, grids, step, images, control)
          : advancePortion(network, grids, step),
      async end(session) {
        if (last && reestimate > 0) await reestimateNorms(session, reestimate);
        return test ? measureAccuracy(session, test, control.signal) : null;
      },
    };
  });
  const record = {
    bits: typeof bits === "number" ? bits : [...bits],
    portions,
    epochs,
    partition: partition ?? null,
    ...(quantizer && { quantizer: quantizer.name }),
    ranking: ranking ?? null,
    rule: rule ?? null,
    scale: scale ?? null,
    pruned: pruned ? [...pruned].map(([name, mask]) => [name, crc32(mask)]) : null,
    reestimate,
    compensate: images,
    anneal: options.anneal ?? "portion",
    test: test ? crc32(test.images) : null,
  };
  const { history, tests, grids } = await runStages(network, dataset, options, stages, record, control);
  return { history, tests, grids: grids ?? new Map() };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** A portion as `compensate` rounds it, on images drawn from the training set. */
async function roundCompensated(
  network: Network,
  dataset: Dataset,
  grids: WeightGrids | null,
  step: PortionOptions,
  images: number,
  { signal }: Control,
): Promise<WeightGrids> {
  const samples = samplesOf(sampleImages(dataset, images, step.seed ?? 0));
  const rounded = await compensate(
    network,
    samples,
    { levels: planPortion(network, grids, step), adapted: grids !== null },
    signal ? { signal } : {},
  );
  copyParameters(rounded.network, network);
  return rounded.grids;
}

function epochsOf(epochs: RetrainOptions["epochs"], portions: number): readonly number[] {
  const all = typeof epochs === "number" ? Array<number>(portions).fill(epochs) : epochs;
  if (all.length !== portions) {
    throw new ShiftwiseError("BAD_OPTION", "epochs and portions do not match", {
      where: "epochs",
      expected: `${portions} numbers`,
      found: all.length,
    });
  }
  for (const [i, n] of all.entries()) count(`epochs[${i}]`, n, 0);
  return all;
}
