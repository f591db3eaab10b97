// trigonometry.ts: functions of angles and of hyperbolas, their inverses, and tests of what is no number.
import { FLOAT32_MAX } from "../tensor.js";
import { map } from "./arrays.js";
import { onlyActivation, required } from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { flag } from "./spec.js";
import { fixed, inSteps, type ShortStep, stepped } from "./steps.js";

/** asin x = atan(x / sqrt(1 - x^2)) as the steps 1 to 6. */
const ASIN: readonly ShortStep[] = [
  ["constant", [], 1],
  ["mul", [0, 0]],
  ["sub", [1, 2]],
  ["sqrt", [3]],
  ["div", [0, 4]],
  ["atan", [5]],
];

/** (exp x + exp -x) / 2, or the half of their difference. */
const hyperbolic = (fn: "add" | "sub"): Operator =>
  fixed(
    ["exp", [0]],
    ["constant", [], 0],
    ["sub", [2, 0]],
    ["exp", [3]],
    [fn, [1, 4]],
    ["constant", [], 0.5],
    ["mul", [5, 6]],
  );

/** A mask of what a test finds. */
function test<S extends { readonly [name: string]: ReturnType<typeof flag> }>(
  attributes: S,
  testFor: (attributes: { readonly [K in keyof S]: boolean }) => {
    readonly is: (x: number) => boolean;
    readonly steps: readonly ShortStep[];
  },
): Operator {
  return operator(attributes, {
    evaluate(call) {
      const { is } = testFor(call.attributes as { readonly [K in keyof S]: boolean });
      return [{ ...map(call, required(call, 0), (x) => Number(is(x))), type: "bool" }];
    },
    convert(conversion) {
      const { steps } = testFor(conversion.attributes as { readonly [K in keyof S]: boolean });
      return [{ ...stepped(conversion, onlyActivation(conversion), inSteps(...steps)), type: "bool" }];
    },
  });
}

/** Whether a value or its negative is larger than any finite number. */
const BEYOND: readonly ShortStep[] = [
  ["constant", [], FLOAT32_MAX],
  ["less", [1, 0]],
  ["constant", [], -FLOAT32_MAX],
  ["less", [0, 3]],
];

export const TRIGONOMETRY: Operators = {
  Acos: fixed(...ASIN, ["constant", [], Math.PI / 2], ["sub", [7, 6]]),
  Acosh: fixed(["mul", [0, 0]], ["constant", [], 1], ["sub", [1, 2]], ["sqrt", [3]], ["add", [0, 4]], ["log", [5]]),
  Asin: fixed(...ASIN),
  Asinh: fixed(
    ["mul", [0, 0]],
    ["constant", [], 1],
    ["add", [1, 2]],
    ["sqrt", [3]],
    ["abs", [0]],
    ["add", [4, 5]],
    ["log", [6]],
    ["sign", [0]],
    ["mul", [7, 8]],
  ),
  Atan: fixed(["atan", [0]]),
  Atanh: fixed(
    ["constant", [], 1],
    ["add", [1, 0]],
    ["sub", [1, 0]],
    ["div", [2, 3]],
    ["log", [4]],
    ["constant", [], 0.5],
    ["mul", [5, 6]],
  ),
  Cosh: hyperbolic("add"),
  IsInf: test(
    { detect_positive: flag(true), detect_negative: flag(true) },
    ({ detect_positive: above, detect_negative: below }) => ({
      is: (x) => (above && x === Infinity) || (below && x === -Infinity),
      steps:
        above && below
          ? [...BEYOND, ["add", [2, 4]]]
          : above || below
            ? [
                ["constant", [], above ? FLOAT32_MAX : -FLOAT32_MAX],
                ["less", above ? [1, 0] : [0, 1]],
              ]
            : [
                ["constant", [], 0],
                ["mul", [0, 1]],
              ],
    }),
  ),
  IsNaN: test({}, () => ({
    is: Number.isNaN,
    steps: [
      ["equal", [0, 0]],
      ["constant", [], 1],
      ["sub", [2, 1]],
    ],
  })),
  Sinh: hyperbolic("sub"),
};
