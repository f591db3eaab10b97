// elementwise.ts: a function of one value, put together from others, as a layer and a node: GELU, Mish, x sigmoid(x).
import { firstNonFinite, isArray } from "../base/index.js";
import { type Check, isWritable, fields as json, storeFloats } from "../format/index.js";
import { BINARY_FUNCTIONS, BINARY_SLOPES, type BinaryName } from "./binary-functions.js";
import { atan, cos, erf, log, roundEven, sin } from "./elementary.js";
import { type Field, optional, tensor } from "./field.js";
import { type ActivationName, exp, FUNCTIONS, slopeOf, type UnaryFunction } from "./functions.js";
import { elements } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import { applied } from "./numeric.js";
import { checkShape } from "./window.js";

/** One step: a function of values that are there already. */
export interface Step {
  readonly fn: StepName;
  /** Numbers, as many as the function has. */
  readonly parameters: readonly number[];
  /** The values that it reads, as many as the function takes: 0 is the input, k the result of the k-th step. */
  readonly of: readonly number[];
}

/**
 * A function of every real value: the result of the last step. All steps are computed in float64. Any encodings: of a tensor
 * of integers the layer is a table of at most 256 entries. With gains the result is rounded to float32 and multiplied by the
 * gain of its channel; these are for planes of float32 only.
 */
export interface ElementwiseLayer {
  readonly op: "elementwise";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly steps: readonly Step[];
  /** One float32 for each channel. */
  readonly gains?: Float32Array;
}

/** A function of every value, as the layer has it. */
export interface ElementwiseNode {
  readonly op: "elementwise";
  readonly name: string;
  readonly input: string;
  readonly steps: readonly Step[];
}

/** Functions of one value that are steps and nothing else. */
const ONE = {
  abs: Math.abs,
  atan,
  cos,
  erf,
  exp,
  floor: Math.floor,
  log,
  round: roundEven,
  sign: Math.sign,
  sin,
  sqrt: Math.sqrt,
} satisfies Readonly<
  Record<Exclude<StepName, "constant" | "where" | ActivationName | BinaryName>, (x: number) => number>
>;

/** Name of a function that a step may have. */
export type StepName =
  | "constant"
  | "where"
  | "abs"
  | "atan"
  | "cos"
  | "erf"
  | "exp"
  | "floor"
  | "log"
  | "round"
  | "sign"
  | "sin"
  | "sqrt"
  | ActivationName
  | BinaryName;

/** Any function that a step may have. */
interface StepFunction {
  /** Number of its parameters and of the values that it reads. */
  readonly parameters: number;
  readonly operands: number;
  /** The function in float64. */
  of(...parameters: readonly number[]): (a: number, b: number, c: number) => number;
}

/** Every function that a step may have, by name. */
export const STEP_FUNCTIONS: ReadonlyMap<string, StepFunction> = /* @__PURE__ */ (() => {
  const functions = new Map<string, StepFunction>();
  const add = (fn: string, operands: number, of: StepFunction["of"], parameters = 0): void => {
    functions.set(fn, { parameters, operands, of });
  };
  add("constant", 0, (value) => () => value, 1);
  add("where", 3, () => (condition, a, b) => (condition === 0 ? b : a));
  for (const [fn, f] of Object.entries(ONE)) add(fn, 1, () => f);
  for (const [fn, f] of Object.entries(BINARY_FUNCTIONS)) add(fn, 2, () => f);
  for (const [fn, of] of Object.entries<UnaryFunction>(FUNCTIONS)) add(fn, 1, of, of.length);
  return functions;
})();

/** The names of those functions. */
export const STEP_NAMES: readonly string[] = /* @__PURE__ */ (() => [...STEP_FUNCTIONS.keys()])();

/** The slopes of a step's function along its operands a, b and c, where it is y. */
type StepSlopes = (a: number, b: number, c: number, y: number) => readonly number[];

const flat: StepSlopes = () => [0, 0];

/** Slopes of the functions above. Rounding, comparisons and signs are flat wherever they do not jump. */
const STEP_SLOPES = {
  abs: (x) => [Math.sign(x)],
  atan: (x) => [1 / (1 + x * x)],
  constant: flat,
  cos: (x) => [-sin(x)],
  erf: (x) => [1.1283791670955126 * exp(-x * x)],
  exp: (_, __, ___, y) => [y],
  floor: flat,
  log: (x) => [1 / x],
  round: flat,
  sign: flat,
  sin: (x) => [cos(x)],
  sqrt: (_, __, ___, y) => [0.5 / y],
  where: (condition) => (condition === 0 ? [0, 0, 1] : [0, 1, 0]),
} satisfies Readonly<Record<Exclude<StepName, ActivationName | BinaryName>, StepSlopes>>;

/** The slopes of a step's function along its operands. */
export function stepSlopesOf({ fn, parameters }: Pick<Step, "fn" | "parameters">): StepSlopes {
  if (Object.hasOwn(STEP_SLOPES, fn)) return STEP_SLOPES[fn as keyof typeof STEP_SLOPES];
  if (Object.hasOwn(BINARY_SLOPES, fn)) return BINARY_SLOPES[fn as BinaryName];
  const slope = slopeOf(fn as ActivationName, parameters);
  return (x, _, __, y) => [slope(x, y)];
}

/** Most steps of one function. */
export const STEPS_MAX = 64;

function checkSteps(
  { steps }: Pick<ElementwiseLayer, "steps">,
  check: Check,
  fits: (x: number) => boolean = Number.isFinite,
): void {
  check(steps.length >= 1 && steps.length <= STEPS_MAX, "steps", `1 to ${STEPS_MAX} steps`, steps.length);
  const read = new Set<number>([steps.length]);
  for (const [i, { fn, parameters, of }] of steps.entries()) {
    const place = `steps[${i}]`;
    const found = STEP_FUNCTIONS.get(fn);
    check(found !== undefined, `${place}.fn`, `one of ${STEP_NAMES.join(", ")}`, fn);
    const counted = parameters.length === found.parameters && parameters.every(fits);
    check(counted, `${place}.parameters`, `${found.parameters} finite numbers`, parameters);
    const there = of.length === found.operands && of.every((k) => Number.isInteger(k) && k >= 0 && k <= i);
    check(there, `${place}.of`, `${found.operands} integers in 0..${i}`, of);
    for (const k of of) read.add(k);
  }
  const idle = steps.findIndex((_, i) => !read.has(i + 1));
  check(idle < 0 && read.has(0), "steps", "only steps that the result depends on, and the input", idle);
}

/** The function of valid steps, in float64. */
export function stepsOf(steps: readonly Step[]): (x: number) => number {
  const values = new Float64Array(steps.length + 1);
  const parts = steps.map(({ fn, parameters, of: [a = 0, b = 0, c = 0] }) => {
    const f = STEP_FUNCTIONS.get(fn)!.of(...parameters);
    return (to: number): void => {
      values[to] = f(values[a], values[b], values[c]);
    };
  });
  return (x) => {
    values[0] = x;
    for (let i = 0; i < parts.length; i++) parts[i](i + 1);
    return values[parts.length];
  };
}

/** The slope of the function of valid steps, by the chain rule, backwards through the steps. */
export function stepsSlopeOf(steps: readonly Step[]): (x: number) => number {
  const parts = steps.map((step) => {
    const { fn, parameters, of } = step;
    return { of, f: STEP_FUNCTIONS.get(fn)!.of(...parameters), slopes: stepSlopesOf(step) };
  });
  return (x) => {
    const values = [x];
    for (const {
      of: [a, b, c],
      f,
    } of parts)
      values.push(f(values[a], values[b], values[c]));
    const slopes = new Float64Array(values.length);
    slopes[parts.length] = 1;
    for (let i = parts.length; i > 0; i--) {
      // what the result does not depend on has no part in it, even where its slope is infinite
      if (slopes[i] === 0) continue;
      const { of, slopes: along } = parts[i - 1];
      const [a, b, c] = of;
      const partial = along(values[a], values[b], values[c], values[i]);
      for (const [k, from] of of.entries()) if (partial[k] !== 0) slopes[from] += slopes[i] * partial[k];
    }
    return slopes[0];
  };
}

const stepsField: Field<readonly Step[]> = {
  read: (value, place) =>
    json.list(value, place, (entry, at) => {
      const { fn, parameters, of } = json.record(entry, at, ["fn", "parameters", "of"]);
      const name = json.oneOf(fn, `${at}.fn`, STEP_NAMES) as StepName;
      const numbers = json.list(parameters, `${at}.parameters`, json.number);
      return { fn: name, parameters: numbers, of: json.list(of, `${at}.of`, (k, where) => json.integer(k, where)) };
    }),
  write: (steps) => steps,
};

const gainsField: Field<Float32Array> = /* @__PURE__ */ optional({
  since: 4,
  read: (value, place, { name, source }) => source.floats(`${name}.gains`, [json.integer(value, place, 1)]),
  write(gains, { store }) {
    store("gains", storeFloats([gains.length], gains));
    return gains.length;
  },
});

export const elementwiseLayer: LayerKind<ElementwiseLayer> = {
  since: 2,
  fields: { input: tensor, steps: stepsField, gains: gainsField },
  check(layer, [{ shape, encoding }], output, check: Check) {
    checkSteps(layer, check, isWritable);
    checkShape(output, shape, check);
    const { gains } = layer;
    const fits =
      gains === undefined ||
      (encoding.kind === "float32" &&
        elements(shape) > shape[0] &&
        isArray(gains, "Float32Array") &&
        gains.length === shape[0] &&
        firstNonFinite(gains) < 0);
    check(fits, "gains", "a Float32Array with a finite number for each plane of a float32 input", gains);
  },
  run({ steps, gains }, [input], output) {
    const f = stepsOf(steps);
    const gainOf = (i: number): number => gains![Math.floor((i * gains!.length) / input.raw.length)];
    return applied(gains ? (x, i) => Math.fround(f(x)) * gainOf(i) : f, input, output);
  },
};

export const elementwiseNode: NodeKind<ElementwiseNode> = {
  since: 2,
  fields: { input: tensor, steps: stepsField },
  role: () => "float",
  shape: (_, [input]) => input,
  check: (node, check) => checkSteps(node, check),
  lower({ op, name, steps }, { sources: [input], output, encoding, push }) {
    // no file holds -0
    const written = steps.map((step) => ({ ...step, parameters: step.parameters.map((x) => x + 0) }));
    push<ElementwiseLayer>({ op, name, input, output, steps: written }, encoding);
  },
};
