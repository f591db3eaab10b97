// row-slopes.ts: the slopes of functions along their operands, a row at a time, as rows.ts has the functions.
import { type Step, type StepName, stepSlopesOf } from "../ops/index.js";
import type { Row } from "./rows.js";

/** Fills a row with slopes along one operand where the function of a, b and c is y. `to` is none of the others. */
export type SlopeLoop = (to: Row, a: Row, b: Row, c: Row, y: Row, n: number) => void;

const always =
  (slope: number): SlopeLoop =>
  (to, _, __, ___, ____, n) => {
    to.fill(slope, 0, n);
  };

/** One loop for each operand of the functions that networks are full of, made from the step's parameters. */
const LOOPS: { readonly [fn in StepName]?: (...parameters: number[]) => readonly SlopeLoop[] } = {
  add: () => [always(1), always(1)],
  sub: () => [always(1), always(-1)],
  mul: () => [
    (to, _, b, __, ___, n) => {
      for (let i = 0; i < n; i++) to[i] = b[i];
    },
    (to, a, _, __, ___, n) => {
      for (let i = 0; i < n; i++) to[i] = a[i];
    },
  ],
  div: () => [
    (to, _, b, __, ___, n) => {
      for (let i = 0; i < n; i++) to[i] = 1 / b[i];
    },
    (to, a, b, _, __, n) => {
      for (let i = 0; i < n; i++) to[i] = -a[i] / (b[i] * b[i]);
    },
  ],
  max: () => [
    (to, a, b, _, __, n) => {
      for (let i = 0; i < n; i++) to[i] = a[i] >= b[i] ? 1 : 0;
    },
    (to, a, b, _, __, n) => {
      for (let i = 0; i < n; i++) to[i] = a[i] >= b[i] ? 0 : 1;
    },
  ],
  min: () => [
    (to, a, b, _, __, n) => {
      for (let i = 0; i < n; i++) to[i] = a[i] <= b[i] ? 1 : 0;
    },
    (to, a, b, _, __, n) => {
      for (let i = 0; i < n; i++) to[i] = a[i] <= b[i] ? 0 : 1;
    },
  ],
  exp: () => [
    (to, _, __, ___, y, n) => {
      for (let i = 0; i < n; i++) to[i] = y[i];
    },
  ],
  clip: (low, high) => [
    (to, a, _, __, ___, n) => {
      for (let i = 0; i < n; i++) to[i] = a[i] > low && a[i] < high ? 1 : 0;
    },
  ],
  hardSigmoid: (alpha) => [
    (to, _, __, ___, y, n) => {
      for (let i = 0; i < n; i++) to[i] = y[i] > 0 && y[i] < 1 ? alpha : 0;
    },
  ],
  hardSwish: () => [
    (to, a, _, __, ___, n) => {
      for (let i = 0; i < n; i++) to[i] = a[i] <= -3 ? 0 : a[i] >= 3 ? 1 : a[i] / 3 + 0.5;
    },
  ],
  sigmoid: () => [
    (to, _, __, ___, y, n) => {
      for (let i = 0; i < n; i++) to[i] = y[i] * (1 - y[i]);
    },
  ],
  tanh: () => [
    (to, _, __, ___, y, n) => {
      for (let i = 0; i < n; i++) to[i] = 1 - y[i] * y[i];
    },
  ],
};

/** The loop of the slope of a step's function along its operand number `operand`. */
export function slopeLoopOf(step: Pick<Step, "fn" | "parameters">, operand: number): SlopeLoop {
  const own = LOOPS[step.fn];
  if (own) return own(...step.parameters)[operand];
  const slopes = stepSlopesOf(step);
  return (to, a, b, c, y, n) => {
    for (let i = 0; i < n; i++) to[i] = slopes(a[i], b[i], c[i], y[i])[operand];
  };
}
