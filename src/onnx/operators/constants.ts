// constants.ts: constants that are made, and what is known of values before anything runs.
import { elements, stridesOf } from "../../ops/index.js";
import { elementType, integers } from "../tensor.js";
import { range } from "./arrays.js";
import { axisOf, checkAxis, expectNode, make, required } from "./call.js";
import { type Operators, operator } from "./operator.js";
import { int } from "./spec.js";

/** The places of the elements other than zero: an index of each axis in each row. */
const nonZero = operator(
  {},
  {
    evaluate(call) {
      const { dims, data } = required(call, 0);
      const found = [...data.keys()].filter((i) => data[i] !== 0);
      const strides = stridesOf(dims);
      const y = make(call, "int64", [dims.length, found.length]);
      for (const [k, n] of dims.entries()) {
        for (const [i, at] of found.entries()) y.data[k * found.length + i] = Math.floor(at / strides[k]) % n;
      }
      return [y];
    },
  },
);

const sequence = operator(
  {},
  {
    evaluate(call) {
      const [start, limit, delta] = range(3).map((i) => required(call, i));
      const step = delta.data[0];
      expectNode(step !== 0, call.node, "a step other than 0", step, "input[2]");
      const length = Math.max(0, Math.ceil((limit.data[0] - start.data[0]) / step));
      checkAxis(call.node, length, "input[1]");
      const y = make(call, start.type, [length]);
      for (let i = 0; i < length; i++) y.data[i] = start.data[0] + i * step;
      return [y];
    },
  },
);

const eyeLike = operator(
  { dtype: int(0), k: int(0) },
  {
    ofShapes: true,
    evaluate(call) {
      const x = call.operands[0];
      expectNode(x?.dims.length === 2, call.node, "a matrix", x?.dims.join("x") ?? "none", "input[0]");
      const { dtype } = call.attributes;
      const type = dtype === 0 ? "float32" : elementType(dtype, `${call.node.where}.dtype`);
      const y = make(call, type, x.dims);
      const [rows, columns] = x.dims;
      for (let row = 0; row < rows; row++) {
        const column = row + call.attributes.k;
        if (column >= 0 && column < columns) y.data[row * columns + column] = 1;
      }
      return [y];
    },
  },
);

const oneHot = operator(
  { axis: int(-1) },
  {
    evaluate(call) {
      const [indices, depths, values] = range(3).map((i) => required(call, i));
      const depth = depths.data[0];
      checkAxis(call.node, depth, "input[1]");
      const axis = axisOf(call.node, call.attributes.axis, indices.dims.length + 1);
      const dims = indices.dims.toSpliced(axis, 0, depth);
      const y = make(call, values.type, dims);
      const inner = elements(indices.dims.slice(axis));
      for (let i = 0; i < y.data.length; i++) {
        const [outer, k] = [Math.floor(i / (inner * depth)), Math.floor(i / inner) % depth];
        const index = indices.data[outer * inner + (i % inner)];
        y.data[i] = values.data[(index < 0 ? index + depth : index) === k ? 1 : 0];
      }
      return [y];
    },
  },
);

export const CONSTANTS: Operators = {
  EyeLike: eyeLike,
  NonZero: nonZero,
  OneHot: oneHot,
  Range: sequence,
  Size: operator(
    {},
    {
      ofShapes: true,
      evaluate({ node, operands: [x] }) {
        expectNode(x !== null && x !== undefined, node, "an input", "none", "input[0]");
        return [{ ...integers([elements(x.dims)]), dims: [] }];
      },
    },
  ),
};
