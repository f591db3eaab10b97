// layers.ts: each kind of layer of a model as nodes of the exported graph.
import {
  type ActivationLayer,
  type ActivationName,
  type AxisWeights,
  type BinaryName,
  decoderOf,
  elements,
  FUNCTIONS,
  type GatherLayer,
  type Layer,
  type LayerOf,
  PARAMETERS,
  type PermuteLayer,
  type ResampleLayer,
  type Step,
  type StepName,
  sameShape,
  stepsOf,
} from "../../ops/index.js";
import { operatorName } from "../operators/unary.js";
import { added, encoded, type FormContext, fillOf, products, realOf, sums } from "./form.js";
import type { GraphBuilder } from "./graph.js";

type Export<L extends Layer> = (context: FormContext, layer: L) => string;

/** The export of each kind of layer: adds its nodes and returns the value that holds its output. */
const EXPORTS = {
  conv: products,
  dense: products,
  avgPool: sums,
  add: added,
  maxPool({ g, value }, { input, output, kernel, stride, padding, dilation = [1, 1] }) {
    const window = { kernel_shape: kernel, strides: stride, pads: padding, dilations: dilation };
    return g.node("MaxPool", [value(input)], window, output);
  },
  concat: ({ g, value }, { inputs, output }) => g.node("Concat", inputs.map(value), { axis: 1 }, output),
  gather: gathered,
  permute: permuted,
  constant: ({ g, def }, { output, values }) => g.floats(values, [1, ...def.tensors[output].shape]),
  activation: (context, { fn, parameters, input, output }) =>
    applied(context, [{ fn, parameters, of: [0] }], input, output),
  elementwise: (context, { steps, input, output, gains }) => applied(context, steps, input, output, gains),
  binary(context, { input, other, output, fn }) {
    return encoded(context, BINARY[fn](context.g, [realOf(context, input), realOf(context, other)], []), output);
  },
  matmul: ({ g, value }, { input, other, output }) => g.node("MatMul", [value(input), value(other)], {}, output),
  resample: resampled,
  softmax(context, { input, output, axis }) {
    return encoded(context, context.g.node("Softmax", [realOf(context, input)], { axis: axis + 1 }), output);
  },
} satisfies { readonly [Op in Layer["op"]]: Export<LayerOf<Op>> };

/** Adds one layer; returns the value that holds its output. */
export const exportLayer: Export<Layer> = (context, layer) => (EXPORTS[layer.op] as Export<Layer>)(context, layer);

/**
 * A function of every value. Of integers it is a table. In a model that rounds to integers it is computed in float64, as the
 * model does, if runtimes have its operators for that: another last bit would make another integer of some.
 */
function applied(
  context: FormContext,
  steps: readonly Step[],
  input: string,
  output: string,
  gains?: Float32Array,
): string {
  const { g, def, value } = context;
  const from = def.tensors[input].encoding;
  if (from.kind !== "float32") {
    const real = decoderOf(from);
    const f = stepsOf(steps);
    const table = Float32Array.from({ length: 256 }, (_, raw) => f(real(raw)));
    return encoded(context, g.node("Gather", [g.floats(table), g.node("Cast", [value(input)], { to: INT32 })]), output);
  }
  const multiplied = (real: string): string =>
    gains ? g.node("Mul", [real, g.floats(gains, [1, gains.length, 1, 1])]) : real;
  // another layer may round what this one leaves in float32
  const rounds = Object.values(def.tensors).some(({ encoding }) => encoding.kind !== "float32");
  if (!rounds || !steps.every(({ fn }) => IN_DOUBLES.has(fn))) {
    return encoded(context, multiplied(stepped(g, steps, value(input))), output);
  }
  const wide = stepped(g.inDoubles(), steps, g.node("Cast", [value(input)], { to: DOUBLE }));
  return encoded(context, multiplied(g.node("Cast", [wide], { to: FLOAT })), output);
}

/** Element types of ONNX. */
const [FLOAT, INT32, DOUBLE] = [1, 6, 11];

/** Functions whose operators onnxruntime has for float64. */
const IN_DOUBLES: ReadonlySet<StepName> = new Set<StepName>([
  ...(["abs", "clip", "constant", "elu", "exp", "floor", "hardSigmoid", "hardSwish", "leakyRelu", "log"] as const),
  ...(["round", "sigmoid", "sign", "sqrt", "tanh", "where"] as const),
  ...(["add", "div", "equal", "less", "max", "min", "mod", "mul", "prelu", "sub"] as const),
]);

/** A function of one value is the operator of its name, its parameters the operator's attributes. Clip's are inputs. */
function activated(g: GraphBuilder, { fn, parameters }: Pick<ActivationLayer, "fn" | "parameters">, x: string): string {
  if (g.real === DOUBLE && fn !== "clip") return IN_PARTS[fn](g, x, parameters);
  const operator = operatorName(fn);
  if (fn === "clip") return g.node(operator, [x, ...parameters.map((bound) => g.floats([bound], []))]);
  const attributes = PARAMETERS[fn].map(([name], i) => [name, { float: parameters[i] }]);
  return g.node(operator, [x], Object.fromEntries(attributes));
}

/** max(low, min(high, factor x + addend)) */
function ramp(g: GraphBuilder, x: string, [factor, addend]: readonly number[]): string {
  const line = g.node("Add", [g.node("Mul", [x, g.floats([factor], [])]), g.floats([addend], [])]);
  return g.node("Clip", [line, g.floats([0], []), g.floats([1], [])]);
}

/** 1 + exp(factor x) */
function exponential(g: GraphBuilder, x: string, factor: number): string {
  return g.node("Add", [g.node("Exp", [g.node("Mul", [x, g.floats([factor], [])])]), g.floats([1], [])]);
}

type PartsExport = (g: GraphBuilder, x: string, parameters: readonly number[]) => string;

/**
 * Functions by the operators that onnxruntime has for float64; it has their own for float32 alone. Sigmoid and Tanh in
 * products it would take for QuickGelu and FastGelu.
 */
const IN_PARTS = {
  elu(g, x, [alpha]) {
    const zero = g.floats([0], []);
    const below = g.node("Sub", [g.node("Exp", [g.node("Min", [x, zero])]), g.floats([1], [])]);
    return g.node("Where", [g.node("Less", [x, zero]), g.node("Mul", [below, g.floats([alpha], [])]), x]);
  },
  hardSigmoid: ramp,
  // x / 6 is not x times the float64 nearest to 1 / 6
  hardSwish: (g, x) => g.node("Mul", [x, ramp(g, g.node("Div", [x, g.floats([6], [])]), [1, 0.5])]),
  leakyRelu: (g, x, [alpha]) => prelu(g, x, g.floats([alpha], [])),
  sigmoid: (g, x) => g.node("Div", [g.floats([1], []), exponential(g, x, -1)]),
  tanh(g, x) {
    const share = g.node("Div", [g.floats([2], []), exponential(g, x, 2)]);
    return g.node("Sub", [g.floats([1], []), share]);
  },
} satisfies { readonly [F in Exclude<ActivationName, "clip">]: PartsExport };

/** A function in steps: the nodes of each. */
function stepped(g: GraphBuilder, steps: readonly Step[], x: string): string {
  const values = [x];
  for (const { fn, parameters, of } of steps) {
    const read = of.map((k) => values[k]);
    values.push(
      fn in FUNCTIONS
        ? activated(g, { fn: fn as ActivationName, parameters }, read[0])
        : STEPS[fn as Exclude<StepName, ActivationName>](g, read, parameters),
    );
  }
  return values[steps.length];
}

type StepExport = (g: GraphBuilder, read: readonly string[], parameters: readonly number[]) => string;
const as =
  (operator: string, attributes = {}): StepExport =>
  (g, read) =>
    g.node(operator, read, attributes);
const asFloat =
  (operator: string): StepExport =>
  (g, read) =>
    g.node("Cast", [g.node(operator, read)], { to: g.real });

/** The functions of two values; they repeat either operand where an axis is of length 1. */
const BINARY = {
  add: as("Add"),
  div: as("Div"),
  equal: asFloat("Equal"),
  less: asFloat("Less"),
  max: as("Max"),
  min: as("Min"),
  mod: as("Mod", { fmod: 1 }),
  mul: as("Mul"),
  pow: as("Pow"),
  prelu: (g, [a, b]) => prelu(g, a, b),
  sub: as("Sub"),
} satisfies { readonly [F in BinaryName]: StepExport };

/** The functions that steps have besides. */
const STEPS = {
  ...BINARY,
  abs: as("Abs"),
  atan: as("Atan"),
  constant: (g, _, parameters) => g.floats(parameters, []),
  cos: as("Cos"),
  erf: as("Erf"),
  exp: as("Exp"),
  floor: as("Floor"),
  log: as("Log"),
  round: as("Round"),
  sign: as("Sign"),
  sin: as("Sin"),
  sqrt: as("Sqrt"),
  where: (g, [condition, a, b]) => g.node("Where", [g.node("Cast", [condition], { to: 9 }), a, b]),
} satisfies { readonly [F in Exclude<StepName, ActivationName>]: StepExport };

/** a where a >= 0, else a b: either operand may be repeated, which PRelu does not allow. */
function prelu(g: GraphBuilder, a: string, b: string): string {
  return g.node("Where", [g.node("Less", [a, g.floats([0], [])]), g.node("Mul", [a, b]), a]);
}

function permuted({ g, def, value }: FormContext, { input, output, dims, order }: PermuteLayer): string {
  const source = g.node("Reshape", [value(input), g.integers([-1, ...dims])]);
  const moved = order.every((axis, i) => axis === i)
    ? source
    : g.node("Transpose", [source], { perm: [0, ...order.map((axis) => axis + 1)] });
  return g.node("Reshape", [moved, g.integers([-1, ...def.tensors[output].shape])], {}, output);
}

function resampled(context: FormContext, layer: ResampleLayer): string {
  const { g, def } = context;
  const [, height, width] = def.tensors[layer.input].shape;
  const [, rows, columns] = def.tensors[layer.output].shape;
  const down = g.floats(matrix(layer.rows, rows, height, false), [rows, height]);
  const across = g.floats(matrix(layer.columns, columns, width, true), [width, columns]);
  const wide = g.node("MatMul", [realOf(context, layer.input), across]);
  return encoded(context, g.node("MatMul", [down, wide]), layer.output);
}

/** Taps as a matrix (output, input), or turned round. */
function matrix({ indices, weights }: AxisWeights, to: number, from: number, turned: boolean): Float32Array {
  const result = new Float32Array(to * from);
  const each = indices.length / to;
  for (const [i, index] of indices.entries()) {
    const place = Math.floor(i / each);
    result[turned ? index * to + place : place * from + index] += weights[i];
  }
  return result;
}

/** Gather along each axis, with the fill put in by masks. */
function gathered(context: FormContext, layer: GatherLayer): string {
  const { g, def, value } = context;
  const { shape } = def.tensors[layer.input];
  const lists = [layer.channels, layer.rows, layer.columns];
  let result = value(layer.input);
  for (const [axis, list] of lists.entries()) {
    if (sameShape(list, [...Array(shape[axis]).keys()])) continue;
    const indices = g.integers(list.map((index) => Math.max(index, 0)));
    result = g.node("Gather", [result, indices], { axis: axis + 1 });
  }
  const masks = lists.map((list) => list.map((index) => (index < 0 ? 0 : 1)));
  if (masks.every((mask) => elements(mask) === 1)) return result;
  const [channels, rows, columns] = masks.map((mask, axis) => {
    const dims = [1, 1, 1].with(axis, mask.length);
    return g.node("Cast", [g.floats(mask, dims)], { to: 9 });
  });
  const inside = g.node("And", [g.node("And", [channels, rows]), columns]);
  return g.node("Where", [inside, result, fillOf(context, layer.value, layer.input)], {}, layer.output);
}
