// elementwise.ts: activation functions and arithmetic on two operands as nodes of the network.
import { type BatchNormNode, type BinaryName, elements, type Shape, sameShape, type Tensor } from "../../ops/index.js";
import { broadcastDims } from "../operators/arrays.js";
import { unsupported } from "../operators/call.js";
import { activationCall, clipBounds } from "../operators/elementwise.js";
import { quantizedRange } from "../operators/quantize.js";
import { elementType, isFloatType, type Value } from "../tensor.js";
import {
  type Activation,
  type Conversion,
  type Converter,
  isActivation,
  onlyActivation,
  resultName,
  shapeFor,
} from "./draft.js";

/** Stands for no bound: a clip's bounds are finite. */
const LARGEST = 3.4028234663852886e38;

/** A node that reads one activation and changes no shape. */
function unary(conversion: Conversion, node: Parameters<Conversion["draft"]["add"]>[1]): Activation[] {
  const { draft } = conversion;
  const { node: input, dims } = onlyActivation(conversion);
  return [{ node: draft.add(resultName(conversion), node, draft.shapeOf(input)), dims }];
}

const activation: Converter = (conversion) => {
  const { node: input } = onlyActivation(conversion);
  const { fn, parameters } = activationCall(conversion);
  if (fn === "leakyRelu") return leaky(conversion, input, parameters[0]);
  return unary(conversion, { op: "activation", input, fn, parameters });
};

function leaky(conversion: Conversion, input: string, slope: number): Activation[] {
  if (slope >= 0 && slope <= 1) return unary(conversion, { op: "leakyRelu", input, slope });
  const { draft } = conversion;
  const data = Float32Array.of(slope);
  const other = draft.add(`${input}.slope`, { op: "constant", value: { shape: [1, 1, 1], data } }, [1, 1, 1]);
  return unary(conversion, { op: "binary", fn: "prelu", inputs: [input, other] });
}

function clip(conversion: Conversion, low: number, high: number): Activation[] {
  const { node: input, dims } = onlyActivation(conversion);
  if (low === -Infinity && high === Infinity) return [{ node: input, dims }];
  if (low === 0 && high === Infinity) return unary(conversion, { op: "relu", input });
  if (low === 0 && high > 0) return unary(conversion, { op: "relu", input, max: high });
  const parameters = [Math.max(low, -LARGEST), Math.min(high, LARGEST)];
  return unary(conversion, { op: "activation", input, fn: "clip", parameters });
}

const same: Converter = (conversion) => [onlyActivation(conversion)];

/** QuantizeLinear holds its values to its range; rounding is left out: a float network is what is imported. */
const quantize: Converter = (conversion) => {
  const { node, inputs, last } = conversion;
  if (last) throw unsupported(node, "an output of integers");
  const [, scale, zero] = inputs;
  const declared = node.attributes.int("output_dtype", 0);
  const type = zero?.type ?? (declared === 0 ? "uint8" : elementType(declared, `${node.where}.output_dtype`));
  const [least] = quantizedRange(type, node);
  // a zero point at the low end is a ReLU; a bound elsewhere is only where calibration cut off
  const isRelu = scale?.data.length === 1 && (zero?.data[0] ?? 0) === least;
  return isRelu ? clip(conversion, 0, Infinity) : same(conversion);
};

/** Two operands of at most four dimensions as shapes that meet; the batch is left out. */
function meetingShapes(conversion: Conversion, dims: readonly (readonly number[])[]): Shape[] {
  const rank = Math.max(...dims.map((one) => one.length), 2);
  const aligned = dims.map((one) => [...new Array<number>(rank - one.length).fill(1), ...one]);
  const batch = aligned.every((one) => one[0] === 1);
  if (rank > 4 || (rank === 4 && !batch)) throw unsupported(conversion.node, `shapes ${dims.map((d) => d.join("x"))}`);
  return aligned.map((one) => {
    const [a = 1, b = 1, c = 1] = batch ? one.slice(1) : one;
    return [a, b, c];
  });
}

const binary =
  (fn: BinaryName): Converter =>
  (conversion) => {
    const { node, draft, operands } = conversion;
    const [a, b] = operands;
    if (!a || !b) throw unsupported(node, "an input left out");
    const dims = broadcastDims(a.dims, b.dims, node);
    if (isActivation(a) && isActivation(b) && sameShape(a.dims, b.dims)) {
      const shape = draft.shapeOf(a.node);
      const inputs = [a.node, draft.shaped(b, shape)] as const;
      const made = fn === "add" ? ({ op: "add", inputs } as const) : ({ op: "binary", fn, inputs } as const);
      return [{ node: draft.add(resultName(conversion), made, shape), dims }];
    }
    const folded = affine(conversion, fn, a, b, dims);
    if (folded) return [folded];
    const shapes = meetingShapes(conversion, [a.dims, b.dims]);
    const inputs = [a, b].map((operand, i) => {
      if (isActivation(operand)) return draft.shaped(operand, shapes[i]);
      const value = draft.parameter(operand, shapes[i]);
      return draft.add(`${resultName(conversion)}.constant`, { op: "constant", value }, shapes[i]);
    });
    const shape = meetingShapes(conversion, [dims])[0];
    const made = { op: "binary", fn, inputs: [inputs[0], inputs[1]] } as const;
    return [{ node: draft.add(resultName(conversion), made, shape), dims }];
  };

/**
 * A sum or product with one constant a channel, straight behind a convolution or dense layer: y = gamma x + beta, a
 * batch norm, which the epilogue takes in. Several in a row become one. Null where it is something else.
 */
function affine(
  conversion: Conversion,
  fn: BinaryName,
  a: Value | Activation,
  b: Value | Activation,
  dims: readonly number[],
): Activation | null {
  const { draft, node } = conversion;
  const x = isActivation(a) ? a : (b as Activation);
  const constant = (isActivation(a) ? b : a) as Value;
  if (fn === "prelu" || isActivation(constant as Value | Activation)) return null;
  const before = draft.get(x.node);
  const name = isActivation(a) ? node.inputs[0] : node.inputs[1];
  if (!["conv", "dense", "batchNorm"].includes(before.op) || draft.readers(name) > 1) return null;
  const channels = draft.shapeOf(x.node)[0];
  const value = perChannel(constant, dims, channels);
  if (!value || !sameShape(shapeFor(dims), draft.shapeOf(x.node)) || (fn === "div" && !isActivation(a))) return null;
  const sign = fn === "sub" && !isActivation(a) ? -1 : 1;
  const factor = (c: number): number => (fn === "mul" ? value(c) : fn === "div" ? 1 / value(c) : sign);
  const addend = (c: number): number => (fn === "add" ? value(c) : fn === "sub" ? -sign * value(c) : 0);
  const list = (of: (c: number) => number): Tensor => draft.filled([channels], of);
  if (before.op === "batchNorm") {
    const { gamma, beta } = before;
    const merged: BatchNormNode = {
      ...before,
      gamma: list((c) => gamma.data[c] * factor(c)),
      beta: list((c) => beta.data[c] * factor(c) + addend(c)),
    };
    draft.replace(merged);
    return { node: before.name, dims };
  }
  const shape = draft.shapeOf(x.node);
  const norm = {
    op: "batchNorm",
    input: x.node,
    gamma: list(factor),
    beta: list(addend),
    mean: list(() => 0),
    variance: list(() => 1),
    epsilon: 0,
    momentum: 0,
  } as const;
  return { node: draft.add(resultName(conversion), norm, shape), dims };
}

/** A constant's value for each channel (axis 1 of `dims`) if it has one; null if it differs within a channel. */
function perChannel({ data, ...constant }: Value, dims: readonly number[], channels: number) {
  if (data.length === 1) return () => data[0];
  const missing = dims.length - constant.dims.length;
  const alone = constant.dims.every((n, i) => n === 1 || i + missing === 1);
  return alone && elements(constant.dims) === channels ? (c: number) => data[c] : null;
}

export const ELEMENTWISE: Readonly<Record<string, Converter>> = {
  Add: binary("add"),
  Cast: (conversion) => {
    const { node } = conversion;
    const type = elementType(node.attributes.int("to", 0), `${node.where}.to`);
    if (!isFloatType(type)) throw unsupported(node, `values that depend on the input to ${type}`);
    return same(conversion);
  },
  Clip: (conversion) => {
    onlyActivation(conversion);
    const { low, high } = clipBounds(conversion);
    return clip(conversion, Math.min(low, high), high);
  },
  DequantizeLinear: same,
  Div: binary("div"),
  Dropout: (conversion) => {
    const { node, draft } = conversion;
    if (node.outputs[1] && draft.readers(node.outputs[1]) > 0) throw unsupported(node, "output mask");
    return same(conversion);
  },
  Elu: activation,
  HardSigmoid: activation,
  HardSwish: activation,
  Identity: same,
  LeakyRelu: activation,
  Mul: binary("mul"),
  PRelu: binary("prelu"),
  QuantizeLinear: quantize,
  Relu: (conversion) => clip(conversion, 0, Infinity),
  Sigmoid: activation,
  Sub: binary("sub"),
  Tanh: activation,
};
