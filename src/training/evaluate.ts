// evaluate.ts: accuracy of the float network.

import { given, ShiftwiseError } from "../base/index.js";
import { DATASET, type Dataset, size } from "../data/browser.js";
import { compileModule, parameterLayout, pause, readParameters, readStatistics } from "../engine/index.js";
import { NETWORK, type Network } from "../graph/index.js";
import { EVALUATE } from "./given.js";
import { lessons } from "./lessons.js";
import { checkFit, count, type EvaluateOptions } from "./options.js";
import type { Session } from "./session.js";
import { createPool, EVALUATION, type Pool } from "./worker-pool.js";

/** The accuracy and loss of a network on labelled images. */
export interface Evaluation {
  /** 0..1. */
  readonly accuracy: number;
  readonly correct: number;
  readonly total: number;
  /** Mean cross-entropy. */
  readonly loss: number;
}

/**
 * Runs the network on every image, batch norm on its running statistics. The answer does not depend on the threads.
 * @throws BAD_OPTION, BAD_DATA, ABORTED, IO.
 */
export async function evaluate(network: Network, dataset: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
  given({ network, dataset, options }, { network: NETWORK, dataset: DATASET, options: EVALUATE });
  const { threads = 1, batchSize = 100 * threads, signal } = options;
  count("threads", threads, 1);
  checkFit(network, dataset);
  const total = size(dataset);
  if (total === 0) throw new ShiftwiseError("BAD_DATA", "no images to evaluate", { where: "dataset" });
  const module = compileModule();
  const pool = createPool(network, { batch: Math.min(batchSize, total), threads, gradients: false, module });
  try {
    const layout = parameterLayout(network);
    readParameters(layout, pool.shared.parameters);
    readStatistics(layout, pool.shared.runningMean, pool.shared.runningVariance);
    return await runAll(network, pool, dataset, batchSize, signal);
  } finally {
    await pool.close();
  }
}

/**
 * Accuracy, 0..1, of the network as a running session has it.
 * @throws ABORTED
 */
export async function measureAccuracy(
  { network, pool, options }: Session,
  dataset: Dataset,
  signal?: AbortSignal,
): Promise<number> {
  const { accuracy } = await runAll(network, pool, dataset, options.batchSize, signal);
  return accuracy;
}

async function runAll(
  network: Network,
  pool: Pool,
  dataset: Dataset,
  batchSize: number,
  signal?: AbortSignal,
): Promise<Evaluation> {
  const total = size(dataset);
  let correct = 0;
  let loss = 0;
  for (const { values, labels } of lessons(network, dataset, { batchSize })) {
    if (signal?.aborted) throw new ShiftwiseError("ABORTED", "evaluation was stopped");
    const result = await pool.run(values, labels, EVALUATION);
    correct += result.correct;
    loss += result.loss * labels.length;
    await pause();
  }
  return { accuracy: correct / total, correct, total, loss: loss / total };
}
