// norm-pool.ts: pools by the norm of a window: roots of means of powers.
import { elements } from "../../ops/index.js";
import { toValue } from "../tensor.js";
import { range } from "./arrays.js";
import { expectNode } from "./call.js";
import { rankOf } from "./fused.js";
import { composite, type Operators } from "./operator.js";
import { int } from "./spec.js";
import { WINDOW } from "./window.js";
import { asInts, type Written, written } from "./written.js";

/** |x|^p, a mean of it, its number times that mean, and the root. @param mean adds the node of the mean */
function normOf(w: Written, p: number, count: number, mean: (x: string) => string): Written {
  const number = (value: number): string => w.constant(toValue("float32", [], [value]));
  const size = w.node("Abs", [w.input(0)]);
  const powers = p === 1 ? size : w.node("Pow", [size, number(p)]);
  const sum = w.node("Mul", [mean(powers), number(count)], {}, p === 1 ? w.result : undefined);
  if (p === 2) w.node("Sqrt", [sum], {}, w.result);
  else if (p !== 1) w.node("Pow", [sum, number(1 / p)], {}, w.result);
  return w;
}

/** A rounded-up size would count places beyond the padding, which the mean does not have. */
const lpPool = composite({ ...WINDOW, p: int(2), ceil_mode: int(0, { legal: [0] }) }, (call) => {
  const { kernel_shape: kernel, p } = call.attributes;
  expectNode(kernel !== null, call.node, "a kernel", "none", "kernel_shape");
  const w = written(call);
  return normOf(w, p, elements(kernel), (x) => {
    return w.node("AveragePool", [x], { ...w.kept(...Object.keys(WINDOW)), count_include_pad: 1 });
  });
});

const globalLpPool = composite({ p: int(2) }, (call) => {
  const w = written(call);
  const rank = rankOf(call, 0);
  const count = elements(call.operands[0]?.dims.slice(2) ?? []);
  return normOf(w, call.attributes.p, count, (x) => {
    return w.node("ReduceMean", [x], { axes: asInts(...range(rank).slice(2)), keepdims: 1 });
  });
});

export const NORM_POOLS: Operators = { GlobalLpPool: globalLpPool, LpPool: lpPool };
