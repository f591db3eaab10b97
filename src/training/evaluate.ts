// evaluate.ts: accuracy of the float network, and the activations that calibration looks at.

import { given, is, ShiftwiseError } from "../base/index.js";
import { batches, DATASET, type Dataset, type Samples, samplesOf, size } from "../data/browser.js";
import {
  compileModule,
  createEngine,
  imagesWithin,
  parameterLayout,
  pause,
  readParameters,
  readStatistics,
} from "../engine/index.js";
import { inferShapes, NETWORK, type Network } from "../graph/index.js";
import { EVALUATE } from "./given.js";
import { checkFit, checkImages, count } from "./options.js";
import type { Session } from "./session.js";
import { createPool, EVALUATION, type Pool } from "./worker-pool.js";

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Default 1. */
  readonly threads?: number;
  /** Default 100 images a thread. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

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
    return await runAll(pool, dataset, batchSize, signal);
  } finally {
    await pool.close();
  }
}

/**
 * Accuracy, 0..1, of the network as a running session has it.
 * @throws ABORTED
 */
export async function measureAccuracy(
  { pool, options }: Session,
  dataset: Dataset,
  signal?: AbortSignal,
): Promise<number> {
  const { accuracy } = await runAll(pool, dataset, options.batchSize, signal);
  return accuracy;
}

async function runAll(pool: Pool, dataset: Dataset, batchSize: number, signal?: AbortSignal): Promise<Evaluation> {
  const total = size(dataset);
  let correct = 0;
  let loss = 0;
  for (const { images, labels } of batches(dataset, { batchSize })) {
    if (signal?.aborted) throw new ShiftwiseError("ABORTED", "evaluation was stopped");
    const result = await pool.run(images, labels, EVALUATION);
    correct += result.correct;
    loss += result.loss * labels.length;
    await pause();
  }
  return { accuracy: correct / total, correct, total, loss: loss / total };
}

/**
 * The values of some tensors for every batch of a set, in the order the images stand.
 * @param names tensors of the network, "eval" mode; a copy of each, (count, channels, height, width).
 * @throws BAD_OPTION for a name that is no tensor; BAD_DATA.
 */
export function* activations(
  network: Network,
  dataset: Dataset,
  names: readonly string[],
  batchSize = 100,
): Generator<ReadonlyMap<string, Float32Array>, void, undefined> {
  given(
    { network, dataset, names, batchSize },
    { network: NETWORK, dataset: DATASET, names: is.list(is.text), batchSize: is.integer(1) },
  );
  checkImages(network, dataset);
  yield* sampleActivations(network, samplesOf(dataset), names, batchSize);
}

/**
 * Yields what `activations` yields, for images without labels.
 * @internal
 */
export function* sampleActivations(
  network: Network,
  samples: Samples,
  names: readonly string[],
  batchSize = 16,
): Generator<ReadonlyMap<string, Float32Array>, void, undefined> {
  const batch = imagesWithin(inferShapes(network).values(), Math.min(batchSize, samples.count));
  const engine = createEngine(network, { batch, gradients: false, keep: names });
  for (let from = 0; from < samples.count; from += batch) {
    const count = Math.min(batch, samples.count - from);
    engine.forward(samples.read(from, count), count, "eval");
    yield new Map(names.map((name) => [name, engine.tensor(name).slice()]));
  }
}
