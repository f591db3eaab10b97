// pool.ts: maxima and means over windows and over whole planes.
import { elements } from "../../ops/index.js";
import type { Value } from "../tensor.js";
import { largest, sum } from "./arrays.js";
import { type Call, checkWork, expectNode, make, type Operator, required } from "./call.js";
import { spaceOf } from "./conv.js";
import { type Window, windowOf } from "./window.js";

/**
 * Calls `value` for every output with the places in the plane that its window covers, padding left out, and the number
 * of places in the padded plane.
 */
function overWindows(
  call: Call,
  x: Value,
  window: Window,
  value: (places: readonly number[], padded: number, plane: number) => number,
): Value {
  const space = x.dims.slice(2);
  const y = make(call, x.type, [x.dims[0], x.dims[1], ...window.output]);
  const planes = x.dims[0] * x.dims[1];
  const size = elements(space);
  const outputs = elements(window.output);
  checkWork(call, y.data.length * elements(window.kernel));
  for (let o = 0; o < outputs; o++) {
    const { places, padded } = placesOf(window, space, o);
    for (let p = 0; p < planes; p++) y.data[p * outputs + o] = value(places, padded, p * size);
  }
  return y;
}

function placesOf(window: Window, space: readonly number[], output: number): { places: number[]; padded: number } {
  let places = [0];
  let padded = 1;
  let rest = output;
  const index: number[] = [];
  for (let k = space.length - 1; k >= 0; k--) {
    index[k] = rest % window.output[k];
    rest = Math.floor(rest / window.output[k]);
  }
  for (const [k, size] of space.entries()) {
    const start = index[k] * window.strides[k] - window.before[k];
    const all = Array.from({ length: window.kernel[k] }, (_, i) => start + i * window.dilations[k]);
    const inside = all.filter((at) => at >= 0 && at < size);
    padded *= all.filter((at) => at < size + window.behind[k]).length;
    places = places.flatMap((at) => inside.map((i) => at * size + i));
  }
  return { places, padded };
}

/** The second output tells where in the whole input each maximum is: row by row, or with storage_order 1 column by column. */
const maxPool: Operator = (call) => {
  const x = required(call, 0);
  const { node } = call;
  const window = windowOf(node, spaceOf(call, x.dims), null);
  const best = (places: readonly number[], plane: number): number =>
    places.reduce((first, at) => (x.data[plane + at] > x.data[plane + first] ? at : first), places[0]);
  const y = overWindows(call, x, window, (places, _, plane) => x.data[plane + best(places, plane)]);
  if (!node.outputs[1]) return [y];
  const [height, width] = x.dims.length === 4 ? x.dims.slice(2) : [1, x.dims[2]];
  const byColumn = node.attributes.int("storage_order", 0) !== 0;
  const indices = overWindows(call, { ...x, type: "int64" }, window, (places, _, plane) => {
    const at = best(places, plane);
    return plane + (byColumn ? (at % width) * height + Math.floor(at / width) : at);
  });
  return [y, indices];
};

const averagePool: Operator = (call) => {
  const x = required(call, 0);
  const whole = call.node.attributes.int("count_include_pad", 0) !== 0;
  const window = windowOf(call.node, spaceOf(call, x.dims), null);
  return [
    overWindows(call, x, window, (places, padded, plane) => {
      const total = places.reduce((before, at) => before + x.data[plane + at], 0);
      return total / (whole ? padded : places.length);
    }),
  ];
};

const overPlane =
  (f: (plane: ArrayLike<number>) => number): Operator =>
  (call) => {
    const x = required(call, 0);
    expectNode(x.dims.length >= 3, call.node, "an input (batch, channels, ...)", x.dims);
    const y = make(call, x.type, [x.dims[0], x.dims[1], ...x.dims.slice(2).map(() => 1)]);
    const size = elements(x.dims.slice(2));
    for (let p = 0; p < y.data.length; p++) y.data[p] = f(x.data.subarray(p * size, (p + 1) * size));
    return [y];
  };

export const POOLS: Readonly<Record<string, Operator>> = {
  AveragePool: averagePool,
  GlobalAveragePool: overPlane((plane) => sum(plane) / plane.length),
  GlobalMaxPool: overPlane(largest),
  MaxPool: maxPool,
};
