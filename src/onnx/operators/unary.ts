// unary.ts: functions of every element by itself.
import { type ActivationName, activationOf, type Node, PARAMETERS, type Unnamed } from "../../ops/index.js";
import type { Activation } from "../draft.js";
import { elementType, FLOAT32_MAX, isFloatType } from "../tensor.js";
import { map } from "./arrays.js";
import { type Conversion, cast, onlyActivation, required } from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { choice, float, int } from "./spec.js";
import { elementwise, fixed, GELU, GELU_TANH, inSteps, SOFTPLUS, shapeless, stepped, swish } from "./steps.js";

/** The functions of one value that are an `activation` node; the others have nodes of their own. */
type Named = Exclude<ActivationName, "clip" | "leakyRelu">;
const NAMED = (Object.keys(PARAMETERS) as ActivationName[]).filter(
  (fn): fn is Named => fn !== "clip" && fn !== "leakyRelu",
);

/** The operator that is a function of one value: that of its name. */
export function operatorName(fn: ActivationName): string {
  return fn[0].toUpperCase() + fn.slice(1);
}

/** The function's operator; the parameters are float attributes, in their order. */
function activation(fn: Named): Operator {
  const attributes = Object.fromEntries(PARAMETERS[fn].map(([name, otherwise]) => [name, float(otherwise)]));
  return operator(attributes, {
    evaluate: (call) => [map(call, required(call, 0), activationOf(fn, Object.values(call.attributes)))],
    convert(conversion) {
      const x = onlyActivation(conversion);
      const parameters = Object.values(conversion.attributes);
      return [shapeless(conversion, x, { op: "activation", input: x.node, fn, parameters })];
    },
  });
}

/** Bounds on every element; those of bounded ones become one node. */
export function clipped(conversion: Conversion, x: Activation, low: number, high: number): Activation {
  if (low === -Infinity && high === Infinity) return x;
  const before = boundsOf(conversion.draft.get(x.node));
  const within = (bound: number): number => Math.min(Math.max(bound, low), high);
  const [least, most] = before ? [within(before.low), within(before.high)] : [low, high];
  if (before?.low === least && before.high === most) return x;
  const input = before?.input ?? x.node;
  return shapeless(conversion, { ...x, node: input }, boundNode(input, least, most));
}

/** A low end of 0 is a ReLU. */
function boundNode(input: string, low: number, high: number): Unnamed {
  if (low === 0 && high === Infinity) return { op: "relu", input };
  if (low === 0 && high > 0) return { op: "relu", input, max: high };
  return {
    op: "activation",
    input,
    fn: "clip",
    parameters: [Math.max(low, -FLOAT32_MAX), Math.min(high, FLOAT32_MAX)],
  };
}

/** The bounds that a node is, and what it bounds; null for other nodes. */
export function boundsOf(node: Node): { input: string; low: number; high: number } | null {
  if (node.op === "relu") return { input: node.input, low: 0, high: node.max ?? Infinity };
  if (node.op !== "activation" || node.fn !== "clip") return null;
  const [low, high] = node.parameters;
  return {
    input: node.input,
    low: low === -FLOAT32_MAX ? -Infinity : low,
    high: high === FLOAT32_MAX ? Infinity : high,
  };
}

const leakyRelu = operator(
  { alpha: float(0.01) },
  {
    evaluate: (call) => [map(call, required(call, 0), activationOf("leakyRelu", [call.attributes.alpha]))],
    convert(conversion) {
      const { draft, attributes } = conversion;
      const { alpha: slope } = attributes;
      const x = onlyActivation(conversion);
      if (slope >= 0 && slope <= 1) return [shapeless(conversion, x, { op: "leakyRelu", input: x.node, slope })];
      const value = draft.filled([1, 1, 1], () => slope);
      const constant = draft.add(`${x.node}.slope`, { op: "constant", value }, [1, 1, 1]);
      return [shapeless(conversion, x, { op: "binary", fn: "prelu", inputs: [x.node, constant] })];
    },
  },
);

/** Rounds towards zero, as integers are made of floats. */
const TRUNCATED = inSteps(["abs", [0]], ["floor", [1]], ["sign", [0]], ["mul", [2, 3]]);

export const UNARY: Operators = {
  ...Object.fromEntries(NAMED.map((fn) => [operatorName(fn), activation(fn)])),
  Abs: fixed(["abs", [0]]),
  Cast: operator(
    { to: int(0), saturate: int(1, { legal: [1] }) },
    {
      evaluate(call) {
        const type = elementType(call.attributes.to, `${call.node.where}.to`);
        return [cast(call, type, required(call, 0))];
      },
      convert(conversion) {
        const type = elementType(conversion.attributes.to, `${conversion.node.where}.to`);
        const x = onlyActivation(conversion);
        if (isFloatType(type)) return [{ node: x.node, dims: x.dims }];
        if (type === "bool") return [{ ...stepped(conversion, x, inSteps(["abs", [0]], ["sign", [1]])), type }];
        if (x.type !== undefined) return [{ ...x, type }];
        return [{ ...stepped(conversion, x, TRUNCATED), type }];
      },
      anyType: true,
    },
  ),
  CastLike: operator(
    { saturate: int(1, { legal: [1] }) },
    { evaluate: (call) => [cast(call, required(call, 1).type, required(call, 0))] },
  ),
  Ceil: fixed(["constant", [], 0], ["sub", [1, 0]], ["floor", [2]], ["sub", [1, 3]]),
  Celu: elementwise({ alpha: float(1) }, ({ alpha }) =>
    inSteps(["constant", [], alpha], ["div", [0, 1]], ["elu", [2], 1], ["mul", [1, 3]]),
  ),
  Cos: fixed(["cos", [0]]),
  Erf: fixed(["erf", [0]]),
  Exp: fixed(["exp", [0]]),
  Floor: fixed(["floor", [0]]),
  Gelu: elementwise({ approximate: choice("none", "tanh") }, ({ approximate }) =>
    approximate === "none" ? GELU : GELU_TANH,
  ),
  LeakyRelu: leakyRelu,
  Log: fixed(["log", [0]]),
  Mish: fixed(...SOFTPLUS, ["tanh", [9]], ["mul", [0, 10]]),
  Reciprocal: fixed(["constant", [], 1], ["div", [1, 0]]),
  Relu: operator(
    {},
    {
      evaluate: (call) => [map(call, required(call, 0), (x) => Math.max(x, 0))],
      convert: (conversion) => [clipped(conversion, onlyActivation(conversion), 0, Infinity)],
    },
  ),
  Round: fixed(["round", [0]]),
  Selu: elementwise({ alpha: float(1.6732632423543772), gamma: float(1.0507009873554805) }, ({ alpha, gamma }) =>
    inSteps(["elu", [0], alpha], ["constant", [], gamma], ["mul", [2, 1]]),
  ),
  Shrink: elementwise({ bias: float(0), lambd: float(0.5) }, ({ bias, lambd }) =>
    inSteps(
      ["constant", [], bias],
      ["constant", [], lambd],
      ["constant", [], 0],
      ["less", [2, 0]],
      ["sub", [0, 1]],
      ["where", [4, 5, 3]],
      ["sub", [3, 2]],
      ["less", [0, 7]],
      ["add", [0, 1]],
      ["where", [8, 9, 6]],
    ),
  ),
  Sign: fixed(["sign", [0]]),
  Sin: fixed(["sin", [0]]),
  Softplus: fixed(...SOFTPLUS),
  Softsign: fixed(["constant", [], 1], ["abs", [0]], ["add", [1, 2]], ["div", [0, 3]]),
  Sqrt: fixed(["sqrt", [0]]),
  Swish: elementwise({ alpha: float(1) }, ({ alpha }) => swish(alpha)),
  Tan: fixed(["sin", [0]], ["cos", [0]], ["div", [1, 2]]),
  ThresholdedRelu: elementwise({ alpha: float(1) }, ({ alpha }) =>
    inSteps(["constant", [], alpha], ["less", [1, 0]], ["constant", [], 0], ["where", [2, 0, 3]]),
  ),
};
