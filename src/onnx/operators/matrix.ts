// matrix.ts: products of matrices; those with a constant factor are dense layers and 1x1 convolutions.
import { elements, type Shape, type Tensor } from "../../ops/index.js";
import type { Activation } from "../draft.js";
import type { Value } from "../tensor.js";
import { broadcastDims, broadcastStrides, map, transposed, walk } from "./arrays.js";
import {
  added,
  type Conversion,
  checkWork,
  expectNode,
  make,
  onlyActivation,
  optional,
  required,
  resultName,
  unsupported,
} from "./call.js";
import { type Operators, operator } from "./operator.js";
import { flag, float } from "./spec.js";

/** sums = a b, a at `atA` with `depth` columns, b at `atB` with `columns`. */
function multiply(
  a: ArrayLike<number>,
  atA: number,
  b: ArrayLike<number>,
  atB: number,
  sums: Float64Array,
  rows: number,
  depth: number,
  columns: number,
): void {
  sums.fill(0);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < depth; k++) {
      const factor = a[atA + i * depth + k];
      for (let j = 0; j < columns; j++) sums[i * columns + j] += factor * b[atB + k * columns + j];
    }
  }
}

/** The last axis times a matrix (out, in): a dense layer, or for several rows a 1x1 convolution over them. */
function product(conversion: Conversion, a: Activation, matrix: Value, bias: Tensor | null): readonly Activation[] {
  const { node, draft } = conversion;
  const [outputs, depth] = matrix.dims;
  expectNode(a.dims.at(-1) === depth, node, `a last axis of ${depth}`, a.dims.join("x"), "input[0]");
  const rows = elements(a.dims) / depth;
  const dims = a.dims.with(-1, outputs);
  const weight = draft.parameter(matrix, rows === 1 ? [outputs, depth] : [outputs, depth, 1, 1]);
  if (rows === 1) return [added(conversion, { op: "dense", input: a.node, weight, bias }, [outputs, 1, 1], dims)];
  const swapped = (input: string, height: number, width: number) => {
    const shape: Shape = [width, height, 1];
    return { op: "permute", input, dims: [height, width, 1], order: [1, 0, 2], shape } as const;
  };
  const name = resultName(conversion);
  const turned = swapped(a.node, rows, depth);
  const input = draft.add(`${name}.columns`, turned, turned.shape);
  const window = { stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0], groups: 1 } as const;
  const conv = { op: "conv", input, weight, bias, ...window } as const;
  const back = swapped(draft.add(`${name}.product`, conv, [outputs, rows, 1]), outputs, rows);
  return [added(conversion, back, back.shape, dims)];
}

/** Y = alpha A B + beta C; of activations only A. */
const gemm = operator(
  { alpha: float(1), beta: float(1), transA: flag(false), transB: flag(false) },
  {
    evaluate(call) {
      const { node } = call;
      const { alpha, beta, transA, transB } = call.attributes;
      const [a, b, c] = [required(call, 0), required(call, 1), optional(call, 2)];
      expectNode(a.dims.length === 2 && b.dims.length === 2, node, "two matrices", [a.dims, b.dims]);
      const left = transA ? transposed(call, a, [1, 0]) : a;
      const right = transB ? transposed(call, b, [1, 0]) : b;
      const [rows, depth] = left.dims;
      const columns = right.dims[1];
      expectNode(right.dims[0] === depth, node, `${depth} rows`, right.dims[0], "input[1]");
      const y = make(call, a.type, [rows, columns]);
      const sums = new Float64Array(rows * columns);
      checkWork(call, rows * depth * columns);
      multiply(left.data, 0, right.data, 0, sums, rows, depth, columns);
      for (let i = 0; i < sums.length; i++) sums[i] *= alpha;
      if (c) {
        const fits = broadcastDims(c.dims, y.dims, node).every((n, i) => n === y.dims[i]);
        expectNode(fits, node, `a shape that meets ${y.dims.join("x")}`, c.dims, "input[2]");
        walk(y.dims, broadcastStrides(c.dims, y.dims), (i, at) => {
          sums[i] += beta * c.data[at];
        });
      }
      y.data.set(sums);
      return [y];
    },
    convert(conversion) {
      const { node, draft } = conversion;
      const { alpha, beta, transA, transB } = conversion.attributes;
      const a = onlyActivation(conversion);
      if (transA) throw unsupported(node, "transA 1 on values that depend on the input");
      const [b, c] = [required(conversion, 1), optional(conversion, 2)];
      expectNode(b.dims.length === 2, node, "a matrix", b.dims, "input[1]");
      const upright = transB ? b : transposed(conversion, b, [1, 0]);
      const [outputs] = upright.dims;
      if (c && c.data.length !== 1 && (c.data.length !== outputs || c.dims.at(-1) !== outputs)) {
        throw unsupported(node, `an addend of shape ${c.dims.join("x")}`);
      }
      const bias = c && draft.filled([outputs], (i) => beta * c.data[c.data.length === 1 ? 0 : i]);
      return product(conversion, a, alpha === 1 ? upright : map(conversion, upright, (x) => x * alpha), bias);
    },
  },
);

/**
 * The matrix product of numpy's matmul: vectors become matrices for the product, the axes before the last two are
 * broadcast.
 */
export const matMul = operator(
  {},
  {
    evaluate(call) {
      const [a, b] = [required(call, 0), required(call, 1)];
      const { node } = call;
      expectNode(a.dims.length >= 1 && b.dims.length >= 1, node, "no scalars", [a.dims, b.dims]);
      const left = a.dims.length === 1 ? [1, a.dims[0]] : a.dims;
      const right = b.dims.length === 1 ? [b.dims[0], 1] : b.dims;
      const [rows, depth] = left.slice(-2);
      const columns = right[right.length - 1];
      expectNode(right.at(-2) === depth, node, `${depth} rows`, right.at(-2), "input[1]");
      const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2), node);
      const full = make(call, a.type, [...batch, rows, columns]);
      checkWork(call, full.data.length * depth);
      call.budget.spend(4 * elements(batch));
      const places = (dims: readonly number[]): number[] => {
        const list: number[] = [];
        walk(batch, broadcastStrides(dims.slice(0, -2), batch), (_, at) => list.push(at));
        return list;
      };
      const [placesA, placesB] = [places(left), places(right)];
      const sums = new Float64Array(rows * columns);
      for (let n = 0; n < elements(batch); n++) {
        multiply(a.data, placesA[n] * rows * depth, b.data, placesB[n] * depth * columns, sums, rows, depth, columns);
        full.data.set(sums, n * rows * columns);
      }
      const dims = [...batch, ...(a.dims.length === 1 ? [] : [rows]), ...(b.dims.length === 1 ? [] : [columns])];
      return [{ ...full, dims }];
    },
    convert(conversion) {
      const a = onlyActivation(conversion);
      const b = required(conversion, 1);
      if (b.dims.length !== 2) throw unsupported(conversion.node, `a constant of shape ${b.dims.join("x")}`);
      return product(conversion, a, transposed(conversion, b, [1, 0]), null);
    },
  },
);

export const MATRICES: Operators = { Gemm: gemm, MatMul: matMul };
