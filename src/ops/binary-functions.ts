// binary-functions.ts: the functions of two values that layers and steps have, their slopes, and the versions that have them.
import { log, power } from "./elementary.js";

/** The functions of two values in float64; prelu is a where a >= 0, else a b. Comparisons give 1 or 0. */
export const BINARY_FUNCTIONS = {
  add: (a, b) => a + b,
  div: (a, b) => a / b,
  equal: (a, b) => (a === b ? 1 : 0),
  less: (a, b) => (a < b ? 1 : 0),
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  mod: (a, b) => a % b,
  mul: (a, b) => a * b,
  pow: power,
  prelu: (a, b) => (a < 0 ? a * b : a),
  sub: (a, b) => a - b,
} as const satisfies Readonly<Record<string, (a: number, b: number) => number>>;

/** The name of a function of two values. */
export type BinaryName = keyof typeof BINARY_FUNCTIONS;

/** The first version of the file format whose `binary` layers and nodes have the function. */
export const BINARY_SINCE: Readonly<Record<BinaryName, number>> = {
  add: 1,
  div: 1,
  equal: 2,
  less: 2,
  max: 2,
  min: 2,
  mod: 2,
  mul: 1,
  pow: 2,
  prelu: 1,
  sub: 1,
};

/** The slopes of the functions of two values along a and b. Comparisons are flat wherever they do not jump. */
export const BINARY_SLOPES: Readonly<Record<BinaryName, (a: number, b: number) => readonly [number, number]>> = {
  add: () => [1, 1],
  div: (a, b) => [1 / b, -a / (b * b)],
  equal: () => [0, 0],
  less: () => [0, 0],
  max: (a, b) => (a >= b ? [1, 0] : [0, 1]),
  min: (a, b) => (a <= b ? [1, 0] : [0, 1]),
  mod: (a, b) => [1, -Math.trunc(a / b)],
  mul: (a, b) => [b, a],
  pow: (a, b) => [b * power(a, b - 1), a > 0 ? power(a, b) * log(a) : 0],
  prelu: (a, b) => (a < 0 ? [b, a] : [1, 0]),
  sub: () => [1, -1],
};

/** The function of two values, in float64. */
export function binaryOf(fn: BinaryName): (a: number, b: number) => number {
  return BINARY_FUNCTIONS[fn];
}
