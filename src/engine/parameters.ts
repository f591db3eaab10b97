// parameters.ts: all trainable values of a network in one vector, so that the update and the exchange are single passes.
import type { Network } from "../graph/index.js";
import { nodeParameters, type Tensor } from "../ops/index.js";

/** A parameter of a network and its place in the vector of all. */
export interface ParameterEntry {
  readonly node: string;
  readonly field: string;
  readonly tensor: Tensor;
  /** Position in the vector, in floats. */
  readonly offset: number;
}

/** One batch norm's running statistics: position in the two vectors of means and variances, in floats. */
export interface StatisticsEntry {
  readonly node: string;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly momentum: number;
  readonly offset: number;
}

/** The order of all parameters of a network in one vector. */
export interface ParameterLayout {
  /** Conv and dense weights first, then biases, gammas and betas. */
  readonly entries: readonly ParameterEntry[];
  /** Floats in all, and how many of them, from the start, are weights: those that decay and that INQ freezes. */
  readonly length: number;
  readonly weights: number;
  readonly statistics: readonly StatisticsEntry[];
  /** Channels of all batch norms together. */
  readonly channels: number;
}

const STATISTICS = new Set(["mean", "variance"]);

/** Returns the order of the parameters of a network. */
export function parameterLayout(network: Network): ParameterLayout {
  const trainable = network.nodes.filter((node) => node.op !== "constant");
  const all = trainable.flatMap((node) =>
    nodeParameters(node)
      .filter(([field]) => !STATISTICS.has(field))
      .map(([field, tensor]) => ({ node: node.name, field, tensor })),
  );
  const ordered = [...all.filter((p) => p.field === "weight"), ...all.filter((p) => p.field !== "weight")];
  let length = 0;
  let weights = 0;
  const entries = ordered.map((parameter) => {
    const offset = length;
    length += parameter.tensor.data.length;
    if (parameter.field === "weight") weights = length;
    return { ...parameter, offset };
  });
  let channels = 0;
  const statistics = network.nodes.flatMap((node) => {
    if (node.op !== "batchNorm") return [];
    const offset = channels;
    channels += node.mean.data.length;
    return [{ node: node.name, mean: node.mean, variance: node.variance, momentum: node.momentum, offset }];
  });
  return { entries, length, weights, statistics, channels };
}

/** Network to vector. */
export function readParameters(layout: ParameterLayout, into: Float32Array): void {
  for (const { tensor, offset } of layout.entries) into.set(tensor.data, offset);
}

/** Vector to network. */
export function writeParameters(layout: ParameterLayout, from: Float32Array): void {
  for (const { tensor, offset } of layout.entries) {
    tensor.data.set(from.subarray(offset, offset + tensor.data.length));
  }
}

/** The network's running statistics as two vectors, means and variances. */
export function readStatistics(layout: ParameterLayout, mean: Float32Array, variance: Float32Array): void {
  for (const entry of layout.statistics) {
    mean.set(entry.mean.data, entry.offset);
    variance.set(entry.variance.data, entry.offset);
  }
}
