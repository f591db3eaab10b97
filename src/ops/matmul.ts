// matmul.ts: products of two matrices that both depend on the input, as attention has them.
import type { Check } from "../format/index.js";
import { tensor, twoTensors } from "./field.js";
import type { LayerKind, NodeKind } from "./kind.js";
import type { Shape } from "./tensor.js";
import { checkShape } from "./window.js";

/**
 * The products of matrices, (batch, rows, depth) times (batch, depth, columns): a tensor's channels are the batch, and one
 * matrix meets every one of the other tensor. All three tensors are float32.
 */
export interface MatmulLayer {
  readonly op: "matmul";
  readonly name: string;
  readonly input: string;
  readonly other: string;
  readonly output: string;
}

/** The products of matrices, (batch, rows, depth) times (batch, depth, columns). One matrix meets every one of the others. */
export interface MatmulNode {
  readonly op: "matmul";
  readonly name: string;
  readonly inputs: readonly [string, string];
}

/** Gives the shape of the products. @throws BAD_GRAPH where the matrices do not meet */
function productShape([batch, rows, depth]: Shape, other: Shape, check: Check): Shape {
  const [others, otherRows, columns] = other;
  const meets = otherRows === depth && (batch === others || batch === 1 || others === 1);
  check(
    meets,
    "other",
    `${batch === 1 ? "any number of" : `1 or ${batch}`} matrices of ${depth} rows`,
    other.join("x"),
  );
  return [Math.max(batch, others), rows, columns];
}

/**
 * Multiplies one pair of matrices: each product and each sum is rounded to float32, in the order of the depth, from 0 on.
 * @param to row-major (rows, columns), where the sums are written
 */
export function multiply(
  a: Float32Array,
  b: Float32Array,
  to: Float32Array,
  [rows, depth, columns]: readonly [number, number, number],
): void {
  to.fill(0);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < depth; k++) {
      const factor = a[i * depth + k];
      // a Float32Array rounds what it is given, so each sum is rounded as it is written
      for (let j = 0; j < columns; j++) to[i * columns + j] += Math.fround(factor * b[k * columns + j]);
    }
  }
}

export const matmulLayer: LayerKind<MatmulLayer> = {
  since: 2,
  fields: { input: tensor, other: tensor },
  check(_, [a, b], output, check: Check) {
    for (const [field, { encoding }] of [["input", a] as const, ["other", b] as const, ["output", output] as const]) {
      check(encoding.kind === "float32", field, "a float32 tensor", encoding.kind);
    }
    checkShape(output, productShape(a.shape, b.shape, check), check);
  },
  run(_, [a, b], { shape: [batch, rows, columns] }) {
    const depth = a.spec.shape[2];
    const result = new Float32Array(batch * rows * columns);
    const matrix = ({ spec, raw }: typeof a, n: number): Float32Array => {
      const size = spec.shape[1] * spec.shape[2];
      return spec.shape[0] === 1 ? raw : raw.subarray(n * size, (n + 1) * size);
    };
    for (let n = 0; n < batch; n++) {
      const to = result.subarray(n * rows * columns, (n + 1) * rows * columns);
      multiply(matrix(a, n), matrix(b, n), to, [rows, depth, columns]);
    }
    return result;
  },
};

export const matmulNode: NodeKind<MatmulNode> = {
  since: 2,
  fields: { inputs: twoTensors },
  role: () => "matrix",
  shape(_, inputs, check: Check) {
    check(inputs.length === 2, "inputs", "two inputs", inputs.length);
    return productShape(inputs[0], inputs[1], check);
  },
  lower({ op, name }, { sources: [a, b], output, push, toFloat32 }) {
    push<MatmulLayer>({ op, name, input: toFloat32(a), other: toFloat32(b), output }, { kind: "float32" });
  },
};
