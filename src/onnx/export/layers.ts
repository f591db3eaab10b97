// layers.ts: one layer of a model as nodes of the exported graph.
import { elements, type Layer, type StepName, sameShape, type Taps } from "../../ops/index.js";
import { added, encoded, type FormContext, fillOf, products, realOf, sums } from "./form.js";
import type { GraphBuilder } from "./graph.js";

/** Adds one layer; returns the value that holds its output. */
export function exportLayer(context: FormContext, layer: Layer): string {
  const { g, def, value } = context;
  const { output } = layer;
  switch (layer.op) {
    case "conv":
    case "dense":
      return products(context, layer);
    case "avgPool":
      return sums(context, layer);
    case "add":
      return added(context, layer);
    case "maxPool": {
      const { kernel, stride, padding, dilation = [1, 1] } = layer;
      const window = { kernel_shape: kernel, strides: stride, pads: padding, dilations: dilation };
      return g.node("MaxPool", [value(layer.input)], window, output);
    }
    case "concat":
      return g.node("Concat", layer.inputs.map(value), { axis: 1 }, output);
    case "gather":
      return gathered(context, layer);
    case "permute": {
      const source = g.node("Reshape", [value(layer.input), g.integers([-1, ...layer.dims])]);
      const moved = layer.order.every((axis, i) => axis === i)
        ? source
        : g.node("Transpose", [source], { perm: [0, ...layer.order.map((axis) => axis + 1)] });
      return g.node("Reshape", [moved, g.integers([-1, ...def.tensors[output].shape])], {}, output);
    }
    case "constant": {
      const { shape } = def.tensors[output];
      return g.floats(layer.values, [1, ...shape]);
    }
    case "activation":
      return encoded(context, activated(g, layer, realOf(context, layer.input)), output);
    case "elementwise":
      return encoded(context, stepped(g, layer, realOf(context, layer.input)), output);
    case "binary": {
      const [a, b] = [realOf(context, layer.input), realOf(context, layer.other)];
      const ops = { add: "Add", sub: "Sub", mul: "Mul", div: "Div" } as const;
      const result = layer.fn === "prelu" ? prelu(g, a, b) : g.node(ops[layer.fn], [a, b]);
      return encoded(context, result, output);
    }
    case "resample": {
      const [, height, width] = def.tensors[layer.input].shape;
      const [, rows, columns] = def.tensors[output].shape;
      const down = g.floats(matrix(layer.rows, rows, height, false), [rows, height]);
      const across = g.floats(matrix(layer.columns, columns, width, true), [width, columns]);
      const wide = g.node("MatMul", [realOf(context, layer.input), across]);
      return encoded(context, g.node("MatMul", [down, wide]), output);
    }
    case "softmax":
      return encoded(context, g.node("Softmax", [realOf(context, layer.input)], { axis: layer.axis + 1 }), output);
  }
}

function activated(
  g: GraphBuilder,
  { fn, parameters }: Pick<Layer & { op: "activation" }, "fn" | "parameters">,
  x: string,
): string {
  const [a, b] = parameters;
  switch (fn) {
    case "clip":
      return g.node("Clip", [x, g.floats([a], []), g.floats([b], [])]);
    case "elu":
      return g.node("Elu", [x], { alpha: { float: a } });
    case "hardSigmoid":
      return g.node("HardSigmoid", [x], { alpha: { float: a }, beta: { float: b } });
    case "hardSwish":
      return g.node("HardSwish", [x]);
    case "leakyRelu":
      return g.node("LeakyRelu", [x], { alpha: { float: a } });
    case "sigmoid":
      return g.node("Sigmoid", [x]);
    case "tanh":
      return g.node("Tanh", [x]);
  }
}

/** The operators of ONNX that steps without parameters are. */
const STEP_OPERATORS = {
  abs: "Abs",
  add: "Add",
  cos: "Cos",
  div: "Div",
  erf: "Erf",
  exp: "Exp",
  floor: "Floor",
  log: "Log",
  max: "Max",
  min: "Min",
  mul: "Mul",
  pow: "Pow",
  round: "Round",
  sign: "Sign",
  sin: "Sin",
  sqrt: "Sqrt",
  sub: "Sub",
} as const;

/** A function of steps: a node for each. */
function stepped(g: GraphBuilder, { steps }: Layer & { op: "elementwise" }, x: string): string {
  const values = [x];
  for (const { fn, parameters, of } of steps) {
    const from = of.map((k) => values[k]);
    values.push(stepNode(g, fn, parameters, from));
  }
  return values[steps.length];
}

function stepNode(g: GraphBuilder, fn: StepName, parameters: readonly number[], from: readonly string[]): string {
  const [a, b, c] = from;
  switch (fn) {
    case "constant":
      return g.floats(parameters, []);
    case "equal":
    case "less":
      return g.node("Cast", [g.node(fn === "equal" ? "Equal" : "Less", from)], { to: 1 });
    case "mod":
      return g.node("Mod", from, { fmod: 1 });
    case "prelu":
      return prelu(g, a, b);
    case "where":
      return g.node("Where", [g.node("Cast", [a], { to: 9 }), b, c]);
    case "clip":
    case "elu":
    case "hardSigmoid":
    case "hardSwish":
    case "leakyRelu":
    case "sigmoid":
    case "tanh":
      return activated(g, { fn, parameters }, a);
    default:
      return g.node(STEP_OPERATORS[fn], from);
  }
}

/** a where a >= 0, else a b: either operand may be repeated, which PRelu does not allow. */
function prelu(g: GraphBuilder, a: string, b: string): string {
  return g.node("Where", [g.node("Less", [a, g.floats([0], [])]), g.node("Mul", [a, b]), a]);
}

/** Taps as a matrix (output, input), or turned round. */
function matrix({ indices, weights }: Taps, to: number, from: number, turned: boolean): Float32Array {
  const result = new Float32Array(to * from);
  const each = indices.length / to;
  for (const [i, index] of indices.entries()) {
    const place = Math.floor(i / each);
    result[turned ? index * to + place : place * from + index] += weights[i];
  }
  return result;
}

/** Gather along each axis, with the fill put in by masks. */
function gathered(context: FormContext, layer: Layer & { op: "gather" }): string {
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
