// matrix.ts: products of matrices.
import { elements } from "../../ops/index.js";
import type { Value } from "../tensor.js";
import { broadcastDims, broadcastStrides, transposed, walk } from "./arrays.js";
import { checkWork, expectNode, make, type Operator, optional, required } from "./call.js";

const gemm: Operator = (call) => {
  const { node } = call;
  const { attributes } = node;
  const [a, b, c] = [required(call, 0), required(call, 1), optional(call, 2)];
  expectNode(a.dims.length === 2 && b.dims.length === 2, node, "two matrices", [a.dims, b.dims]);
  const left = attributes.int("transA", 0) ? transposed(call, a, [1, 0]) : a;
  const right = attributes.int("transB", 0) ? transposed(call, b, [1, 0]) : b;
  const [alpha, beta] = [attributes.float("alpha", 1), attributes.float("beta", 1)];
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
};

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

/** As numpy's matmul: vectors become matrices for the product, the axes before the last two are broadcast. */
const matMul: Operator = (call) => {
  const [a, b] = [required(call, 0), required(call, 1)];
  const { node } = call;
  expectNode(a.dims.length >= 1 && b.dims.length >= 1, node, "no scalars", [a.dims, b.dims]);
  const left = a.dims.length === 1 ? [1, a.dims[0]] : a.dims;
  const right = b.dims.length === 1 ? [b.dims[0], 1] : b.dims;
  const [rows, depth] = left.slice(-2);
  const columns = right[right.length - 1];
  expectNode(right[right.length - 2] === depth, node, `${depth} rows`, right[right.length - 2], "input[1]");
  const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2), node);
  const full = make(call, a.type, [...batch, rows, columns]);
  const places = (dims: readonly number[]): number[] => {
    const list: number[] = [];
    walk(batch, broadcastStrides(dims.slice(0, -2), batch), (_, at) => list.push(at));
    return list;
  };
  checkWork(call, full.data.length * depth);
  call.budget.spend(4 * elements(batch));
  const [placesA, placesB] = [places(left), places(right)];
  const sums = new Float64Array(rows * columns);
  for (let n = 0; n < elements(batch); n++) {
    multiply(a.data, placesA[n] * rows * depth, b.data, placesB[n] * depth * columns, sums, rows, depth, columns);
    full.data.set(sums, n * rows * columns);
  }
  const dims = [...batch, ...(a.dims.length === 1 ? [] : [rows]), ...(b.dims.length === 1 ? [] : [columns])];
  return [{ ...full, dims } satisfies Value];
};

export const MATRICES: Readonly<Record<string, Operator>> = { Gemm: gemm, MatMul: matMul };
