// binary.ts: the layer of functions of two tensors, axes of length 1 repeated.
import { BINARY_SLOPES, type BinaryName, type BinaryNode, binaryOf, type Shape } from "../ops/index.js";
import { type PlainPass, runsHere } from "./plain.js";
import { broadcastAxes, eachPlace } from "./runs.js";

type Values = Float32Array;

/** Elements in a row: where they begin in the operands and in the result, and the operands' steps, 0 or 1. */
interface Run {
  length: number;
  a: number;
  b: number;
  to: number;
  stepA: number;
  stepB: number;
}

/** Computes a run of results. */
type Loop = (y: Values, a: Values, b: Values, run: Run) => void;

/** Adds what a run of gradients hands on to one operand, in order. */
type SlopeLoop = (to: Values, dy: Values, a: Values, b: Values, run: Run) => void;

/** Loops of the functions that networks are full of. */
const LOOPS: { readonly [fn in BinaryName]?: Loop } = {
  add(y, a, b, { length, a: i, b: j, to, stepA, stepB }) {
    for (let k = 0; k < length; k++) y[to + k] = a[i + k * stepA] + b[j + k * stepB];
  },
  sub(y, a, b, { length, a: i, b: j, to, stepA, stepB }) {
    for (let k = 0; k < length; k++) y[to + k] = a[i + k * stepA] - b[j + k * stepB];
  },
  mul(y, a, b, { length, a: i, b: j, to, stepA, stepB }) {
    for (let k = 0; k < length; k++) y[to + k] = a[i + k * stepA] * b[j + k * stepB];
  },
  div(y, a, b, { length, a: i, b: j, to, stepA, stepB }) {
    for (let k = 0; k < length; k++) y[to + k] = a[i + k * stepA] / b[j + k * stepB];
  },
  max(y, a, b, { length, a: i, b: j, to, stepA, stepB }) {
    for (let k = 0; k < length; k++) y[to + k] = Math.max(a[i + k * stepA], b[j + k * stepB]);
  },
  min(y, a, b, { length, a: i, b: j, to, stepA, stepB }) {
    for (let k = 0; k < length; k++) y[to + k] = Math.min(a[i + k * stepA], b[j + k * stepB]);
  },
};

const sharedLoop =
  (fn: BinaryName): Loop =>
  (y, a, b, { length, a: i, b: j, to, stepA, stepB }) => {
    const f = binaryOf(fn);
    for (let k = 0; k < length; k++) y[to + k] = f(a[i + k * stepA], b[j + k * stepB]);
  };

const SLOPES: { readonly [fn in BinaryName]?: readonly [SlopeLoop, SlopeLoop] } = {
  add: [
    (to, dy, _, __, { length, a: i, to: at, stepA }) => {
      for (let k = 0; k < length; k++) to[i + k * stepA] += dy[at + k];
    },
    (to, dy, _, __, { length, b: j, to: at, stepB }) => {
      for (let k = 0; k < length; k++) to[j + k * stepB] += dy[at + k];
    },
  ],
  sub: [
    (to, dy, _, __, { length, a: i, to: at, stepA }) => {
      for (let k = 0; k < length; k++) to[i + k * stepA] += dy[at + k];
    },
    (to, dy, _, __, { length, b: j, to: at, stepB }) => {
      for (let k = 0; k < length; k++) to[j + k * stepB] -= dy[at + k];
    },
  ],
  mul: [
    (to, dy, _, b, { length, a: i, b: j, to: at, stepA, stepB }) => {
      for (let k = 0; k < length; k++) to[i + k * stepA] += b[j + k * stepB] * dy[at + k];
    },
    (to, dy, a, _, { length, a: i, b: j, to: at, stepA, stepB }) => {
      for (let k = 0; k < length; k++) to[j + k * stepB] += a[i + k * stepA] * dy[at + k];
    },
  ],
  div: [
    (to, dy, _, b, { length, a: i, b: j, to: at, stepA, stepB }) => {
      for (let k = 0; k < length; k++) to[i + k * stepA] += (1 / b[j + k * stepB]) * dy[at + k];
    },
    (to, dy, a, b, { length, a: i, b: j, to: at, stepA, stepB }) => {
      for (let k = 0; k < length; k++) {
        const divisor = b[j + k * stepB];
        to[j + k * stepB] += (-a[i + k * stepA] / (divisor * divisor)) * dy[at + k];
      }
    },
  ],
};

const sharedSlope =
  (fn: BinaryName, operand: 0 | 1): SlopeLoop =>
  (to, dy, a, b, { length, a: i, b: j, to: at, stepA, stepB }) => {
    const slopes = BINARY_SLOPES[fn];
    for (let k = 0; k < length; k++) {
      const [x, y] = [i + k * stepA, j + k * stepB];
      to[operand === 0 ? x : y] += slopes(a[x], b[y])[operand] * dy[at + k];
    }
  };

/** @internal */
export function binaryPass({ fn }: BinaryNode, shapes: readonly Shape[], shape: Shape): PlainPass {
  const loop = LOOPS[fn] ?? sharedLoop(fn);
  const [slopeA, slopeB] = SLOPES[fn] ?? [sharedSlope(fn, 0), sharedSlope(fn, 1)];
  const eachRun = (count: number, visit: (run: Run) => void): void => {
    const axes = broadcastAxes(shapes, shape, count);
    const { length, steps } = axes[axes.length - 1];
    const run: Run = { length, a: 0, b: 0, to: 0, stepA: steps[0], stepB: steps[1] };
    eachPlace(axes.slice(0, -1), (n, places) => {
      [run.a, run.b, run.to] = [places[0], places[1], n * length];
      visit(run);
    });
  };
  return {
    forward([a, b], y, count) {
      eachRun(count, (run) => loop(y, a, b, run));
    },
    backward([a, b], _, dy, [da, db], count) {
      eachRun(count, (run) => {
        // an operand that is both takes its slopes along a first
        if (da) slopeA(da, dy, a, b, run);
        if (db) slopeB(db, dy, a, b, run);
      });
    },
  };
}

export const binaryLayer = runsHere(binaryPass);
