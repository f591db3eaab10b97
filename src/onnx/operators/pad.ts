// pad.ts: what is put around a value, or cut off it.
import { shapeFor } from "../draft.js";
import { type Indices, pick, range } from "./arrays.js";
import {
  added,
  axesOf,
  type Call,
  checkAxis,
  expectNode,
  onlyActivation,
  optional,
  required,
  resultName,
} from "./call.js";
import { type Operators, operator } from "./operator.js";
import { picked } from "./pick.js";
import { choice, float, ints, type ValuesOf } from "./spec.js";

/** The index of an axis of `size` that stands for one outside it, by Pad's mode. */
const OUTSIDE = {
  constant: () => -1,
  edge: (at: number, size: number) => (at < 0 ? 0 : size - 1),
  wrap: (at: number, size: number) => ((at % size) + size) % size,
  reflect(at: number, size: number): number {
    if (size === 1) return 0;
    const period = 2 * (size - 1);
    const place = ((at % period) + period) % period;
    return place < size ? place : period - place;
  },
};

const PAD = {
  mode: choice("constant", "reflect", "edge", "wrap"),
  pads: ints({ input: 1 }),
  value: float(0, { input: 2 }),
};
type PadCall = Call<ValuesOf<typeof PAD>>;

/** The widths that Pad puts before and behind every axis; negative where it cuts off. */
function padWidths(call: PadCall, dims: readonly number[]): (readonly [before: number, behind: number])[] {
  const { node, attributes } = call;
  const pads = attributes.pads ?? [];
  const named = optional(call, 3);
  const axes = axesOf(node, named ? [...named.data] : range(dims.length), dims.length);
  expectNode(pads.length === 2 * axes.length, node, `${2 * axes.length} integers`, pads, "pads");
  const widths = dims.map((): readonly [number, number] => [0, 0]);
  for (const [i, axis] of axes.entries()) {
    const [before, behind, size] = [pads[i], pads[axes.length + i], dims[axis]];
    const ok = Number.isInteger(before) && Number.isInteger(behind);
    expectNode(ok && size + before + behind >= 0, node, "pads that leave a size", [before, behind], "pads");
    checkAxis(node, size + Math.max(before, 0) + Math.max(behind, 0), "pads");
    widths[axis] = [before, behind];
  }
  return widths;
}

/** The indices along every axis that Pad takes elements from; -1 where it fills in its constant. */
function padIndices(call: PadCall, dims: readonly number[]): Indices[] {
  const { node, budget, attributes } = call;
  const outside = OUTSIDE[attributes.mode];
  return padWidths(call, dims).map(([before, behind], axis) => {
    const size = dims[axis];
    const length = size + before + behind;
    if (before <= 0 && behind <= 0) return { start: 0 - before, step: 1, length };
    // what is cut off is not repeated either
    const first = Math.max(-before, 0);
    const left = size - first - Math.max(-behind, 0);
    expectNode(attributes.mode === "constant" || left > 0, node, "elements to repeat", left, "pads");
    budget.spend(2 * length);
    const list = new Array<number>(length);
    for (let i = 0; i < length; i++) {
      const at = i - Math.max(before, 0);
      const place = at >= 0 && at < left ? at : outside(at, left);
      list[i] = place < 0 ? -1 : first + place;
    }
    return list;
  });
}

const pad = operator(PAD, {
  evaluate(call) {
    const x = required(call, 0);
    return [pick(call, x, padIndices(call, x.dims), call.attributes.value)];
  },
  convert(conversion) {
    const { draft, attributes } = conversion;
    const { mode, value } = attributes;
    const x = onlyActivation(conversion);
    const widths = padWidths(conversion, x.dims);
    const ranked = x.dims.length >= 2 && x.dims.length <= 4 && x.dims[0] === 1;
    const grows = widths.every(([before, behind]) => before >= 0 && behind >= 0);
    const same = widths.every(([before, behind]) => before === 0 && behind === 0);
    if (!ranked || mode !== "constant" || !grows || same || widths[0].some((n) => n > 0)) {
      return [picked(conversion, x, padIndices(conversion, x.dims), resultName(conversion), value)];
    }
    const [channels, rows = [0, 0], columns = [0, 0]] = widths.slice(1);
    const dims = x.dims.map((n, axis) => n + widths[axis][0] + widths[axis][1]);
    const input = draft.shaped(x, shapeFor(x.dims));
    const pad = { op: "pad", input, channels, rows, columns, value } as const;
    return [added(conversion, pad, shapeFor(dims), dims, x.type)];
  },
  anyType: true,
  keepsImages: true,
});

export const PADS: Operators = { Pad: pad };
