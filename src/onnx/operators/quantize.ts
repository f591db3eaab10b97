// quantize.ts: QuantizeLinear and DequantizeLinear, a scale for the whole tensor or for each index of an axis.
import { roundEven } from "../../ops/index.js";
import type { OnnxNode } from "../model.js";
import { type ElementType, elementType, type Value } from "../tensor.js";
import { combined } from "./binary.js";
import {
  axisOf,
  type Call,
  expectNode,
  make,
  onlyActivation,
  optional,
  required,
  resultName,
  unsupported,
} from "./call.js";
import { type Operators, operator } from "./operator.js";
import { int } from "./spec.js";
import { clipped } from "./unary.js";

const RANGES: { readonly [type in ElementType]?: readonly [low: number, high: number] } = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

/** The type of the integers, and the least and largest of them. */
function quantizedType(node: OnnxNode, zero: Value | null, declared: number) {
  const type = zero?.type ?? (declared === 0 ? "uint8" : elementType(declared, `${node.where}.output_dtype`));
  const range = RANGES[type];
  if (!range) throw unsupported(node, `quantized type ${type}`);
  return { type, range };
}

/** Which of the scales is an element's: by its index along the axis. */
function scaleIndex({ node, attributes }: Call<{ axis: number }>, dims: readonly number[], scale: Value) {
  if (scale.data.length === 1) return () => 0;
  const axis = axisOf(node, attributes.axis, dims.length);
  const ok = scale.dims.length === 1 && scale.dims[0] === dims[axis];
  expectNode(ok, node, `one scale or ${dims[axis]}`, scale.dims, "input[1]");
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  return (i: number) => Math.floor(i / inner) % dims[axis];
}

const LINEAR = { axis: int(1), block_size: int(0, { legal: [0] }) };

export const QUANTIZERS: Operators = {
  DequantizeLinear: operator(LINEAR, {
    evaluate(call) {
      const [x, scale, zero] = [required(call, 0), required(call, 1), optional(call, 2)];
      const index = scaleIndex(call, x.dims, scale);
      const y = make(call, scale.type, x.dims);
      for (let i = 0; i < y.data.length; i++) {
        const k = index(i);
        y.data[i] = (x.data[i] - (zero ? zero.data[k] : 0)) * scale.data[k];
      }
      return [y];
    },
    /** Floats are left as they are, since QuantizeLinear did not round them; an input of integers is scaled. */
    convert(conversion) {
      const { type, ...x } = onlyActivation(conversion);
      if (type === undefined) return [x];
      const [scale, zero] = [1, 2].map((i) => {
        const value = optional(conversion, i);
        if (!value || value.data.length === 1) return value && { ...value, dims: [] };
        const axis = axisOf(conversion.node, conversion.attributes.axis, x.dims.length);
        return { ...value, dims: x.dims.map((_, i) => (i === axis ? value.data.length : 1)) };
      });
      expectNode(scale !== null, conversion.node, "a scale", "none", "input[1]");
      const moved = zero ? combined(conversion, "sub", x, zero, `${resultName(conversion)}.centred`) : x;
      return [combined(conversion, "mul", moved, scale)];
    },
    anyType: true,
  }),
  QuantizeLinear: operator(
    { ...LINEAR, output_dtype: int(0), precision: int(0, { legal: [0] }), saturate: int(1, { legal: [1] }) },
    {
      evaluate(call) {
        const [x, scale, zero] = [required(call, 0), required(call, 1), optional(call, 2)];
        const { type, range } = quantizedType(call.node, zero, call.attributes.output_dtype);
        const [low, high] = range;
        const index = scaleIndex(call, x.dims, scale);
        const y = make(call, type, x.dims);
        for (let i = 0; i < y.data.length; i++) {
          const k = index(i);
          const level = roundEven(Math.fround(x.data[i] / scale.data[k])) + (zero ? zero.data[k] : 0);
          y.data[i] = Math.min(Math.max(level, low), high);
        }
        return [y];
      },
      /** Values are held to their range; rounding is left out: a float network is what is imported. */
      convert(conversion) {
        const { node, last, attributes } = conversion;
        if (last) throw unsupported(node, "an output of integers");
        const [scale, zero] = [required(conversion, 1), optional(conversion, 2)];
        const { range } = quantizedType(node, zero, attributes.output_dtype);
        // a zero point at the low end is a ReLU; a bound elsewhere is only where calibration cut off
        const isRelu = scale.data.length === 1 && (zero?.data[0] ?? 0) === range[0];
        const x = onlyActivation(conversion);
        return [isRelu ? clipped(conversion, x, 0, Infinity) : x];
      },
    },
  ),
};
