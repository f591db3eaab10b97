// running-statistics.ts: running batch norm statistics, from the statistics of a batch's shards.

import { type ParameterLayout, plane } from "../engine/index.js";
import { inferShapes, type Network } from "../graph/index.js";
import type { SharedValues } from "./shard.js";
import type { PoolResult } from "./worker-pool.js";

export interface NormUpdate {
  /**
   * Every shard normalizes with its own statistics. Their means mj and biased variances vj, over nj images each, join to
   * those of the whole batch, m = sum nj mj / n and v = sum nj (vj + (mj - m)^2) / n, and
   *   running = (1 - momentum) running + momentum (m, v N / (N - 1))       N = n times the pixels of a plane
   * @param momentum instead of each node's own.
   */
  update(shards: PoolResult["shards"], momentum?: number): void;
  /** Running statistics to the network. */
  writeBack(): void;
}

export function createNormUpdate(network: Network, layout: ParameterLayout, shared: SharedValues): NormUpdate {
  const shapes = inferShapes(network);
  const norms = layout.statistics.map((entry) => ({ ...entry, pixels: plane(shapes.get(entry.node)!) }));
  return {
    update(shards, fixed) {
      const images = shards.reduce((sum, { count }) => sum + count, 0);
      for (const { offset, mean, pixels, momentum } of norms) {
        const share = fixed ?? momentum;
        const samples = images * pixels;
        const unbiased = samples > 1 ? samples / (samples - 1) : 1;
        for (let c = offset; c < offset + mean.data.length; c++) {
          let m = 0;
          for (const { count, memory } of shards) m += (count / images) * memory.batchMean[c];
          let v = 0;
          for (const { count, memory } of shards) {
            v += (count / images) * (memory.batchVariance[c] + (memory.batchMean[c] - m) ** 2);
          }
          shared.runningMean[c] = (1 - share) * shared.runningMean[c] + share * m;
          shared.runningVariance[c] = (1 - share) * shared.runningVariance[c] + share * v * unbiased;
        }
      }
    },
    writeBack() {
      for (const { offset, mean, variance } of norms) {
        mean.data.set(shared.runningMean.subarray(offset, offset + mean.data.length));
        variance.data.set(shared.runningVariance.subarray(offset, offset + variance.data.length));
      }
    },
  };
}
