// compile.ts: a network's layers on one memory plan: where its tensors, parameters and statistics lie.

import { type Address, plus } from "../base/index.js";
import type { Network } from "../graph/index.js";
import type { Shape } from "../ops/index.js";
import { createArena } from "./arena.js";
import { convolutionLayer } from "./convolution.js";
import { depthwiseLayer, isDepthwise } from "./depthwise.js";
import { clampSumLayer, dropoutLayer, leakyReluLayer, quantizeLayer } from "./elementwise.js";
import { functionLayer } from "./functions.js";
import { type FusedNode, fuse, outputOf, rangeOf } from "./fusion.js";
import { type Layer, NO_CLAMP, type Plan, untrainable, volume } from "./layer.js";
import { concatLayer, padLayer, sliceLayer } from "./moving.js";
import { type NormStatistics, normLayer } from "./norm.js";
import { type ParameterLayout, parameterLayout } from "./parameters.js";
import { avgPoolLayer, maxPoolLayer } from "./pooling.js";

/** Means and variances of all batch norms, ordered as in the layout. */
export interface Pair {
  readonly mean: Address;
  readonly variance: Address;
}

export interface Compiled {
  readonly plan: Plan;
  readonly layout: ParameterLayout;
  /** In forward order. */
  readonly layers: readonly Layer[];
  /** Addresses of the tensors that exist. */
  readonly tensors: ReadonlyMap<string, Address>;
  /** All parameters and their gradients, ordered as in the layout. */
  readonly values: Address;
  readonly slopes: Address;
  readonly running: Pair;
  readonly batchStatistics: Pair;
}

/**
 * Lays a network out in an arena of its own.
 * @param shapes of all tensors.
 * @param keep tensors that must exist besides the outputs; others may be fused away.
 */
export function compile(
  network: Network,
  shapes: ReadonlyMap<string, Shape>,
  batch: number,
  keep: readonly string[],
): Compiled {
  const arena = createArena();
  const layout = parameterLayout(network);
  const [values, slopes] = [0, 1].map(() => arena.reserve(layout.length * 4));
  const pair = (): Pair => ({ mean: arena.reserve(layout.channels * 4), variance: arena.reserve(layout.channels * 4) });
  const [running, batchStatistics] = [pair(), pair()];
  const steps = fuse(network, new Set(keep));
  const tensors = new Map(
    steps.map(outputOf).map((name) => [name, arena.reserve(batch * volume(shapes.get(name)!) * 4)]),
  );
  const offsets = new Map(layout.entries.map((entry) => [`${entry.node}.${entry.field}`, entry.offset * 4]));
  const plan: Plan = {
    arena,
    batch,
    tensor: (name) => ({ address: tensors.get(name)!, shape: shapes.get(name)! }),
    parameter(node, field) {
      const offset = offsets.get(`${node}.${field}`)!;
      return { value: plus(values, offset), gradient: plus(slopes, offset) };
    },
  };
  const statisticsOf = (node: string): NormStatistics => {
    const offset = layout.statistics.find((entry) => entry.node === node)!.offset * 4;
    return {
      runningMean: plus(running.mean, offset),
      runningVariance: plus(running.variance, offset),
      batchMean: plus(batchStatistics.mean, offset),
      batchVariance: plus(batchStatistics.variance, offset),
    };
  };
  const layers = steps.flatMap((step) => layerOf(plan, step, statisticsOf) ?? []);
  return { plan, layout, layers, tensors, values, slopes, running, batchStatistics };
}

/** The layer that computes a fused node; null for an input. */
function layerOf(
  plan: Plan,
  { node, tail, addition }: FusedNode,
  statisticsOf: (node: string) => NormStatistics,
): Layer | null {
  switch (node.op) {
    case "input":
      return null;
    case "conv":
      return isDepthwise(node) ? depthwiseLayer(plan, node) : convolutionLayer(plan, node);
    case "dense":
      return convolutionLayer(plan, node);
    case "batchNorm":
      return normLayer(plan, node, tail!, statisticsOf(node.name));
    case "relu":
      return clampSumLayer(plan, node.name, addition ?? [node.input], rangeOf(node));
    case "add":
      return clampSumLayer(plan, node.name, node.inputs, NO_CLAMP);
    case "maxPool":
      if (node.dilation) throw untrainable(node);
      return maxPoolLayer(plan, node);
    case "avgPool":
    case "globalAvgPool":
      return avgPoolLayer(plan, node);
    case "concat":
      return concatLayer(plan, node);
    case "quantize":
      return quantizeLayer(plan, node);
    case "pad":
      return padLayer(plan, node);
    case "slice":
      return sliceLayer(plan, node);
    case "leakyRelu":
      return leakyReluLayer(plan, node);
    case "dropout":
      return dropoutLayer(plan, node);
    default:
      return functionLayer(plan, node);
  }
}
