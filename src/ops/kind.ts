// kind.ts: what has to be said of one kind of layer and of one kind of node: src/ops/<kind>.ts says it.
import type { Check } from "../format/index.js";
import type { Ending } from "./epilogue.js";
import type { FieldsOf } from "./field.js";
import type { LayerBase, Lowering } from "./lowering.js";
import type { Shape, TensorSpec, Values } from "./tensor.js";

/** The fields of every node: its kind, and a name that is also that of its tensor. */
export interface NodeBase {
  readonly op: string;
  readonly name: string;
}

/** One kind of layer of the deployable model. */
export interface LayerKind<L extends LayerBase> {
  /** The first version of the file format that has the kind. */
  readonly since: number;
  /** The fields in the order in which a file has them. */
  readonly fields: FieldsOf<L>;
  /**
   * Checks that shapes, numbers and encodings belong together.
   * @param inputs the tensors that the fields name, in order
   * @throws BAD_GRAPH; OVERFLOW where an int32 sum could be exceeded
   */
  check(layer: L, inputs: readonly TensorSpec[], output: TensorSpec, check: Check): void;
  /**
   * Computes the layer in plain TypeScript, slowly and obviously right.
   * @param inputs the tensors that the fields name, in order
   * @returns raw values of the output, (channel, row, column)
   */
  run(layer: L, inputs: readonly Values[], output: TensorSpec): Float32Array;
}

/**
 * The part that a node has in a chain, the nodes that run as one layer:
 * - input: the network's input, which may be rounded;
 * - product: sums of products with weights, the head of a chain, which a batch norm may follow;
 * - mean: sums over windows, the head of a chain;
 * - norm: scale and offset of every channel;
 * - sum: a second operand, which chains whose head takes one take in;
 * - clamp: bounds;
 * - float: a function of real values, which runs in a layer of its own and whose result may be rounded;
 * - matrix: sums of products of two tensors, a layer of its own, whose float32 result another layer may round;
 * - move: hands on the values of its input as they are, in other places;
 * - pass: hands on its input as it is;
 * - round: rounds its input to an encoding, the end of a chain;
 * - constant: values that do not depend on the input.
 */
export type Role =
  | "input"
  | "product"
  | "mean"
  | "norm"
  | "sum"
  | "clamp"
  | "float"
  | "matrix"
  | "move"
  | "pass"
  | "round"
  | "constant";

/** One kind of node of the float network. */
export interface NodeKind<N extends NodeBase> {
  /** The first version of the file format that has the kind. */
  readonly since: number;
  /** The fields in the order in which a file has them. */
  readonly fields: FieldsOf<N>;
  role(node: N): Role;
  /** The part of an epilogue that a node with the role clamp is, in real values; null for other roles. */
  ending?(node: N): Ending | null;
  /** Whether the layer of a chain that this kind begins can add a second operand to its sums. */
  readonly takesOperand?: boolean;
  /**
   * Gives the shape of the node's tensor.
   * @param inputs shapes of the tensors that the fields name, in order
   * @throws BAD_GRAPH where the node's sizes do not fit them
   */
  shape(node: N, inputs: readonly Shape[], check: Check): Shape;
  /**
   * Checks the values that the shape does not depend on; parameters are known to be finite.
   * @throws BAD_GRAPH
   */
  check?(node: N, check: Check): void;
  /** Adds the layer that a chain with this head becomes. */
  lower(node: N, lowering: Lowering): void;
}
