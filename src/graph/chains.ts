// chains.ts: which nodes run as one layer: conv [+ batchNorm] [+ add] [+ relu] [+ quantize] and the like.
import {
  type BatchNormNode,
  type Encoding,
  type Ending,
  joined,
  NO_ENDING,
  type Node,
  nodeInputs,
  nodeKind,
  type Role,
} from "../ops/index.js";
import type { Network } from "./network.js";
import { readersOf } from "./shapes.js";

/**
 * Nodes that become one layer; `head` computes, the rest is its epilogue.
 * @internal
 */
export interface Chain {
  readonly head: Node;
  /** The role of the head; it says how the chain may go on and how it may end. */
  readonly role: Role;
  /** The head and what follows it, each the only reader of the one before. */
  readonly nodes: readonly Node[];
  /** Folded into scale and offset; the head itself when it is a batch norm that follows neither conv nor dense. */
  readonly norm: BatchNormNode | null;
  /** Name of the second operand of an add that the head's layer takes in. */
  readonly residual: string | null;
  /** The part of the epilogue behind the add, in real values. */
  readonly ending: Ending;
  readonly encoding: Encoding;
  /** Name of the last node: of the tensor that the layer writes. */
  readonly tail: string;
}

/**
 * Splits a network into chains, in an order in which they can run: that of their last nodes. Every node is in one chain.
 * A node joins the chain of its input while nothing else reads that input. Of two convolutions that end in one add the
 * later takes it in, since the other operand is then there already.
 * @param keep tensors besides the outputs that have to exist: each ends its chain
 * @internal
 */
export function findChains(network: Network, keep: Iterable<string> = []): Chain[] {
  const { nodes } = network;
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const position = new Map(nodes.map((node, i) => [node.name, i]));
  const readers = readersOf(nodes);
  const kept = new Set([...network.outputs, ...keep]);

  /** The one node that reads a tensor; undefined if there are several or the tensor is kept. */
  const soleReader = (name: string): Node | undefined => {
    const all = readers.get(name) ?? [];
    return all.length === 1 && !kept.has(name) ? all[0] : undefined;
  };
  /** Whether a tensor is a head's, perhaps with its batch norm behind it, whose layer takes a second operand. */
  const takesOperand = (name: string): boolean => {
    const node = byName.get(name);
    const source = node?.op === "batchNorm" ? byName.get(node.input) : undefined;
    const head = source && roleOf(source) === "product" && soleReader(source.name) ? source : node;
    return head !== undefined && nodeKind(head).takesOperand === true;
  };
  const takesAdd = (operand: string, other: string): boolean =>
    takesOperand(operand) &&
    !(takesOperand(other) && soleReader(other) && position.get(other)! > position.get(operand)!);

  const taken = new Set<string>();
  const chains: Chain[] = [];
  for (const head of nodes) {
    if (taken.has(head.name)) continue;
    const role = roleOf(head);
    const ends = ENDINGS[role];
    const members = [head];
    let norm = head.op === "batchNorm" ? head : null;
    let residual: string | null = null;
    let ending = endingOf(head) ?? NO_ENDING;
    let encoding: Encoding = head.op === "quantize" ? head.encoding : { kind: "float32" };
    let tail: Node = head;
    while (tail.op !== "quantize") {
      const next = soleReader(tail.name);
      const part = next && ends === "epilogue" ? endingOf(next) : null;
      const both = part && joined(ending, part);
      if (next?.op === "batchNorm" && tail === head && role === "product") norm = next;
      else if (next?.op === "add" && takesAdd(tail.name, otherOperand(next.inputs, tail.name))) {
        residual = otherOperand(next.inputs, tail.name);
      } else if (next && both) ending = both;
      else if (next?.op === "quantize" && ends && ends !== "float32") encoding = next.encoding;
      else if (next?.op !== "dropout") break;
      tail = next;
      members.push(next);
      taken.add(next.name);
    }
    chains.push({ head, role, nodes: members, norm, residual, ending, encoding, tail: tail.name });
  }
  return chains.sort((a, b) => position.get(a.tail)! - position.get(b.tail)!);
}

/**
 * The input and the nodes that some output depends on, in their order.
 * @internal
 */
export function liveNodes(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const needed = new Set(outputs);
  for (const node of nodes.toReversed()) {
    if (needed.has(node.name)) for (const name of nodeInputs(node)) needed.add(name);
  }
  return nodes.filter((node) => needed.has(node.name) || node.op === "input");
}

/** Whether the layer of a chain makes values of its own, which may then be rounded; the others hand on what they read. */
export function computes({ role }: Chain): boolean {
  return ENDINGS[role] !== null;
}

function otherOperand([a, b]: readonly [string, string], one: string): string {
  return a === one ? b : a;
}

/**
 * The way in which a layer that starts with a node of each role may end: with a whole epilogue, or only with an
 * encoding of its result, or in float32, which a layer behind it rounds. The others hand on
 * raw values.
 */
const ENDINGS: { readonly [R in Role]: "epilogue" | "encoding" | "float32" | null } = {
  input: "encoding",
  product: "epilogue",
  mean: "epilogue",
  norm: "epilogue",
  sum: "epilogue",
  clamp: "epilogue",
  float: "encoding",
  matrix: "float32",
  move: null,
  pass: null,
  round: null,
  constant: null,
};

function roleOf(node: Node): Role {
  return nodeKind(node).role(node);
}

/** The part of an epilogue that a node is; null if it does something else. */
function endingOf(node: Node): Ending | null {
  return nodeKind(node).ending?.(node) ?? null;
}
