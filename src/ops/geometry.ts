// geometry.ts: sizes that follow from a layer's numbers, and the integer range of an encoding.
import type { Encoding, Shape } from "./tensor.js";

/** A sliding window over rows and columns. */
export interface Window {
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [vertical: number, horizontal: number];
  readonly dilation?: readonly [vertical: number, horizontal: number];
  readonly padding?: readonly [top: number, left: number, bottom: number, right: number];
}

/**
 * Shape after a sliding window: floor((n + padding - dilation (kernel - 1) - 1) / stride) + 1 rows and columns.
 * Not positive where the kernel does not fit: the caller checks.
 * @param channels of the result
 */
export function convOutputShape(input: Shape, channels: number, window: Window): Shape {
  const { kernel, stride, dilation = [1, 1], padding = [0, 0, 0, 0] } = window;
  const along = (axis: 0 | 1): number => {
    const free = input[1 + axis] + padding[axis] + padding[axis + 2] - dilation[axis] * (kernel[axis] - 1) - 1;
    return Math.floor(free / stride[axis]) + 1;
  };
  return [channels, along(0), along(1)];
}

/**
 * The first output row or column whose window lies wholly in padding, or -1. Padding is less than the kernel, and the window
 * fits the padded input.
 * @param axis 0 for rows, 1 for columns
 */
export function emptyWindow(input: Shape, window: Window, axis: 0 | 1): number {
  const { kernel, stride, dilation = [1, 1], padding = [0, 0, 0, 0] } = window;
  const size = input[1 + axis];
  const meets = (place: number): boolean => {
    const start = place * stride[axis] - padding[axis];
    // the first tap that is not before the plane
    const tap = start < 0 ? Math.ceil(-start / dilation[axis]) : 0;
    return tap < kernel[axis] && start + tap * dilation[axis] < size;
  };
  // taps step over a plane only when they are farther apart than it is long
  const before = dilation[axis] > size ? Math.ceil(padding[axis] / stride[axis]) : 0;
  const last = convOutputShape(input, 1, window)[1 + axis] - 1;
  for (let place = 0; place < Math.min(before, last); place++) if (!meets(place)) return place;
  return meets(last) ? -1 : last;
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** Distances of the elements of a row-major array along its axes. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let i = dims.length - 2; i >= 0; i--) strides[i] = strides[i + 1] * dims[i + 1];
  return strides;
}

/** The shape of two arrays met elementwise, an axis of length 1 repeated; null where they do not fit. */
export function broadcastShape(a: Shape, b: Shape): Shape | null {
  const along = (axis: 0 | 1 | 2): number => (a[axis] === 1 ? b[axis] : a[axis]);
  const fits = a.every((n, axis) => n === b[axis] || n === 1 || b[axis] === 1);
  return fits ? [along(0), along(1), along(2)] : null;
}

/** Real value of one step of the raw integers: 1 for float32. */
export function scaleOf(encoding: Encoding): number {
  return encoding.kind === "float32" ? 1 : encoding.scale;
}

/** The raw value that stands for 0. */
export function zeroOf(encoding: Encoding): number {
  return encoding.kind === "linear" ? encoding.zero : 0;
}

/** The largest raw integer, 1..255; null for float32. */
export function largestOf(encoding: Encoding): number | null {
  if (encoding.kind === "float32") return null;
  return encoding.kind === "linear" ? encoding.max : encoding.levels[encoding.levels.length - 1];
}

/** Whether two tensors' raw values mean the same. */
export function sameEncoding(a: Encoding, b: Encoding): boolean {
  if (a.kind === "linear" && b.kind === "linear") return a.scale === b.scale && a.zero === b.zero && a.max === b.max;
  if (a.kind === "levels" && b.kind === "levels") {
    return a.scale === b.scale && sameShape(a.levels, b.levels) && sameShape(a.thresholds, b.thresholds);
  }
  return a.kind === b.kind;
}
