// chains.ts: groups the nodes that one kernel call computes: conv [+ batchNorm] [+ add] [+ relu] [+ quantize] and the like.
import {
  type BatchNormNode,
  type Clamp,
  type Encoding,
  type Node,
  nodeInputs,
  nodeKind,
  type Role,
} from "../ops/index.js";
import type { Network } from "./network.js";
import { readersOf } from "./shapes.js";

/** Nodes that become one layer; `head` computes, the rest is its epilogue. */
export interface Chain {
  readonly head: Node;
  /** Folded into scale and offset; the head itself when it is a batch norm that follows neither conv nor dense. */
  readonly norm: BatchNormNode | null;
  /** Name of the second operand of an add that a convolution takes in. */
  readonly residual: string | null;
  /** In real values, applied after the add. */
  readonly clamp: Clamp;
  readonly encoding: Encoding;
  /** Name of the last node: of the tensor that the layer writes. */
  readonly tail: string;
}

/**
 * Splits what the outputs need into chains, in an order in which they can run: that of their last nodes.
 * A node joins the chain of its input while nothing else reads that input. Of two convolutions that end in one add the
 * later takes it in, since the other operand is then there already.
 */
export function findChains(network: Network): Chain[] {
  const nodes = liveNodes(network);
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const position = new Map(nodes.map((node, i) => [node.name, i]));
  const readers = readersOf(nodes);

  /** The one node that reads a tensor; undefined if there are several or the tensor is an output. */
  const soleReader = (name: string): Node | undefined => {
    const all = readers.get(name) ?? [];
    return all.length === 1 && !network.outputs.includes(name) ? all[0] : undefined;
  };
  /** Whether a chain that is a convolution so far, perhaps with its batch norm, ends in this tensor. */
  const endsConvolution = (name: string): boolean => {
    const node = byName.get(name);
    if (node?.op !== "batchNorm") return node?.op === "conv";
    return !(byName.get(node.input)?.op === "dense" && soleReader(node.input));
  };
  const takesAdd = (operand: string, other: string): boolean =>
    endsConvolution(operand) &&
    !(endsConvolution(other) && soleReader(other) && position.get(other)! > position.get(operand)!);

  const taken = new Set<string>();
  const chains: Chain[] = [];
  for (const head of nodes) {
    if (taken.has(head.name)) continue;
    let norm = head.op === "batchNorm" ? head : null;
    let residual: string | null = null;
    let clamp: Clamp = clampOf(head) ?? {};
    let encoding: Encoding = head.op === "quantize" ? head.encoding : { kind: "float32" };
    let tail: Node = head;
    const ends = ENDINGS[nodeKind(head).role(head)];
    while (tail.op !== "quantize") {
      const next = soleReader(tail.name);
      if (next?.op === "batchNorm" && tail === head && (head.op === "conv" || head.op === "dense")) norm = next;
      else if (next?.op === "add" && takesAdd(tail.name, otherOperand(next.inputs, tail.name))) {
        residual = otherOperand(next.inputs, tail.name);
      } else if (next && ends === "epilogue" && clampOf(next)) clamp = intersect(clamp, clampOf(next)!);
      else if (next?.op === "quantize" && ends) encoding = next.encoding;
      else if (next?.op !== "dropout") break;
      tail = next;
      taken.add(next.name);
    }
    chains.push({ head, norm, residual, clamp, encoding, tail: tail.name });
  }
  return chains.sort((a, b) => position.get(a.tail)! - position.get(b.tail)!);
}

/** The nodes that some output depends on, in their order, and the inputs. */
function liveNodes({ nodes, outputs }: Network): Node[] {
  const needed = new Set(outputs);
  for (const node of nodes.toReversed()) {
    if (needed.has(node.name)) for (const name of nodeInputs(node)) needed.add(name);
  }
  return nodes.filter((node) => needed.has(node.name) || node.op === "input");
}

function otherOperand([a, b]: readonly [string, string], one: string): string {
  return a === one ? b : a;
}

/**
 * How a layer that starts with a node of each role may end: with a whole epilogue, or only with an encoding of its
 * result. The others hand on raw values.
 */
const ENDINGS: { readonly [R in Role]: "epilogue" | "encoding" | null } = {
  input: "encoding",
  product: "epilogue",
  mean: "epilogue",
  norm: "epilogue",
  sum: "epilogue",
  clamp: "epilogue",
  float: "encoding",
  move: null,
  pass: null,
  round: null,
  constant: null,
};

/** The bounds that a node puts to its input; null if it does something else. */
function clampOf(node: Node): Clamp | null {
  if (node.op === "relu") return node.max === undefined ? { low: 0 } : { low: 0, high: node.max };
  if (node.op !== "activation" || node.fn !== "clip") return null;
  return { low: node.parameters[0], high: node.parameters[1] };
}

/** A clamp followed by another. */
function intersect(first: Clamp, then: Clamp): Clamp {
  const hold = (bound: number | undefined) =>
    bound === undefined ? bound : Math.min(Math.max(bound, then.low ?? -Infinity), then.high ?? Infinity);
  const low = hold(first.low) ?? then.low;
  const high = hold(first.high) ?? then.high;
  return { ...(low !== undefined && { low }), ...(high !== undefined && { high }) };
}
