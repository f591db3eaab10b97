// sparsity.ts: how many weights of each layer to prune, and which.

import { ShiftwiseError } from "../base/index.js";
import type { Network } from "../graph/index.js";
import { weightNodes } from "./apply.js";
import { selectLargest } from "./partition.js";

/**
 * Shares a network's sparsity out to its conv and dense layers by the scores of LAMP (Lee et al. 2021): of a layer's
 * weights in falling magnitude, weight k scores w_k^2 / sum over the larger ones and itself; over the whole network those
 * with the lowest scores go. The layers' largest weights score 1, so no layer is emptied.
 * @param sparsity share of all weights to prune, in [0, 1).
 * @returns weights to prune by node name.
 * @throws BAD_OPTION
 * @internal
 */
export function layerSparsities(network: Network, sparsity: number): Map<string, number> {
  if (!(sparsity >= 0 && sparsity < 1)) {
    throw new ShiftwiseError("BAD_OPTION", "sparsity out of range", {
      expected: "a share from 0 to below 1",
      found: sparsity,
      where: "sparsity",
    });
  }
  const layers = weightNodes(network);
  const scores = layers.map(({ weight }) => lampScores(weight.data));
  const all = Float64Array.from(scores.flatMap((layer) => [...layer])).sort();
  const count = Math.round(sparsity * all.length);
  const limit = count > 0 ? all[count - 1] : -1;
  return new Map(layers.map(({ name }, i) => [name, scores[i].filter((score) => score <= limit).length]));
}

/** Returns the LAMP scores of weights, in no order. */
function lampScores(weights: Float32Array): Float64Array {
  const rising = Float64Array.from(weights).map(Math.abs).sort();
  const scores = new Float64Array(weights.length);
  let sum = 0;
  for (let i = rising.length - 1; i >= 0; i--) {
    const square = rising[i] ** 2;
    sum += square;
    // a layer of zeros has nothing to lose
    scores[i] = sum > 0 ? square / sum : 0;
  }
  return scores;
}

/**
 * 1 for each of the `count` smallest magnitudes, of equal ones the later.
 * @internal
 */
export function smallest(weights: Float32Array, count: number): Uint8Array {
  const mask = new Uint8Array(weights.length).fill(1);
  for (const index of selectLargest(weights, new Uint8Array(weights.length), weights.length - count)) mask[index] = 0;
  return mask;
}
