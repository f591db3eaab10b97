// insert.ts: where a network's activations are rounded, and the quantize nodes put there.

import { ShiftwiseError } from "../base/index.js";
import { type Network, readersOf } from "../graph/index.js";
import { type Encoding, type Node, nodeInputs } from "../ops/index.js";

/**
 * The tensors that inference holds in memory and hands on as integers: the network input, and the end of every fused
 * chain that something reads.
 *
 * A chain starts at a node that computes (conv, dense, a pool that averages, an add or relu that fuses with nothing) and
 * runs on through batch norm, add and relu, in the order of the kernels' epilogue, and then through the functions that
 * run in float32, while each tensor has one reader and is no output. Nothing is rounded inside a chain. An add joins the
 * chain of one of its operands, of two possible ones that of the later node, since its layer then runs when the other
 * operand is there; the other operand is rounded. Max pooling, concatenation, padding and the like move integers without
 * changing them: they are no points, their inputs are. Constants are as they are.
 *
 * Chain ends that nothing reads are the network's float32 outputs.
 * @returns node names in network order.
 */
export function quantizationPoints(network: Network): string[] {
  const readers = readersOf(network.nodes);
  const position = new Map(network.nodes.map((node, i) => [node.name, i]));
  const outputs = new Set(network.outputs);
  const ends = new Map<string, ChainEnd>();
  const inner = new Set<string>();
  /** The chain that ends in a tensor, if one does and a node of that stage may join it. */
  const joinable = (name: string, stage: number): ChainEnd | undefined => {
    const end = ends.get(name);
    const free = end !== undefined && readers.get(name)?.length === 1 && !outputs.has(name);
    return free && (end.stage < stage || stage === FLOAT) && (stage !== RESIDUAL || end.takesResidual)
      ? end
      : undefined;
  };
  for (const node of network.nodes) {
    if (node.op === "quantize") throw new ShiftwiseError("BAD_GRAPH", "already quantized", { where: node.name });
    const first = FIRST_STAGE[node.op];
    if (first !== undefined) {
      ends.set(node.name, { stage: first, takesResidual: node.op === "conv" });
      continue;
    }
    const stage = node.op === "activation" && node.fn === "clip" ? CLAMP : NEXT_STAGE[node.op];
    if (stage === undefined) continue;
    const operands = nodeInputs(node).filter((name) => joinable(name, stage));
    if (stage === FLOAT) for (const name of operands) inner.add(name);
    operands.sort((a, b) => position.get(b)! - position.get(a)!);
    const before = ends.get(operands[0]);
    // A batch norm that follows neither conv nor dense runs as a depthwise convolution.
    ends.set(node.name, { stage, takesResidual: before ? before.takesResidual : node.op === "batchNorm" });
    if (before) inner.add(operands[0]);
  }
  return network.nodes
    .filter(({ name, op }) => (op === "input" || ends.has(name)) && !inner.has(name) && readers.get(name)!.length > 0)
    .map((node) => node.name);
}

interface ChainEnd {
  /** How far along the epilogue the chain is; what joins must be further. */
  readonly stage: number;
  /** Only convolutions take a second operand. */
  readonly takesResidual: boolean;
}

const SUM = 0;
const AFFINE = 1;
const RESIDUAL = 2;
const CLAMP = 3;
/** Layers of their own that read and write float32. */
const FLOAT = 4;

/** Averaging pools share one scale among their channels, so no batch norm joins them. */
const FIRST_STAGE: { readonly [op in Node["op"]]?: number } = {
  conv: SUM,
  dense: SUM,
  avgPool: AFFINE,
  globalAvgPool: AFFINE,
};

const NEXT_STAGE: { readonly [op in Node["op"]]?: number } = {
  batchNorm: AFFINE,
  add: RESIDUAL,
  relu: CLAMP,
  leakyRelu: FLOAT,
  activation: FLOAT,
  binary: FLOAT,
  resample: FLOAT,
  softmax: FLOAT,
};

/**
 * The quantization points in groups that must share one encoding: those that meet, directly or through max pooling, in a
 * concatenation. Every point is in one group; groups and their members stand in network order.
 */
export function encodingGroups(network: Network): string[][] {
  const points = quantizationPoints(network);
  const group = new Map(points.map((name) => [name, [name]]));
  const behind = sourcesOf(network, new Set(points));
  for (const node of network.nodes) {
    if (node.op !== "concat") continue;
    const [first, ...others] = behind.get(node.name)!;
    for (const other of others) {
      const into = group.get(first)!;
      const from = group.get(other)!;
      if (into === from) continue;
      into.push(...from);
      for (const name of from) group.set(name, into);
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
 * @throws BAD_GRAPH if the network has quantize nodes already or a node with such a name; BAD_OPTION for an encoding
 *   missing, not for a point or float32, or for encodings that differ inside one of encodingGroups(network).
 */
export function insertQuantizers(network: Network, encodings: ReadonlyMap<string, Encoding>): Network {
  const points = new Set(quantizationPoints(network));
  for (const name of encodings.keys()) {
    if (!points.has(name)) throw refused("encoding for a tensor that is no quantization point", name);
  }
  for (const names of encodingGroups(network)) {
    for (const name of names) {
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
  const source = new Map<string, string>();
  const real = (name: string): string => source.get(name) ?? name;
  const nodes: Node[] = [];
  for (const node of network.nodes) {
    if (node.op === "quantize") source.set(node.name, real(node.input));
    else nodes.push(rewire(node, real));
  }
  return { ...network, nodes, outputs: network.outputs.map(real) };
}

/**
 * A node that reads other tensors.
 * @internal
 */
export function rewire(node: Node, renamed: (name: string) => string): Node {
  if (node.op === "input" || node.op === "constant") return node;
  if (node.op === "add" || node.op === "binary") {
    return { ...node, inputs: [renamed(node.inputs[0]), renamed(node.inputs[1])] };
  }
  if (node.op === "concat") return { ...node, inputs: node.inputs.map(renamed) };
  return { ...node, input: renamed(node.input) };
}

/** The points whose integers a tensor carries: itself, or those behind the nodes that only move integers. */
function sourcesOf(network: Network, points: ReadonlySet<string>): Map<string, string[]> {
  const sources = new Map<string, string[]>();
  for (const node of network.nodes) {
    sources.set(
      node.name,
      points.has(node.name) ? [node.name] : nodeInputs(node).flatMap((name) => sources.get(name)!),
    );
  }
  return sources;
}
