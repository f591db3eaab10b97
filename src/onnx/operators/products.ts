// products.ts: products of stacks of matrices in the network: a dense layer or a 1x1 convolution where a factor is one constant
// matrix, else a product of two tensors.
import { elements, type Shape, type Tensor } from "../../ops/index.js";
import { type Activation, isActivation, type Known } from "../draft.js";
import type { Value } from "../tensor.js";
import { pick, type Run, transposed, whole } from "./arrays.js";
import { finite } from "./binary.js";
import { type Conversion, expectNode, resultName } from "./call.js";
import { picked } from "./pick.js";

const POINT = { stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0], groups: 1 } as const;

/** Result of a conversion: its dimensions, and the name of the node that makes it. */
export interface Result {
  readonly dims: readonly number[];
  readonly name: string;
}

/** The last axis times a matrix (out, in): a dense layer, or for several rows a 1x1 convolution over them. */
export function timesMatrix(
  { node, draft }: Conversion,
  x: Activation,
  matrix: Value,
  bias: Tensor | null,
  { dims, name }: Result,
): Activation {
  const [outputs, depth] = matrix.dims;
  expectNode(x.dims.at(-1) === depth, node, `a last axis of ${depth}`, x.dims.join("x"), "input[0]");
  const rows = elements(x.dims) / depth;
  const weight = draft.parameter(matrix, rows === 1 ? [outputs, depth] : [outputs, depth, 1, 1]);
  if (rows === 1) {
    return { node: draft.add(name, { op: "dense", input: x.node, weight, bias }, [outputs, 1, 1]), dims };
  }
  const turned = swapped(x.node, [1, rows, depth]);
  const input = draft.add(`${name}.columns`, turned, turned.shape);
  const conv = { op: "conv", input, weight, bias, ...POINT } as const;
  const back = swapped(draft.add(`${name}.product`, conv, [outputs, rows, 1]), [outputs, rows, 1]);
  return { node: draft.add(name, back, back.shape), dims };
}

/** A matrix (out, in) times each of a stack of matrices (n, in, columns): a 1x1 convolution over all columns. */
function matrixTimes(
  { draft }: Conversion,
  matrix: Value,
  x: Activation,
  [stack, depth, columns]: Shape,
  { dims, name }: Result,
): Activation {
  const [outputs] = matrix.dims;
  const weight = draft.parameter(matrix, [outputs, depth, 1, 1]);
  if (stack === 1) {
    const input = draft.shaped(x, [depth, columns, 1]);
    const conv = { op: "conv", input, weight, bias: null, ...POINT } as const;
    return { node: draft.add(name, conv, [outputs, columns, 1]), dims };
  }
  const turned = swapped(x.node, [stack, depth, columns]);
  const input = draft.add(`${name}.columns`, turned, turned.shape);
  const conv = { op: "conv", input, weight, bias: null, ...POINT } as const;
  // one row for each matrix lies in the order of the result already
  if (outputs === 1) return { node: draft.add(name, conv, [1, stack, columns]), dims };
  const back = swapped(draft.add(`${name}.product`, conv, [outputs, stack, columns]), [outputs, stack, columns]);
  return { node: draft.add(name, back, back.shape), dims };
}

/** Rows and channels, or rows and columns, in each other's place. */
function swapped(input: string, [a, b, c]: Shape) {
  if (a === 1) return { op: "permute", input, dims: [b, c, 1], order: [1, 0, 2], shape: [c, b, 1] } as const;
  return { op: "permute", input, dims: [a, b, c], order: [1, 0, 2], shape: [b, a, c] } as const;
}

/** A stack of matrices: an operand, and its dimensions as (matrices, rows, columns). */
export interface Stack {
  readonly value: Known;
  readonly shape: Shape;
}

/** The products of two stacks of matrices; a stack of one meets every matrix of the other. One of them is an activation. */
export function multiplied(conversion: Conversion, a: Stack, b: Stack, result: Result): Activation {
  const { draft } = conversion;
  const [stack, rows, depth] = a.shape;
  const [others, , columns] = b.shape;
  if (isActivation(a.value) && !isActivation(b.value) && others === 1) {
    const matrix = transposed(conversion, { ...b.value, dims: [depth, columns] }, [1, 0]);
    return timesMatrix(conversion, { ...a.value, dims: [stack * rows, depth] }, matrix, null, result);
  }
  if (isActivation(b.value) && !isActivation(a.value) && stack === 1) {
    return matrixTimes(conversion, { ...a.value, dims: [rows, depth] }, b.value, b.shape, result);
  }
  // one matrix on the right takes all rows at once
  const left: Shape = others === 1 ? [1, stack * rows, depth] : a.shape;
  const inputs = [held(conversion, { ...a, shape: left }, result), held(conversion, b, result)] as const;
  const shape: Shape = [Math.max(left[0], others), left[1], columns];
  return { node: draft.add(result.name, { op: "matmul", inputs }, shape), dims: result.dims };
}

/** A stack as a tensor of the network. */
function held(conversion: Conversion, { value, shape }: Stack, { name }: Result): string {
  const { draft } = conversion;
  if (isActivation(value)) return draft.shaped(value, shape);
  const constant = { op: "constant", value: draft.parameter(finite(conversion, value), shape) } as const;
  return draft.add(`${name}.constant`, constant, shape);
}

/** An operand with its axes before the last two repeated to those of `batch`, where it has neither one matrix nor all. */
export function stacked(
  conversion: Conversion,
  value: Known,
  dims: readonly number[],
  batch: readonly number[],
): Stack {
  const [rows, columns] = dims.slice(-2);
  const own = elements(dims.slice(0, -2));
  const all = elements(batch);
  if (own === 1 || own === all) return { value, shape: [own, rows, columns] };
  const from = [...new Array<number>(batch.length + 2 - dims.length).fill(1), ...dims];
  const indices = from.map((n, i): Run => {
    return n === 1 && i < batch.length ? { start: 0, step: 0, length: batch[i] } : whole(n);
  });
  const repeated = isActivation(value)
    ? picked(conversion, { ...value, dims: from }, indices, `${resultName(conversion)}.repeated`)
    : pick(conversion, { ...value, dims: from }, indices);
  return { value: repeated, shape: [all, rows, columns] };
}
