// compile.ts: a network's layers on one memory plan: where its tensors, parameters and statistics lie.

import { type Address, plus } from "../base/index.js";
import type { Network } from "../graph/index.js";
import { type Node, type NodeOf, nodeInputs, type Shape } from "../ops/index.js";
import { createArena } from "./arena.js";
import { binaryLayer } from "./binary.js";
import { convolutionLayer } from "./convolution.js";
import { depthwiseLayer, isDepthwise } from "./depthwise.js";
import { clampSumLayer, dropoutLayer, leakyReluLayer, quantizeLayer } from "./elementwise.js";
import { type FusedNode, fuse, outputOf, rangeOf } from "./fusion.js";
import { type EngineLayer, type ForwardPlan, NO_CLAMP, volume } from "./layer.js";
import { matmulLayer } from "./matmul.js";
import { concatLayer, padLayer, sliceLayer } from "./moving.js";
import { type NormStatistics, normLayer } from "./norm.js";
import { layoutOf, type ParameterLayout } from "./parameters.js";
import { constantLayer, gatherLayer, permuteLayer } from "./places.js";
import { avgPoolLayer, maxPoolLayer } from "./pooling.js";
import { resampleLayer } from "./resample.js";
import { softmaxLayer } from "./softmax.js";
import { activationLayer, elementwiseLayer } from "./unary.js";

/** Means and variances of all batch norms, ordered as in the layout. */
export interface Pair {
  readonly mean: Address;
  readonly variance: Address;
}

export interface Compiled {
  readonly plan: ForwardPlan;
  readonly layout: ParameterLayout;
  /** The layers in forward order. */
  readonly layers: readonly EngineLayer[];
  /** Addresses of the tensors that exist, and the names of those that are still there when all layers have run. */
  readonly tensors: ReadonlyMap<string, Address>;
  readonly stay: ReadonlySet<string>;
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
 * @param reuse whether the room of tensors that are neither kept nor outputs is another's once all their readers have run.
 */
export function compile(
  network: Network,
  shapes: ReadonlyMap<string, Shape>,
  batch: number,
  keep: readonly string[],
  reuse: boolean,
): Compiled {
  const arena = createArena();
  const layout = layoutOf(network);
  const [values, slopes] = [0, 1].map(() => arena.reserve(layout.length * 4));
  const pair = (): Pair => ({ mean: arena.reserve(layout.channels * 4), variance: arena.reserve(layout.channels * 4) });
  const [running, batchStatistics] = [pair(), pair()];
  const steps = fuse(network, new Set(keep));
  const stay = new Set(reuse ? [...network.outputs, ...keep] : steps.map(outputOf));
  const places = new Map<string, Address>();
  const place = (name: string): void => {
    const bytes = batch * volume(shapes.get(name)!) * 4;
    if (!places.has(name)) places.set(name, stay.has(name) ? arena.reserve(bytes) : arena.borrow(bytes));
  };
  // the caller fills them before any layer runs
  for (const { node } of steps) if (node.op === "input") place(node.name);
  const offsets = new Map(layout.entries.map((entry) => [`${entry.node}.${entry.field}`, entry.offset * 4]));
  const plan: ForwardPlan = {
    arena,
    batch,
    tensor: (name) => ({ address: places.get(name)!, shape: shapes.get(name)! }),
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
  const compileStep = (fused: FusedNode): EngineLayer | null => {
    place(outputOf(fused));
    const compileNode = LAYERS[fused.node.op] as Compile<Node>;
    return compileNode(plan, fused.node, { fused, statisticsOf });
  };
  const lastUse = lastUses(steps);
  const layers = steps.flatMap((fused, i) => {
    const layer = compileStep(fused) ?? [];
    for (const name of lastUse[i]) if (!stay.has(name)) arena.release(places.get(name)!);
    return layer;
  });
  return { plan, stay, layout, layers, tensors: places, values, slopes, running, batchStatistics };
}

/** The tensors that nothing needs behind each step. */
function lastUses(steps: readonly FusedNode[]): readonly string[][] {
  const last = new Map<string, number>();
  for (const [i, { node, tail, addition }] of steps.entries()) {
    const residual = tail?.residual ?? null;
    const read = addition ?? [...nodeInputs(node), ...(residual === null ? [] : [residual])];
    for (const name of [...read, outputOf(steps[i])]) last.set(name, i);
  }
  return steps.map((_, i) => [...last].filter(([, at]) => at === i).map(([name]) => name));
}

/** The nodes that a layer is fused with. */
interface Fusion {
  readonly fused: FusedNode;
  statisticsOf(node: string): NormStatistics;
}

type Compile<N extends Node> = (plan: ForwardPlan, node: N, fusion: Fusion) => EngineLayer | null;

/** Makes a layer of each kind of node; null for the input, whose tensor the caller fills. */
const LAYERS = {
  input: () => null,
  conv: (plan, node) => (isDepthwise(node) ? depthwiseLayer(plan, node) : convolutionLayer(plan, node)),
  dense: convolutionLayer,
  batchNorm: (plan, node, { fused, statisticsOf }) => normLayer(plan, node, fused.tail!, statisticsOf(node.name)),
  relu: (plan, node, { fused }) => clampSumLayer(plan, node.name, fused.addition ?? [node.input], rangeOf(node)),
  add: (plan, node) => clampSumLayer(plan, node.name, node.inputs, NO_CLAMP),
  maxPool: maxPoolLayer,
  avgPool: avgPoolLayer,
  globalAvgPool: avgPoolLayer,
  concat: concatLayer,
  quantize: quantizeLayer,
  pad: padLayer,
  slice: sliceLayer,
  leakyRelu: leakyReluLayer,
  dropout: dropoutLayer,
  activation: activationLayer,
  elementwise: elementwiseLayer,
  binary: binaryLayer,
  matmul: matmulLayer,
  constant: constantLayer,
  gather: gatherLayer,
  permute: permuteLayer,
  resample: resampleLayer,
  softmax: softmaxLayer,
} satisfies { readonly [Op in Node["op"]]: Compile<NodeOf<Op>> };
