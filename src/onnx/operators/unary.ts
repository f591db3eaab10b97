// unary.ts: functions of every element by itself.
import { type ActivationName, activationOf, exp, FUNCTIONS, type Node } from "../../ops/index.js";
import type { Activation, Unnamed } from "../draft.js";
import { elementType, isFloatType } from "../tensor.js";
import { map, roundHalfEven } from "./arrays.js";
import { added, type Conversion, cast, onlyActivation, required, unsupported } from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { float, int } from "./spec.js";

/** Stands for no bound: a clip's bounds are finite. */
const LARGEST = 3.4028234663852886e38;

/** A node that reads one activation and changes no shape. */
function shapeless(conversion: Conversion, x: Activation, node: Unnamed): Activation {
  return added(conversion, node, conversion.draft.shapeOf(x.node), x.dims);
}

/** A function of constants only. */
function constants(f: (x: number) => number): Operator {
  return operator({}, { evaluate: (call) => [map(call, required(call, 0), f)] });
}

/** The functions of one value that are an `activation` node; the others have nodes of their own. */
type Named = Exclude<ActivationName, "clip" | "leakyRelu">;
const NAMED = (Object.keys(FUNCTIONS) as ActivationName[]).filter(
  (fn): fn is Named => fn !== "clip" && fn !== "leakyRelu",
);

/** The operator that is a function of one value: that of its name. */
export function operatorName(fn: ActivationName): string {
  return fn[0].toUpperCase() + fn.slice(1);
}

/** The function's operator; the parameters are float attributes, in their order. */
function activation(fn: Named): Operator {
  const attributes = Object.fromEntries(FUNCTIONS[fn].parameters.map(([name, otherwise]) => [name, float(otherwise)]));
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
  return { op: "activation", input, fn: "clip", parameters: [Math.max(low, -LARGEST), Math.min(high, LARGEST)] };
}

function boundsOf(node: Node): { input: string; low: number; high: number } | null {
  if (node.op === "relu") return { input: node.input, low: 0, high: node.max ?? Infinity };
  if (node.op !== "activation" || node.fn !== "clip") return null;
  const [low, high] = node.parameters;
  return { input: node.input, low: low === -LARGEST ? -Infinity : low, high: high === LARGEST ? Infinity : high };
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

export const UNARY: Operators = {
  ...Object.fromEntries(NAMED.map((fn) => [operatorName(fn), activation(fn)])),
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
        const { node: input, dims } = onlyActivation(conversion);
        return [{ node: input, dims }];
      },
      anyType: true,
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
        return [clipped(conversion, onlyActivation(conversion), Math.min(min, max), max)];
      },
    },
  ),
  Exp: constants(exp),
  Floor: constants(Math.floor),
  LeakyRelu: leakyRelu,
  Relu: operator(
    {},
    {
      evaluate: (call) => [map(call, required(call, 0), (x) => Math.max(x, 0))],
      convert: (conversion) => [clipped(conversion, onlyActivation(conversion), 0, Infinity)],
    },
  ),
  Round: constants(roundHalfEven),
  Sqrt: constants(Math.sqrt),
};
