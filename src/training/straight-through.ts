// straight-through.ts: retraining with any weight quantizer: quantized weights forward, the gradient to a float copy.

import { given, is, ShiftwiseError } from "../base/index.js";
import { DATASET, type Dataset } from "../data/browser.js";
import { NETWORK, type Network } from "../graph/index.js";
import type { WeightGrids } from "../ops/index.js";
import {
  bitsOfLayer,
  FIT,
  type Fit,
  type LayerBits,
  QUANTIZER,
  type Quantizer,
  quantizeWeights,
  WIDTHS,
  weightNodes,
  writeFit,
} from "../quantize/index.js";
import type { EpochRecord } from "./checkpoint.js";
import { COMMON, CONTROL } from "./given.js";
import { type CommonOptions, type Control, count } from "./options.js";
import { reestimateNorms } from "./reestimate.js";
import { runStages, type Stage } from "./session.js";

/** Options of `retrainStraightThrough`. */
export interface StraightThroughOptions extends CommonOptions {
  readonly quantizer: Quantizer;
  readonly bits: LayerBits;
  readonly epochs: number;
  /** Iterations between two fits of the levels; the weights that the forward pass sees stand still between. Default 1. */
  readonly every?: number;
  /** Fits by node name to go on from, of a run before. */
  readonly fits?: ReadonlyMap<string, Fit>;
  /** Batches, augmented, over which batch norm statistics are measured anew at the end. Default 0: they stay. */
  readonly reestimate?: number;
}

const OPTIONS = is.record<StraightThroughOptions>({
  ...COMMON,
  quantizer: QUANTIZER,
  bits: WIDTHS,
  epochs: is.number,
  every: is.optional(is.number),
  fits: is.optional(is.map(FIT)),
  reestimate: is.optional(is.number),
});

/** The result of `retrainStraightThrough`. */
export interface StraightThroughResult {
  readonly history: readonly EpochRecord[];
  /** Codebooks of all conv and dense nodes, whose weights are on them now. */
  readonly grids: WeightGrids;
  /** The fits behind the grids, and the float copies of the weights, by node name: what a further run goes on from. */
  readonly fits: ReadonlyMap<string, Fit>;
  readonly latent: ReadonlyMap<string, Float32Array>;
}

/**
 * Retrains a network for a quantizer. A float copy of every conv and dense weight is kept, first and last layers included;
 * forward and backward pass see its quantized values, levels fitted anew each iteration, and the gradient changes the copy
 * as if the rounding were not there (the straight-through estimator). Biases and batch norm stay float and train.
 *
 * Where a quantizer learns its levels (TTQ, Deep Compression), level L_k with n_k weights moves by
 * -rate / sqrt(n_k) times the sum of their gradients; the root is the damping of LSQ (Esser et al. 2020), without which
 * one level would move as far in a step as all of its weights together.
 * @throws as `train`, and what the quantizer throws; BAD_OPTION for a checkpoint of a quantizer that learns its levels,
 *   which no checkpoint holds.
 */
export async function retrainStraightThrough(
  network: Network,
  dataset: Dataset,
  options: StraightThroughOptions,
  control: Control = {},
): Promise<StraightThroughResult> {
  given(
    { network, dataset, options, control },
    { network: NETWORK, dataset: DATASET, options: OPTIONS, control: CONTROL },
  );
  const { quantizer, bits, epochs, every = 1, reestimate = 0 } = options;
  count("epochs", epochs, 1);
  count("every", every, 1);
  count("reestimate", reestimate, 0);
  if (quantizer.learns && options.checkpoint) {
    throw new ShiftwiseError("BAD_OPTION", `${quantizer.name} learns levels, which a checkpoint does not hold`, {
      where: "checkpoint",
    });
  }
  const fits = new Map(options.fits);
  let steps = 0;
  const project: Stage["project"] = (values, layout, update) => {
    const due = update === null || ++steps % every === 0;
    for (const { node, field, offset, tensor } of layout.entries) {
      if (field !== "weight") continue;
      const seen = values.subarray(offset, offset + tensor.data.length);
      const last = fits.get(node);
      const before = last && update && quantizer.learns ? learned(last, update, offset) : last;
      const layer = { name: node, shape: tensor.shape, bits: bitsOfLayer(bits, node) };
      const fit = due || !before ? quantizer.fit(seen, layer, before) : before;
      fits.set(node, fit);
      writeFit(fit, seen);
    }
  };
  const stage: Stage = {
    epochs,
    begin: (grids) => grids,
    project,
    ...(reestimate > 0 && {
      end: async (session) => {
        await reestimateNorms(session, reestimate);
        return null;
      },
    }),
  };
  const record = {
    quantizer: quantizer.name,
    bits: typeof bits === "number" ? bits : [...bits],
    epochs,
    every,
    reestimate,
  };
  const { history } = await runStages(network, dataset, options, [stage], record, control);
  const latent = new Map(weightNodes(network).map(({ name, weight }) => [name, weight.data.slice()]));
  return { history, grids: quantizeWeights(network, quantizer, bits, fits), fits, latent };
}

/** The fit with its levels moved along the gradients of the weights at each; level 0 stays. */
function learned(
  fit: Fit,
  { gradient, rate }: NonNullable<Parameters<NonNullable<Stage["project"]>>[2]>,
  from: number,
): Fit {
  const sums = new Float64Array(fit.ideal.length);
  const members = new Float64Array(fit.ideal.length);
  fit.codes.forEach((code, i) => {
    sums[code] += gradient[from + i];
    members[code]++;
  });
  const ideal = fit.ideal.map((level, k) => {
    return level === 0 || members[k] === 0 ? level : level - (rate * sums[k]) / Math.sqrt(members[k]);
  });
  return { ...fit, ideal };
}
