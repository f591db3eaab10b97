// network.ts: the trainable float network as data: nodes in topological order, parameters beside them.
import type { Node } from "../ops/index.js";

/** One image in, logits out. A node's name is also the name of the tensor it makes. Nodes are in topological order. */
export interface Network {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly outputs: readonly string[];
  readonly labels?: readonly string[];
}
