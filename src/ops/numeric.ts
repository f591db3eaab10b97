// numeric.ts: the float32 arithmetic that every executor must do alike: rounding, bounds, levels, pixels.
import { zeroOf } from "./geometry.js";
import type { Encoding, Normalization, TensorSpec, Values, Weights } from "./tensor.js";

const TWO_23 = 8388608;

/** Half to even, for float32 values in 0..2^22: adding 2^23 leaves no bits for the fraction. */
export function roundHalfEven(z: number): number {
  return Math.fround(z + TWO_23) - TWO_23;
}

/** The larger of the maximum so far and one more value: the first of equal ones, whatever their sign, and NaN if either is. */
export function maximum(best: number, value: number): number {
  return Number.isNaN(best) || value <= best ? best : value;
}

/**
 * The float32 bounds an epilogue clamps to, in units of the output's encoding: the layer's own clamp and, for a
 * linear encoding, its range 0..max.
 */
export function epilogueBounds(
  clamp: { readonly low?: number; readonly high?: number },
  encoding: Encoding,
): { low: number; high: number } {
  const scale = encoding.kind === "float32" ? 1 : encoding.scale;
  const zero = encoding.kind === "linear" ? encoding.zero : 0;
  let low = clamp.low === undefined ? -Infinity : Math.fround(clamp.low / scale + zero);
  let high = clamp.high === undefined ? Infinity : Math.fround(clamp.high / scale + zero);
  if (encoding.kind === "linear") {
    low = Math.min(Math.max(low, 0), encoding.max);
    high = Math.max(Math.min(high, encoding.max), 0);
  }
  return { low, high };
}

/** z held within low..high. A NaN stays one in float32; integers have none, so with them it counts as low. */
export function clampTo(z: number, low: number, high: number, encoding: Encoding): number {
  // comparisons, not Math.min and max: those would turn -0 into 0
  // biome-ignore lint/complexity/useMathMinMax: see above
  if (encoding.kind === "float32") return z < low ? low : z > high ? high : z;
  // biome-ignore lint/complexity/useMathMinMax: a NaN compares with nothing, and is to become low
  return z > low ? (z > high ? high : z) : low;
}

/** Raw value of z, already clamped: a float32, or an integer 0..255. */
export function encodeClamped(z: number, encoding: Encoding): number {
  if (encoding.kind === "float32") return z;
  if (encoding.kind === "linear") return roundHalfEven(z);
  let k = 0;
  while (k < encoding.thresholds.length && z >= Math.fround(encoding.thresholds[k])) k++;
  return encoding.levels[k];
}

/** Scale and offset that take a real input value to z: z = fround(fround(x * scale) + offset). */
export function inputAffine(encoding: Encoding): { scale: number; offset: number } {
  if (encoding.kind === "float32") return { scale: 1, offset: 0 };
  return { scale: Math.fround(1 / encoding.scale), offset: encoding.kind === "linear" ? encoding.zero : 0 };
}

/** Raw value of a real input value. */
export function encodeInput(x: number, encoding: Encoding): number {
  return encoderOf(encoding)(x);
}

/** Raw values of real ones in this encoding. */
export function encoderOf(encoding: Encoding): (x: number) => number {
  if (encoding.kind === "float32") return Math.fround;
  const { scale, offset } = inputAffine(encoding);
  const { low, high } = epilogueBounds({}, encoding);
  return (x) => {
    const z = Math.fround(Math.fround(Math.fround(x) * scale) + offset);
    return encodeClamped(clampTo(z, low, high, encoding), encoding);
  };
}

/** Real values of the raw integers 0..255; for float32 a value is its own. */
export function decoderOf(encoding: Encoding): (raw: number) => number {
  if (encoding.kind === "float32") return (x) => x;
  const table = toReal(
    Float32Array.from({ length: 256 }, (_, q) => q),
    encoding,
  );
  return (q) => table[q];
}

/** Real value of pixel 0..255 of a channel: (pixel / 255 - mean) / std, every step in float32. */
export function pixelToReal(pixel: number, channel: number, normalization: Normalization): number {
  const { mean, std } = normalization;
  const centred = Math.fround(Math.fround(pixel / 255) - Math.fround(mean[channel]));
  return Math.fround(centred / Math.fround(std[channel]));
}

/** Real values of all 256 pixels of one channel. */
export function pixelTable(channel: number, normalization: Normalization): Float32Array {
  return Float32Array.from({ length: 256 }, (_, pixel) => pixelToReal(pixel, channel, normalization));
}

/** Real values of raw ones; float32 arrays are handed back as they are. */
export function toReal(raw: Float32Array, encoding: Encoding): Float32Array {
  if (encoding.kind === "float32") return raw;
  const scale = Math.fround(encoding.scale);
  const zero = zeroOf(encoding);
  return raw.map((q) => Math.fround(scale * (q - zero)));
}

/** The integer a code counts as in an accumulator (+-2^(m - 1) or 0, or its level), or the float weight. */
export function weightValues(weights: Weights): Float32Array {
  if (weights.kind === "float32") return weights.values;
  const { codes } = weights;
  // not from(codes, ...): that makes a list of all codes first
  const values = new Float32Array(codes.length);
  const real = weights.kind === "codebook" ? (code: number) => weights.levels[code] : digitValue;
  for (let i = 0; i < codes.length; i++) values[i] = real(codes[i]);
  return values;
}

function digitValue(m: number): number {
  return m === 0 ? 0 : Math.sign(m) * 2 ** (Math.abs(m) - 1);
}

/** A function of every real value of a tensor, and of its place, as raw values of another. */
export function applied(f: (x: number, i: number) => number, { spec, raw }: Values, output: TensorSpec): Float32Array {
  const real = decoderOf(spec.encoding);
  const encode = encoderOf(output.encoding);
  return raw.map((value, i) => encode(f(real(value), i)));
}
