// fold.ts: scales, zero points, biases and batch norms folded into the two numbers a channel of an epilogue.
//
// With s the scale and o the zero point of an encoding (1 and 0 for float32), a layer's real result in channel c is
//   y = a (u s_in (acc - o_in sum_c) + bias) + b + s_r (r - o_r),    a = gamma / sqrt(variance + epsilon),
// where u is the real value of one unit of the channel's weights, sum_c the sum of the channel's integer weights (padding holds
// o_in, so every tap counts) and b = beta - a mean. In units of the output, z = y / s_out + o_out, that is
//   z = scale acc + offset + residualScale r.

import type { Ending, Epilogue } from "./epilogue.js";
import type { Tensor } from "./field.js";
import { scaleOf, zeroOf } from "./geometry.js";
import type { Encoding } from "./tensor.js";

/** A batch norm as epilogues fold it: y = gamma (x - mean) / sqrt(variance + epsilon) + beta. */
export interface Norm {
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly epsilon: number;
}

export interface Affine {
  readonly channels: number;
  readonly input: Encoding;
  readonly output: Encoding;
  /**
   * Real value of one unit of each channel's weights, 1 for float weights, 1 / window for mean pools; one value may stand
   * for all.
   */
  readonly units: ArrayLike<number>;
  /** Sum of the integer weights of each channel; one value may stand for all. Unused for float32 inputs. */
  readonly sums: ArrayLike<number>;
  readonly bias?: Float32Array | null;
  readonly norm?: Norm | null;
  readonly residual?: Encoding | null;
  readonly ending: Ending;
}

export interface Folded {
  readonly epilogue: Epilogue;
  readonly residualScale: number;
}

/** Folds in float64 and rounds each result once; offsets use the rounded scales, so that zero points cancel exactly. */
export function foldEpilogue(affine: Affine): Folded {
  const { channels, input, output, units, sums, bias, norm, residual, ending } = affine;
  const step = scaleOf(output);
  const zero = zeroOf(output);
  const zeroIn = zeroOf(input);
  const residualScale = residual ? Math.fround(scaleOf(residual) / step) : 0;
  const residualZero = residual ? zeroOf(residual) : 0;
  const scale = new Float32Array(channels);
  const offset = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    const a = norm ? norm.gamma.data[c] / Math.sqrt(norm.variance.data[c] + norm.epsilon) : 1;
    const b = norm ? norm.beta.data[c] - a * norm.mean.data[c] : 0;
    const unit = units[units.length === 1 ? 0 : c];
    scale[c] = (a * unit * scaleOf(input)) / step;
    const constant = (a * (bias ? bias[c] : 0) + b) / step + zero;
    const sum = zeroIn === 0 ? 0 : sums[sums.length === 1 ? 0 : c];
    offset[c] = constant - scale[c] * zeroIn * sum - residualScale * residualZero;
  }
  return { epilogue: { scale, offset, ...ending }, residualScale };
}
