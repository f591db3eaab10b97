// stated.ts: the encodings of activations that a network was trained or calibrated with elsewhere, at the tensors rounded here.

import { given } from "../base/index.js";
import { type Encoding, type Node, nodeInputs, nodeKind, rewire } from "../ops/index.js";
import { liveNodes } from "./chains.js";
import { NETWORK } from "./given.js";
import type { Network } from "./network.js";
import { encodingGroups } from "./quantizers.js";
import { readersOf } from "./shapes.js";

/**
 * Finds the encodings that the network's file says (`encodings` of the network), for each of quantizationPoints(network) that
 * it says one of: at the point itself, behind nodes that only move its values, or else before it in its chain. Points that a
 * concatenation joins get the widest of theirs.
 * @returns ready for insertQuantizers where no point is missing.
 */
export function statedEncodings(network: Network): Map<string, Encoding> {
  given({ network }, { network: NETWORK });
  const { encodings = {} } = network;
  const found = new Map<string, Encoding>();
  if (Object.keys(encodings).length === 0) return found;
  const nodes = liveNodes(network.nodes, network.outputs);
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const readers = readersOf(nodes);
  const of = (name: string): Encoding | undefined => (Object.hasOwn(encodings, name) ? encodings[name] : undefined);
  const behind = (name: string): Encoding[] => {
    const own = of(name);
    if (own) return [own];
    return readers.get(name)!.flatMap((node) => (isMove(node) ? behind(node.name) : []));
  };
  const before = (name: string): Encoding[] => {
    const own = of(name);
    const node = byName.get(name)!;
    if (own || node.op === "add" || !("input" in node)) return own ? [own] : [];
    return nodeKind(node).ending?.(node) ? before(node.input) : [];
  };
  for (const names of encodingGroups(network)) {
    const all = names.map((name) => [behind(name), before(name)].find((list) => list.length > 0));
    if (!all.every((list) => list !== undefined)) continue;
    const widest = all.flat().reduce((most, one) => (spanOf(one) > spanOf(most) ? one : most));
    for (const name of names) found.set(name, widest);
  }
  return found;
}

function isMove(node: Node): boolean {
  const role = nodeKind(node).role(node);
  return role === "move" || role === "pass";
}

/** The distance from the least to the largest real value. */
function spanOf(encoding: Encoding): number {
  if (encoding.kind === "float32") return Number.POSITIVE_INFINITY;
  return encoding.scale * (encoding.kind === "linear" ? encoding.max : encoding.levels.at(-1)!);
}

/**
 * The network without bounds on its inputs that their encodings have, so that an input's values are rounded as they come.
 * @internal
 */
export function withoutInputBounds(network: Network): Network {
  const { encodings = {}, outputs } = network;
  const readers = readersOf(network.nodes);
  const inputs = new Set(network.nodes.filter(({ op }) => op === "input").map(({ name }) => name));
  const removed = new Map<string, string>();
  for (const node of network.nodes) {
    const [source] = nodeInputs(node);
    const bounds = nodeKind(node).role(node) === "clamp" && Object.hasOwn(encodings, node.name);
    if (!bounds || !inputs.has(source) || readers.get(source)!.length !== 1 || outputs.includes(node.name)) continue;
    if (isRange(node, encodings[node.name])) removed.set(node.name, source);
  }
  if (removed.size === 0) return network;
  const real = (name: string): string => removed.get(name) ?? name;
  const nodes = network.nodes.filter(({ name }) => !removed.has(name)).map((node) => rewire(node, real));
  const named = Object.entries(encodings).map(([name, encoding]) => [real(name), encoding] as const);
  return { ...network, nodes, encodings: Object.fromEntries(named) };
}

/** Whether bounds leave all that an encoding can hold, but for a rounding. */
function isRange(node: Node, encoding: Encoding): boolean {
  if (encoding.kind !== "linear") return false;
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } =
    nodeKind(node).ending?.(node)?.clamp ?? {};
  const { scale, zero, max } = encoding;
  return low <= (0.25 - zero) * scale && high >= (max - zero - 0.25) * scale;
}
