// channel-travel.ts: which channel of which tensor the channels of moved tensors come from, and what reads them.

import type { Network } from "../graph/index.js";
import { type ConvNode, type DenseNode, type Node, nodeInputs, nodeKind } from "../ops/index.js";

/** A node with weights. */
export type Weighted = ConvNode | DenseNode;

/** A channel that comes from none: what a pad or a gather fills in. */
export const NOTHING = -1;

/** The channels that a node's result comes from, given those of its inputs; null where it is no whole channels. */
type Travel<N extends Node> = (node: N, inputs: readonly Int32Array[]) => Int32Array | null;

/** The ways of channels through the kinds of nodes that only move values; those absent take channels apart. */
const TRAVELS: { readonly [Op in Node["op"]]?: Travel<Extract<Node, { op: Op }>> } = {
  concat: (_, inputs) => Int32Array.from(inputs.flatMap((channels) => [...channels])),
  dropout: (_, [channels]) => channels,
  // 0 is 0 at every scale, another number is not
  gather: ({ channels, value }, [from]) =>
    value === 0 ? Int32Array.from(channels, (c) => (c < 0 ? NOTHING : from[c])) : null,
  maxPool: (_, [channels]) => channels,
  pad({ channels: [front, back], value }, [from]) {
    const none = (count: number) => Array<number>(count).fill(NOTHING);
    return value === 0 ? Int32Array.from([...none(front), ...from, ...none(back)]) : null;
  },
  slice: ({ start, stop, step }, [from]) =>
    from.filter((_, c) => c >= start[0] && c < stop[0] && (c - start[0]) % step[0] === 0),
};

/** The nodes that sum over products with weights and read some channels, and the channels that anything else looks at. */
export interface Journey {
  /** By name of a node with weights: where the channels of its input come from. */
  readonly products: ReadonlyMap<string, Int32Array>;
  /** Channels whose values something needs as they are: a function, a sum, an output. */
  readonly needed: ReadonlySet<number>;
}

/** @param starts numbers of the channels of some tensors */
export function travelFrom({ nodes, outputs }: Network, starts: ReadonlyMap<string, Int32Array>): Journey {
  const channels = new Map(starts);
  const products = new Map<string, Int32Array>();
  const needed = new Set<number>();
  const need = (list: Int32Array | undefined): void => {
    for (const c of list ?? []) needed.add(c);
  };
  for (const node of nodes) {
    const inputs = nodeInputs(node).map((name) => channels.get(name));
    const known = inputs.filter((list) => list !== undefined);
    if (known.length === 0) continue;
    if (nodeKind(node).role(node) === "product") {
      products.set(node.name, known[0]);
      continue;
    }
    const travel = TRAVELS[node.op] as Travel<Node> | undefined;
    const moved = known.length === inputs.length ? travel?.(node, known) : null;
    if (moved) channels.set(node.name, moved);
    else known.forEach(need);
  }
  for (const name of outputs) need(channels.get(name));
  return { products, needed };
}

/** The channel of its input that each weight of a node is for. */
export function inputChannels(node: Weighted, channels: number): (i: number) => number {
  const { shape, data } = node.weight;
  if (node.op === "dense") {
    const plane = shape[1] / channels;
    return (i) => Math.floor((i % shape[1]) / plane);
  }
  const [outputs, inputs, height, width] = shape;
  const perOutput = data.length / outputs;
  const perGroup = outputs / node.groups;
  return (i) => {
    const group = Math.floor(Math.floor(i / perOutput) / perGroup);
    return group * inputs + Math.floor((i % perOutput) / (height * width));
  };
}
