// network.ts: the trainable float network as data: nodes in topological order, parameters beside them.
import type { InputPortShape, Node } from "../ops/index.js";

/** One image in, outputs out. A node's name is also the name of the tensor it makes. Nodes are in topological order. */
export interface Network {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly outputs: readonly string[];
  readonly labels?: readonly string[];
  /** Dimensions and order of input and outputs, by node, where they are not the default. */
  readonly ports?: { readonly [node: string]: InputPortShape };
}
