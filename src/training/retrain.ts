// retrain.ts: incremental network quantization: freeze a share of the weights on the grid, retrain the rest, repeat.
import type { Dataset } from "../data/memory.js";
import { ShiftwiseError } from "../format/index.js";
import type { Network, WeightGrids } from "../graph/index.js";
import { advancePortion, checkPortions, type PortionOptions, portionsFor } from "../quantize/index.js";
import type { EpochRecord } from "./checkpoint.js";
import { type CommonOptions, type Control, count } from "./options.js";
import { reestimateNorms } from "./reestimate.js";
import { runStages, type Stage } from "./session.js";

export interface RetrainOptions extends CommonOptions {
  /** See advancePortion. */
  readonly bits: PortionOptions["bits"];
  /** Accumulated shares rising to 1. Default: the paper's for the bits; needed where bits differ by layer. */
  readonly portions?: readonly number[];
  /** Of each portion, or one number for every portion. After the last only biases and batch norm train; 0 is allowed. */
  readonly epochs: number | readonly number[];
  readonly partition?: PortionOptions["partition"];
  readonly rule?: PortionOptions["rule"];
  /** Batches over which batch norm statistics are measured anew when the last portion is done. Default 0: they stay. */
  readonly reestimate?: number;
}

export interface RetrainResult {
  readonly history: readonly EpochRecord[];
  /** All weights of these layers are zero or a power of two now. */
  readonly grids: WeightGrids;
}

/**
 * INQ, algorithm 1. For each portion: the next share of every conv and dense layer, first and last included, is rounded
 * and frozen; rate, schedule and momentum start anew; the rest is retrained, W <- W - rate dE/dW T with T applied after
 * momentum and weight decay, so that frozen weights never change. Biases and batch norm stay float and train throughout.
 * Quantize nodes of the network act in the forward pass, straight-through in the backward pass.
 * @throws as `train`, and as `advancePortion`.
 */
export async function retrain(
  network: Network,
  dataset: Dataset,
  options: RetrainOptions,
  control: Control = {},
): Promise<RetrainResult> {
  const { bits, partition, rule, seed = 1, reestimate = 0 } = options;
  const portions = checkPortions(options.portions ?? presetFor(bits));
  const epochs = epochsOf(options.epochs, portions.length);
  count("reestimate", reestimate, 0);
  const stages = portions.map((portion, i): Stage => {
    const step: PortionOptions = {
      bits,
      portion,
      // a draw of its own for every portion
      seed: seed + i,
      ...(partition && { partition }),
      ...(rule && { rule }),
    };
    const last = i === portions.length - 1;
    return {
      epochs: epochs[i],
      begin: (grids) => advancePortion(network, grids, step),
      ...(last && reestimate > 0 && { end: (session) => reestimateNorms(session, reestimate) }),
    };
  });
  const record = {
    bits: typeof bits === "number" ? bits : [...bits],
    portions,
    epochs,
    partition: partition ?? null,
    rule: rule ?? null,
    reestimate,
  };
  const { history, grids } = await runStages(network, dataset, options, stages, record, control);
  return { history, grids: grids ?? new Map() };
}

function presetFor(bits: RetrainOptions["bits"]): readonly number[] {
  if (typeof bits === "number") return portionsFor(bits);
  throw new ShiftwiseError("BAD_OPTION", "no preset for several bit widths", { where: "portions", found: "none" });
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
