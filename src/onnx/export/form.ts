// form.ts: a model's arithmetic in ONNX operators, step by step as docs/arithmetic.md has it, so that any runtime gives the
// model's own integers: Conv, Mul, Add, Clip, Round.
//
// The sums of integers are rounded to integers once more: they are exact whatever the runtime's order of summation, and a
// runtime cannot fold a scale into the weights or a bias into the sums, which would move activations to other steps.

import type { ModelDef } from "../../model/index.js";
import {
  type AddLayer,
  type AvgPoolLayer,
  type ConvLayer,
  type DenseLayer,
  type Encoding,
  type Ending,
  type Epilogue,
  elements,
  encodeInput,
  epilogueBounds,
  inputAffine,
  NO_ENDING,
  type Residual,
  weightValues,
  zeroOf,
} from "../../ops/index.js";
import { type GraphBuilder, perChannel } from "./graph.js";

/**
 * The types of an exported model.
 * - float32: a tensor's integers and the weights' are held in float32.
 * - qdq: integers are uint8 between QuantizeLinear and DequantizeLinear, weights int8 behind DequantizeLinear where all
 *   of a layer's fit. The steps have scale 1: the real scales are in each layer's Mul.
 */
export type ExportForm = "float32" | "qdq";

export interface FormContext {
  readonly g: GraphBuilder;
  readonly def: ModelDef;
  readonly form: ExportForm;
  /** The value that holds a tensor, (batch, channels, rows, columns). */
  readonly value: (tensor: string) => string;
}

const encodingOf = ({ def }: FormContext, tensor: string): Encoding => def.tensors[tensor].encoding;

/** Whether a tensor is held as uint8. */
function isBytes(context: FormContext, tensor: string): boolean {
  return context.form === "qdq" && encodingOf(context, tensor).kind !== "float32";
}

/** Adds the real value x of a tensor as a scalar of its type. */
export function fillOf(context: FormContext, x: number, tensor: string): string {
  const raw = encodeInput(x, encodingOf(context, tensor));
  return isBytes(context, tensor) ? context.g.uint8(raw) : context.g.floats([raw], []);
}

/** A tensor's raw values less a zero point, in float32. */
function lessZero(context: FormContext, tensor: string, zero: number): string {
  const { g } = context;
  const held = context.value(tensor);
  if (isBytes(context, tensor)) return g.node("DequantizeLinear", [held, g.floats([1], []), g.uint8(zero)]);
  return zero === 0 ? held : g.node("Sub", [held, g.floats([zero], [])]);
}

/** real = scale (q - zero) */
export function realOf(context: FormContext, tensor: string): string {
  const encoding = encodingOf(context, tensor);
  const steps = lessZero(context, tensor, zeroOf(encoding));
  return encoding.kind === "float32" ? steps : context.g.node("Mul", [steps, context.g.floats([encoding.scale], [])]);
}

/** A tensor from real values, as the model encodes its input. */
export function encoded(context: FormContext, real: string, tensor: string): string {
  const encoding = encodingOf(context, tensor);
  if (encoding.kind === "float32") return real;
  const { scale, offset } = inputAffine(encoding);
  const steps = affine(context, real, [scale], [offset]);
  // onnxruntime up to 1.20 cannot load a Clip between an input and QuantizeLinear, which takes values to 0..255 by itself
  const saturates = steps === real && encoding.kind === "linear" && encoding.max === BYTE_MAX;
  if (saturates && isBytes(context, tensor)) return quantized(context, steps, tensor);
  return ended(context, steps, tensor, NO_ENDING);
}

function affine({ g }: FormContext, x: string, scale: ArrayLike<number>, offset: ArrayLike<number>): string {
  const all = (values: ArrayLike<number>, wanted: number) => Array.from(values).every((value) => value === wanted);
  const scaled = all(scale, 1) ? x : g.node("Mul", [x, perChannel(g, scale)]);
  return all(offset, 0) ? scaled : g.node("Add", [scaled, perChannel(g, offset)]);
}

/** z within its bounds, then as the output's encoding says. */
function ended(context: FormContext, z: string, output: string, { clamp }: Ending): string {
  const { g } = context;
  const encoding = encodingOf(context, output);
  const { low, high } = epilogueBounds(clamp, encoding);
  const inside = clipped(g, z, low, high);
  if (encoding.kind === "float32") return inside;
  if (encoding.kind === "levels") {
    const levels = levelsOf(g, inside, encoding);
    return isBytes(context, output) ? g.node("Cast", [levels], { to: 2 }, output) : levels;
  }
  if (!isBytes(context, output)) return g.node("Round", [inside], {}, output);
  return quantized(context, inside, output);
}

const BYTE_MAX = 255;

/** Steps to the nearest integers, as uint8. */
function quantized({ g }: FormContext, steps: string, output: string): string {
  return g.node("QuantizeLinear", [steps, g.floats([1], []), g.uint8(0)], {}, output);
}

/** A Clip, or nothing where there are no bounds. */
function clipped(g: GraphBuilder, z: string, low: number, high: number): string {
  if (low === -Infinity && high === Infinity) return z;
  if (low === 0 && high === Infinity) return g.node("Relu", [z]);
  const bounds = [low === -Infinity ? "" : g.floats([low], []), ...(high === Infinity ? [] : [g.floats([high], [])])];
  return g.node("Clip", [z, ...bounds]);
}

/**
 * The level of each z: the sum of the steps between levels whose thresholds it reaches.
 *   level = sum over k of (levels[k + 1] - levels[k]) [z >= thresholds[k]]
 */
function levelsOf(g: GraphBuilder, z: string, { levels, thresholds }: Encoding & { kind: "levels" }): string {
  const column = g.node("Unsqueeze", [z, g.integers([4])]);
  const reached = g.node("GreaterOrEqual", [column, g.floats(thresholds)]);
  const steps = g.floats(levels.slice(1).map((level, i) => level - levels[i]));
  const taken = g.node("Mul", [g.node("Cast", [reached], { to: 1 }), steps]);
  return g.node("ReduceSum", [taken, g.integers([4])], { keepdims: 0 });
}

/** The epilogue of model.ts over a sum. */
function finished(
  context: FormContext,
  acc: string,
  { scale, offset, ...ending }: Epilogue,
  output: string,
  residual?: Residual,
): string {
  const { g } = context;
  let z = affine(context, acc, scale, offset);
  if (residual) {
    const operand = lessZero(context, residual.tensor, 0);
    const scaled = residual.scale === 1 ? operand : g.node("Mul", [operand, g.floats([residual.scale], [])]);
    z = g.node("Add", [z, scaled]);
  }
  return ended(context, z, output, ending);
}

/** A convolution or dense layer. The sums are over the input less its zero point, which is then put back: sum(w) of it. */
export function products(context: FormContext, layer: ConvLayer | DenseLayer): string {
  const { g, def, form } = context;
  const { shape, encoding } = def.tensors[layer.input];
  const weights = weightValues(layer.weights);
  const outputs = layer.epilogue.scale.length;
  const isInteger = encoding.kind !== "float32";
  const bytes = form === "qdq" && isInteger && weights.every((w) => w >= -128 && w <= 127);
  const dims = layer.op === "conv" ? [outputs, shape[0] / layer.groups, ...layer.kernel] : [outputs, elements(shape)];
  const weight = bytes
    ? g.node("DequantizeLinear", [g.int8(weights, dims), g.floats([1], []), g.int8([0], [])])
    : g.floats(weights, dims);
  const zero = zeroOf(encoding);
  const input = lessZero(context, layer.input, zero);
  const sum = layer.op === "conv" ? convolved(g, layer, input, weight) : multiplied(g, input, weight, outputs);
  if (!isInteger) return finished(context, sum, layer.epilogue, layer.output, residualOf(layer));
  const depth = weights.length / outputs;
  const zeros = Float32Array.from({ length: outputs }, (_, c) => {
    let total = 0;
    for (let k = c * depth; k < (c + 1) * depth; k++) total += weights[k];
    return zero * total;
  });
  const acc = affine(context, g.node("Round", [sum]), [1], zeros);
  return finished(context, acc, layer.epilogue, layer.output, residualOf(layer));
}

function residualOf(layer: ConvLayer | DenseLayer): Residual | undefined {
  return layer.op === "conv" ? layer.residual : undefined;
}

function convolved(g: GraphBuilder, layer: ConvLayer, input: string, weight: string): string {
  const { kernel, stride, dilation, padding, groups } = layer;
  const window = { kernel_shape: kernel, strides: stride, dilations: dilation, pads: padding, group: groups };
  return g.node("Conv", [input, weight], window);
}

function multiplied(g: GraphBuilder, input: string, weight: string, outputs: number): string {
  const rows = g.node("Gemm", [g.node("Flatten", [input], { axis: 1 }), weight], { transB: 1 });
  return g.node("Reshape", [rows, g.integers([-1, outputs, 1, 1])]);
}

/** The sum over windows: of one element, of the whole plane, or a convolution with weights 1. */
export function sums(context: FormContext, { input, output, kernel, stride, epilogue }: AvgPoolLayer): string {
  const { g, def } = context;
  const { shape, encoding } = def.tensors[input];
  const values = lessZero(context, input, 0);
  if (elements(kernel) === 1 && elements(stride) === 1) return finished(context, values, epilogue, output);
  const window = { kernel_shape: kernel, strides: stride, group: shape[0] };
  const ones = (): string => g.floats(new Float32Array(shape[0] * elements(kernel)).fill(1), [shape[0], 1, ...kernel]);
  const sum =
    kernel[0] === shape[1] && kernel[1] === shape[2]
      ? g.node("ReduceSum", [values, g.integers([2, 3])])
      : g.node("Conv", [values, ones()], window);
  return finished(context, encoding.kind === "float32" ? sum : g.node("Round", [sum]), epilogue, output);
}

export function added(context: FormContext, { input, output, epilogue, residual }: AddLayer): string {
  return finished(context, lessZero(context, input, 0), epilogue, output, residual);
}
