// network.ts: the trainable float network as data: nodes in topological order, parameters beside them.
import type { ActivationName, BinaryName, Encoding, Normalization, Shape, Taps } from "../format/index.js";

/** A dense row-major float32 array with its dimensions. Training updates `data` in place. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface InputNode {
  readonly op: "input";
  readonly name: string;
  readonly shape: Shape;
  readonly normalization?: Normalization;
}

/** Cross-correlation. weight (out, in / groups, kernel height, kernel width), bias (out) or null. */
export interface ConvNode {
  readonly op: "conv";
  readonly name: string;
  readonly input: string;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly stride: readonly [vertical: number, horizontal: number];
  readonly dilation: readonly [vertical: number, horizontal: number];
  readonly padding: readonly [top: number, left: number, bottom: number, right: number];
  readonly groups: number;
}

/** y = W x + b over the input flattened as (channel, row, column). weight (out, in). */
export interface DenseNode {
  readonly op: "dense";
  readonly name: string;
  readonly input: string;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta, per channel; mean and variance are the running ones. */
export interface BatchNormNode {
  readonly op: "batchNorm";
  readonly name: string;
  readonly input: string;
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly epsilon: number;
  /** running = (1 - momentum) running + momentum batch */
  readonly momentum: number;
}

/** y = max(x, 0), or min(max(x, 0), max) with `max` (ReLU6). */
export interface ReluNode {
  readonly op: "relu";
  readonly name: string;
  readonly input: string;
  readonly max?: number;
}

/** y = x where x >= 0, slope x elsewhere; slope in 0..1. */
export interface LeakyReluNode {
  readonly op: "leakyRelu";
  readonly name: string;
  readonly input: string;
  readonly slope: number;
}

/** Any other function of every value; those that have a node of their own are not written like this. */
export interface ActivationNode {
  readonly op: "activation";
  readonly name: string;
  readonly input: string;
  readonly fn: Exclude<ActivationName, "leakyRelu">;
  readonly parameters: readonly number[];
}

export interface MaxPoolNode {
  readonly op: "maxPool";
  readonly name: string;
  readonly input: string;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
  /** 1, 1 unless given. */
  readonly dilation?: readonly [number, number];
}

/** Mean over windows without padding. */
export interface AvgPoolNode {
  readonly op: "avgPool";
  readonly name: string;
  readonly input: string;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
}

/** Mean over all rows and columns: [c, h, w] to [c, 1, 1]. */
export interface GlobalAvgPoolNode {
  readonly op: "globalAvgPool";
  readonly name: string;
  readonly input: string;
}

export interface AddNode {
  readonly op: "add";
  readonly name: string;
  readonly inputs: readonly [string, string];
}

export interface ConcatNode {
  readonly op: "concat";
  readonly name: string;
  readonly inputs: readonly string[];
}

/** A function of two values. Axes of length 1 are repeated; equal shapes that are added are an `add`. */
export interface BinaryNode {
  readonly op: "binary";
  readonly name: string;
  readonly fn: BinaryName;
  readonly inputs: readonly [string, string];
}

/** Values (channel, row, column) that do not depend on the input. */
export interface ConstantNode {
  readonly op: "constant";
  readonly name: string;
  readonly value: Tensor;
}

/** output[c][y][x] = input[channels[c]][rows[y]][columns[x]], or `value` where one of the three is -1. */
export interface GatherNode {
  readonly op: "gather";
  readonly name: string;
  readonly input: string;
  readonly channels: readonly number[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  readonly value: number;
}

/** The input read as an array of `dims`, axis i of the result being axis order[i], and that read as `shape`. */
export interface PermuteNode {
  readonly op: "permute";
  readonly name: string;
  readonly input: string;
  readonly dims: readonly number[];
  readonly order: readonly number[];
  readonly shape: Shape;
}

/** Weighted sums of rows and columns: interpolation. */
export interface ResampleNode {
  readonly op: "resample";
  readonly name: string;
  readonly input: string;
  readonly shape: Shape;
  readonly rows: Taps;
  readonly columns: Taps;
}

/** exp(x) / sum of exp(x) along one axis of (channel, row, column). */
export interface SoftmaxNode {
  readonly op: "softmax";
  readonly name: string;
  readonly input: string;
  readonly axis: 0 | 1 | 2;
}

/** Surrounds its input with a constant, so many planes, rows and columns of it. */
export interface PadNode {
  readonly op: "pad";
  readonly name: string;
  readonly input: string;
  readonly channels: readonly [front: number, back: number];
  readonly rows: readonly [top: number, bottom: number];
  readonly columns: readonly [left: number, right: number];
  readonly value: number;
}

/** Every step-th element from start up to, not including, stop: each (channel, row, column), 0 <= start < stop. */
export interface SliceNode {
  readonly op: "slice";
  readonly name: string;
  readonly input: string;
  readonly start: Shape;
  readonly stop: Shape;
  readonly step: Shape;
}

/** In training each value is 0 with probability `rate`, else divided by 1 - rate; in inference the identity. */
export interface DropoutNode {
  readonly op: "dropout";
  readonly name: string;
  readonly input: string;
  /** In 0..1, 1 excluded. */
  readonly rate: number;
}

/**
 * Rounds its input to an activation encoding and hands on the real value of the level: what inference will see.
 * Backward is straight-through inside the encoding's range and zero outside.
 */
export interface QuantizeNode {
  readonly op: "quantize";
  readonly name: string;
  readonly input: string;
  readonly encoding: Encoding;
}

export type Node =
  | InputNode
  | ConvNode
  | DenseNode
  | BatchNormNode
  | ReluNode
  | LeakyReluNode
  | ActivationNode
  | MaxPoolNode
  | AvgPoolNode
  | GlobalAvgPoolNode
  | AddNode
  | ConcatNode
  | BinaryNode
  | ConstantNode
  | GatherNode
  | PermuteNode
  | ResampleNode
  | SoftmaxNode
  | PadNode
  | SliceNode
  | DropoutNode
  | QuantizeNode;

/** One image in, logits out. A node's name is also the name of the tensor it makes. Nodes are in topological order. */
export interface Network {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly outputs: readonly string[];
  readonly labels?: readonly string[];
}

/**
 * What has been decided for the weights of one conv or dense node: frozen[i] = 1 where weight i must not change any more,
 * since it already equals fround(scale[c] * level) to the bit, c its output channel and level one of the grid's. Keyed by
 * node name in a WeightGrids map.
 * - powers: the levels are 0 and +-2^n2..2^n1, n2 = n1 + 1 - 2^(bits - 2) (INQ); scale null stands for 1.
 * - codebook: the levels are integers, as the model file's `Weights` have them.
 * Scales are finite and positive, one an output channel. They end up in the epilogue.
 */
export type WeightGrid =
  | {
      readonly kind: "powers";
      readonly bits: 2 | 3 | 4 | 5;
      readonly n1: number;
      readonly scale: Float32Array | null;
      readonly frozen: Uint8Array;
    }
  | {
      readonly kind: "codebook";
      readonly levels: readonly number[];
      readonly scale: Float32Array;
      readonly frozen: Uint8Array;
    };
export type WeightGrids = ReadonlyMap<string, WeightGrid>;
