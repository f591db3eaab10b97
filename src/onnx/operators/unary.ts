// unary.ts: functions of every element by itself.
import { type ActivationName, activationOf, exp } from "../../ops/index.js";
import type { Activation, Unnamed } from "../draft.js";
import { elementType, isFloatType } from "../tensor.js";
import { map, roundHalfEven } from "./arrays.js";
import { added, type Conversion, cast, onlyActivation, required, unsupported } from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { float, int, type Spec } from "./spec.js";

/** Stands for no bound: a clip's bounds are finite. */
const LARGEST = 3.4028234663852886e38;

/** A node that reads one activation and changes no shape. */
function shapeless(conversion: Conversion, x: Activation, node: Unnamed): readonly Activation[] {
  return [added(conversion, node, conversion.draft.shapeOf(x.node), x.dims)];
}

/** A function of constants only. */
function constants(f: (x: number) => number): Operator {
  return operator({}, { evaluate: (call) => [map(call, required(call, 0), f)] });
}

/** An activation function whose parameters are float attributes, in their order. */
function activation<F extends Exclude<ActivationName, "leakyRelu">>(
  fn: F,
  attributes: Readonly<Record<string, Spec<number>>> = {},
): Operator {
  return operator(attributes, {
    evaluate: (call) => [map(call, required(call, 0), activationOf(fn, Object.values(call.attributes)))],
    convert(conversion) {
      const x = onlyActivation(conversion);
      const parameters = Object.values(conversion.attributes);
      return shapeless(conversion, x, { op: "activation", input: x.node, fn, parameters });
    },
  });
}

/** Bounds on every element; a low end of 0 is a ReLU. */
export function clipped(conversion: Conversion, low: number, high: number): readonly Activation[] {
  const x = onlyActivation(conversion);
  const { node: input } = x;
  if (low === -Infinity && high === Infinity) return [x];
  if (low === 0 && high === Infinity) return shapeless(conversion, x, { op: "relu", input });
  if (low === 0 && high > 0) return shapeless(conversion, x, { op: "relu", input, max: high });
  const parameters = [Math.max(low, -LARGEST), Math.min(high, LARGEST)];
  return shapeless(conversion, x, { op: "activation", input, fn: "clip", parameters });
}

const leakyRelu = operator(
  { alpha: float(0.01) },
  {
    evaluate: (call) => [map(call, required(call, 0), activationOf("leakyRelu", [call.attributes.alpha]))],
    convert(conversion) {
      const { draft, attributes } = conversion;
      const { alpha: slope } = attributes;
      const x = onlyActivation(conversion);
      if (slope >= 0 && slope <= 1) return shapeless(conversion, x, { op: "leakyRelu", input: x.node, slope });
      const value = draft.filled([1, 1, 1], () => slope);
      const constant = draft.add(`${x.node}.slope`, { op: "constant", value }, [1, 1, 1]);
      return shapeless(conversion, x, { op: "binary", fn: "prelu", inputs: [x.node, constant] });
    },
  },
);

export const UNARY: Operators = {
  Abs: constants(Math.abs),
  Cast: operator(
    { to: int(0), saturate: int(1, { legal: [1] }) },
    {
      evaluate(call) {
        const type = elementType(call.attributes.to, `${call.node.where}.to`);
        return [cast(call, type, required(call, 0))];
      },
      convert(conversion) {
        const { node, attributes } = conversion;
        const type = elementType(attributes.to, `${node.where}.to`);
        if (!isFloatType(type)) throw unsupported(node, `values that depend on the input to ${type}`);
        return [onlyActivation(conversion)];
      },
    },
  ),
  CastLike: operator(
    { saturate: int(1, { legal: [1] }) },
    { evaluate: (call) => [cast(call, required(call, 1).type, required(call, 0))] },
  ),
  Ceil: constants(Math.ceil),
  Clip: operator(
    { min: float(-Infinity, { input: 1 }), max: float(Infinity, { input: 2 }) },
    {
      evaluate(call) {
        const { min, max } = call.attributes;
        return [map(call, required(call, 0), (x) => Math.min(Math.max(x, min), max))];
      },
      convert(conversion) {
        const { min, max } = conversion.attributes;
        return clipped(conversion, Math.min(min, max), max);
      },
    },
  ),
  Elu: activation("elu", { alpha: float(1) }),
  Exp: constants(exp),
  Floor: constants(Math.floor),
  HardSigmoid: activation("hardSigmoid", { alpha: float(0.2), beta: float(0.5) }),
  HardSwish: activation("hardSwish"),
  LeakyRelu: leakyRelu,
  Neg: constants((x) => -x),
  Relu: operator(
    {},
    {
      evaluate: (call) => [map(call, required(call, 0), (x) => Math.max(x, 0))],
      convert: (conversion) => clipped(conversion, 0, Infinity),
    },
  ),
  Round: constants(roundHalfEven),
  Sigmoid: activation("sigmoid"),
  Sqrt: constants(Math.sqrt),
  Tanh: activation("tanh"),
};
