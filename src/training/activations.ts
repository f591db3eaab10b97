// activations.ts: the values of a network's tensors for batch after batch of images, which calibration and measurements look at.
import { given, is } from "../base/index.js";
import { DATASET, type Dataset, type Samples, type SamplesByInput, samplesOf, samplesReader } from "../data/browser.js";
import { createEngine, imagesWithin } from "../engine/index.js";
import { inferShapes, inputsOf, NETWORK, type Network } from "../graph/index.js";
import { checkTaken } from "./lessons.js";

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
  checkTaken(network, dataset);
  for (const batch of sampleActivations(network, samplesOf(dataset), names, batchSize)) {
    yield new Map([...batch].map(([name, values]) => [name, values.slice()]));
  }
}

const BATCH = 16;

/**
 * The number of samples of which all networks can hold every tensor at a time, `most` at most.
 * @internal
 */
export function imagesAtOnce(networks: readonly Network[], count: number, most = BATCH): number {
  return networks.reduce((few, network) => imagesWithin(inferShapes(network).values(), few), Math.min(most, count));
}

/**
 * Yields what `activations` yields, for images without labels: views of the engine's memory, which the next batch changes.
 * @internal
 */
export function* sampleActivations(
  network: Network,
  samples: Samples | SamplesByInput,
  names: readonly string[],
  batchSize = BATCH,
): Generator<ReadonlyMap<string, Float32Array>, void, undefined> {
  const { count: total, read } = samplesReader(inputsOf(network), samples, network.name);
  const batch = imagesAtOnce([network], total, batchSize);
  const engine = createEngine(network, { batch, gradients: false, keep: names });
  for (let from = 0; from < total; from += batch) {
    const count = Math.min(batch, total - from);
    engine.forward(read(from, count), count, "eval");
    yield new Map(names.map((name) => [name, engine.tensor(name)]));
  }
}
