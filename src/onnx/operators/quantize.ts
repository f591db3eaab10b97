// quantize.ts: QuantizeLinear and DequantizeLinear, a scale for the whole tensor, for each index of an axis or for blocks.
import { type Encoding, type Node, roundEven, sameShape } from "../../ops/index.js";
import type { Activation, OwnScales, Quantization } from "../draft.js";
import { toValue, type Value } from "../tensor.js";
import { largest } from "./arrays.js";
import { combined } from "./binary.js";
import {
  axisOf,
  type Call,
  type Conversion,
  expectNode,
  make,
  onlyActivation,
  optional,
  required,
  resultName,
} from "./call.js";
import { type Operators, operator } from "./operator.js";
import { alongAxis, asIntegers, encodingOf, quantizationOf, quantizedType, sameQuantization } from "./quantization.js";
import { int } from "./spec.js";
import { boundsOf, clipped } from "./unary.js";

type LinearEncoding = Extract<Encoding, { kind: "linear" }>;
type LinearCall = Call<{ axis: number; block_size: number }>;

/** Which of the scales is an element's: by its index along the axis, or by that of its block. */
function scaleIndex({ node, attributes }: LinearCall, dims: readonly number[], scale: Value): (i: number) => number {
  if (scale.data.length === 1) return () => 0;
  const axis = axisOf(node, attributes.axis, dims.length);
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  const block = attributes.block_size;
  if (block === 0) {
    const ok = scale.dims.length === 1 && scale.dims[0] === dims[axis];
    expectNode(ok, node, `one scale or ${dims[axis]}`, scale.dims, "input[1]");
    return (i) => Math.floor(i / inner) % dims[axis];
  }
  const blocks = Math.ceil(dims[axis] / block);
  const ok = block > 0 && sameShape(scale.dims, dims.with(axis, blocks));
  expectNode(ok, node, `scales of shape ${dims.with(axis, blocks).join("x")}`, scale.dims, "input[1]");
  return (i) => {
    const [line, within] = [Math.floor(i / inner), i % inner];
    const outer = Math.floor(line / dims[axis]);
    return (outer * blocks + Math.floor((line % dims[axis]) / block)) * inner + within;
  };
}

const LINEAR = { axis: int(1), block_size: int(0) };

const dequantize = operator(LINEAR, {
  evaluate(call) {
    const [x, scale, zero] = [required(call, 0), required(call, 1), optional(call, 2)];
    const index = scaleIndex(call, x.dims, scale);
    const y = make(call, scale.type, x.dims);
    for (let i = 0; i < y.data.length; i++) {
      const k = index(i);
      y.data[i] = (x.data[i] - (zero ? zero.data[zero.data.length === 1 ? 0 : k] : 0)) * scale.data[k];
    }
    return [y];
  },
  /** Floats are left as they are, since QuantizeLinear did not round them; integers of another origin are scaled. */
  convert(conversion) {
    const given = onlyActivation(conversion);
    const { dims } = given;
    if (given.type === undefined) return [given];
    const wanted = quantizationOf(conversion, dims.length, [-Infinity, Infinity]);
    if (given.quantization && sameQuantization(given.quantization, wanted)) return [{ node: given.node, dims }];
    const { node } = asIntegers(conversion, given);
    const x = { node, dims };
    const [scale, zero] = [wanted.scale, wanted.zero].map(
      (value) => value && alongAxis(conversion, value, wanted.axis, dims),
    );
    // the scale of DynamicQuantizeLinear, which goes on as 1
    if (!zero && wanted.scale.data.every((one) => one === 1)) return [x];
    const moved = zero ? combined(conversion, "sub", x, zero, `${resultName(conversion)}.centred`) : x;
    return [combined(conversion, "mul", moved, scale!)];
  },
  anyType: true,
  takesQuantized: true,
  keepsImages: true,
});

const quantize = operator(
  { ...LINEAR, output_dtype: int(0), precision: int(0, { legal: [0] }), saturate: int(1) },
  {
    evaluate(call) {
      const [x, scale, zero] = [required(call, 0), required(call, 1), optional(call, 2)];
      const { type, range } = quantizedType(call.node, zero, call.attributes.output_dtype);
      const [low, high] = range;
      const index = scaleIndex(call, x.dims, scale);
      const y = make(call, type, x.dims);
      for (let i = 0; i < y.data.length; i++) {
        const k = index(i);
        const level = roundEven(Math.fround(x.data[i] / scale.data[k]));
        y.data[i] = Math.min(Math.max(level + (zero ? zero.data[zero.data.length === 1 ? 0 : k] : 0), low), high);
      }
      return [y];
    },
    /**
     * Rounding is left out where floats are made again: a float network is what is imported. The range is kept, and the network
     * says how the file rounds.
     */
    convert(conversion) {
      const { node, attributes } = conversion;
      const { type, range } = quantizedType(node, optional(conversion, 2), attributes.output_dtype);
      const x = onlyActivation(conversion);
      const quantization = quantizationOf(conversion, x.dims.length, range);
      const held = heldTo(conversion, x, quantization);
      const encoding = encodingOf(quantization);
      if (encoding) conversion.draft.encode(held.node, withinBounds(encoding, conversion.draft.get(held.node)));
      return [{ ...held, type, quantization }];
    },
    keepsImages: true,
  },
);

/**
 * The floats within what the integers can say, as saturation holds them: the bounds stand for an activation function where a
 * quantizer has left it out, a ReLU for a zero point at the low end, a ReLU6 for a range that ends at 6.
 */
function heldTo(conversion: Conversion, x: Activation, { scale, zero, axis, range }: Quantization): Activation {
  const zeroOf = (i: number): number => zero?.data[zero.data.length === 1 ? 0 : i] ?? 0;
  const bounds = range.map((end): Value => {
    return { ...scale, data: Float32Array.from(scale.data, (one, i) => (end - zeroOf(i)) * one) };
  });
  if (scale.data.length === 1) {
    const [[low], [high]] = bounds.map(({ data }) => data);
    return clipped(conversion, x, low, high);
  }
  const name = resultName(conversion);
  const [low, high] = bounds.map((bound) => alongAxis(conversion, bound, axis, x.dims));
  const above = combined(conversion, "max", x, low, `${name}.above`);
  return combined(conversion, "min", above, high, `${name}.held`);
}

/** Steps from an integer within which the end of a range is meant to be one. */
const NEAR = 1e-3;

/** The encoding of values that stand within bounds: with no integers beyond them, if both ends are integers. */
function withinBounds(encoding: LinearEncoding, node: Node): LinearEncoding {
  const bounds = boundsOf(node);
  if (!bounds || !Number.isFinite(bounds.low) || !Number.isFinite(bounds.high)) return encoding;
  const { scale, zero, max } = encoding;
  const [low, high] = [bounds.low, bounds.high].map((end) => end / scale + zero);
  const [first, last] = [low, high].map(Math.round);
  const near = Math.abs(low - first) < NEAR && Math.abs(high - last) < NEAR;
  const inside = first >= 0 && last <= max && last > first && zero >= first && zero <= last;
  return near && inside ? { ...encoding, zero: zero - first, max: last - first } : encoding;
}

/** The scale and zero point of uint8 that hold all values, and 0. */
function dynamicRange({ data }: Value) {
  const high = Math.max(largest(data), 0);
  const low = -Math.max(largest(data.map((x) => -x)), 0);
  const scale = Math.fround(Math.fround(high - low) / 255);
  const zero = scale === 0 ? 0 : roundEven(Math.min(Math.max(-low / scale, 0), 255));
  return { scale, zero };
}

const dynamicQuantize = operator(
  {},
  {
    evaluate(call) {
      const x = required(call, 0);
      const { scale, zero } = dynamicRange(x);
      const y = make(call, "uint8", x.dims);
      for (let i = 0; i < y.data.length; i++) {
        const level = scale === 0 ? 0 : roundEven(Math.fround(x.data[i] / scale));
        y.data[i] = Math.min(Math.max(level + zero, 0), 255);
      }
      return [y, toValue("float32", [], [scale]), toValue("uint8", [], [zero])];
    },
    /** The scale of an image is known only when it runs: the floats go on as they are, as if it were 1 and the zero point 0. */
    convert(conversion) {
      const { node } = conversion;
      const own = node.outputs.join();
      const lacks = (power: number, zero?: string): OwnScales => ({
        powers: new Map(power === 0 ? [] : [[own, power]]),
        ...(zero !== undefined && { zero }),
      });
      return [
        { ...onlyActivation(conversion), type: "uint8", ownScales: lacks(-1, own) },
        { ...toValue("float32", [], [1]), ownScales: lacks(1) },
        { ...toValue("uint8", [], [0]), ownScales: lacks(0, own) },
      ];
    },
  },
);

export const QUANTIZERS: Operators = {
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamicQuantize,
  QuantizeLinear: quantize,
  "com.microsoft.DequantizeLinear": dequantize,
  "com.microsoft.QuantizeLinear": quantize,
};
