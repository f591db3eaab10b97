// model.ts: the deployable model as data, what the file holds and the runtime runs.

/** Channels, height, width of one image; a vector is [n, 1, 1]. */
export type Shape = readonly [channels: number, height: number, width: number];

/**
 * How a tensor's real values are held.
 * - float32: as they are.
 * - linear: real = scale * (q - zero), q an integer in 0..max, max <= 255. `zero` is an integer in 0..max.
 * - levels: real = scale * levels[k], levels ascending integers from 0 up to at most 255 (LogQuant, or any table).
 *   The planes hold levels[k] itself. A value z = real / scale takes level k while
 *   thresholds[k - 1] <= z < thresholds[k]; there is one threshold fewer than levels. Each is a float32.
 */
export type Encoding =
  | { readonly kind: "float32" }
  | { readonly kind: "linear"; readonly scale: number; readonly zero: number; readonly max: number }
  | {
      readonly kind: "levels";
      readonly scale: number;
      readonly levels: readonly number[];
      readonly thresholds: readonly number[];
    };

export interface TensorSpec {
  readonly shape: Shape;
  readonly encoding: Encoding;
}

/**
 * Bounds of real values; either may be absent. ReLU is { low: 0 }. An epilogue applies them to its z (below) as
 * fround(low / scale + zero) and fround(high / scale + zero) with the output's scale and zero point, 1 and 0 for float32.
 */
export interface Clamp {
  readonly low?: number;
  readonly high?: number;
}

/**
 * Weights of one convolution or dense layer.
 * - codes: every weight is 0 or +-2^e with n2 <= e <= n1, n2 = n1 + 1 - 2^(bits - 2) (INQ, section 2.1).
 *   A code is a magnitude digit m in 0..2^(bits - 2) and a sign; m = 0 is zero, else |w| = 2^(n2 + m - 1).
 *   In the integer accumulator the weight counts as +-2^(m - 1).
 * - codebook: every weight is one of a layer's levels, integers of any size that the sums have room for; in the
 *   accumulator the weight counts as its level. Scales of channels are in the epilogue.
 * - float32: as they are.
 */
export type Weights =
  | {
      readonly kind: "codes";
      readonly bits: 2 | 3 | 4 | 5;
      readonly n1: number;
      /** Signed digits, +-m, row-major (out, in / groups, kernel height, kernel width). */
      readonly codes: Int8Array;
    }
  | {
      readonly kind: "codebook";
      /** 2..128 distinct integers, ascending, |level| <= 16383. */
      readonly levels: readonly number[];
      /** Indices into levels, in the same order. */
      readonly codes: Uint8Array;
    }
  | { readonly kind: "float32"; readonly values: Float32Array };

/**
 * What every computing layer ends with, in float32, one rounding an operation, in this order:
 *   z = fround(fround(scale[c] * acc) + offset[c])          acc: int32 sum rounded to float32 (or a float layer's sum)
 *   z = fround(z + fround(residualScale * r))               r: the residual operand's raw integer (or float)
 *   z = min(max(z, low), high)
 *   encode z as the output's encoding (linear: round half to even, then 0..max)
 * z counts in units of the output's scale, with its zero added: the file holds scale and offset ready folded.
 */
export interface Epilogue {
  readonly scale: Float32Array;
  readonly offset: Float32Array;
  readonly clamp: Clamp;
}

export interface Residual {
  readonly tensor: string;
  /** scale of the residual's encoding / scale of the output's; its zero point is folded into `offset`. */
  readonly scale: number;
}

export interface ConvLayer {
  readonly op: "conv";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [vertical: number, horizontal: number];
  readonly dilation: readonly [vertical: number, horizontal: number];
  readonly padding: readonly [top: number, left: number, bottom: number, right: number];
  readonly groups: number;
  readonly weights: Weights;
  readonly epilogue: Epilogue;
  readonly residual?: Residual;
}

/** y = W x over the input flattened as (channel, row, column). Output shape [n, 1, 1]. */
export interface DenseLayer {
  readonly op: "dense";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly weights: Weights;
  readonly epilogue: Epilogue;
}

/** Maximum over windows; padding never wins. Input and output share one encoding. */
export interface MaxPoolLayer {
  readonly op: "maxPool";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
  /** 1, 1 unless given. */
  readonly dilation?: readonly [number, number];
}

/** Sum over windows, then the epilogue with a scale and offset that every channel shares (length 1). No padding. */
export interface AvgPoolLayer {
  readonly op: "avgPool";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly epilogue: Epilogue;
}

/**
 * The sum of two tensors that no convolution could take in: acc is input a's raw value, b the residual. Scale and offset
 * have length 1.
 */
export interface AddLayer {
  readonly op: "add";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly epilogue: Epilogue;
  readonly residual: Residual;
}

/** Channels of several tensors one after the other; all share the output's encoding. */
export interface ConcatLayer {
  readonly op: "concat";
  readonly name: string;
  readonly inputs: readonly string[];
  readonly output: string;
}

/**
 * Moves raw values: output[c][y][x] = input[channels[c]][rows[y]][columns[x]], or the raw value of `value` where one of
 * the three is -1. Slices, splits, paddings, enlargements by repetition and zeros in between are all of this form. Input
 * and output share one encoding.
 */
export interface GatherLayer {
  readonly op: "gather";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly channels: readonly number[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** A real value. */
  readonly value: number;
}

/**
 * Moves raw values: the input read as an array of `dims`, its axes brought into `order` (axis i of the result is axis
 * order[i]), the result read as the output's shape. Input and output share one encoding.
 */
export interface PermuteLayer {
  readonly op: "permute";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly dims: readonly number[];
  readonly order: readonly number[];
}

/** Functions of one value, with how many parameters each has; `activationOf` computes them. */
export const ACTIVATIONS = {
  clip: 2,
  elu: 1,
  hardSigmoid: 2,
  hardSwish: 0,
  leakyRelu: 1,
  sigmoid: 0,
  tanh: 0,
} as const;
export type ActivationName = keyof typeof ACTIVATIONS;

/** A function of every real value. Any encodings. */
export interface ActivationLayer {
  readonly op: "activation";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly fn: ActivationName;
  readonly parameters: readonly number[];
}

/** prelu: a where a >= 0, else a b. */
export const BINARY_FUNCTIONS = ["add", "sub", "mul", "div", "prelu"] as const;
export type BinaryName = (typeof BINARY_FUNCTIONS)[number];

/** A function of two real values, `input` and `other`; an axis of length 1 meets every index. Any encodings. */
export interface BinaryLayer {
  readonly op: "binary";
  readonly name: string;
  readonly input: string;
  readonly other: string;
  readonly output: string;
  readonly fn: BinaryName;
}

/** Float32 values that the model holds. */
export interface ConstantLayer {
  readonly op: "constant";
  readonly name: string;
  readonly output: string;
  readonly values: Float32Array;
}

/** For each output position n taps: weights[i * n + k] times the value at indices[i * n + k]. */
export interface Taps {
  readonly indices: readonly number[];
  readonly weights: readonly number[];
}

/** Weighted sums along rows and columns: enlarging and shrinking by interpolation. Any encodings. */
export interface ResampleLayer {
  readonly op: "resample";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly rows: Taps;
  readonly columns: Taps;
}

/** exp(x - max) / sum of those along one axis of (channel, row, column). Any encodings. */
export interface SoftmaxLayer {
  readonly op: "softmax";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly axis: 0 | 1 | 2;
}

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
  | BinaryLayer
  | ConstantLayer
  | ResampleLayer
  | SoftmaxLayer;

/** The tensors that a layer reads. */
export function layerInputs(layer: Layer): readonly string[] {
  switch (layer.op) {
    case "constant":
      return [];
    case "concat":
      return layer.inputs;
    case "binary":
      return [layer.input, layer.other];
    case "conv":
    case "add":
      return layer.residual ? [layer.input, layer.residual.tensor] : [layer.input];
    default:
      return [layer.input];
  }
}

/** How a pixel 0..255 becomes the network's float input: (pixel / 255 - mean[c]) / std[c]. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface Port {
  readonly name: string;
  readonly tensor: string;
}

/** The host encodes a float32 value x for an integer tensor as an epilogue with scale fround(1 / scale) and offset zero. */
export interface InputPort extends Port {
  readonly normalization?: Normalization;
}

/** A deployable model. Layers are in execution order; every tensor is written by one layer or is an input. */
export interface ModelDef {
  readonly name: string;
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly Port[];
  readonly labels?: readonly string[];
  readonly tensors: { readonly [name: string]: TensorSpec };
  readonly layers: readonly Layer[];
  /** Free text about how the model came to be (training command, accuracy); shown by `inspect`, never interpreted. */
  readonly notes?: { readonly [key: string]: string };
}
