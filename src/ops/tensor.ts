// tensor.ts: what a tensor is: shape, encoding of its raw values, weights, and the small records that layers share.

/** Channels, height, width of one image; a vector is [n, 1, 1]. */
export type Shape = readonly [channels: number, height: number, width: number];

/**
 * The way in which a tensor's real values are held.
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

/** The shape of a tensor (channels, rows, columns), and how its values are held. */
export interface TensorSpec {
  readonly shape: Shape;
  readonly encoding: Encoding;
}

/** The mean and deviation that make a pixel 0..255 the network's float input: (pixel / 255 - mean[c]) / std[c]. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Weighted sums along one axis. Each output position has n taps: weights[i * n + k] times the value at indices[i * n +
 * k].
 */
export interface AxisWeights {
  readonly indices: readonly number[];
  readonly weights: readonly number[];
}

/** Tables of levels for the output channels of a layer, each of which has one of them. */
export interface ChannelBooks {
  /** Distinct integers each, ascending; all together they are the layer's levels. */
  readonly tables: readonly (readonly number[])[];
  /** The table of every output channel. */
  readonly of: Uint8Array;
}

/**
 * Weights of one convolution or dense layer.
 * - codes: every weight is 0 or +-2^e with n2 <= e <= n1, n2 = n1 + 1 - 2^(bits - 2) (INQ, section 2.1).
 *   A code is a magnitude digit m in 0..2^(bits - 2) and a sign; m = 0 is zero, else |w| = 2^(n2 + m - 1).
 *   In the integer accumulator the weight counts as +-2^(m - 1).
 * - codebook: every weight is one of a layer's levels, integers of any size that the sums have room for; in the
 *   accumulator the weight counts as its level. Scales of channels are in the epilogue. With `books` the weights of a channel
 *   have the levels of its table only, and the file holds indices into that.
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
      readonly books?: ChannelBooks;
    }
  | { readonly kind: "float32"; readonly values: Float32Array };

/** A tensor's raw values with what they mean. Float32Array holds the integers 0..255 exactly as well. */
export interface Values {
  readonly spec: TensorSpec;
  readonly raw: Float32Array;
}
