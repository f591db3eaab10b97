// functions.ts: the functions of float layers, from + - * / alone, so that every engine gives the same bits.
//
// JavaScript's float64 arithmetic is IEEE 754 to the bit, but Math.exp and its kin are not specified and differ between
// engines. What is computed here in float64 is rounded once, to float32, by the caller: docs/arithmetic.md, section 5.
import type { ActivationName, BinaryName } from "./model.js";

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

/** The function of an activation layer, in float64. */
export function activationOf(fn: ActivationName, parameters: readonly number[]): (x: number) => number {
  const [a, b] = parameters;
  switch (fn) {
    case "clip":
      return (x) => clip(x, a, b);
    case "elu":
      return (x) => (x < 0 ? a * expMinusOne(x) : x);
    case "hardSigmoid":
      return (x) => clip(a * x + b, 0, 1);
    case "hardSwish":
      return (x) => x * clip(x / 6 + 0.5, 0, 1);
    case "leakyRelu":
      return (x) => (x < 0 ? a * x : x);
    case "sigmoid":
      return (x) => 1 / (1 + exp(-x));
    case "tanh":
      return tanh;
  }
}

/** The function of a binary layer, in float64. */
export function binaryOf(fn: BinaryName): (a: number, b: number) => number {
  switch (fn) {
    case "add":
      return (a, b) => a + b;
    case "sub":
      return (a, b) => a - b;
    case "mul":
      return (a, b) => a * b;
    case "div":
      return (a, b) => a / b;
    case "prelu":
      return (a, b) => (a < 0 ? a * b : a);
  }
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
