// select.ts: the largest of lines: where they stand, and so many of them in order.
import { elements } from "../../ops/index.js";
import type { Activation } from "../draft.js";
import { toValue, type Value } from "../tensor.js";
import { range, transposed } from "./arrays.js";
import { combined } from "./binary.js";
import {
  axisOf,
  type Bare,
  type Call,
  type Conversion,
  checkWork,
  expectNode,
  make,
  onlyActivation,
  required,
  resultName,
  unsupported,
} from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { transposedActivation } from "./order.js";
import { along, reduced } from "./reduce.js";
import { flag, int, type ValuesOf } from "./spec.js";
import { inSteps, stepped } from "./steps.js";

/** Numbers along an axis of dimensions in which all others are 1. */
function numbered(call: Bare, rank: number, axis: number, length: number, number: (i: number) => number): Value {
  call.budget.spend(length);
  const dims = Array.from({ length: rank }, (_, i) => (i === axis ? length : 1));
  return toValue("float32", dims, range(length).map(number));
}

const minus = inSteps(["constant", [], 0], ["sub", [1, 0]]);

/** Places of the largest along an axis, which stays with length 1: the first of equals, or the last. */
function largestPlace(conversion: Conversion, x: Activation, axis: number, last: boolean, name: string): Activation {
  const { dims } = x;
  const length = dims[axis];
  const lines = along(dims, [axis]);
  const most = reduced(conversion, "max", x, lines, `${name}.most`);
  const is = combined(conversion, "equal", x, most, `${name}.is`);
  const weights = numbered(conversion, dims.length, axis, length, (i) => (last ? i + 1 : length - i));
  const found = reduced(
    conversion,
    "max",
    combined(conversion, "mul", is, weights, `${name}.weighed`),
    lines,
    `${name}.found`,
  );
  const steps = inSteps(["constant", [], last ? 1 : length], ["sub", last ? [0, 1] : [1, 0]]);
  return stepped(conversion, found, steps, name);
}

const ARG = { axis: int(0), keepdims: flag(true), select_last_index: flag(false) };

/** @param sign -1 for the place of the smallest */
function argument(sign: 1 | -1): Operator {
  const axisFor = ({ node, attributes }: Call<ValuesOf<typeof ARG>>, dims: readonly number[]) => {
    const axis = axisOf(node, attributes.axis, dims.length);
    expectNode(dims[axis] > 0, node, "an axis of length 1 or more", dims[axis], "axis");
    return { axis, result: attributes.keepdims ? dims.with(axis, 1) : dims.toSpliced(axis, 1) };
  };
  return operator(ARG, {
    evaluate(call) {
      const x = required(call, 0);
      const { axis, result } = axisFor(call, x.dims);
      const y = make(call, "int64", result);
      const order = [...range(x.dims.length).filter((one) => one !== axis), axis];
      const lines = transposed(call, x, order).data;
      const length = x.dims[axis];
      for (let i = 0; i < y.data.length; i++) {
        let best = 0;
        for (let k = 1; k < length; k++) {
          const over = sign * (lines[i * length + k] - lines[i * length + best]);
          if (over > 0 || (over === 0 && call.attributes.select_last_index)) best = k;
        }
        y.data[i] = best;
      }
      return [y];
    },
    convert(conversion) {
      const given = onlyActivation(conversion);
      const { axis, result } = axisFor(conversion, given.dims);
      const name = resultName(conversion);
      const x = sign < 0 ? stepped(conversion, given, minus, `${name}.minus`) : given;
      const { node } = largestPlace(conversion, x, axis, conversion.attributes.select_last_index, name);
      return [{ node, dims: result, type: "int64" }];
    },
    anyType: true,
  });
}

/** Most comparisons of one TopK: each value is compared with all others of its line. */
const COMPARISONS_MAX = 2 ** 24;
/** A number beyond all values that are compared. */
const FAR = 3e38;

const TOP = { axis: int(-1), k: int(null, { input: 1 }), largest: flag(true), sorted: flag(true) };

/** The axis, the number wanted, and the axes with that one last. */
function topOf({ node, attributes }: Call<ValuesOf<typeof TOP>>, dims: readonly number[]) {
  const axis = axisOf(node, attributes.axis, dims.length);
  const { k } = attributes;
  const ok = k !== null && Number.isInteger(k) && k >= 1 && k <= dims[axis];
  expectNode(ok, node, `an integer in 1..${dims[axis]}`, k ?? "none", "k");
  const order = [...range(dims.length).filter((one) => one !== axis), axis];
  return { axis, k, order, back: range(dims.length).map((one) => order.indexOf(one)) };
}

/**
 * The k largest in order. A value's rank is the number of those above it, and of equals before it; the value of rank r goes to
 * place r. Values are taken as maxima of all that is lowered beyond any but the one, so that they stay exact.
 */
const topK = operator(TOP, {
  evaluate(call) {
    const x = required(call, 0);
    const { axis, k, order, back } = topOf(call, x.dims);
    const sign = call.attributes.largest ? 1 : -1;
    const lines = transposed(call, x, order);
    const length = x.dims[axis];
    const dims = lines.dims.with(-1, k);
    const [values, indices] = [make(call, x.type, dims), make(call, "int64", dims)];
    for (let i = 0; i < values.data.length / k; i++) {
      const line = lines.data.subarray(i * length, (i + 1) * length);
      const best = range(length).sort((a, b) => sign * (line[b] - line[a]) || a - b);
      for (let r = 0; r < k; r++) {
        values.data[i * k + r] = line[best[r]];
        indices.data[i * k + r] = best[r];
      }
    }
    return [transposed(call, values, back), transposed(call, indices, back)];
  },
  convert(conversion) {
    const { node, draft } = conversion;
    const given = onlyActivation(conversion);
    const { axis, k, order, back } = topOf(conversion, given.dims);
    const length = given.dims[axis];
    const count = elements(given.dims) / length;
    if (count * length * length > COMPARISONS_MAX) {
      throw unsupported(
        node,
        `${k} of ${length} values, beyond ${COMPARISONS_MAX} comparisons: take outputs before it`,
      );
    }
    checkWork(conversion, count * length * length);
    const name = resultName(conversion);
    const sign = conversion.attributes.largest ? given : stepped(conversion, given, minus, `${name}.minus`);
    const { node: lines, dims: turned } = transposedActivation(conversion, sign, order, `${name}.lines`);
    const [across, down] = [
      { node: lines, dims: [count, 1, length] },
      { node: lines, dims: [count, length, 1] },
    ];
    conversion.budget.spend(length * length);
    const before = toValue(
      "float32",
      [1, length, length],
      range(length * length).map((i) => (i % length < Math.floor(i / length) ? 1 : 0)),
    );
    const above = combined(conversion, "less", down, across, `${name}.above`);
    const equal = combined(conversion, "equal", down, across, `${name}.equal`);
    const ahead = combined(conversion, "mul", equal, before, `${name}.ahead`);
    const both = combined(conversion, "add", above, ahead, `${name}.both`);
    const mean = reduced(conversion, "mean", both, along(both.dims, [2]), `${name}.mean`);
    const whole = inSteps(["constant", [], length], ["mul", [0, 1]], ["round", [2]]);
    const rank = stepped(conversion, mean, whole, `${name}.rank`);
    const places = numbered(conversion, 3, 1, k, (i) => i);
    const chosen = combined(conversion, "equal", { ...rank, dims: [count, 1, length] }, places, `${name}.chosen`);
    const take = (of: Activation, label: string): Activation => {
      const line = reduced(conversion, "max", of, along(of.dims, [2]), `${label}.top`);
      return { ...line, dims: turned.with(-1, k) };
    };
    const results: Activation[] = [];
    const lowered = stepped(
      conversion,
      chosen,
      inSteps(["constant", [], 1], ["sub", [0, 1]], ["constant", [], FAR], ["mul", [2, 3]]),
      `${name}.lowered`,
    );
    const top = take(combined(conversion, "add", lowered, across, `${name}.of`), name);
    const signed = conversion.attributes.largest ? top : stepped(conversion, top, minus, `${name}.signed`);
    results.push({ ...transposedActivation(conversion, signed, back, name), ...(given.type && { type: given.type }) });
    const second = node.outputs[1];
    if (second && draft.readers(second) > 0) {
      const numbers = numbered(conversion, 3, 2, length, (i) => i);
      const found = take(combined(conversion, "mul", chosen, numbers, `${second}.of`), second);
      results.push({ ...transposedActivation(conversion, found, back, second), type: "int64" });
    }
    return results;
  },
  anyType: true,
});

/** 1 where the largest of a line stands, 0 elsewhere. */
const hardmax = (axis: number, flat: boolean): Operator => {
  const viewOf = ({ node, attributes }: Call<{ axis: number }>, dims: readonly number[]) => {
    const at = axisOf(node, attributes.axis, dims.length);
    return flat
      ? [elements(dims.slice(0, at)), elements(dims.slice(at)), 1]
      : [elements(dims.slice(0, at)), dims[at], elements(dims.slice(at + 1))];
  };
  return operator(
    { axis: int(axis) },
    {
      evaluate(call) {
        const x = required(call, 0);
        const [outer, length, inner] = viewOf(call, x.dims);
        const y = make(call, x.type, x.dims);
        for (let i = 0; i < outer * inner; i++) {
          const place = (k: number): number => (Math.floor(i / inner) * length + k) * inner + (i % inner);
          let best = 0;
          for (let k = 1; k < length; k++) if (x.data[place(k)] > x.data[place(best)]) best = k;
          y.data[place(best)] = 1;
        }
        return [y];
      },
      convert(conversion) {
        const x = onlyActivation(conversion);
        const view = viewOf(conversion, x.dims);
        const name = resultName(conversion);
        const place = largestPlace(conversion, { node: x.node, dims: view }, 1, false, `${name}.place`);
        const numbers = numbered(conversion, 3, 1, view[1], (i) => i);
        return [{ ...combined(conversion, "equal", place, numbers), dims: x.dims }];
      },
    },
  );
};

export const SELECTIONS: Operators = {
  ArgMax: argument(1),
  ArgMin: argument(-1),
  Hardmax: { versions: { 1: hardmax(1, true), 13: hardmax(-1, false) } },
  TopK: topK,
};
