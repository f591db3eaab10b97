// quantizers.ts: where a network's activations are rounded, and the quantize nodes put there and taken out again.

import { given, is, ShiftwiseError } from "../base/index.js";
import { ENCODING, type Encoding, type Node, nodeInputs, nodeKind, type Role, rewire } from "../ops/index.js";
import { computes, findChains, liveNodes } from "./chains.js";
import { NETWORK } from "./given.js";
import type { Network } from "./network.js";

/** Roles of nodes that compute with real values, in float32, whatever they are given. */
const REAL: ReadonlySet<Role> = new Set(["float", "matrix"]);
/** Roles of nodes that take integers for nothing but speed: a tensor that a node above reads too stays float32 for them. */
const EITHER: ReadonlySet<Role> = new Set(["sum", "mean"]);

/**
 * The tensors that inference holds in memory and hands on as integers: the network input, and the end of every chain of
 * findChains that something reads. Nothing is rounded inside a chain; a dropout at its end comes after the rounding.
 *
 * The second operand of an add is the end of another chain and is rounded. What only functions and products of two
 * tensors read, which run in float32, stays float32, also with sums and means beside them. So does an input that is compared
 * for equality, as numbers that choose rows of a table are. Max pooling, concatenation,
 * padding and the like move integers without changing them: they are no points, their inputs are. Constants that reach a
 * convolution or dense layer so are points, the others are as they are. Nodes that no output depends on are passed over.
 *
 * Chain ends that nothing reads, or that are only moved to an output, are the network's float32 outputs.
 * @returns node names in network order.
 * @throws BAD_GRAPH for a network that has quantize nodes already
 */
export function quantizationPoints(network: Network): string[] {
  given({ network }, { network: NETWORK });
  const quantizer = network.nodes.find((node) => node.op === "quantize");
  if (quantizer) throw new ShiftwiseError("BAD_GRAPH", "already quantized", { where: quantizer.name });
  const nodes = liveNodes(network.nodes, network.outputs);
  const behind = rolesBehind(nodes, network.outputs);
  const within = rolesBehind(nodes, []);
  const compared = comparedIn(nodes);
  const points = new Set<string>();
  for (const chain of findChains({ ...network, nodes })) {
    // a constant joined with what a convolution reads, as a class token is, has to be integer as well
    if (chain.role === "constant" && within.get(chain.tail)!.has("product")) points.add(chain.tail);
    if (!computes(chain) || within.get(chain.tail)!.size === 0) continue;
    const roles = [...behind.get(chain.tail)!];
    const real = roles.some((role) => REAL.has(role)) && roles.every((role) => REAL.has(role) || EITHER.has(role));
    if (chain.role === "input" ? compared.has(chain.tail) : real) continue;
    points.add(chain.nodes.findLast((node) => node.op !== "dropout")!.name);
  }
  return nodes.filter(({ name }) => points.has(name)).map(({ name }) => name);
}

/**
 * The quantization points that may as well stay float32: sums, means and functions alone read them, as the parts of a
 * log-softmax, and no convolution or dense layer does.
 * @internal
 */
export function floatPoints(network: Network): Set<string> {
  const nodes = liveNodes(network.nodes, network.outputs);
  const behind = rolesBehind(nodes, []);
  const free = (name: string): boolean => [...behind.get(name)!].every((role) => REAL.has(role) || EITHER.has(role));
  const inputs = new Set(network.nodes.filter(({ op }) => op === "input").map(({ name }) => name));
  const groups = encodingGroups(network).filter((names) => names.every((name) => !inputs.has(name) && free(name)));
  return new Set(groups.flat());
}

/** The tensors that are compared for equality, as they are, moved or behind functions: numbers of rows in a table must not be rounded. */
function comparedIn(nodes: readonly Node[]): ReadonlySet<string> {
  const compared = new Set<string>();
  for (const node of nodes.toReversed()) {
    const compares = node.op === "binary" && node.fn === "equal";
    const hands = node.op === "elementwise" || nodeKind(node).role(node) === "move";
    if (compares || (hands && compared.has(node.name))) for (const name of nodeInputs(node)) compared.add(name);
  }
  return compared;
}

/** Roles of the nodes that read each tensor, as it is or moved; that of a product, too, where the network ends in it. */
function rolesBehind(nodes: readonly Node[], outputs: readonly string[]): ReadonlyMap<string, ReadonlySet<Role>> {
  const behind = new Map(nodes.map(({ name }) => [name, new Set<Role>(outputs.includes(name) ? ["product"] : [])]));
  for (const node of nodes.toReversed()) {
    const role = nodeKind(node).role(node);
    const roles = role === "move" || role === "pass" ? behind.get(node.name)! : [role];
    for (const name of nodeInputs(node)) for (const one of roles) behind.get(name)!.add(one);
  }
  return behind;
}

/**
 * The quantization points in groups that must share one encoding: those that meet, directly or through max pooling, in a
 * concatenation. Every point is in one group; groups and their members stand in network order.
 */
export function encodingGroups(network: Network): string[][] {
  given({ network }, { network: NETWORK });
  const points = quantizationPoints(network);
  const group = new Map(points.map((name) => [name, [name]]));
  const nodes = liveNodes(network.nodes, network.outputs);
  const behind = sourcesOf(nodes, new Set(points));
  const within = rolesBehind(nodes, []);
  for (const node of nodes) {
    if (within.get(node.name)!.size === 0 || nodeKind(node).role(node) !== "move") continue;
    const [first, ...others] = behind.get(node.name)!;
    for (const other of others) {
      const into = group.get(first)!;
      const from = group.get(other)!;
      if (into === from) continue;
      for (const name of from) {
        into.push(name);
        group.set(name, into);
      }
    }
  }
  const order = new Map(points.map((name, i) => [name, i]));
  const groups = [...new Set(points.map((name) => group.get(name)!))];
  return groups.map((names) => names.sort((a, b) => order.get(a)! - order.get(b)!));
}

/**
 * The network with a quantize node after each quantization point, named "<point>.quantized", which all its readers read
 * instead. Outputs keep their names and stay float32. Weights are shared with the network given, not copied.
 * @param encodings one for each of quantizationPoints(network), linear or levels.
 * @param bare points of floatPoints(network) that get no quantize node; they need no encoding.
 * @throws BAD_GRAPH if the network has quantize nodes already or a node with such a name; BAD_OPTION for an encoding
 *   missing, not for a point or float32, or for encodings that differ inside one of encodingGroups(network).
 */
export function insertQuantizers(
  network: Network,
  encodings: ReadonlyMap<string, Encoding>,
  bare: ReadonlySet<string> = new Set(),
): Network {
  given({ network, encodings }, { network: NETWORK, encodings: is.map(ENCODING) });
  const points = new Set(quantizationPoints(network).filter((name) => !bare.has(name)));
  for (const name of encodings.keys()) {
    if (!points.has(name)) throw refused("encoding for a tensor that is no quantization point", name);
  }
  for (const names of encodingGroups(network)) {
    for (const name of names) {
      if (bare.has(name)) continue;
      const encoding = encodings.get(name);
      if (!encoding) throw refused("no encoding for a quantization point", name);
      if (encoding.kind === "float32") throw refused("a quantization point cannot be float32", name);
      if (JSON.stringify(encoding) !== JSON.stringify(encodings.get(names[0]))) {
        throw refused(`tensors that are concatenated must share one encoding, this one and ${names[0]}`, name);
      }
    }
  }
  const taken = new Set(network.nodes.map((node) => node.name));
  const renamed = (name: string) => (points.has(name) ? quantizedName(name) : name);
  const nodes: Node[] = [];
  for (const node of network.nodes) {
    nodes.push(rewire(node, renamed));
    if (!points.has(node.name)) continue;
    const name = quantizedName(node.name);
    if (taken.has(name)) throw new ShiftwiseError("BAD_GRAPH", "name needed for a quantize node", { where: name });
    nodes.push({ op: "quantize", name, input: node.name, encoding: encodings.get(node.name)! });
  }
  return { ...network, nodes };
}

function quantizedName(point: string): string {
  return `${point}.quantized`;
}

function refused(message: string, where: string): ShiftwiseError {
  return new ShiftwiseError("BAD_OPTION", message, { where });
}

/** The network without its quantize nodes: float activations. Parameters are shared with the network given. */
export function removeQuantizers(network: Network): Network {
  given({ network }, { network: NETWORK });
  const source = new Map<string, string>();
  const real = (name: string): string => source.get(name) ?? name;
  const nodes: Node[] = [];
  for (const node of network.nodes) {
    if (node.op === "quantize") source.set(node.name, real(node.input));
    else nodes.push(rewire(node, real));
  }
  const { ports = {} } = network;
  const renamed = Object.fromEntries(Object.entries(ports).map(([name, port]) => [real(name), port]));
  return { ...network, nodes, outputs: network.outputs.map(real), ...(network.ports && { ports: renamed }) };
}

/** The points whose integers a tensor carries: itself, or those behind the nodes that only move integers. */
function sourcesOf(nodes: readonly Node[], points: ReadonlySet<string>): Map<string, string[]> {
  const sources = new Map<string, string[]>();
  for (const node of nodes) {
    sources.set(
      node.name,
      points.has(node.name) ? [node.name] : moves(node) ? nodeInputs(node).flatMap((name) => sources.get(name)!) : [],
    );
  }
  return sources;
}

/** Whether a node hands on the values that it reads. */
function moves(node: Node): boolean {
  const role = nodeKind(node).role(node);
  return role === "move" || role === "pass";
}
