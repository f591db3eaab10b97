// grid.ts: weighted elements of lines and planes: GridSample with a constant grid, CumSum.
import { elements, roundEven, type Shape } from "../../ops/index.js";
import { isActivation } from "../draft.js";
import { checkSize } from "../tensor.js";
import {
  added,
  axisOf,
  type Call,
  checkWork,
  expectNode,
  make,
  planes,
  required,
  resultName,
  unsupported,
} from "./call.js";
import { type Operators, operator } from "./operator.js";
import { choice, flag, int, type ValuesOf } from "./spec.js";

const GRID = {
  align_corners: flag(false),
  mode: choice("linear", "bilinear", "nearest", "cubic", "bicubic"),
  padding_mode: choice("zeros", "border", "reflection"),
};
type GridCall = Call<ValuesOf<typeof GRID>>;

/** Taps of each place: indices into a plane, -1 outside, and weights; as many for each. */
interface Taps {
  readonly each: number;
  readonly indices: Int32Array;
  readonly weights: Float64Array;
  /** Rows and columns of the result. */
  readonly output: readonly [number, number];
}

/** Mirrored at both ends until it lies between. */
function reflected(x: number, low: number, high: number): number {
  const span = high - low;
  if (span <= 0) return low;
  const period = 2 * span;
  const place = (((x - low) % period) + period) % period;
  return low + (place <= span ? place : period - place);
}

/** The index that stands for one outside the axis; -1 where nothing does. */
function insideOf(index: number, size: number, { padding_mode, align_corners }: ValuesOf<typeof GRID>): number {
  if (index >= 0 && index < size) return index;
  if (padding_mode === "zeros") return -1;
  const [low, high] = align_corners ? [0, size - 1] : [-0.5, size - 0.5];
  const place = padding_mode === "border" ? index : reflected(index, low, high);
  return Math.min(Math.max(Math.round(place), 0), size - 1);
}

/** Keys' cubic, a = -0.75. */
function cubicWeights(t: number): number[] {
  const a = -0.75;
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** Indices and weights along one axis at a coordinate of -1..1. */
function alongAxis(coordinate: number, size: number, rules: ValuesOf<typeof GRID>): readonly [number, number][] {
  const { mode, padding_mode, align_corners } = rules;
  const raw = align_corners ? ((coordinate + 1) / 2) * (size - 1) : ((coordinate + 1) * size - 1) / 2;
  const [low, high] = align_corners ? [0, size - 1] : [-0.5, size - 0.5];
  const cubic = mode === "cubic" || mode === "bicubic";
  // cubics look beyond the border at first, and the others are held to it at once
  const held = padding_mode === "border" ? Math.min(Math.max(raw, 0), size - 1) : reflected(raw, low, high);
  const place = padding_mode === "zeros" || cubic ? raw : held;
  if (mode === "nearest") return [[insideOf(roundEven(place), size, rules), 1]];
  const first = Math.floor(place);
  const t = place - first;
  const weights = cubic ? cubicWeights(t) : [1 - t, t];
  const start = cubic ? first - 1 : first;
  return weights.map((weight, i) => [insideOf(start + i, size, rules), weight]);
}

function tapsOf(call: GridCall, dims: readonly number[], batch = 0): Taps {
  const grid = required(call, 1);
  const [count, rows, columns, two] = grid.dims;
  const ok = dims.length === 4 && grid.dims.length === 4 && two === 2 && (count === dims[0] || batch === 0);
  expectNode(ok, call.node, `an image and a grid (${dims[0]}, rows, columns, 2)`, grid.dims.join("x"), "input[1]");
  const [height, width] = dims.slice(2);
  const one = alongAxis(0, 1, call.attributes).length;
  const each = one * one;
  const places = rows * columns;
  checkSize([dims[1], places, each], call.node.where);
  call.budget.spend(4 * places * each);
  const [indices, weights] = [new Int32Array(places * each), new Float64Array(places * each)];
  for (let p = 0; p < places; p++) {
    const at = (batch * places + p) * 2;
    const across = alongAxis(grid.data[at], width, call.attributes);
    const down = alongAxis(grid.data[at + 1], height, call.attributes);
    let i = p * each;
    for (const [y, a] of down) {
      for (const [x, b] of across) {
        indices[i] = x < 0 || y < 0 ? -1 : y * width + x;
        weights[i++] = a * b;
      }
    }
  }
  return { each, indices, weights, output: [rows, columns] };
}

const gridSample = operator(GRID, {
  evaluate(call) {
    const x = required(call, 0);
    const [batch, channels, height, width] = x.dims;
    const { output } = tapsOf(call, x.dims);
    const y = make(call, x.type, [batch, channels, ...output]);
    const places = elements(output);
    checkWork(call, y.data.length * 16);
    for (let n = 0; n < batch; n++) {
      const { each, indices, weights } = tapsOf(call, x.dims, n);
      for (let c = 0; c < channels; c++) {
        const plane = (n * channels + c) * height * width;
        for (let i = 0; i < places * each; i++) {
          if (indices[i] < 0) continue;
          y.data[(n * channels + c) * places + Math.floor(i / each)] += weights[i] * x.data[plane + indices[i]];
        }
      }
    }
    return [y];
  },
  /** Gathered, weighed, and summed by a mean, whose number is in the weights. */
  convert(conversion) {
    const { node, draft, operands } = conversion;
    if (isActivation(operands[1])) {
      throw unsupported(
        node,
        "a grid that depends on the model's input: take the image and the grid as outputs before it",
      );
    }
    const { dims, shape, input } = planes(conversion);
    const { each, indices, weights, output } = tapsOf(conversion, dims);
    const [channels, height, width] = shape;
    const name = resultName(conversion);
    const places = elements(output);
    const result: Shape = [channels, ...output];
    const line = draft.shaped({ node: input, dims }, [channels, 1, height * width]);
    const columns = { channels: [...Array(channels).keys()], rows: [0], columns: [...indices], value: 0 };
    const taken: Shape = [channels, 1, places * each];
    const gathered = { op: "gather", input: line, ...columns } as const;
    const resultDims = [1, channels, ...output];
    if (each === 1) {
      const found = draft.add(`${name}.line`, gathered, taken);
      return [{ node: draft.shaped({ node: found, dims: taken }, result), dims: resultDims }];
    }
    const found = draft.add(`${name}.taps`, gathered, taken);
    const factor = draft.filled([1, places, each], (i) => weights[i] * each);
    const constant = draft.add(`${name}.weights`, { op: "constant", value: factor }, [1, places, each]);
    const wide: Shape = [channels, places, each];
    const inputs = [draft.shaped({ node: found, dims: taken }, wide), constant] as const;
    const weighed = draft.add(`${name}.weighed`, { op: "binary", fn: "mul", inputs }, wide);
    const pool = { op: "avgPool", input: weighed, kernel: [1, each], stride: [1, 1] } as const;
    return [added(conversion, pool, [channels, places, 1], resultDims)];
  },
});

/** Sums of the elements up to each, along an axis. */
const cumSum = operator(
  { axis: int(null, { input: 1 }), exclusive: flag(false), reverse: flag(false) },
  {
    evaluate(call) {
      const x = required(call, 0);
      const { outer, length, inner } = linesOf(call, x.dims);
      const { exclusive, reverse } = call.attributes;
      const y = make(call, x.type, x.dims);
      for (let line = 0; line < outer * inner; line++) {
        let sum = 0;
        for (let k = 0; k < length; k++) {
          const at = (Math.floor(line / inner) * length + (reverse ? length - 1 - k : k)) * inner + (line % inner);
          if (!exclusive) sum += x.data[at];
          y.data[at] = sum;
          if (exclusive) sum += x.data[at];
        }
      }
      return [y];
    },
    /** Rows of ones and zeros. */
    convert(conversion) {
      const { draft, budget, operands } = conversion;
      const [x] = operands;
      expectNode(isActivation(x), conversion.node, "a value that depends on the input", "a constant", "input[0]");
      const { outer, length, inner } = linesOf(conversion, x.dims);
      const { exclusive, reverse } = conversion.attributes;
      budget.spend(4 * length * length + 2 * inner);
      const indices = Array.from({ length: length * length }, (_, i) => i % length);
      const weights = indices.map((k, i) => {
        const at = Math.floor(i / length);
        return Number(reverse ? k > at || (!exclusive && k === at) : k < at || (!exclusive && k === at));
      });
      const columns = { indices: [...Array(inner).keys()], weights: new Array<number>(inner).fill(1) };
      const shape: Shape = [outer, length, inner];
      const input = draft.shaped(x, shape);
      const made = { op: "resample", input, shape, rows: { indices, weights }, columns } as const;
      return [added(conversion, made, shape, x.dims, x.type)];
    },
    anyType: true,
  },
);

function linesOf({ node, attributes }: Call<{ axis: number | null }>, dims: readonly number[]) {
  const axis = axisOf(node, attributes.axis ?? 0, dims.length);
  return { outer: elements(dims.slice(0, axis)), length: dims[axis], inner: elements(dims.slice(axis + 1)) };
}

export const GRIDS: Operators = { CumSum: cumSum, GridSample: gridSample, "com.microsoft.GridSample": gridSample };
