// reestimate.ts: batch norm statistics measured anew, as the mean over some batches instead of a fading one.
import { lessons } from "./lessons.js";
import type { Session } from "./session.js";
import { EVALUATION } from "./worker-pool.js";

/**
 * Running statistics become the plain mean over the first `count` batches of an epoch in shuffled order, augmented as in
 * training: the network has learned to work with the statistics of such images.
 */
export async function reestimateNorms({ network, set, options, pool, norms }: Session, count: number): Promise<void> {
  const { batchSize, augment = {}, seed = 1 } = options;
  const order = { batchSize, shuffle: true, augment, seed };
  let done = 0;
  for (const { values, labels } of lessons(network, set, order)) {
    if (done === count) break;
    const { shards } = await pool.run(values, labels, { ...EVALUATION, kind: "statistics", seed: done });
    // share 1, 1/2, 1/3, ... makes the running value a mean
    norms.update(shards, 1 / ++done);
  }
  norms.writeBack();
}
