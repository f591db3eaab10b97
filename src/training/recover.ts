// recover.ts: batch norm put back where an export has folded it into the convolution.

import { given, is, ShiftwiseError } from "../base/index.js";
import { countOf, SAMPLES, type Samples, type SamplesByInput } from "../data/browser.js";
import { inferShapes, NETWORK, type Network, readersOf } from "../graph/index.js";
import { type BatchNormNode, type ConvNode, type Node, rewire } from "../ops/index.js";
import { sampleActivations } from "./activations.js";

/**
 * The same function with a batch norm behind every convolution that has none and is no output: its statistics those of the
 * samples, gamma and beta such that nothing changes, the weights of each output channel of norm 1. A folded network cannot
 * be trained with one learning rate, since its channels' weights differ by orders of magnitude; this one can.
 * @param kept convolutions that get none, since their weights have to stay as they are.
 * @throws BAD_DATA for no samples or others than the network takes.
 */
export function recoverNorms(
  network: Network,
  samples: Samples | SamplesByInput,
  kept: ReadonlyMap<string, unknown> = new Map(),
): Network {
  given({ network, samples, kept }, { network: NETWORK, samples: SAMPLES, kept: is.map(is.anything) });
  const readers = readersOf(network.nodes);
  const bare = network.nodes.filter(
    (node): node is ConvNode =>
      node.op === "conv" &&
      !kept.has(node.name) &&
      !network.outputs.includes(node.name) &&
      !readers.get(node.name)?.some((reader) => reader.op === "batchNorm"),
  );
  const statistics = outputStatistics(
    network,
    samples,
    bare.map((node) => node.name),
  );
  const renamed = new Map(bare.map(({ name }) => [name, `${name}.norm`]));
  const taken = new Set(network.nodes.map((node) => node.name));
  const real = (name: string): string => renamed.get(name) ?? name;
  const nodes = network.nodes.flatMap((node): Node[] => {
    const moved = rewire(node, real);
    const found = statistics.get(node.name);
    if (moved.op !== "conv" || !found) return [moved];
    const name = real(node.name);
    if (taken.has(name)) throw new ShiftwiseError("BAD_GRAPH", "name needed for a batch norm", { where: name });
    return withNorm(moved, name, found);
  });
  return { ...network, nodes };
}

interface Statistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** y = w x + b = gamma (w x / s - m / s) / (d / s) + beta with s = |w|, gamma = d the deviation, beta = m + b the mean of y. */
function withNorm(conv: ConvNode, name: string, { mean, variance }: Statistics): Node[] {
  const [channels] = conv.weight.shape;
  const depth = conv.weight.data.length / channels;
  const weight = conv.weight.data.slice();
  const norm: BatchNormNode = {
    op: "batchNorm",
    name,
    input: conv.name,
    gamma: { shape: [channels], data: new Float32Array(channels) },
    beta: { shape: [channels], data: new Float32Array(channels) },
    mean: { shape: [channels], data: new Float32Array(channels) },
    variance: { shape: [channels], data: new Float32Array(channels) },
    epsilon: 1e-5,
    momentum: 0.1,
  };
  for (let c = 0; c < channels; c++) {
    const row = weight.subarray(c * depth, (c + 1) * depth);
    const length = Math.sqrt(row.reduce((sum, w) => sum + w * w, 0)) || 1;
    for (let i = 0; i < depth; i++) row[i] /= length;
    const bias = conv.bias?.data[c] ?? 0;
    norm.mean.data[c] = (mean[c] - bias) / length;
    norm.variance.data[c] = variance[c] / length ** 2;
    norm.gamma.data[c] = length * Math.sqrt(norm.variance.data[c] + norm.epsilon);
    norm.beta.data[c] = mean[c];
  }
  return [{ ...conv, weight: { shape: conv.weight.shape, data: weight }, bias: null }, norm];
}

/** Mean and variance of every channel of some tensors over all samples. */
function outputStatistics(
  network: Network,
  samples: Samples | SamplesByInput,
  names: readonly string[],
): ReadonlyMap<string, Statistics> {
  const total = countOf(samples);
  if (total === 0) throw new ShiftwiseError("BAD_DATA", "no images to measure on", { where: "samples" });
  const shapes = inferShapes(network);
  const sums = new Map(
    names.map((name) => {
      const [channels] = shapes.get(name)!;
      return [name, { mean: new Float64Array(channels), variance: new Float64Array(channels) }];
    }),
  );
  for (const values of sampleActivations(network, samples, names)) {
    for (const [name, { mean, variance }] of sums) {
      const [channels, height, width] = shapes.get(name)!;
      const tensor = values.get(name)!;
      const plane = height * width;
      for (let p = 0; p < tensor.length / plane; p++) {
        let sum = 0;
        let square = 0;
        for (let i = p * plane; i < (p + 1) * plane; i++) {
          sum += tensor[i];
          square += tensor[i] * tensor[i];
        }
        mean[p % channels] += sum / (total * plane);
        variance[p % channels] += square / (total * plane);
      }
    }
  }
  for (const { mean, variance } of sums.values()) {
    for (let c = 0; c < mean.length; c++) variance[c] = Math.max(variance[c] - mean[c] ** 2, 0);
  }
  return sums;
}
