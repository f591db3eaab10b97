// quantize.ts: QuantizeLinear and DequantizeLinear, a scale for the whole tensor or for each index of an axis.
import type { OnnxNode } from "../model.js";
import { type ElementType, elementType, type Value } from "../tensor.js";
import { roundHalfEven } from "./arrays.js";
import { axisOf, expectNode, make, type Operator, optional, required, unsupported } from "./call.js";

const RANGES: { readonly [type in ElementType]?: readonly [low: number, high: number] } = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

/** The numbers that a quantized type holds. */
export function quantizedRange(type: ElementType, node: OnnxNode): readonly [low: number, high: number] {
  const range = RANGES[type];
  if (!range) throw unsupported(node, `quantized type ${type}`);
  return range;
}

/** Which of the scales is an element's: by its index along the axis. */
function scaleIndex(node: OnnxNode, dims: readonly number[], scale: Value): (i: number) => number {
  if (node.attributes.int("block_size", 0) !== 0) throw unsupported(node, "block_size");
  if (scale.data.length === 1) return () => 0;
  const axis = axisOf(node, node.attributes.int("axis", 1), dims.length);
  const ok = scale.dims.length === 1 && scale.dims[0] === dims[axis];
  expectNode(ok, node, `one scale or ${dims[axis]}`, scale.dims, "input[1]");
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  return (i) => Math.floor(i / inner) % dims[axis];
}

const dequantize: Operator = (call) => {
  const [x, scale, zero] = [required(call, 0), required(call, 1), optional(call, 2)];
  const { node } = call;
  const index = scaleIndex(node, x.dims, scale);
  const y = make(call, scale.type, x.dims);
  for (let i = 0; i < y.data.length; i++) {
    const k = index(i);
    y.data[i] = (x.data[i] - (zero ? zero.data[k] : 0)) * scale.data[k];
  }
  return [y];
};

const quantize: Operator = (call) => {
  const [x, scale, zero] = [required(call, 0), required(call, 1), optional(call, 2)];
  const { node } = call;
  const declared = node.attributes.int("output_dtype", 0);
  const type = zero?.type ?? (declared === 0 ? "uint8" : elementType(declared, `${node.where}.output_dtype`));
  const [low, high] = quantizedRange(type, node);
  const index = scaleIndex(node, x.dims, scale);
  const y = make(call, type, x.dims);
  for (let i = 0; i < y.data.length; i++) {
    const k = index(i);
    const level = roundHalfEven(Math.fround(x.data[i] / scale.data[k])) + (zero ? zero.data[k] : 0);
    y.data[i] = Math.min(Math.max(level, low), high);
  }
  return [y];
};

export const QUANTIZERS: Readonly<Record<string, Operator>> = {
  DequantizeLinear: dequantize,
  QuantizeLinear: quantize,
};
