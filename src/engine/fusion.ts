// fusion.ts: which nodes are computed together: batch norm, an addition and a ReLU cost one pass over memory, not three.
import { type Network, readersOf } from "../graph/index.js";
import type { Node } from "../ops/index.js";
import type { NormTail } from "./norm.js";

/** A node as it is computed; `tail` for a batch norm, `addition` for a ReLU that takes an addition in. */
export interface FusedNode {
  readonly node: Node;
  readonly tail?: NormTail;
  readonly addition?: readonly [string, string];
}

/**
 * Nodes in an order in which they can run. A batch norm that one ReLU alone reads, or one addition and then one ReLU,
 * makes the ReLU's tensor; an addition that one ReLU alone reads likewise. The tensors in between do not exist.
 * @param keep tensors that must exist all the same.
 */
export function fuse(network: Network, keep: ReadonlySet<string>): FusedNode[] {
  const byName = new Map(network.nodes.map((node) => [node.name, node]));
  const readers = readersOf(network.nodes);
  const position = new Map(network.nodes.map((node, i) => [node.name, i]));
  const kept = (name: string) => keep.has(name) || network.outputs.includes(name);
  const soleReader = (name: string): Node | null => {
    const all = readers.get(name) ?? [];
    return all.length === 1 && !kept(name) ? all[0] : null;
  };
  const clampOf = (node: Node) => (node.op === "relu" ? { low: 0, high: node.max ?? Number.POSITIVE_INFINITY } : null);

  const fused = new Map<string, FusedNode>();
  const absorbed = new Set<string>();
  for (const node of network.nodes) {
    if (node.op === "add") {
      const relu = soleReader(node.name);
      const norms = node.inputs
        .map((name) => byName.get(name))
        .filter((n): n is Node & { op: "batchNorm" } => n?.op === "batchNorm" && soleReader(n.name) === node)
        .sort((a, b) => (position.get(b.name) ?? 0) - (position.get(a.name) ?? 0));
      const clamped = relu?.op === "relu" ? relu : null;
      const end = clamped ?? node;
      if (norms.length > 0) {
        const [norm] = norms;
        const residual = node.inputs[0] === norm.name ? node.inputs[1] : node.inputs[0];
        const tail = { output: end.name, residual, clamp: clamped && clampOf(clamped) };
        fused.set(end.name, { node: norm, tail });
        absorbed.add(norm.name).add(node.name);
      } else if (clamped) {
        fused.set(clamped.name, { node: clamped, addition: node.inputs });
        absorbed.add(node.name);
      }
      // an addition that ends its own chain must not be left out
      if (end === node) absorbed.delete(node.name);
    } else if (node.op === "batchNorm") {
      const relu = soleReader(node.name);
      if (relu?.op !== "relu") continue;
      const tail = { output: relu.name, residual: null, clamp: clampOf(relu) };
      fused.set(relu.name, { node, tail });
      absorbed.add(node.name);
    }
  }
  return network.nodes
    .filter((node) => !absorbed.has(node.name))
    .map((node) => {
      const plain =
        node.op === "batchNorm" ? { node, tail: { output: node.name, residual: null, clamp: null } } : { node };
      return fused.get(node.name) ?? plain;
    });
}

/** Name of the tensor that a fused node makes. */
export function outputOf({ node, tail }: FusedNode): string {
  return tail?.output ?? node.name;
}
