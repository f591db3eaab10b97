// gates.ts: functions of the form (a x + b) gate(x) + d, as SiLU, sigmoid, tanh and hard swish are: assembly/steps/function.ts.
import type { Step } from "../ops/index.js";

/** A function (a x + b) gate(x) + d. The gate is 1 / (1 + exp(-k x)), or with `hard` k x + c held between 0 and 1. */
interface Gate {
  readonly hard: 0 | 1;
  readonly k: number;
  readonly c: number;
  readonly a: number;
  readonly b: number;
  readonly d: number;
}

const SIGMOID: Gate = { hard: 0, k: 1, c: 0, a: 0, b: 1, d: 0 };

/** The functions that begin one, of their parameters. */
const GATES: { readonly [Fn in Step["fn"]]?: (alpha: number, beta: number) => Gate } = {
  sigmoid: () => SIGMOID,
  tanh: () => ({ ...SIGMOID, k: 2, b: 2, d: -1 }),
  hardSigmoid: (alpha, beta) => ({ ...SIGMOID, hard: 1, k: alpha, c: beta }),
  hardSwish: () => ({ ...SIGMOID, hard: 1, k: 1 / 6, c: 0.5, a: 1, b: 0 }),
};

/**
 * The vectors of assembly/steps/function.ts: engines make a constant anew wherever it is used. Bounds of the exponent, what
 * rounds it, and 2^f by its powers from f^5 to 1; then what rounds z, and half a step less 2^-10.
 */
export const GATE_CONSTANTS = /* @__PURE__ */ Float32Array.of(
  -126,
  128,
  1.5 * 2 ** 23,
  0.001326472731307149,
  0.009671512991189957,
  0.05550733581185341,
  0.24022242426872253,
  0.6931470036506653,
  1,
  2 ** 23,
  0.5 - 2 ** -10,
);

/** Largest terms, in steps of the result, of which float32 says enough: docs/kernels.md. */
const TERM_MAX = 1024;
const BEND_MIN = 1e-30;

/**
 * The gate of a function in steps, in units of a result's steps: a gate times the input or a number. Null for other functions, and
 * where float32 may err by 2^-10 for a value that rounds to an integer of the result.
 * @param most the most that its results are multiplied by
 */
export function gateOf(steps: readonly Step[], scale: number, most = 1): Gate | null {
  const [{ fn, parameters }] = steps;
  let gate = GATES[fn]?.(parameters[0], parameters[1]);
  // the value that is the gate so far: 0 is the input, k the result of the k-th step
  let at = 1;
  for (let i = 1; gate && i < steps.length; i++) {
    const { fn: then, of } = steps[i];
    if (then === "constant") continue;
    const other = of[0] === at ? of[1] : of[0];
    const number = steps[other - 1];
    if (then !== "mul" || !of.includes(at)) return null;
    if (number?.fn === "constant") gate = times(gate, number.parameters[0]);
    else if (other === 0 && gate.a === 0 && gate.d === 0) gate = { ...gate, a: gate.b, b: 0 };
    else return null;
    at = i + 1;
  }
  if (!gate) return null;
  const { hard, k, c, a, b, d } = times(gate, 1 / scale);
  const bend = most * (Math.abs(c) + 1);
  const slope = (Math.abs(a / k) * bend * bend) / most;
  const largest = Math.max(slope / 2, bend * Math.abs(b), most * Math.abs(d));
  return largest <= TERM_MAX && Math.abs(k) >= BEND_MIN ? { hard, k: hard ? k : -k * Math.LOG2E, c, a, b, d } : null;
}

function times(gate: Gate, factor: number): Gate {
  return { ...gate, a: gate.a * factor, b: gate.b * factor, d: gate.d * factor };
}
