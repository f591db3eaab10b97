// pool.ts: maxima and means over windows and over whole planes.
import { elements, type Shape, sameShape, type Unnamed } from "../../ops/index.js";
import type { Known } from "../draft.js";
import type { Value } from "../tensor.js";
import { largest, sum } from "./arrays.js";
import {
  added,
  type Call,
  type Conversion,
  checkWork,
  expectNode,
  make,
  onlyActivation,
  planes,
  required,
  resultName,
  unsupported,
} from "./call.js";
import { type Operator, type Operators, operator } from "./operator.js";
import { flag, int, type ValuesOf } from "./spec.js";
import { flatPool, pairOf, type SpatialWindow, spaceOf, WINDOW, windowOf, windowPadding } from "./window.js";

/**
 * Calls `value` for every output with the places in the plane that its window covers, padding left out, and the number
 * of places in the padded plane.
 */
function overWindows(
  call: Call,
  x: Value,
  window: SpatialWindow,
  value: (places: readonly number[], padded: number, plane: number) => number,
): Value {
  const space = x.dims.slice(2);
  const y = make(call, x.type, [x.dims[0], x.dims[1], ...window.output]);
  const planes = x.dims[0] * x.dims[1];
  const size = elements(space);
  const outputs = elements(window.output);
  checkWork(call, y.data.length * elements(window.kernel));
  for (let o = 0; o < outputs; o++) {
    const { places, padded } = placesOf(window, space, o);
    for (let p = 0; p < planes; p++) y.data[p * outputs + o] = value(places, padded, p * size);
  }
  return y;
}

function placesOf(
  window: SpatialWindow,
  space: readonly number[],
  output: number,
): { places: number[]; padded: number } {
  let places = [0];
  let padded = 1;
  let rest = output;
  const index: number[] = [];
  for (let k = space.length - 1; k >= 0; k--) {
    index[k] = rest % window.output[k];
    rest = Math.floor(rest / window.output[k]);
  }
  for (const [k, size] of space.entries()) {
    const start = index[k] * window.strides[k] - window.before[k];
    const all = Array.from({ length: window.kernel[k] }, (_, i) => start + i * window.dilations[k]);
    const inside = all.filter((at) => at >= 0 && at < size);
    padded *= all.filter((at) => at < size + window.behind[k]).length;
    places = places.flatMap((at) => inside.map((i) => at * size + i));
  }
  return { places, padded };
}

const POOL = { ...WINDOW, ceil_mode: flag(false) };
const MAX_POOL = { ...POOL, storage_order: int(0, { legal: [0, 1] }) };
const AVERAGE_POOL = { ...POOL, count_include_pad: flag(false) };

type PoolValues = ValuesOf<typeof POOL>;
interface PoolParts<V extends PoolValues> {
  evaluate(call: Call<V>): readonly Value[];
  convert(conversion: Conversion<V>): readonly Known[];
}

/** A pool over more than two axes of space, done over two where that is the same. */
function flattened<V extends PoolValues>({ evaluate, convert }: PoolParts<V>): PoolParts<V> {
  // the results have the axes of the input
  const within = <C extends Call<V>, X extends Known>(call: C, x: X, run: (call: C) => readonly Known[]) => {
    const flat = flatPool(call, x.dims);
    if (flat.dims === x.dims || call.node.outputs[1]) return run(call);
    const { output } = windowOf(call, x.dims.slice(2), null, call.attributes.ceil_mode);
    const operands = call.operands.with(0, { ...x, dims: flat.dims });
    const dims = [...x.dims.slice(0, 2), ...output];
    return run({ ...flat.call, operands }).map((made) => ({ ...made, dims }));
  };
  return {
    evaluate: (call) => within(call, required(call, 0), evaluate) as readonly Value[],
    convert: (conversion) => within(conversion, onlyActivation(conversion), convert),
  };
}

/** The second output tells where in the whole input each maximum is: row by row, or with storage_order 1 column by column. */
const maxPool = operator(MAX_POOL, {
  ...flattened<ValuesOf<typeof MAX_POOL>>({
    evaluate(call) {
      const x = required(call, 0);
      const window = windowOf(call, spaceOf(call, x.dims), null, call.attributes.ceil_mode);
      const best = (places: readonly number[], plane: number): number =>
        places.reduce((first, at) => (x.data[plane + at] > x.data[plane + first] ? at : first), places[0]);
      const y = overWindows(call, x, window, (places, _, plane) => x.data[plane + best(places, plane)]);
      if (!call.node.outputs[1]) return [y];
      const [height, width] = x.dims.length === 4 ? x.dims.slice(2) : [1, x.dims[2]];
      const indices = overWindows(call, { ...x, type: "int64" }, window, (places, _, plane) => {
        const at = best(places, plane);
        return plane + (call.attributes.storage_order === 1 ? (at % width) * height + Math.floor(at / width) : at);
      });
      return [y, indices];
    },
    convert(conversion) {
      const { node, draft } = conversion;
      if (node.outputs[1] && draft.readers(node.outputs[1]) > 0) throw unsupported(node, "output Indices");
      const space = spaceOf(conversion, onlyActivation(conversion).dims);
      const { shape, input } = planes(conversion);
      const window = windowOf(conversion, space, null, conversion.attributes.ceil_mode);
      const dilation = pairOf(window.dilations, 1);
      const made = {
        op: "maxPool",
        input,
        kernel: pairOf(window.kernel, 1),
        stride: pairOf(window.strides, 1),
        padding: windowPadding(window, space),
        ...(dilation.some((d) => d > 1) && { dilation }),
      } as const;
      const wide = made.padding.find((p, i) => p >= made.kernel[i % 2]);
      if (wide !== undefined)
        throw unsupported(node, `a padding of ${wide} around a kernel of ${made.kernel.join("x")}`);
      const result: Shape = [shape[0], ...pairOf(window.output, 1)];
      const { type } = onlyActivation(conversion);
      return [added(conversion, made, result, [1, shape[0], ...window.output], type)];
    },
  }),
  anyType: true,
  // the largest of the integers stands for the largest of the floats
  moves: true,
});

const averagePool = operator(
  AVERAGE_POOL,
  flattened({
    evaluate(call) {
      const x = required(call, 0);
      const { ceil_mode, count_include_pad } = call.attributes;
      const window = windowOf(call, spaceOf(call, x.dims), null, ceil_mode);
      return [
        overWindows(call, x, window, (places, padded, plane) => {
          const total = places.reduce((before, at) => before + x.data[plane + at], 0);
          return total / (count_include_pad ? padded : places.length);
        }),
      ];
    },
    /**
     * A mean over windows of the padded input. Where a window's padding does not count, or not all of it, its mean is
     * corrected by a constant for its position.
     */
    convert(conversion) {
      const { draft, attributes } = conversion;
      const space = spaceOf(conversion, onlyActivation(conversion).dims);
      const { shape, input } = planes(conversion);
      const window = windowOf(conversion, space, null, attributes.ceil_mode);
      const [top, left, bottom, right] = windowPadding(window, space);
      const [kernel, stride, dilation] = [window.kernel, window.strides, window.dilations].map((n) => pairOf(n, 1));
      const output = pairOf(window.output, 1);
      const result: Shape = [shape[0], ...output];
      const name = resultName(conversion);
      const padded: Shape = [shape[0], shape[1] + top + bottom, shape[2] + left + right];
      const pad = {
        op: "pad",
        input,
        channels: [0, 0],
        rows: [top, bottom],
        columns: [left, right],
        value: 0,
      } as const;
      const source = sameShape(padded, shape) ? input : draft.add(`${name}.padded`, pad, padded);
      const count = elements(kernel);
      const [rows, columns] = windowCounts(conversion, window, space, attributes.count_include_pad);
      const corrected = rows.some((n) => n !== kernel[0]) || columns.some((n) => n !== kernel[1]);
      const dilated = dilation.some((d) => d > 1);
      const resultDims = [1, shape[0], ...window.output];
      const mean = { op: "avgPool", input: source, kernel, stride } as const;
      if (!corrected && !dilated) return [added(conversion, mean, result, resultDims)];
      const sums = (): Unnamed => ({
        op: "conv",
        input: source,
        weight: draft.filled([shape[0], 1, ...kernel], () => 1),
        bias: null,
        stride,
        dilation,
        padding: [0, 0, 0, 0],
        groups: shape[0],
      });
      const made = draft.add(`${name}.mean`, dilated ? sums() : mean, result);
      // a convolution with weights 1 makes sums, a pool makes means
      const factor: Shape = [1, ...output];
      const value = draft.filled(factor, (i) => {
        const mean = count / (rows[Math.floor(i / output[1])] * columns[i % output[1]]);
        return dilated ? mean / count : mean;
      });
      const constant = draft.add(`${name}.factor`, { op: "constant", value }, factor);
      return [added(conversion, { op: "binary", fn: "mul", inputs: [made, constant] }, result, resultDims)];
    },
  }),
);

/**
 * Counts the places that each row and each column of windows is divided by: those in the padded input, or in the input itself.
 */
function windowCounts({ budget }: Conversion, window: SpatialWindow, space: readonly number[], whole: boolean) {
  const [rows, columns = [1]] = space.map((size, k) => {
    budget.spend(window.output[k]);
    return Array.from({ length: window.output[k] }, (_, o) => {
      // taps i with low <= start + i dilation < high
      const start = o * window.strides[k] - window.before[k];
      const [low, high] = whole ? [start, size + window.behind[k]] : [0, size];
      const first = Math.max(0, Math.ceil((low - start) / window.dilations[k]));
      const end = Math.min(window.kernel[k], Math.ceil((high - start) / window.dilations[k]));
      return Math.max(0, end - first);
    });
  });
  return [rows, columns];
}

/** Mean or maximum of each whole plane. */
export function wholePool(input: string, [, height, width]: Shape, average: boolean): Unnamed {
  if (average) return { op: "globalAvgPool", input };
  return { op: "maxPool", input, kernel: [height, width], stride: [1, 1], padding: [0, 0, 0, 0] };
}

function globalPool(f: (plane: ArrayLike<number>) => number, average: boolean): Operator {
  return operator(
    {},
    {
      evaluate(call) {
        const x = required(call, 0);
        expectNode(x.dims.length >= 3, call.node, "an input (batch, channels, ...)", x.dims);
        const y = make(call, x.type, [x.dims[0], x.dims[1], ...x.dims.slice(2).map(() => 1)]);
        const size = elements(x.dims.slice(2));
        for (let p = 0; p < y.data.length; p++) y.data[p] = f(x.data.subarray(p * size, (p + 1) * size));
        return [y];
      },
      convert(conversion) {
        const x = onlyActivation(conversion);
        const result = x.dims.map((n, i) => (i < 2 ? n : 1));
        // a volume is a plane of long rows
        const plane = { ...x, dims: [...x.dims.slice(0, 3), elements(x.dims.slice(3))] };
        const { shape, input } = planes({ ...conversion, operands: [plane] });
        return [added(conversion, wholePool(input, shape, average), [shape[0], 1, 1], result)];
      },
    },
  );
}

export const POOLS: Operators = {
  AveragePool: averagePool,
  GlobalAveragePool: globalPool((plane) => sum(plane) / plane.length, true),
  GlobalMaxPool: globalPool(largest, false),
  MaxPool: maxPool,
};
