// matrix.ts: products of matrices, of which the file may hold one.
import { elements, type Tensor } from "../../ops/index.js";
import { type Activation, isActivation, type Known, shapeFor } from "../draft.js";
import type { OnnxNode } from "../model.js";
import { toValue, type Value } from "../tensor.js";
import { broadcastDims, broadcastStrides, map, transposed, walk } from "./arrays.js";
import { combined, firstImage } from "./binary.js";
import { allOperands, type Conversion, checkWork, expectNode, make, optional, required, resultName } from "./call.js";
import { type Operators, operator } from "./operator.js";
import { multiplied, type Stack, stacked, timesMatrix } from "./products.js";
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

/** Y = alpha A B + beta C. */
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
      const { node } = conversion;
      const { alpha, beta, transA, transB } = conversion.attributes;
      const [a, b, c = null] = conversion.operands;
      expectNode(a?.dims.length === 2 && b?.dims.length === 2, node, "two matrices", [a?.dims, b?.dims]);
      const name = resultName(conversion);
      const left = transA ? turned(conversion, a, `${name}.left`) : a;
      const [rows, depth] = left.dims;
      const [others, columns] = transB ? [b.dims[1], b.dims[0]] : b.dims;
      expectNode(others === depth, node, `${depth} rows`, others, "input[1]");
      const dims = [rows, columns];
      if (isActivation(left) && !isActivation(b)) {
        const bias = c && biasOf(conversion, c, columns, beta);
        // matrices may be too large for a copy
        const upright = transB ? b : transposed(conversion, b, [1, 0]);
        const matrix = alpha === 1 ? upright : map(conversion, upright, (x) => x * alpha);
        const made = timesMatrix(conversion, left, matrix, bias, { dims, name: bias || !c ? name : `${name}.product` });
        return [bias || !c ? made : plus(conversion, made, c, beta)];
      }
      const right = transB ? turned(conversion, b, `${name}.right`) : b;
      const stack = (value: Known): Stack => ({ value, shape: [1, value.dims[0], value.dims[1]] });
      let made = multiplied(conversion, stack(left), stack(right), { dims, name: `${name}.product` });
      if (alpha !== 1) made = combined(conversion, "mul", made, number(alpha), `${name}.scaled`);
      return [c ? plus(conversion, made, c, beta) : made];
    },
  },
);

const number = (x: number): Value => toValue("float32", [], [x]);

/** A matrix turned round. */
function turned(conversion: Conversion, x: Known, name: string): Known {
  if (!isActivation(x)) return transposed(conversion, x, [1, 0]);
  const { dims } = x;
  const shape = shapeFor([dims[1], dims[0]]);
  const permute = { op: "permute", input: x.node, dims, order: [1, 0], shape } as const;
  return { node: conversion.draft.add(name, permute, shape), dims: [dims[1], dims[0]] };
}

/** The constant C of a Gemm as a bias, beta times one number a column; null where it is something else. */
function biasOf({ draft }: Conversion, c: Known, columns: number, beta: number): Tensor | null {
  if (isActivation(c) || (c.data.length !== 1 && (c.data.length !== columns || c.dims.at(-1) !== columns))) return null;
  return draft.filled([columns], (i) => beta * c.data[c.data.length === 1 ? 0 : i]);
}

/** x + beta c. */
function plus(conversion: Conversion, x: Activation, c: Known, beta: number): Activation {
  const scaled = (): Known =>
    isActivation(c)
      ? combined(conversion, "mul", c, number(beta), `${resultName(conversion)}.addend`)
      : map(conversion, c, (value) => value * beta);
  return combined(conversion, "add", x, beta === 1 ? c : scaled());
}

/**
 * The matrix product of numpy's matmul: vectors become matrices for the product, the axes before the last two are
 * broadcast.
 */
export const matMul = operator(
  {},
  {
    evaluate(call) {
      const [a, b] = [required(call, 0), required(call, 1)];
      const { left, right, batch, rows, depth, columns, dims } = matrices(call.node, a.dims, b.dims);
      const full = make(call, a.type, [...batch, rows, columns]);
      checkWork(call, full.data.length * depth);
      call.budget.spend(4 * elements(batch));
      const places = (own: readonly number[]): number[] => {
        const list: number[] = [];
        walk(batch, broadcastStrides(own.slice(0, -2), batch), (_, at) => list.push(at));
        return list;
      };
      const [placesA, placesB] = [places(left), places(right)];
      const sums = new Float64Array(rows * columns);
      for (let n = 0; n < elements(batch); n++) {
        multiply(a.data, placesA[n] * rows * depth, b.data, placesB[n] * depth * columns, sums, rows, depth, columns);
        full.data.set(sums, n * rows * columns);
      }
      return [{ ...full, dims }];
    },
    convert(conversion) {
      const [a, b] = allOperands(conversion).map((operand) => firstImage(conversion, operand));
      expectNode(b !== undefined, conversion.node, "two inputs", "one");
      const { left, right, batch, dims } = matrices(conversion.node, a.dims, b.dims);
      const name = resultName(conversion);
      return [
        multiplied(conversion, stacked(conversion, a, left, batch), stacked(conversion, b, right, batch), {
          dims,
          name,
        }),
      ];
    },
  },
);

/** The sizes of a product as numpy's matmul has it: both operands as stacks of matrices, and the dimensions of the result. */
function matrices(node: OnnxNode, a: readonly number[], b: readonly number[]) {
  expectNode(a.length >= 1 && b.length >= 1, node, "no scalars", [a, b]);
  const left = a.length === 1 ? [1, a[0]] : a;
  const right = b.length === 1 ? [b[0], 1] : b;
  const [rows, depth] = left.slice(-2);
  const columns = right[right.length - 1];
  expectNode(right.at(-2) === depth, node, `${depth} rows`, right.at(-2), "input[1]");
  const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2), node);
  const dims = [...batch, ...(a.length === 1 ? [] : [rows]), ...(b.length === 1 ? [] : [columns])];
  return { left, right, batch, rows, depth, columns, dims };
}

export const MATRICES: Operators = { Gemm: gemm, MatMul: matMul };
