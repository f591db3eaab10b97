// unary.ts: the layers of functions of one value: activation functions, and those put together from steps.
import type { ActivationNode, ElementwiseNode, Step } from "../ops/index.js";
import { type PlainPass, runsHere } from "./plain.js";
import { slopeLoopOf } from "./row-slopes.js";
import { createRows, ROW, type Row, rowLoopOf } from "./rows.js";

/** The row that a block of float32 values is, in float64. */
function load(to: Row, from: Float32Array, at: number, n: number): void {
  for (let i = 0; i < n; i++) to[i] = from[at + i];
}

/** Rounds a row to float32, once. */
function store(to: Float32Array, at: number, from: Row, n: number): void {
  for (let i = 0; i < n; i++) to[at + i] = from[i];
}

/** Adds slope * dy to the gradients of a block. */
function addProducts(dx: Float32Array, dy: Float32Array, at: number, slope: Row, n: number): void {
  for (let i = 0; i < n; i++) dx[at + i] += slope[i] * dy[at + i];
}

/** Hands `slope` on to an operand. What the result does not depend on has no part in it, even where its slope is infinite. */
function handOn(to: Row, slope: Row, partial: Row, n: number): void {
  for (let i = 0; i < n; i++) if (slope[i] !== 0 && partial[i] !== 0) to[i] += slope[i] * partial[i];
}

/** Visits an array of `length` values in blocks of at most ROW. */
function eachBlock(length: number, visit: (at: number, n: number) => void): void {
  for (let at = 0; at < length; at += ROW) visit(at, Math.min(ROW, length - at));
}

/**
 * The function of valid steps, step by step over blocks: stepsOf(steps) to the bit, and backward stepsSlopeOf(steps).
 * @internal
 */
export function stepsPass(steps: readonly Step[]): PlainPass {
  // row 0 is the input, row k what the k-th step makes of those before it
  const rows = createRows(steps.length + 1);
  const operands = (of: readonly number[]): readonly [Row, Row, Row] => {
    const [a = 0, b = 0, c = 0] = of;
    return [rows[a], rows[b], rows[c]];
  };
  for (const [i, { fn, parameters }] of steps.entries()) if (fn === "constant") rows[i + 1].fill(parameters[0]);
  const moving = steps.map((step, i) => ({ ...step, to: i + 1 })).filter(({ fn }) => fn !== "constant");
  const forwards = moving.map((step) => ({ loop: rowLoopOf(step), to: rows[step.to], from: operands(step.of) }));
  const result = rows[steps.length];
  const run = (x: Float32Array, at: number, n: number): void => {
    load(rows[0], x, at, n);
    for (const {
      loop,
      to,
      from: [a, b, c],
    } of forwards)
      loop(to, a, b, c, n);
  };

  const planBackward = () => {
    const slopes = createRows(rows.length);
    const [partial] = createRows(1);
    // constants need no slopes
    const needed = new Set([0, ...moving.map(({ to }) => to)]);
    const backwards = moving.toReversed().flatMap((step) =>
      step.of.flatMap((from, k) => {
        if (!needed.has(from)) return [];
        const [own, down, y] = [slopes[step.to], slopes[from], rows[step.to]];
        return [{ loop: slopeLoopOf(step, k), from: operands(step.of), y, own, down }];
      }),
    );
    return (at: number, n: number, dy: Float32Array, dx: Float32Array): void => {
      for (const slope of slopes) slope.fill(0, 0, n);
      slopes[steps.length].fill(1, 0, n);
      for (const {
        loop,
        from: [a, b, c],
        y,
        own,
        down,
      } of backwards) {
        loop(partial, a, b, c, y, n);
        handOn(down, own, partial, n);
      }
      addProducts(dx, dy, at, slopes[0], n);
    };
  };
  let backward: ReturnType<typeof planBackward> | null = null;

  return {
    forward([x], y) {
      eachBlock(y.length, (at, n) => {
        run(x, at, n);
        store(y, at, result, n);
      });
    },
    backward([x], _, dy, [dx]) {
      if (!dx) return;
      backward ??= planBackward();
      const back = backward;
      eachBlock(dy.length, (at, n) => {
        run(x, at, n);
        back(at, n, dy, dx);
      });
    },
  };
}

/** One function: its slope is taken where the result, rounded to float32, says that it is. */
export function activationPass({ fn, parameters }: ActivationNode): PlainPass {
  const { forward } = stepsPass([{ fn, parameters, of: [0] }]);
  const slopesOf = slopeLoopOf({ fn, parameters }, 0);
  const [before, after, slope] = createRows(3);
  return {
    forward,
    backward([x], y, dy, [dx]) {
      if (!dx) return;
      eachBlock(dy.length, (at, n) => {
        load(before, x, at, n);
        load(after, y, at, n);
        slopesOf(slope, before, before, before, after, n);
        addProducts(dx, dy, at, slope, n);
      });
    },
  };
}

export const activationLayer = runsHere(activationPass);
export const elementwiseLayer = runsHere(({ steps }: ElementwiseNode) => stepsPass(steps));
