// functions.ts: the functions of float layers, from + - * / alone, so that every engine gives the same bits.
//
// JavaScript's float64 arithmetic is IEEE 754 to the bit, but Math.exp and its kin are not specified and differ between
// engines. What is computed here in float64 is rounded once, to float32, by the caller: docs/arithmetic.md, section 5.

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const bits = new DataView(new ArrayBuffer(8));

/** 2^n for an integer n in -1022..1023. */
function powerOfTwo(n: number): number {
  bits.setUint32(0, (n + 1023) << 20);
  return bits.getFloat64(0);
}

/** 1 / 10!, 1 / 9!, ... 1 / 0!, each quotient rounded once. */
const INVERSE_FACTORIALS = [3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2, 1, 1].map((n) => 1 / n);

/**
 * exp(x) to about 3e-13 of its value; 0 below -700, Infinity above 700.
 *   x = n ln 2 + r, |r| <= ln 2 / 2;   exp(x) = 2^n (1 + r + r^2 / 2! + ... + r^10 / 10!)
 */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < -700) return 0;
  if (x > 700) return Infinity;
  const n = Math.floor(x / Math.LN2 + 0.5);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let sum = 0;
  for (let k = 0; k <= 10; k++) sum = sum * r + INVERSE_FACTORIALS[k];
  return sum * powerOfTwo(n);
}

/** tanh(x) = sign(x) (1 - 2 / (exp(2 |x|) + 1)); x - x^3 / 3 where that would cancel. */
function tanh(x: number): number {
  const size = Math.abs(x);
  if (size < 1e-4) return x - (x * x * x) / 3;
  const y = 1 - 2 / (exp(2 * size) + 1);
  return x < 0 ? -y : y;
}

/** exp(x) - 1 for x <= 0. */
function expMinusOne(x: number): number {
  return x > -1e-5 ? x + (x * x) / 2 : exp(x) - 1;
}

function clip(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}

/** One function of one value in float64, made from its parameters. */
export type UnaryFunction = (...parameters: number[]) => (x: number) => number;

/** The functions of one value; their parameters are in the order of the file. */
export const FUNCTIONS = {
  clip: (low, high) => (x) => clip(x, low, high),
  elu: (alpha) => (x) => (x < 0 ? alpha * expMinusOne(x) : x),
  hardSigmoid: (alpha, beta) => (x) => clip(alpha * x + beta, 0, 1),
  hardSwish: () => (x) => x * clip(x / 6 + 0.5, 0, 1),
  leakyRelu: (alpha) => (x) => (x < 0 ? alpha * x : x),
  sigmoid: () => (x) => 1 / (1 + exp(-x)),
  tanh: () => tanh,
} as const satisfies Readonly<Record<string, UnaryFunction>>;

/** The name of a function of one value. */
export type ActivationName = keyof typeof FUNCTIONS;

/**
 * The parameters of each function with what each is unless given. But for clip and leakyRelu, which have nodes of their own
 * kind, these are the attributes of the ONNX operator of the same name with a capital letter.
 */
export const PARAMETERS: Readonly<Record<ActivationName, readonly (readonly [name: string, otherwise: number])[]>> = {
  clip: [
    ["min", -3.4028234663852886e38],
    ["max", 3.4028234663852886e38],
  ],
  elu: [["alpha", 1]],
  hardSigmoid: [
    ["alpha", 0.2],
    ["beta", 0.5],
  ],
  hardSwish: [],
  leakyRelu: [["alpha", 0.01]],
  sigmoid: [],
  tanh: [],
};

/** The slope at x of each function, made from its parameters, where the function is y. Only training has a use for it. */
const SLOPES: Readonly<Record<ActivationName, (...parameters: number[]) => (x: number, y: number) => number>> = {
  clip: (low, high) => (x) => (x > low && x < high ? 1 : 0),
  elu: (alpha) => (x) => (x < 0 ? alpha * exp(x) : 1),
  hardSigmoid: (alpha) => (_, y) => (y > 0 && y < 1 ? alpha : 0),
  hardSwish: () => (x) => (x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5),
  leakyRelu: (alpha) => (x) => (x < 0 ? alpha : 1),
  sigmoid: () => (_, y) => y * (1 - y),
  tanh: () => (_, y) => 1 - y * y,
};

/** The function of one value with these parameters, in float64. */
export function activationOf(fn: ActivationName, parameters: readonly number[]): (x: number) => number {
  return (FUNCTIONS[fn] as UnaryFunction)(...parameters);
}

/** The slope of a function of one value with these parameters, at x, where the function is y. */
export function slopeOf(fn: ActivationName, parameters: readonly number[]): (x: number, y: number) => number {
  return SLOPES[fn](...parameters);
}

/** Turns `values` into exp(x - max) / sum of those, in place: sums in order, all in float64. */
export function softmax(values: Float64Array): void {
  let max = -Infinity;
  for (const x of values) if (x > max) max = x;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    values[i] = exp(values[i] - max);
    sum += values[i];
  }
  for (let i = 0; i < values.length; i++) values[i] /= sum;
}
