// equalize.ts: gives channels that share one encoding a common range, without changing what the network computes: a factor
// goes into the layer that makes a channel, its inverse into the weights that read it.

import { given, greatestOf, is, ShiftwiseError } from "../base/index.js";
import {
  type Chain,
  encodingGroups,
  findChains,
  fuseElementwise,
  inferShapes,
  liveNodes,
  NETWORK,
  type Network,
  rewire,
} from "../graph/index.js";
import { type BatchNormNode, type BinaryNode, elements, type Node, type Shape, type Tensor } from "../ops/index.js";
import { type ChannelRanges, RANGES } from "./channel-ranges.js";
import { inputChannels, type Journey, NOTHING, travelFrom, type Weighted } from "./channel-travel.js";
import { chooseGains, errorOf, type SharedChannels, type Unit } from "./gains.js";
import { noiseModel } from "./rounding-noise.js";

/** Levels of an encoding, about. */
const LEVELS = 255;
/** Noise of rounding over signal, in the sums of the layers that read a tensor, from which on a layer of its own is worth it. */
const NOISE_WORTH_A_LAYER = 1e-3;
/** The parts of the noise that have to be left at most, for a layer and for any change at all. */
const LEFT_WITH_A_LAYER = 0.5;
const LEFT_AT_MOST = 0.8;
/** The largest of n values seen is surpassed by others by a share of about this over the root of n. */
const UNSEEN = 4;
/** Exponents of gains that are tried: what brings activations to one range makes weights differ more, which are rounded too. */
const SHARES = [0, 0.25, 0.5, 0.75, 1];

/**
 * The tensors whose channels `equalize` has to know: those that are rounded, and what the layers that read them make.
 * @internal
 */
export function tensorsToEqualize(network: Network): string[] {
  given({ network }, { network: NETWORK });
  const products = network.nodes.filter(({ op }) => op === "conv" || op === "dense");
  return [...new Set([...encodingGroups(network).flat(), ...products.map(({ name }) => name)])];
}

/**
 * Multiplies channels that share an encoding, those of one tensor or of several that a concatenation joins, by factors
 * so that all use its range, where only convolutions and dense layers read them: their weights take the inverse. The layer that
 * makes a channel takes the factor into its weights or its function, and a product with a number for each channel into those
 * numbers. Where it can do so for all its channels together only, and rounding would make much noise, a multiplication behind it does.
 * @param ranges of tensorsToEqualize(network), in the float network.
 * @returns a network of the same function; names of layers with weights stay.
 * @throws BAD_GRAPH for a tensor without ranges.
 * @internal
 */
export function equalize(network: Network, ranges: ReadonlyMap<string, ChannelRanges>): Network {
  given({ network, ranges }, { network: NETWORK, ranges: is.map(RANGES) });
  const live: Network = { ...network, nodes: liveNodes(network.nodes, network.outputs) };
  const chains = new Map(findChains(live).map((chain) => [pointOf(chain), chain]));
  const shapes = inferShapes(live);
  const draft: Draft = {
    nodes: new Map(network.nodes.map((node) => [node.name, node])),
    before: new Map(),
    behind: new Map(),
  };
  const rangesOf = (name: string): ChannelRanges => {
    const found = ranges.get(name);
    if (found) return found;
    throw new ShiftwiseError("BAD_GRAPH", "no ranges of a tensor's channels", { where: name });
  };
  for (const names of encodingGroups(network)) equalizeGroup(live, names, { chains, shapes, rangesOf }, draft);
  return finish(network, draft);
}

/** The network on its way. */
interface Draft {
  readonly nodes: Map<string, Node>;
  /** Nodes put before another. */
  readonly before: Map<string, readonly Node[]>;
  /** Nodes put behind a tensor, the last of which all its readers read instead. */
  readonly behind: Map<string, readonly Node[]>;
}

/** A tensor that is rounded, and how its channels may be multiplied. */
interface Part {
  readonly name: string;
  readonly chain: Chain;
  /** Numbers of its channels in the group. */
  readonly channels: readonly number[];
  /** The operand that has a number for each channel, where the chain begins with a product with such numbers; else null. */
  readonly factors: number | null;
  readonly way: Way;
}

/** The facts of a network that its groups of tensors share. */
interface Known {
  /** By the tensor that is rounded at their end. */
  readonly chains: ReadonlyMap<string, Chain>;
  readonly shapes: ReadonlyMap<string, Shape>;
  rangesOf(name: string): ChannelRanges;
}

/**
 * Ways in which a chain takes gains in: every channel its own; one for all, as a step of its function; none, so that a layer has
 * to be put behind it.
 */
type Way = "channel" | "tensor" | "none";

function equalizeGroup(
  network: Network,
  names: readonly string[],
  { chains, shapes, rangesOf }: Known,
  draft: Draft,
): void {
  let count = 0;
  const parts = names.map((name): Part => {
    const chain = chains.get(name)!;
    const channels = Array.from(rangesOf(name).low, () => count++);
    const factors = factorsOf(chain.head, shapes);
    return { name, chain, channels, factors, way: wayOf(chain, factors) };
  });
  const starts = new Map(parts.map(({ name, channels }) => [name, Int32Array.from(channels)]));
  const journey = travelFrom(network, starts);
  const all = <K extends "low" | "high" | "variance">(field: K): Float64Array =>
    Float64Array.from(parts.flatMap(({ name }) => [...rangesOf(name)[field]]));
  const noise = noiseModel(network, journey, all("variance"), (name) => rangesOf(name).variance);
  const headroom = greatestOf(names.map((name) => 1 + UNSEEN / Math.sqrt(rangesOf(name).count)));
  const shared: SharedChannels = { low: all("low"), high: all("high"), weight: noise.weight, headroom };
  const open = parts.filter(
    ({ chain, channels }) =>
      chain.role !== "input" && chain.role !== "constant" && !channels.some((c) => journey.needed.has(c)),
  );
  const gainsWith = (layers: ReadonlySet<Part>): Choice => {
    const units = open.flatMap((part): Unit[] => {
      const { channels, way, chain } = part;
      if (layers.has(part)) return channels.map((c) => ({ channels: [c], flips: true }));
      if (way === "channel") return channels.map((c) => ({ channels: [c], flips: isLinear(chain) }));
      return way === "tensor" ? [{ channels, flips: true }] : [];
    });
    const full = chooseGains(shared, units);
    const choices = SHARES.map((share): Choice => {
      const gains = full.map((gain) => Math.fround(Math.sign(gain) * Math.abs(gain) ** share));
      return { gains, layers, noise: ofActivations(gains) + noise.ofWeights(gains) };
    });
    return choices.reduce((best, one) => (one.noise < best.noise ? one : best));
  };
  const ofActivations = (gains: Float64Array, only: readonly number[] | null = null): number =>
    errorOf(shared, gains, only) / (12 * LEVELS ** 2);
  const ones = new Float64Array(count).fill(1);
  const before = ofActivations(ones) + noise.ofWeights(ones);
  const free = gainsWith(new Set());
  const loud = open.filter(
    ({ way, channels }) => way !== "channel" && ofActivations(free.gains, channels) > NOISE_WORTH_A_LAYER,
  );
  const layered = loud.length > 0 ? gainsWith(new Set(loud)) : free;
  const chosen = layered.noise < LEFT_WITH_A_LAYER * free.noise ? layered : free;
  if (chosen.noise < LEFT_AT_MOST * before) apply(draft, open, journey, chosen);
}

interface Choice {
  /** One a channel. */
  readonly gains: Float64Array;
  /** Parts that get a multiplication behind them. */
  readonly layers: ReadonlySet<Part>;
  readonly noise: number;
}

function apply(draft: Draft, parts: readonly Part[], { products }: Journey, { gains, layers }: Choice): void {
  for (const part of parts) {
    const own = Float32Array.from(part.channels, (c) => gains[c]);
    multiply(draft, part, own, layers.has(part));
  }
  for (const [name, from] of products) {
    const node = draft.nodes.get(name) as Weighted;
    const inverse = Float32Array.from(from, (c) => (c === NOTHING ? 1 : 1 / gains[c]));
    draft.nodes.set(name, { ...node, weight: withInputs(node, inverse) });
  }
}

/** The name of the tensor that is rounded at the end of a chain. */
function pointOf({ nodes }: Chain): string {
  return nodes.findLast(({ op }) => op !== "dropout")!.name;
}

/** Whether nothing bounds what a chain sums up: then signs may change, too. */
function isLinear({ nodes }: Chain): boolean {
  return nodes.every(({ op }) => op !== "relu");
}

/** The operand of a product that is a number for each channel; null for any other node. */
function factorsOf(node: Node, shapes: ReadonlyMap<string, Shape>): number | null {
  if (node.op !== "binary" || node.fn !== "mul" || node.inputs[0] === node.inputs[1]) return null;
  const [count] = shapes.get(node.name)!;
  const found = node.inputs.findIndex(
    (name) => elements(shapes.get(name)!) === count && shapes.get(name)![0] === count,
  );
  return found < 0 ? null : found;
}

function wayOf({ role, nodes, residual, norm }: Chain, factors: number | null): Way {
  const [head, ...rest] = nodes;
  // max(x, 0) commutes with a factor, another bound does not
  const folds = rest.every(
    ({ op, ...node }) => op === "batchNorm" || op === "dropout" || (op === "relu" && !("max" in node)),
  );
  const takesGains = role === "product" || norm === head || factors !== null;
  if (takesGains && residual === null && folds) return "channel";
  return head.op === "elementwise" || head.op === "activation" || head.op === "leakyRelu" ? "tensor" : "none";
}

/** Multiplies the channels of a part, in its chain or behind it. */
function multiply(draft: Draft, { name, chain, factors, way }: Part, gains: Float32Array, withLayer: boolean): void {
  if (gains.every((gain) => gain === 1)) return;
  const to = `${name}.equalized`;
  const value: Tensor = { shape: [gains.length, 1, 1], data: gains };
  const constant: Node = { op: "constant", name: `${to}.gains`, value };
  const product = (made: string, from: string): Node => {
    return { op: "binary", name: made, fn: "mul", inputs: [from, constant.name] };
  };
  if (withLayer) {
    draft.behind.set(name, [constant, product(to, name)]);
  } else if (factors !== null) {
    const head = chain.head as BinaryNode;
    const from = draft.nodes.get(head.inputs[factors])!;
    const scaled = `${to}.factors`;
    const made: readonly Node[] =
      from.op === "constant"
        ? [{ ...from, name: scaled, value: times(from.value, (c) => gains[c]) }]
        : [constant, product(scaled, from.name)];
    const [a, b] = head.inputs;
    draft.before.set(head.name, made);
    draft.nodes.set(head.name, { ...head, inputs: factors === 0 ? [scaled, b] : [a, scaled] });
  } else if (way === "tensor") {
    const steps = [
      { fn: "constant", parameters: [gains[0]], of: [] },
      { fn: "mul", parameters: [], of: [0, 1] },
    ] as const;
    draft.behind.set(name, [{ op: "elementwise", name: to, input: name, steps }]);
  } else {
    const head = draft.nodes.get(chain.norm?.name ?? chain.head.name)!;
    const made = head.op === "batchNorm" ? scaledNorm(head, gains) : scaledOutputs(head as Weighted, gains);
    draft.nodes.set(head.name, made);
  }
}

const times = ({ shape, data }: Tensor, gainOf: (i: number) => number): Tensor => ({
  shape,
  data: data.map((value, i) => value * gainOf(i)),
});

function scaledNorm(node: BatchNormNode, gains: Float32Array): BatchNormNode {
  return { ...node, gamma: times(node.gamma, (c) => gains[c]), beta: times(node.beta, (c) => gains[c]) };
}

function scaledOutputs(node: Weighted, gains: Float32Array): Weighted {
  const inputs = node.weight.data.length / node.weight.shape[0];
  const weight = times(node.weight, (i) => gains[Math.floor(i / inputs)]);
  return { ...node, weight, bias: node.bias && times(node.bias, (c) => gains[c]) };
}

function withInputs(node: Weighted, gains: Float32Array): Tensor {
  const channelOf = inputChannels(node, gains.length);
  return times(node.weight, (i) => gains[channelOf(i)]);
}

/** The network with the nodes that were put behind others. Functions of one value become one node each. */
function finish(network: Network, { nodes, before, behind }: Draft): Network {
  const taken = new Set(network.nodes.map(({ name }) => name));
  const clash = [...before.values(), ...behind.values()].flat().find(({ name }) => taken.has(name));
  if (clash) throw new ShiftwiseError("BAD_GRAPH", "name needed for a multiplication", { where: clash.name });
  const last = new Map([...behind].map(([name, put]) => [name, put[put.length - 1].name]));
  const renamed = (name: string): string => last.get(name) ?? name;
  const all = network.nodes.flatMap(({ name }): Node[] => [
    ...(before.get(name) ?? []).map((node) => rewire(node, renamed)),
    rewire(nodes.get(name)!, renamed),
    ...(behind.get(name) ?? []),
  ]);
  const made = { ...network, nodes: all };
  return all.some(({ op }) => op === "elementwise") ? fuseElementwise(made) : made;
}
