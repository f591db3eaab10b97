// integer.ts: sums of products of integers, less their zero points: ConvInteger and MatMulInteger.
import { type Activation, isActivation, type Known } from "../draft.js";
import type { Value } from "../tensor.js";
import { zip } from "./arrays.js";
import { combined } from "./binary.js";
import { type Bare, type Conversion, expectNode, optional, resultName } from "./call.js";
import { convolution } from "./conv.js";
import { matMul } from "./matrix.js";
import type { Operators, Simple } from "./operator.js";

/** A zero point in dimensions that meet those of its input: one number, or one along an axis. */
function meeting(zero: Value, rank: number, axis: number): Value {
  if (zero.data.length === 1) return { ...zero, dims: [] };
  return zero.dims.length > 1
    ? zero
    : { ...zero, dims: Array.from({ length: rank - axis }, (_, i) => (i === 0 ? zero.data.length : 1)) };
}

/** Input `index` less its zero point, which is the input two behind it. @param axis of several zero points */
function centred(call: Bare, index: number, axis: number, sub: (x: Known, zero: Value) => Known): Known {
  const x = call.operands[index];
  expectNode(x !== null && x !== undefined, call.node, "an input", "none", `input[${index}]`);
  const zero = optional(call, index + 2);
  if (!zero || zero.data.every((z) => z === 0)) return x;
  return sub(x, meeting(zero, x.dims.length, axis < 0 ? axis + x.dims.length : axis));
}

/** An operator on floats as one on integers, whose result is int32. @param axes of zero points of both inputs */
function ofIntegers(base: Simple, [a, b]: readonly [number, number]): Simple {
  const only = <C extends Bare>(call: C, sub: (x: Known, zero: Value) => Known): C => ({
    ...call,
    operands: [centred(call, 0, a, sub), centred(call, 1, b, sub)],
  });
  const values = (call: Bare) => (x: Known, zero: Value) => {
    const made = zip(call, "float64", [x as Value, zero], (value, z) => value - z);
    return made;
  };
  return {
    attributes: base.attributes,
    anyType: true,
    evaluate(call) {
      const [y] = base.evaluate(only(call, values(call)));
      return [{ type: "int32", dims: y.dims, data: Float64Array.from(y.data, Math.round) }];
    },
    convert(conversion) {
      const sub = (x: Known, zero: Value): Known =>
        isActivation(x)
          ? combined(conversion as Conversion, "sub", x, zero, `${resultName(conversion)}.centred`)
          : values(conversion)(x, zero);
      const made = base.convert!(only(conversion, sub)) as readonly Activation[];
      return made.map((one) => ({ ...one, type: "int32" }));
    },
  };
}

export const INTEGERS: Operators = {
  ConvInteger: ofIntegers(convolution, [0, 0]),
  MatMulInteger: ofIntegers(matMul, [-2, -1]),
};
