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

/** Largest terms, in steps of the result, of which float32 says enough: docs/kernels.md. */
const TERM_MAX = 1024;
const isModerate = (x: number): boolean => Math.abs(x) >= 1e-30 && Math.abs(x) <= 1e30;
/** Most steps of a gate, so that no product of them leaves the numbers of float64. */
const STEPS_MAX = 15;

/** The gate of a function in steps: a gate times the input or a number. Null for other functions. */
export function gateOf(steps: readonly Step[]): Gate | null {
  const [{ fn, parameters }] = steps;
  let gate = steps.length > STEPS_MAX ? null : GATES[fn]?.(parameters[0], parameters[1]);
  // the value that is the gate so far: 0 is the input, k the result of the k-th step
  let at = 1;
  for (let i = 1; gate && i < steps.length; i++) {
    const { fn: then, of } = steps[i];
    if (then === "constant") continue;
    const other = of[0] === at ? of[1] : of[0];
    const number = steps[other - 1];
    if (then !== "mul" || !of.includes(at)) return null;
    if (number?.fn === "constant") {
      const [factor] = number.parameters;
      if (!isModerate(factor)) return null;
      gate = times(gate, factor);
    } else if (other === 0 && gate.a === 0 && gate.d === 0) gate = { ...gate, a: gate.b, b: 0 };
    else return null;
    at = i + 1;
  }
  return gate ?? null;
}

/**
 * A gate in units of a result's steps, as GateJob has it. Null where float32 may err by 2^-10 for a value that rounds to an
 * integer of the result.
 */
export function integerGate(gate: Gate, scale: number) {
  const { hard, k, c, a, b, d } = times(gate, 1 / scale);
  const bend = Math.abs(c) + 1;
  const slope = Math.abs(a / k) * bend * bend;
  const largest = Math.max(slope / 2, bend * Math.abs(b), Math.abs(d));
  return largest <= TERM_MAX && isModerate(k) ? { hard, k: hard ? k : -k * Math.LOG2E, c, a, b, d } : null;
}

/** A gate as SigmoidJob has it. Null for those of other forms. */
export function sigmoidOf({ hard, k, a, b, d }: Gate) {
  const product: 0 | 1 = a === 0 ? 0 : 1;
  return hard || d !== 0 ? null : { k: -k * Math.LOG2E, product, factor: product ? a : b };
}

function times(gate: Gate, factor: number): Gate {
  return { ...gate, a: gate.a * factor, b: gate.b * factor, d: gate.d * factor };
}
