// quantizer.ts: what every weight quantizer is: float weights of a layer to codes of a table of integer levels.
import { LEVEL_MAX, LEVELS_MAX, ShiftwiseError, signedDigits } from "../format/index.js";

/** Weights of one layer on a grid: weight i of output channel c is fround(scale[c] * levels[codes[i]]). */
export interface Fit {
  /** 2..128 distinct integers, ascending. */
  readonly levels: readonly number[];
  /** One positive number for each output channel. */
  readonly scale: Float32Array;
  /** Indices into levels, row-major like the weights. */
  readonly codes: Uint8Array;
  /** The real levels that the integers stand for, by code; what a quantizer that learns its levels moves. */
  readonly ideal: Float64Array;
}

export interface LayerInfo {
  /** For error messages. */
  readonly name: string;
  /** Of the weights, output channels first. */
  readonly shape: readonly number[];
  /** Bits of a code; 1 where the method has one width only. */
  readonly bits: number;
}

/**
 * A method that puts weights on levels. `fit` depends on its arguments alone; `before` is the fit of the same layer in the
 * last step of retraining, where a method goes on from it: warm starts, fixed assignments, learned levels.
 */
export interface Quantizer {
  readonly name: string;
  /** Widths it is defined for. */
  readonly bits: readonly number[];
  /**
   * Whether retraining moves `ideal` along the summed gradients of the weights at each level (TTQ, Deep Compression).
   * Level 0 stays.
   */
  readonly learns?: boolean;
  /** @throws BAD_DATA for weights it has no levels for, BAD_OPTION for bits it does not know, naming the layer. */
  fit(weights: Float32Array, layer: LayerInfo, before?: Fit): Fit;
}

/** Integers of a table: how far one may lie from the real level, as a share of it. */
const TOLERANCE = 0.01;
/** Largest integer that tables of real levels are given; up to this one dense tables and shifts stay cheap. */
const TABLE_MAX = 512;
const TABLE_MIN = 64;
const INT32_MAX = 0x7fffffff;
const ACTIVATION_MAX = 255;

/** @throws BAD_OPTION naming the layer. */
export function checkQuantizerBits(bits: number, allowed: readonly number[], { name }: LayerInfo): void {
  if (allowed.includes(bits)) return;
  throw new ShiftwiseError("BAD_OPTION", "bits that the method does not have", {
    expected: allowed.join(", "),
    found: bits,
    where: name,
  });
}

/** @throws BAD_DATA for a weight that is not finite, or none at all. */
export function checkWeights(weights: Float32Array, name: string): void {
  if (weights.length === 0) throw new ShiftwiseError("BAD_DATA", "a layer without weights", { where: name });
  for (let i = 0; i < weights.length; i++) {
    if (Number.isFinite(weights[i])) continue;
    throw new ShiftwiseError("BAD_DATA", "weight is not finite", { found: String(weights[i]), where: `${name}[${i}]` });
  }
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
  // a channel of zeros, or of weights below float32, has any scale
  for (let c = 0; c < outputs; c++) if (!(scale[c] > 0)) scale[c] = 1;
  checkSums(levels, layer);
  const ideal = Float64Array.from(levels, (level) => level * scale[0]);
  return { levels, scale, codes, ideal };
}

/**
 * A fit from real levels, rising: each becomes an integer within 1 % of it (or the nearest, where that is not within
 * 1 %) that has few signed digits, and all one scale. Of the tables with a largest integer of 64..512 the one with the
 * fewest digits is taken, of equals the one with the least error. Levels that would fall on one integer are merged.
 * @throws OVERFLOW naming the layer if sums of its weights could leave int32 even so
 */
export function realFit(real: Float64Array, codes: Uint8Array, layer: LayerInfo): Fit {
  const top = real.reduce((most, level) => Math.max(most, Math.abs(level)), 0);
  if (top === 0) return { ...integerFit([0, 1], new Uint8Array(codes.length), 1, layer), ideal: real };
  const room = Math.floor(INT32_MAX / (ACTIVATION_MAX * depthOf(layer)));
  let best: number[] = [];
  let digits = Number.POSITIVE_INFINITY;
  let error = Number.POSITIVE_INFINITY;
  let unit = 1;
  for (let most = Math.min(TABLE_MIN, room); most <= Math.min(TABLE_MAX, room); most = Math.floor(most * 1.03) + 1) {
    const step = top / most;
    const integers = Array.from(real, (level) => nearbyInteger(level / step));
    const cost = integers.reduce((sum, n) => sum + signedDigits(n), 0);
    const off = integers.reduce((sum, n, k) => sum + (n * step - real[k]) ** 2, 0);
    if (cost > digits || (cost === digits && off >= error)) continue;
    [best, digits, error, unit] = [integers, cost, off, step];
  }
  const levels = [...new Set(best)].sort((a, b) => a - b);
  if (levels.length === 1) levels.push(levels[0] + 1);
  const index = best.map((n) => levels.indexOf(n));
  const merged = codes.map((code) => index[code]);
  return { ...integerFit(levels, merged, Math.fround(unit), layer), ideal: idealOf(real, index, levels.length) };
}

/** The real levels behind the integers; of merged ones the last. */
function idealOf(real: Float64Array, index: readonly number[], count: number): Float64Array {
  const ideal = new Float64Array(count);
  index.forEach((at, k) => {
    ideal[at] = real[k];
  });
  return ideal;
}

/** The integer with the fewest signed digits within the tolerance, else the nearest. */
function nearbyInteger(x: number): number {
  const reach = TOLERANCE * Math.abs(x);
  const nearest = Math.round(x) + 0;
  let best = nearest;
  let digits = signedDigits(nearest);
  for (let n = Math.ceil(x - reach); n <= x + reach; n++) {
    const cost = signedDigits(n);
    if (cost < digits || (cost === digits && Math.abs(n - x) < Math.abs(best - x))) {
      best = n;
      digits = cost;
    }
  }
  return best;
}

function depthOf({ shape }: LayerInfo): number {
  return shape.slice(1).reduce((product, n) => product * n, 1);
}

/** A level table must be one that the accumulators hold, for any activations of 8 bits. */
function checkSums(levels: readonly number[], layer: LayerInfo): void {
  const top = Math.max(...levels.map(Math.abs));
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
