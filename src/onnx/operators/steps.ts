// steps.ts: functions of every element that are put together from others, as operators and as parts of them.
import { type Step, stepsOf, type Unnamed } from "../../ops/index.js";
import type { Activation } from "../draft.js";
import { map } from "./arrays.js";
import { added, type Conversion, onlyActivation, required } from "./call.js";
import { type Operator, operator } from "./operator.js";
import type { Specs, ValuesOf } from "./spec.js";

/** A node that reads one activation and changes no shape. */
export function shapeless(conversion: Conversion, x: Activation, node: Unnamed): Activation {
  return added(conversion, node, conversion.draft.shapeOf(x.node), x.dims);
}

/** One step: the function, the values that it reads (0 is the input, k what the k-th step makes), its parameters. */
export type ShortStep = readonly [fn: Step["fn"], of: readonly number[], ...parameters: readonly number[]];

/** A function of one value in steps. */
export const inSteps = (...steps: readonly ShortStep[]): Step[] =>
  steps.map(([fn, of, ...parameters]) => ({ fn, parameters, of }));

/** A node that computes the steps; the name is that of the first result unless it is given. */
export function stepped(conversion: Conversion, x: Activation, steps: readonly Step[], name?: string): Activation {
  const { draft } = conversion;
  const node = { op: "elementwise", input: x.node, steps } as const;
  if (name === undefined) return shapeless(conversion, x, node);
  return { node: draft.add(name, node, draft.shapeOf(x.node)), dims: x.dims };
}

/** A function of every element, made of steps from the values of the attributes. */
export function elementwise<S extends Specs>(
  attributes: S,
  stepsFor: (attributes: ValuesOf<S>) => readonly Step[],
): Operator {
  return operator(attributes, {
    evaluate: (call) => [map(call, required(call, 0), stepsOf(stepsFor(call.attributes)))],
    convert: (conversion) => [stepped(conversion, onlyActivation(conversion), stepsFor(conversion.attributes))],
  });
}

/** A function of every element in steps that are always the same. */
export const fixed = (...steps: readonly ShortStep[]): Operator => elementwise({}, () => inSteps(...steps));

/** ln(1 + exp x) = max(x, 0) + ln(1 + exp(-|x|)) as the steps 1 to 9. */
export const SOFTPLUS: readonly ShortStep[] = [
  ["constant", [], 0],
  ["abs", [0]],
  ["sub", [1, 2]],
  ["exp", [3]],
  ["constant", [], 1],
  ["add", [5, 4]],
  ["log", [6]],
  ["max", [0, 1]],
  ["add", [8, 7]],
];
/** x (1 + erf(x / sqrt 2)) / 2. */
export const GELU = inSteps(
  ["constant", [], Math.SQRT2],
  ["div", [0, 1]],
  ["erf", [2]],
  ["constant", [], 1],
  ["add", [3, 4]],
  ["constant", [], 0.5],
  ["mul", [0, 6]],
  ["mul", [7, 5]],
);
/** x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. */
export const GELU_TANH = inSteps(
  ["mul", [0, 0]],
  ["constant", [], 0.044715],
  ["mul", [1, 2]],
  ["constant", [], 1],
  ["add", [3, 4]],
  ["mul", [5, 0]],
  ["constant", [], 0.7978845608028654],
  ["mul", [6, 7]],
  ["tanh", [8]],
  ["add", [9, 4]],
  ["constant", [], 0.5],
  ["mul", [0, 11]],
  ["mul", [12, 10]],
);

/** x sigmoid(alpha x). */
export const swish = (alpha: number): Step[] =>
  inSteps(["constant", [], alpha], ["mul", [0, 1]], ["sigmoid", [2]], ["mul", [0, 3]]);
