// elementwise.ts: operators that make each element from the operands' elements at its place.
import { activationOf, binaryOf, exp } from "../../ops/index.js";
import { elementType, isFloatType, type Value } from "../tensor.js";
import { map, roundHalfEven, zip } from "./arrays.js";
import { type Call, cast, expectNode, type Operator, optional, required, unsupported } from "./call.js";

type Activation = Parameters<typeof activationOf>[0];

/** Parameters of an activation function by attribute, with ONNX's defaults. */
const ACTIVATIONS: Readonly<Record<string, readonly [Activation, readonly (readonly [string, number])[]]>> = {
  Elu: ["elu", [["alpha", 1]]],
  HardSigmoid: [
    "hardSigmoid",
    [
      ["alpha", 0.2],
      ["beta", 0.5],
    ],
  ],
  HardSwish: ["hardSwish", []],
  LeakyRelu: ["leakyRelu", [["alpha", 0.01]]],
  Sigmoid: ["sigmoid", []],
  Tanh: ["tanh", []],
};

/** The function and parameters of an activation operator. */
export function activationCall({ node }: Pick<Call, "node">): { fn: Activation; parameters: number[] } {
  const [fn, names] = ACTIVATIONS[node.op];
  return { fn, parameters: names.map(([name, otherwise]) => node.attributes.float(name, otherwise)) };
}

const activation: Operator = (call) => {
  const { fn, parameters } = activationCall(call);
  return [map(call, required(call, 0), activationOf(fn, parameters))];
};

/** Integers divide towards zero. */
function divide(a: Value): (x: number, y: number) => number {
  return isFloatType(a.type) ? binaryOf("div") : (x, y) => Math.trunc(x / y);
}

const binary =
  (f: (a: Value) => (x: number, y: number) => number): Operator =>
  (call) => {
    const [a, b] = [required(call, 0), required(call, 1)];
    expectNode(a.type === b.type, call.node, `two inputs of ${a.type}`, b.type);
    return [zip(call, a.type, [a, b], f(a))];
  };

const compare =
  (f: (x: number, y: number) => boolean): Operator =>
  (call) => [zip(call, "bool", [required(call, 0), required(call, 1)], (x, y) => Number(f(x, y)))];

const unary =
  (f: (x: number) => number): Operator =>
  (call) => [map(call, required(call, 0), f)];

const variadic =
  (f: (x: number, y: number) => number): Operator =>
  (call) => {
    const values = call.inputs.map((_, i) => required(call, i));
    return [values.reduce((a, b) => zip(call, a.type, [a, b], (x, y) => f(x, y)))];
  };

/** Bounds of Clip: attributes before version 11, inputs since. */
export function clipBounds(call: Call): { low: number; high: number } {
  const bound = (attribute: string, input: number, otherwise: number): number =>
    optional(call, input)?.data[0] ?? call.node.attributes.float(attribute, otherwise);
  return { low: bound("min", 1, -Infinity), high: bound("max", 2, Infinity) };
}

export const ELEMENTWISE: Readonly<Record<string, Operator>> = {
  ...Object.fromEntries(Object.keys(ACTIVATIONS).map((op) => [op, activation])),
  Abs: unary(Math.abs),
  Add: binary(() => binaryOf("add")),
  And: compare((x, y) => x !== 0 && y !== 0),
  Ceil: unary(Math.ceil),
  Cast: (call) => {
    const { node } = call;
    const value = required(call, 0);
    if (node.attributes.int("saturate", 1) !== 1) throw unsupported(node, "saturate 0");
    const type = elementType(node.attributes.int("to", 0), `${node.where}.to`);
    return [cast(call, type, value)];
  },
  CastLike: (call) => {
    const value = required(call, 0);
    return [cast(call, required(call, 1).type, value)];
  },
  Clip: (call) => {
    const { low, high } = clipBounds(call);
    return [map(call, required(call, 0), (x) => Math.min(Math.max(x, low), high))];
  },
  Div: binary(divide),
  Equal: compare((x, y) => x === y),
  Exp: unary(exp),
  Floor: unary(Math.floor),
  Greater: compare((x, y) => x > y),
  GreaterOrEqual: compare((x, y) => x >= y),
  Less: compare((x, y) => x < y),
  Max: variadic(Math.max),
  Min: variadic(Math.min),
  Mul: binary(() => binaryOf("mul")),
  Neg: unary((x) => -x),
  PRelu: (call) => {
    const x = required(call, 0);
    return [zip(call, x.type, [x, required(call, 1)], binaryOf("prelu"))];
  },
  Relu: unary((x) => Math.max(x, 0)),
  Round: unary(roundHalfEven),
  Sqrt: unary(Math.sqrt),
  Sub: binary(() => binaryOf("sub")),
  Where: (call) => {
    const [a, b] = [required(call, 1), required(call, 2)];
    return [zip(call, a.type, [required(call, 0), a, b], (condition, x, y) => (condition ? x : y))];
  },
};
