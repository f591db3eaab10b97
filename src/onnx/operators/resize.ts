// resize.ts: enlarging and shrinking along any axes.
import { type AxisWeights, elements, stridesOf } from "../../ops/index.js";
import { type Activation, shapeFor } from "../draft.js";
import { toValue, type Value } from "../tensor.js";
import { listOf, whole } from "./arrays.js";
import { combined } from "./binary.js";
import {
  type Bare,
  type Call,
  type Conversion,
  cast,
  checkWork,
  make,
  onlyActivation,
  required,
  resultName,
} from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { NEW, OLD, OLD_RULES, type Rules, resizing } from "./resize-taps.js";
import type { Specs, ValuesOf } from "./spec.js";

/** Every line along one axis becomes sums of its taps. */
function resampled(call: Bare, x: Value, axis: number, { indices, weights }: AxisWeights, length: number): Value {
  const y = make(call, "float64", x.dims.with(axis, length));
  const each = indices.length / length;
  const inner = elements(x.dims.slice(axis + 1));
  const size = x.dims[axis];
  checkWork(call, y.data.length * each * 8);
  for (let i = 0; i < y.data.length; i++) {
    const outer = Math.floor(i / (inner * length));
    const place = Math.floor(i / inner) % length;
    for (let k = place * each; k < (place + 1) * each; k++) {
      y.data[i] += weights[k] * x.data[(outer * size + indices[k]) * inner + (i % inner)];
    }
  }
  return y;
}

function evaluated(call: Bare, rules: Rules): readonly Value[] {
  const x = required(call, 0);
  const { dims, taps, outside } = resizing(call, rules, x.dims);
  const made = taps.reduce((value, one, axis) => (one ? resampled(call, value, axis, one, dims[axis]) : value), x);
  const strides = stridesOf(dims);
  for (const [axis, beyond] of outside.entries()) {
    if (!beyond) continue;
    for (let i = 0; i < made.data.length; i++) {
      if (beyond[Math.floor(i / strides[axis]) % dims[axis]]) made.data[i] = rules.extrapolation_value;
    }
  }
  return [cast(call, x.type, made)];
}

function converted(conversion: Conversion, rules: Rules): readonly Activation[] {
  const x = onlyActivation(conversion);
  const { dims, taps, outside } = resizing(conversion, rules, x.dims);
  const planar = x.dims.length >= 3 && x.dims.length <= 4 && x.dims[0] === 1;
  const name = resultName(conversion);
  const filled = outside.some((beyond) => beyond) && rules.extrapolation_value !== 0;
  const label = filled ? `${name}.inside` : name;
  const made =
    planar && !taps[0] && !taps[1]
      ? resizedPlanes(conversion, x, taps.slice(2), dims, label)
      : taps.reduce((value: Activation, one, axis) => {
          return one ? resizedAxis(conversion, value, axis, one, dims[axis], `${label}.axis${axis}`) : value;
        }, x);
  if (!filled) return [made];
  const inner = stridesOf(dims);
  const [batch, ...rest] = dims;
  conversion.budget.spend(elements(rest));
  const fill = toValue(
    "float32",
    [batch, ...rest],
    Array.from({ length: elements(dims) }, (_, i) => {
      const beyond = outside.some((one, axis) => one?.[Math.floor(i / inner[axis]) % dims[axis]]);
      return beyond ? rules.extrapolation_value : 0;
    }),
  );
  return [combined(conversion, "add", made, fill)];
}

const isNearest = (one: AxisWeights | null): boolean => one === null || one.weights.every((w) => w === 1);

/** Rounds weights to float32; an axis that stays has one weight for each element. */
function rounded(conversion: Conversion, one: AxisWeights | null, n: number): AxisWeights {
  conversion.budget.spend(one?.weights.length ?? n);
  if (!one) return { indices: listOf(conversion, whole(n)), weights: new Array<number>(n).fill(1) };
  return { indices: one.indices, weights: one.weights.map(Math.fround) };
}

/** Resizes the rows and columns of planes. */
function resizedPlanes(
  conversion: Conversion,
  x: Activation,
  [rows = null, columns = null]: readonly (AxisWeights | null)[],
  dims: readonly number[],
  name: string,
): Activation {
  const { draft } = conversion;
  const shape = shapeFor(x.dims);
  const input = draft.shaped(x, shape);
  const result = shapeFor(dims);
  if (isNearest(rows) && isNearest(columns)) {
    const along = (one: AxisWeights | null, n: number): readonly number[] =>
      one?.indices ?? listOf(conversion, whole(n));
    const places = { channels: along(null, shape[0]), rows: along(rows, shape[1]), columns: along(columns, shape[2]) };
    return { node: draft.add(name, { op: "gather", input, ...places, value: 0 }, result), dims };
  }
  const lines = { rows: rounded(conversion, rows, shape[1]), columns: rounded(conversion, columns, shape[2]) };
  return { node: draft.add(name, { op: "resample", input, shape: result, ...lines }, result), dims };
}

/** One axis of any array. */
function resizedAxis(
  conversion: Conversion,
  x: Activation,
  axis: number,
  one: AxisWeights,
  length: number,
  name: string,
): Activation {
  const [outer, inner] = [elements(x.dims.slice(0, axis)), elements(x.dims.slice(axis + 1))];
  const from = [1, outer, x.dims[axis], inner];
  const made = resizedPlanes(conversion, { node: x.node, dims: from }, [one, null], from.with(2, length), name);
  return { ...made, dims: x.dims.with(axis, length) };
}

function resize<S extends Specs>(attributes: S, rules: (call: Call<ValuesOf<S>>) => Rules): Operator {
  return operator(attributes, {
    evaluate: (call) => evaluated(call, rules(call)),
    convert(conversion) {
      const { type } = onlyActivation(conversion);
      return converted(conversion, rules(conversion)).map((made) => ({ ...made, ...(type && { type }) }));
    },
    anyType: true,
    keepsImages: true,
  });
}

const old = resize(OLD, ({ attributes }) => ({ ...OLD_RULES, ...attributes }));

export const RESIZES: Operators = {
  Resize: { versions: { 1: old, 11: resize(NEW, ({ attributes }) => attributes) } },
  Upsample: old,
};
