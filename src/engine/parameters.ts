// parameters.ts: all trainable values of a network in one vector, so that the update and the exchange are single passes.

import { given, is } from "../base/index.js";
import { NETWORK, type Network } from "../graph/index.js";
import { nodeParameters, TENSOR, type Tensor } from "../ops/index.js";

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

const ENTRY = is.record<ParameterEntry>({ node: is.text, field: is.text, tensor: TENSOR, offset: is.integer(0) });
const STATISTIC = is.record<StatisticsEntry>({
  node: is.text,
  mean: TENSOR,
  variance: TENSOR,
  momentum: is.number,
  offset: is.integer(0),
});
const LAYOUT = is.record<ParameterLayout>({
  entries: is.list(ENTRY),
  length: is.integer(0),
  weights: is.integer(0),
  statistics: is.list(STATISTIC),
  channels: is.integer(0),
});

/** A vector as long as a layout says. */
function checkLength(where: string, vector: Float32Array, length: number): void {
  if (vector.length < length) throw is.refused(where, `${length} values`, vector);
}

const STATISTICS = new Set(["mean", "variance"]);

/** Returns the order of the parameters of a network. */
export function parameterLayout(network: Network): ParameterLayout {
  given({ network }, { network: NETWORK });
  return layoutOf(network);
}

/** The layout of any nodes, whether they are a network or a piece of one. */
export function layoutOf(network: Network): ParameterLayout {
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
  given({ layout, into }, { layout: LAYOUT, into: is.floats });
  checkLength("into", into, layout.length);
  for (const { tensor, offset } of layout.entries) into.set(tensor.data, offset);
}

/** Vector to network. */
export function writeParameters(layout: ParameterLayout, from: Float32Array): void {
  given({ layout, from }, { layout: LAYOUT, from: is.floats });
  checkLength("from", from, layout.length);
  for (const { tensor, offset } of layout.entries) {
    tensor.data.set(from.subarray(offset, offset + tensor.data.length));
  }
}

/** The network's running statistics as two vectors, means and variances. */
export function readStatistics(layout: ParameterLayout, mean: Float32Array, variance: Float32Array): void {
  given({ layout, mean, variance }, { layout: LAYOUT, mean: is.floats, variance: is.floats });
  checkLength("mean", mean, layout.channels);
  checkLength("variance", variance, layout.channels);
  for (const entry of layout.statistics) {
    mean.set(entry.mean.data, entry.offset);
    variance.set(entry.variance.data, entry.offset);
  }
}
