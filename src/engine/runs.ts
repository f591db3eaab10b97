// runs.ts: in which steps a result's elements are read from other arrays, by as few axes as they can be written with.
import { type Shape, stridesOf } from "../ops/index.js";
import { volume } from "./layer.js";

/** One axis of a result: its length, and the step from element to element in each array that is read. */
export interface Axis {
  readonly length: number;
  readonly steps: readonly number[];
}

/**
 * The same elements in the same order by fewer axes, at least one: without those of length 1, and with neighbours as one
 * that all arrays go through with one step.
 */
export function mergedAxes(axes: readonly Axis[]): Axis[] {
  const merged: Axis[] = [];
  for (const axis of axes) {
    if (axis.length === 1) continue;
    const { length, steps } = axis;
    const before = merged.at(-1);
    if (before?.steps.every((step, i) => step === length * steps[i]))
      merged.splice(-1, 1, { length: before.length * length, steps });
    else merged.push(axis);
  }
  return merged.length > 0 ? merged : axes.slice(-1);
}

/** The axes of a batch of results, in which every operand's axes of length 1 are repeated. */
export function broadcastAxes(operands: readonly Shape[], shape: Shape, count: number): Axis[] {
  const strides = operands.map((own) => [volume(own), ...stridesOf(own).map((step, i) => (own[i] === 1 ? 0 : step))]);
  return mergedAxes([count, ...shape].map((length, axis) => ({ length, steps: strides.map((own) => own[axis]) })));
}

/**
 * Goes through the elements of some axes in order.
 * @param visit given the element's number and its place in each array
 */
export function eachPlace(axes: readonly Axis[], visit: (n: number, places: readonly number[]) => void): void {
  const all = axes.reduce((product, { length }) => product * length, 1);
  const index = axes.map(() => 0);
  const places = new Array<number>(8).fill(0);
  for (let n = 0; n < all; n++) {
    visit(n, places);
    for (let k = axes.length - 1; k >= 0; k--) {
      const { length, steps } = axes[k];
      const on = ++index[k] < length;
      for (let i = 0; i < steps.length; i++) places[i] += on ? steps[i] : steps[i] * (1 - length);
      if (on) break;
      index[k] = 0;
    }
  }
}
