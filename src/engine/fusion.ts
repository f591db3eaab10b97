// fusion.ts: which nodes of a chain are computed together: batch norm, addition and ReLU cost one pass over memory, not three.
import { findChains, type Network } from "../graph/index.js";
import type { Node } from "../ops/index.js";
import type { Range } from "./layer.js";
import type { NormTail } from "./norm.js";

/** A node as it is computed; `tail` for a batch norm, `addition` for a ReLU that takes an addition in. */
export interface FusedNode {
  readonly node: Node;
  readonly tail?: NormTail;
  readonly addition?: readonly [string, string];
}

/**
 * Nodes in an order in which they can run. In each chain a batch norm with the ReLU behind it, or with an addition and
 * then perhaps a ReLU, makes the last one's tensor; an addition with the ReLU behind it likewise. The tensors in between
 * do not exist.
 * @param keep tensors that must exist all the same.
 */
export function fuse(network: Network, keep: ReadonlySet<string>): FusedNode[] {
  const position = new Map(network.nodes.map((node, i) => [node.name, i]));
  const place = (fused: FusedNode): number => position.get(outputOf(fused))!;
  return findChains(network, keep)
    .flatMap((chain) => fuseNodes(chain.nodes))
    .sort((a, b) => place(a) - place(b));
}

/** The nodes of one chain, those that one pass computes taken together. */
function fuseNodes(nodes: readonly Node[]): FusedNode[] {
  const fused: FusedNode[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i];
    if (node.op !== "batchNorm" && node.op !== "add") {
      fused.push({ node });
      continue;
    }
    const sum = node.op === "add" ? node : addAt(nodes, i + 1);
    if (sum && sum !== node) i++;
    const relu = reluAt(nodes, i + 1);
    if (relu) i++;
    if (node.op === "batchNorm") {
      const residual = sum?.inputs.find((name) => name !== node.name) ?? null;
      const output = (relu ?? sum ?? node).name;
      fused.push({ node, tail: { output, residual, clamp: relu && rangeOf(relu) } });
    } else fused.push(relu ? { node: relu, addition: node.inputs } : { node });
  }
  return fused;
}

function addAt(nodes: readonly Node[], i: number): (Node & { op: "add" }) | null {
  const node = nodes.at(i);
  return node?.op === "add" ? node : null;
}

function reluAt(nodes: readonly Node[], i: number): (Node & { op: "relu" }) | null {
  const node = nodes.at(i);
  return node?.op === "relu" ? node : null;
}

/** The range that a ReLU leaves of the real numbers. */
export function rangeOf({ max }: Node & { op: "relu" }): Range {
  return { low: 0, high: max ?? Number.POSITIVE_INFINITY };
}

/** Name of the tensor that a fused node makes. */
export function outputOf({ node, tail }: FusedNode): string {
  return tail?.output ?? node.name;
}
