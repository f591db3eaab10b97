// prune.ts: weights cut from a float network while it trains, ready for INQ on what is left.

import { given, is } from "../base/index.js";
import { DATASET, type Dataset } from "../data/browser.js";
import { NETWORK, type Network } from "../graph/index.js";
import type { WeightGrid, WeightGrids } from "../ops/index.js";
import { layerSparsities, smallest, weightNodes } from "../quantize/index.js";
import type { EpochRecord } from "./checkpoint.js";
import { COMMON, CONTROL } from "./given.js";
import { type CommonOptions, type Control, count } from "./options.js";
import { runStages, type Stage } from "./session.js";

/** Options of `prune`. */
export interface PruneOptions extends CommonOptions {
  /** Share of all conv and dense weights that are zero afterwards, in [0, 1); layers get theirs from layerSparsities. */
  readonly sparsity: number;
  /** Epochs in which weights are cut and come back, more and more of them cut. */
  readonly epochs: number;
  /** Epochs in which what is left goes on training, the cut weights settled. Default 0. */
  readonly settle?: number;
}

const OPTIONS = is.record<PruneOptions>({
  ...COMMON,
  sparsity: is.number,
  epochs: is.number,
  settle: is.optional(is.number),
});

/** The result of `prune`. */
export interface PruneResult {
  readonly history: readonly EpochRecord[];
  /** Masks by node name: 1 for each weight that is zero for good: retrain's `pruned`. */
  readonly pruned: ReadonlyMap<string, Uint8Array>;
}

/**
 * Dynamic Network Surgery (Guo et al. 2016): the network trains with its smallest weights held at zero, all weights go on
 * learning, and a weight that grows again is spliced back. The number of weights cut rises to its end along
 * 1 - (1 - t)^3. The schedule runs once over both kinds of epochs. Trains in place, otherwise as `train` does.
 * @throws as `train`; BAD_OPTION for a sparsity outside [0, 1).
 */
export async function prune(
  network: Network,
  dataset: Dataset,
  options: PruneOptions,
  control: Control = {},
): Promise<PruneResult> {
  given(
    { network, dataset, options, control },
    { network: NETWORK, dataset: DATASET, options: OPTIONS, control: CONTROL },
  );
  const { sparsity, epochs, settle = 0 } = options;
  count("epochs", epochs, 1);
  count("settle", settle, 0);
  const cut = layerSparsities(network, sparsity);
  const settled = (): WeightGrids =>
    new Map(weightNodes(network).map(({ name, weight }) => [name, zeroGrid(weight.data, cut.get(name)!)]));
  const of = epochs + settle;
  const stages: Stage[] = [
    { epochs, annealed: { from: 0, of }, cut, begin: () => null },
    { epochs: settle, annealed: { from: epochs, of }, begin: settled },
  ];
  const record = { pruning: { sparsity, epochs, settle } };
  const { history, grids } = await runStages(network, dataset, options, stages, record, control);
  return { history, pruned: new Map([...(grids ?? [])].map(([name, { frozen }]) => [name, frozen])) };
}

/** A grid on which nothing but the zeros of a layer is frozen. */
function zeroGrid(weights: Float32Array, dead: number): WeightGrid {
  return { kind: "powers", bits: 5, n1: 0, scale: null, frozen: smallest(weights, dead) };
}
