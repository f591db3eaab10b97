// logic.ts: comparisons, what is done with their results, and the choice between two values.
import type { BinaryName } from "../../ops/index.js";
import { type Activation, isActivation, type Known } from "../draft.js";
import { map, zip } from "./arrays.js";
import { combined, finite } from "./binary.js";
import { allOperands, type Conversion, expectNode, onlyActivation, required, resultName } from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { inSteps, type ShortStep, stepped } from "./steps.js";

/** Two operands to a mask of ones and zeros: `fn` of them, or of them in the other order, and the steps behind it. */
function mask(
  f: (x: number, y: number) => boolean,
  fn: BinaryName,
  isSwapped = false,
  ...steps: readonly ShortStep[]
): Operator {
  return operator(
    {},
    {
      evaluate: (call) => [zip(call, "bool", [required(call, 0), required(call, 1)], (x, y) => Number(f(x, y)))],
      convert(conversion) {
        const [a, b] = allOperands(conversion);
        expectNode(b !== undefined, conversion.node, "two inputs", "one");
        const [x, y] = isSwapped ? [b, a] : [a, b];
        const met = combined(conversion, fn, x, y, steps.length > 0 ? `${resultName(conversion)}.met` : undefined);
        return [{ ...(steps.length > 0 ? stepped(conversion, met, inSteps(...steps)) : met), type: "bool" }];
      },
      anyType: true,
    },
  );
}

const NOT: readonly ShortStep[] = [
  ["constant", [], 1],
  ["sub", [1, 0]],
];

/** A value where the mask is 1, and 0 elsewhere; an infinite constant becomes the largest number. */
function masked(conversion: Conversion, condition: Known, value: Known, name: string): Known {
  if (isActivation(condition) && isActivation(value)) return combined(conversion, "mul", condition, value, name);
  if (!isActivation(value)) {
    if (isActivation(condition)) return combined(conversion, "mul", condition, value, name);
    return finite(
      conversion,
      zip(conversion, value.type, [condition, value], (yes, x) => (yes ? x : 0)),
    );
  }
  return combined(conversion, "mul", condition, value, name);
}

/** One of two values at each place: the one where the condition is 1, the other where it is 0. */
const where = operator(
  {},
  {
    evaluate(call) {
      const [condition, a, b] = [0, 1, 2].map((i) => required(call, i));
      return [zip(call, a.type, [condition, a, b], (yes, x, y) => (yes ? x : y))];
    },
    convert(conversion) {
      const [condition, a, b] = allOperands(conversion);
      expectNode(b !== undefined, conversion.node, "three inputs", conversion.operands.length);
      const label = resultName(conversion);
      const otherwise: Known = isActivation(condition)
        ? stepped(conversion, condition, inSteps(...NOT), `${label}.not`)
        : map(conversion, condition, (x) => (x ? 0 : 1));
      const taken = masked(conversion, condition, a, `${label}.taken`);
      const other = masked(conversion, otherwise, b, `${label}.other`);
      return [combined(conversion, "add", taken, other)];
    },
    anyType: true,
  },
);

export const LOGIC: Operators = {
  And: mask((x, y) => x !== 0 && y !== 0, "mul"),
  Equal: mask((x, y) => x === y, "equal"),
  Greater: mask((x, y) => x > y, "less", true),
  GreaterOrEqual: mask((x, y) => x >= y, "less", false, ...NOT),
  Less: mask((x, y) => x < y, "less"),
  LessOrEqual: mask((x, y) => x <= y, "less", true, ...NOT),
  Not: operator(
    {},
    {
      evaluate: (call) => [map(call, required(call, 0), (x) => (x ? 0 : 1))],
      convert: (conversion): readonly Activation[] => [
        { ...stepped(conversion, onlyActivation(conversion), inSteps(...NOT)), type: "bool" },
      ],
      anyType: true,
    },
  ),
  Or: mask((x, y) => x !== 0 || y !== 0, "max"),
  Where: where,
  Xor: mask((x, y) => (x !== 0) !== (y !== 0), "equal", false, ...NOT),
};
