// segments.ts: a network cut at its conv and dense nodes, run piece by piece over many images.

import { compile, type Room, readParameters, readStatistics, volume } from "../engine/index.js";
import type { Network } from "../graph/index.js";
import { type Encoding, type Node, nodeInputs, nodeKind, type Role, type Shape } from "../ops/index.js";

/** Nodes from one conv or dense node to the next; the first segment begins with the network. */
export interface Segment {
  readonly nodes: readonly Node[];
  /** Tensors of earlier segments that this one reads, and its own that later ones read. */
  readonly reads: readonly string[];
  readonly gives: readonly string[];
}

function roleOf(node: Node): Role {
  return nodeKind(node).role(node);
}

export function segmentsOf(network: Network): Segment[] {
  const groups: Node[][] = [[]];
  for (const node of network.nodes) {
    if (roleOf(node) === "product") groups.push([]);
    groups[groups.length - 1].push(node);
  }
  return groups.map((nodes, i) => {
    const own = new Set(nodes.map((node) => node.name));
    const reads = [...new Set(nodes.flatMap(nodeInputs))].filter((name) => !own.has(name));
    const later = new Set(groups.slice(i + 1).flatMap((group) => group.flatMap(nodeInputs)));
    const gives = [...own].filter((name) => later.has(name));
    return { nodes, reads, gives };
  });
}

/** The last segment that reads each tensor, by the tensor's name: until then its values are kept. */
export function lastReaders(segments: readonly Segment[]): ReadonlyMap<string, number> {
  return new Map(segments.flatMap(({ reads }, i) => reads.map((name) => [name, i] as const)));
}

/** A piece of a network that computes some tensors from others. */
export interface Piece {
  /** @param fill writes the values of a tensor of `reads`, (count, channels, height, width) */
  run(fill: (name: string, into: Float32Array) => void, count: number): void;
  /** A view of the values of the last run. */
  tensor(name: string): Float32Array;
}

/**
 * Compiles nodes for inference.
 * @param shapes of all tensors of the network.
 * @param keep tensors to be read afterwards.
 * @param room that the piece takes until another takes it
 */
export function createPiece(
  nodes: readonly Node[],
  reads: readonly string[],
  keep: readonly string[],
  shapes: ReadonlyMap<string, Shape>,
  batch: number,
  room: Room,
): Piece {
  const inputs = reads.map((name): Node => ({ op: "input", name, shape: shapes.get(name)! }));
  const piece: Network = { name: "piece", nodes: [...inputs, ...nodes], outputs: keep };
  const { plan, layout, layers, tensors, values, running } = compile(piece, shapes, batch, keep, true);
  const { kernels, memory } = room(plan.arena.size());
  plan.arena.fill(memory.buffer);
  const floats = (address: number, length: number) => new Float32Array(memory.buffer, address, length);
  readParameters(layout, floats(values, layout.length));
  readStatistics(layout, floats(running.mean, layout.channels), floats(running.variance, layout.channels));
  let current = 0;
  return {
    run(fill, count) {
      for (const name of reads) fill(name, floats(tensors.get(name)!, count * volume(shapes.get(name)!)));
      current = count;
      for (const layer of layers) layer.forward(kernels, count, "eval", 0);
    },
    tensor: (name) => floats(tensors.get(name)!, current * volume(shapes.get(name)!)),
  };
}

/** The values of one tensor for all images, chunk by chunk. */
export interface ActivationStore {
  put(chunk: number, values: Float32Array): void;
  /** Writes what has been put. */
  get(chunk: number, into: Float32Array): void;
}

/** @param encoding of the tensor's values; linear and level ones are kept a byte each. */
export function createActivationStore(encoding: Encoding): ActivationStore {
  if (encoding.kind === "float32") {
    const chunks: Float32Array[] = [];
    return {
      put: (chunk, values) => void (chunks[chunk] = values.slice()),
      get: (chunk, into) => into.set(chunks[chunk]),
    };
  }
  const chunks: Uint8Array[] = [];
  const { scale } = encoding;
  const zero = encoding.kind === "linear" ? encoding.zero : 0;
  const reals = Float32Array.from({ length: 256 }, (_, code) => scale * (code - zero));
  return {
    put(chunk, values) {
      chunks[chunk] = new Uint8Array(values.length);
      encode(values, scale, zero, chunks[chunk]);
    },
    get(chunk, into) {
      decode(chunks[chunk], reals, into);
    },
  };
}

/** Codes of values that are multiples of the scale but for the last bit. All stores share the function, which is compiled once. */
function encode(values: Float32Array, scale: number, zero: number, codes: Uint8Array): void {
  const [inverse, middle] = [1 / scale, zero + 0.5];
  for (let i = 0; i < codes.length; i++) codes[i] = values[i] * inverse + middle;
}

function decode(codes: Uint8Array, reals: Float32Array, into: Float32Array): void {
  for (let i = 0; i < codes.length; i++) into[i] = reals[codes[i]];
}

/** Returns the encoding of every tensor: that of a quantize node, also behind what only moves values. */
export function tensorEncodings(network: Network): ReadonlyMap<string, Encoding> {
  const encodings = new Map<string, Encoding>();
  for (const node of network.nodes) {
    const [first, ...others] = nodeInputs(node).map((name) => encodings.get(name));
    // what is filled in may be no level, unless it is 0
    const fill = "value" in node && node.value !== 0;
    const moves = (roleOf(node) === "move" && !fill) || roleOf(node) === "pass";
    const same = moves && first && others.every((other) => JSON.stringify(other) === JSON.stringify(first));
    encodings.set(node.name, node.op === "quantize" ? node.encoding : same ? first : { kind: "float32" });
  }
  return encodings;
}
