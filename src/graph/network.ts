// network.ts: the trainable float network as data: nodes in topological order, parameters beside them.
import type { Encoding, InputNode, InputPortShape, Node } from "../ops/index.js";

/** One sample in, outputs out. A node's name is also the name of the tensor it makes. Nodes are in topological order. */
export interface Network {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly outputs: readonly string[];
  readonly labels?: readonly string[];
  /** Dimensions and order of input and outputs, by node, where they are not the default. */
  readonly ports?: { readonly [node: string]: InputPortShape };
  /**
   * Encodings with which the values of nodes were rounded where the network was made: what an ONNX file says between
   * QuantizeLinear and DequantizeLinear. They change nothing by themselves (statedEncodings), and files do not keep them.
   */
  readonly encodings?: { readonly [node: string]: Encoding };
}

/**
 * The inputs of a network, in their order.
 * @internal
 */
export function inputsOf({ nodes }: Pick<Network, "nodes">): InputNode[] {
  return nodes.filter((node) => node.op === "input");
}
