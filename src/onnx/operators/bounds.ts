// bounds.ts: Clip: bounds that are numbers are one node; one that depends on the input is a maximum or a minimum with it.
import { binaryOf } from "../../ops/index.js";
import { isActivation, type Known } from "../draft.js";
import { map, zip } from "./arrays.js";
import { extreme } from "./binary.js";
import { type Conversion, expectNode, onlyActivation, required } from "./call.js";
import { type Operators, operator, type Simple } from "./operator.js";
import { float } from "./spec.js";
import { clipped } from "./unary.js";

const byNumbers = operator(
  { min: float(-Infinity, { input: 1 }), max: float(Infinity, { input: 2 }) },
  {
    evaluate(call) {
      const { min, max } = call.attributes;
      return [map(call, required(call, 0), (x) => Math.min(Math.max(x, min), max))];
    },
    convert(conversion) {
      const { min, max } = conversion.attributes;
      return [clipped(conversion, onlyActivation(conversion), Math.min(min, max), max)];
    },
  },
);

/** The larger or the smaller of two values, either of which may be a constant. */
function met(conversion: Conversion, fn: "max" | "min", a: Known, b: Known): Known {
  if (isActivation(a)) return extreme(conversion, fn, a, b);
  return isActivation(b) ? extreme(conversion, fn, b, a) : zip(conversion, a.type, [a, b], binaryOf(fn));
}

const clip: Simple = {
  ...byNumbers,
  convert(bare) {
    const { node, operands } = bare;
    const [x = null, low = null, high = null] = operands;
    if (!isActivation(low) && !isActivation(high)) return byNumbers.convert!(bare);
    expectNode(x !== null, node, "an input", "none", "input[0]");
    for (const [i, bound] of [low, high].entries()) {
      expectNode(bound?.dims.every((n) => n === 1) ?? true, node, "one number", bound?.dims, `input[${i + 1}]`);
    }
    const conversion = { ...bare, attributes: undefined };
    const raised = low ? met(conversion, "max", x, low) : x;
    return [high ? met(conversion, "min", raised, high) : raised];
  },
};

export const BOUNDS: Operators = { Clip: clip };
