// kinds.ts: every kind of layer and of node in two tables, and what loops over them: inputs, parameters, names.
import { ShiftwiseError } from "../base/index.js";
import { type ActivationLayer, type ActivationNode, activationLayer, activationNode } from "./activation.js";
import { type AddLayer, type AddNode, addLayer, addNode } from "./add.js";
import {
  type AvgPoolLayer,
  type AvgPoolNode,
  avgPoolLayer,
  avgPoolNode,
  type GlobalAvgPoolNode,
  globalAvgPoolNode,
} from "./avgpool.js";
import { type BatchNormNode, batchNormNode } from "./batchnorm.js";
import { type BinaryLayer, type BinaryNode, binaryLayer, binaryNode } from "./binary.js";
import {
  type DropoutNode,
  dropoutNode,
  type InputNode,
  inputNode,
  type QuantizeNode,
  quantizeNode,
} from "./boundary.js";
import { type ConcatLayer, type ConcatNode, concatLayer, concatNode } from "./concat.js";
import { type ConstantLayer, type ConstantNode, constantLayer, constantNode } from "./constant.js";
import { type ConvLayer, type ConvNode, convLayer, convNode } from "./conv.js";
import { type DenseLayer, type DenseNode, denseLayer, denseNode } from "./dense.js";
import { type ElementwiseLayer, type ElementwiseNode, elementwiseLayer, elementwiseNode } from "./elementwise.js";
import type { Tensor } from "./field.js";
import {
  type GatherLayer,
  type GatherNode,
  gatherLayer,
  gatherNode,
  type PadNode,
  padNode,
  type SliceNode,
  sliceNode,
} from "./gather.js";
import type { LayerKind, NodeKind } from "./kind.js";
import { type MatmulLayer, type MatmulNode, matmulLayer, matmulNode } from "./matmul.js";
import { type MaxPoolLayer, type MaxPoolNode, maxPoolLayer, maxPoolNode } from "./maxpool.js";
import { type PermuteLayer, type PermuteNode, permuteLayer, permuteNode } from "./permute.js";
import { namesOf, parametersOf, renamed } from "./record.js";
import { type LeakyReluNode, leakyReluNode, type ReluNode, reluNode } from "./relu.js";
import { type ResampleLayer, type ResampleNode, resampleLayer, resampleNode } from "./resample.js";
import { type SoftmaxLayer, type SoftmaxNode, softmaxLayer, softmaxNode } from "./softmax.js";

export type { ActivationLayer, ActivationNode } from "./activation.js";
export type { AddLayer, AddNode } from "./add.js";
export type { AvgPoolLayer, AvgPoolNode, GlobalAvgPoolNode } from "./avgpool.js";
export type { BatchNormNode } from "./batchnorm.js";
export type { BinaryLayer, BinaryNode } from "./binary.js";
export type { DropoutNode, InputNode, QuantizeNode } from "./boundary.js";
export type { ConcatLayer, ConcatNode } from "./concat.js";
export type { ConstantLayer, ConstantNode } from "./constant.js";
export type { ConvLayer, ConvNode } from "./conv.js";
export type { DenseLayer, DenseNode } from "./dense.js";
export type { ElementwiseLayer, ElementwiseNode } from "./elementwise.js";
export type { GatherLayer, GatherNode, PadNode, SliceNode } from "./gather.js";
export type { MatmulLayer, MatmulNode } from "./matmul.js";
export type { MaxPoolLayer, MaxPoolNode } from "./maxpool.js";
export type { PermuteLayer, PermuteNode } from "./permute.js";
export type { LeakyReluNode, ReluNode } from "./relu.js";
export type { ResampleLayer, ResampleNode } from "./resample.js";
export type { SoftmaxLayer, SoftmaxNode } from "./softmax.js";

/** A layer of a deployable model. Its kind is `op`; docs/format.md says what each kind computes. */
export type Layer =
  | ConvLayer
  | DenseLayer
  | MaxPoolLayer
  | AvgPoolLayer
  | AddLayer
  | ConcatLayer
  | GatherLayer
  | PermuteLayer
  | ActivationLayer
  | ElementwiseLayer
  | BinaryLayer
  | MatmulLayer
  | ConstantLayer
  | ResampleLayer
  | SoftmaxLayer;

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

/** The layers of one kind. */
export type LayerOf<Op extends Layer["op"]> = Extract<Layer, { op: Op }>;

/** The nodes of one kind. */
export type NodeOf<Op extends Node["op"]> = Extract<Node, { op: Op }>;

/** A node that has no name yet. */
export type Unnamed<N extends Node = Node> = N extends Node ? Omit<N, "name"> : never;

/** The kinds of layers by name. */
export const LAYERS = {
  conv: convLayer,
  dense: denseLayer,
  maxPool: maxPoolLayer,
  avgPool: avgPoolLayer,
  add: addLayer,
  concat: concatLayer,
  gather: gatherLayer,
  permute: permuteLayer,
  activation: activationLayer,
  elementwise: elementwiseLayer,
  binary: binaryLayer,
  matmul: matmulLayer,
  constant: constantLayer,
  resample: resampleLayer,
  softmax: softmaxLayer,
} satisfies { readonly [Op in Layer["op"]]: LayerKind<LayerOf<Op>> };

/** The kinds of nodes by name. */
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
} satisfies { readonly [Op in Node["op"]]: NodeKind<NodeOf<Op>> };

/** The record of a layer's kind. The table's type says that it is one of just this kind. */
export function layerKind(layer: Layer): LayerKind<Layer> {
  return LAYERS[layer.op] as LayerKind<Layer>;
}

/** The tensors that a layer reads, in the order of its fields. */
export function layerInputs(layer: Layer): readonly string[] {
  return namesOf(LAYERS[layer.op].fields, layer);
}

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
