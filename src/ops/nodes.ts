// nodes.ts: every kind of node in one table, and what loops over it: inputs, parameters, names.
import { ShiftwiseError } from "../base/index.js";
import { type ActivationNode, activationNode } from "./activation.js";
import { type AddNode, addNode } from "./add.js";
import { type AvgPoolNode, avgPoolNode, type GlobalAvgPoolNode, globalAvgPoolNode } from "./avgpool.js";
import { type BatchNormNode, batchNormNode } from "./batchnorm.js";
import { type BinaryNode, binaryNode } from "./binary.js";
import {
  type DropoutNode,
  dropoutNode,
  type InputNode,
  inputNode,
  type QuantizeNode,
  quantizeNode,
} from "./boundary.js";
import { type ConcatNode, concatNode } from "./concat.js";
import { type ConstantNode, constantNode } from "./constant.js";
import { type ConvNode, convNode } from "./conv.js";
import { type DenseNode, denseNode } from "./dense.js";
import { type ElementwiseNode, elementwiseNode } from "./elementwise.js";
import type { Tensor } from "./field.js";
import { type GatherNode, gatherNode, type PadNode, padNode, type SliceNode, sliceNode } from "./gather.js";
import type { NodeKind } from "./kind.js";
import { type MatmulNode, matmulNode } from "./matmul.js";
import { type MaxPoolNode, maxPoolNode } from "./maxpool.js";
import { type PermuteNode, permuteNode } from "./permute.js";
import { namesOf, parametersOf, renamed } from "./record.js";
import { type LeakyReluNode, leakyReluNode, type ReluNode, reluNode } from "./relu.js";
import { type ResampleNode, resampleNode } from "./resample.js";
import { type SoftmaxNode, softmaxNode } from "./softmax.js";

/** A node of a float network. Its kind is `op`. */
export type Node =
  | InputNode
  | ConvNode
  | DenseNode
  | BatchNormNode
  | ReluNode
  | LeakyReluNode
  | ActivationNode
  | ElementwiseNode
  | MaxPoolNode
  | AvgPoolNode
  | GlobalAvgPoolNode
  | AddNode
  | ConcatNode
  | BinaryNode
  | MatmulNode
  | ConstantNode
  | GatherNode
  | PermuteNode
  | ResampleNode
  | SoftmaxNode
  | PadNode
  | SliceNode
  | DropoutNode
  | QuantizeNode;

export const NODES = {
  input: inputNode,
  conv: convNode,
  dense: denseNode,
  batchNorm: batchNormNode,
  relu: reluNode,
  leakyRelu: leakyReluNode,
  activation: activationNode,
  elementwise: elementwiseNode,
  maxPool: maxPoolNode,
  avgPool: avgPoolNode,
  globalAvgPool: globalAvgPoolNode,
  add: addNode,
  concat: concatNode,
  binary: binaryNode,
  matmul: matmulNode,
  constant: constantNode,
  gather: gatherNode,
  permute: permuteNode,
  resample: resampleNode,
  softmax: softmaxNode,
  pad: padNode,
  slice: sliceNode,
  dropout: dropoutNode,
  quantize: quantizeNode,
} satisfies { readonly [Op in Node["op"]]: NodeKind<Extract<Node, { op: Op }>> };

/**
 * The record of a node's kind. The table's type says that it is one of just this kind.
 * @throws BAD_GRAPH for a kind that does not exist
 */
export function nodeKind(node: Node): NodeKind<Node> {
  const { op, name } = Object(node) as Node;
  if (typeof op === "string" && Object.hasOwn(NODES, op)) return NODES[op] as NodeKind<Node>;
  const expected = `one of ${Object.keys(NODES).join(", ")}`;
  throw new ShiftwiseError("BAD_GRAPH", "no such kind of node", {
    where: `node ${typeof name === "string" ? name : typeof name}`,
    expected,
    found: op,
  });
}

/** The tensors that a node reads, in the order of its fields. */
export function nodeInputs(node: Node): readonly string[] {
  return namesOf(nodeKind(node).fields, node);
}

/** The parameter tensors of a node by field name, in file order; empty for nodes without any. */
export function nodeParameters(node: Node): readonly (readonly [field: string, tensor: Tensor])[] {
  return parametersOf(nodeKind(node).fields, node);
}

/**
 * The node with other tensors in the place of those that it reads.
 * @internal
 */
export function rewire(node: Node, to: (name: string) => string): Node {
  return renamed(nodeKind(node).fields, node, to);
}
