// made.ts: constants that a graph makes while it runs, as masks and tables of places are made: ranges, and parts written over.
import { elements, stridesOf } from "../../ops/index.js";
import { range } from "./arrays.js";
import { checkAxis, checkWork, expectNode, make, required } from "./call.js";
import { type Operators, operator } from "./operator.js";
import { choice, int } from "./spec.js";

type Combine = (old: number, update: number) => number;

const REDUCTIONS: Readonly<Record<string, Combine>> = {
  none: (_, update) => update,
  add: (old, update) => old + update,
  mul: (old, update) => old * update,
  max: Math.max,
  min: Math.min,
};

export const MADE: Operators = {
  /** start, start + delta, ... before limit. */
  Range: operator(
    {},
    {
      evaluate(call) {
        const [start, limit, delta] = [0, 1, 2].map((index) => {
          const value = required(call, index);
          expectNode(value.data.length === 1, call.node, "one number", value.data.length, `input[${index}]`);
          return value.data[0];
        });
        expectNode(delta !== 0, call.node, "a step other than 0", delta, "input[2]");
        const length = Math.max(0, Math.ceil((limit - start) / delta));
        checkAxis(call.node, length, "limit");
        const y = make(call, required(call, 0).type, [length]);
        for (let i = 0; i < length; i++) y.data[i] = start + i * delta;
        return [y];
      },
    },
  ),
  /** The data with slices replaced: row i of the indices says where slice i of the updates goes. */
  ScatterND: operator(
    { reduction: choice("none", "add", "mul", "max", "min") },
    {
      evaluate(call) {
        const { node } = call;
        const [data, indices, updates] = [0, 1, 2].map((index) => required(call, index));
        const depth = indices.dims.at(-1) ?? 0;
        expectNode(
          indices.dims.length >= 1 && depth <= data.dims.length,
          node,
          "places in the data",
          indices.dims,
          "input[1]",
        );
        const [outer, inner] = [indices.dims.slice(0, -1), data.dims.slice(depth)];
        const size = elements(inner);
        const fits = updates.data.length === elements(outer) * size;
        expectNode(fits, node, `updates of shape ${[...outer, ...inner].join("x")}`, updates.dims, "input[2]");
        const y = make(call, data.type, data.dims);
        y.data.set(data.data);
        const strides = stridesOf(data.dims);
        const combine = REDUCTIONS[call.attributes.reduction];
        checkWork(call, updates.data.length);
        for (let row = 0; row < elements(outer); row++) {
          let at = 0;
          for (const axis of range(depth)) {
            const [index, length] = [indices.data[row * depth + axis], data.dims[axis]];
            const ok = Number.isInteger(index) && index >= -length && index < length;
            if (!ok) expectNode(ok, node, `indices in ${-length}..${length - 1}`, index, "input[1]");
            at += (index < 0 ? index + length : index) * strides[axis];
          }
          for (let i = 0; i < size; i++) y.data[at + i] = combine(y.data[at + i], updates.data[row * size + i]);
        }
        return [y];
      },
    },
  ),
  /** The upper or the lower triangle of each matrix, zeros elsewhere. */
  Trilu: operator(
    { upper: int(1) },
    {
      evaluate(call) {
        const x = required(call, 0);
        const k = call.operands[1] ? required(call, 1).data[0] : 0;
        expectNode(x.dims.length >= 2, call.node, "matrices", x.dims, "input[0]");
        const [rows, columns] = x.dims.slice(-2);
        const y = make(call, x.type, x.dims);
        for (let i = 0; i < y.data.length; i++) {
          const above = (i % columns) - (Math.floor(i / columns) % rows) - k;
          if (call.attributes.upper !== 0 ? above >= 0 : above <= 0) y.data[i] = x.data[i];
        }
        return [y];
      },
    },
  ),
};
