// quantizer.ts: what every weight quantizer is: float weights of a layer to codes of a table of integer levels.

import { greatestOf, is, type Kind, ShiftwiseError } from "../base/index.js";
import { LEVEL_MAX, LEVELS_MAX } from "../format/index.js";
import { BOOKS, type ChannelBooks } from "../ops/index.js";
import { SMALLEST_SCALE } from "./channels.js";
import { integerLevels } from "./integers.js";
import { largestMagnitude } from "./levels.js";

/** Weights of one layer on a grid: weight i of output channel c is fround(scale[c] * levels[codes[i]]). */
export interface Fit {
  /** 2..128 distinct integers, ascending. */
  readonly levels: readonly number[];
  /** One positive number for each output channel. */
  readonly scale: Float32Array;
  /** Indices into levels, row-major like the weights. */
  readonly codes: Uint8Array;
  /** The levels that each channel may have; default: all. */
  readonly books?: ChannelBooks;
  /** The real levels that the integers stand for, by code; what a quantizer that learns its levels moves. */
  readonly ideal: Float64Array;
}

/** A layer as a quantizer knows it. */
export interface LayerInfo {
  /** The name of the layer, for error messages. */
  readonly name: string;
  /** The shape of the weights, output channels first. */
  readonly shape: readonly number[];
  /** Bits of a code; 1 where the method has one width only. */
  readonly bits: number;
}

/**
 * A method that puts weights on levels. `fit` depends on its arguments alone; `before` is the fit of the same layer in the
 * last step of retraining, where a method goes on from it: warm starts, fixed assignments, learned levels.
 */
export interface Quantizer {
  /** The name in every command. */
  readonly name: string;
  /** A description of levels and rounding, for the table in docs/methods.md. */
  readonly about?: string;
  /** Widths it is defined for. */
  readonly bits: readonly number[];
  /** Whether levels are zero and signed powers of two, which grids and files hold by exponent. Default: a codebook. */
  readonly exponents?: boolean;
  /**
   * The tables of integer levels of a width, where they are fixed and each channel takes one: rounding with compensation then
   * chooses it by the errors of the outputs.
   */
  tables?(bits: number): readonly (readonly number[])[];
  /**
   * Whether retraining moves `ideal` along the summed gradients of the weights at each level (TTQ, Deep Compression).
   * Level 0 stays.
   */
  readonly learns?: boolean;
  /** @throws BAD_DATA for weights it has no levels for, such as a largest one below 2^-118, BAD_OPTION for bits it does not know, naming the layer. */
  fit(weights: Float32Array, layer: LayerInfo, before?: Fit): Fit;
}

const CODED = is.record<Omit<Fit, "ideal">>({
  levels: is.list(is.number),
  scale: is.floats,
  codes: is.bytes,
  books: is.optional(BOOKS),
});
const IDEAL = is.record<Pick<Fit, "ideal">>({ ideal: is.array("Float64Array") });

/** Weights by their codes, which are of the levels, as many for every channel. */
const CODES: Kind = (value, where) => {
  CODED(value, where);
  const { codes, levels, scale, ideal } = value as Fit;
  if (codes.length % scale.length !== 0) throw is.refused(`${where}.codes`, `a multiple of ${scale.length}`, codes);
  const count = Math.min(levels.length, ideal?.length ?? levels.length);
  const bad = codes.findIndex((code) => code >= count);
  if (bad >= 0) throw is.refused(`${where}.codes[${bad}]`, `0..${count - 1}`, codes[bad]);
};

export const LAYER_INFO = is.record<LayerInfo>({
  name: is.text,
  shape: is.list(is.integer(1)),
  bits: is.number,
});

/**
 * Checks that a value is a quantizer.
 * @internal
 */
export const QUANTIZER = is.record<Quantizer>({
  name: is.text,
  bits: is.list(is.number),
  about: is.optional(is.text),
  exponents: is.optional(is.boolean),
  learns: is.optional(is.boolean),
  tables: is.optional(is.callback),
  fit: is.callback,
});

/**
 * Checks that a value is a whole fit, whose codes are of its levels.
 * @internal
 */
export const FIT: Kind = is.both(IDEAL, CODES);

const INT32_MAX = 0x7fffffff;
const ACTIVATION_MAX = 255;

/** @throws BAD_OPTION naming the layer. */
export function checkQuantizerBits(bits: number, allowed: readonly number[], layer: LayerInfo): void {
  if (allowed.includes(bits)) return;
  throw new ShiftwiseError("BAD_OPTION", "bits that the method does not have", {
    expected: allowed.join(", "),
    found: bits,
    where: layer.name,
  });
}

/**
 * Checks the weights of a layer.
 * @returns the largest magnitude
 * @throws BAD_DATA for a weight that is not finite, or none at all, and for weights that are too small.
 */
export function checkWeights(weights: Float32Array, name: string): number {
  if (weights.length === 0) throw new ShiftwiseError("BAD_DATA", "a layer without weights", { where: name });
  return largestMagnitude(weights, name);
}

/** A fit whose levels are integers already, with a real unit for each output channel or one for all. */
export function integerFit(
  levels: readonly number[],
  codes: Uint8Array,
  unit: number | Float32Array,
  layer: LayerInfo,
): Fit {
  const [outputs] = layer.shape;
  const scale = typeof unit === "number" ? new Float32Array(outputs).fill(unit) : unit;
  // a channel of zeros, or of weights below float32, has any scale, and its weights are as near to 0 as they can be
  const zero = levels.indexOf(0);
  for (let c = 0; c < outputs; c++) {
    if (scale[c] > 0) continue;
    scale[c] = zero >= 0 ? 1 : SMALLEST_SCALE;
    if (zero >= 0) codes.fill(zero, (c * codes.length) / outputs, ((c + 1) * codes.length) / outputs);
  }
  checkSums(levels, layer);
  const ideal = Float64Array.from(levels, (level) => level * scale[0]);
  return { levels, scale, codes, ideal };
}

/**
 * A fit from real levels, rising, that become integers of one scale within 2 % (integers.ts). Levels that fall on one
 * integer are merged.
 * @throws OVERFLOW naming the layer if sums of its weights could leave int32 even so
 */
export function realFit(real: Float64Array, codes: Uint8Array, layer: LayerInfo): Fit {
  if (real.every((level) => level === 0)) {
    return { ...integerFit([0, 1], new Uint8Array(codes.length), 1, layer), ideal: real };
  }
  const room = Math.floor(INT32_MAX / (ACTIVATION_MAX * depthOf(layer)));
  const { integers, step } = integerLevels(real, Math.max(room, 1));
  const levels = [...new Set(integers)].sort((a, b) => a - b);
  if (levels.length === 1) levels.push(levels[0] + 1);
  const index = integers.map((n) => levels.indexOf(n));
  const merged = codes.map((code) => index[code]);
  return { ...integerFit(levels, merged, Math.fround(step), layer), ideal: idealOf(real, index, levels.length) };
}

/** The real levels behind the integers; of merged ones the last. */
function idealOf(real: Float64Array, index: readonly number[], count: number): Float64Array {
  const ideal = new Float64Array(count);
  index.forEach((at, k) => {
    ideal[at] = real[k];
  });
  return ideal;
}

function depthOf({ shape }: LayerInfo): number {
  return shape.slice(1).reduce((product, n) => product * n, 1);
}

/** A level table must be one that the accumulators hold, for any activations of 8 bits. */
function checkSums(levels: readonly number[], layer: LayerInfo): void {
  const top = greatestOf(levels.map(Math.abs));
  const sum = top * depthOf(layer) * ACTIVATION_MAX;
  if (levels.length >= 2 && levels.length <= LEVELS_MAX && top <= LEVEL_MAX && sum <= INT32_MAX) return;
  throw new ShiftwiseError("OVERFLOW", "levels that no lane can hold", {
    expected: `2 to ${LEVELS_MAX} levels of at most ${LEVEL_MAX}, sums of at most ${INT32_MAX}`,
    found: `${levels.length} levels of at most ${top}, sums of up to ${sum}`,
    where: layer.name,
  });
}

/** Mean over each output channel's weights of f. */
export function channelMeans(weights: Float32Array, outputs: number, f: (weight: number) => number): Float32Array {
  const depth = weights.length / outputs;
  return Float32Array.from({ length: outputs }, (_, c) => {
    let sum = 0;
    for (let i = c * depth; i < (c + 1) * depth; i++) sum += f(weights[i]);
    return sum / depth;
  });
}
