// window.ts: what layers and nodes with a sliding window share: checks, and a walk over the windows of a tensor.

import { type Check, INT32_MAX } from "../format/index.js";
import { convOutputShape, emptyWindow, type Window } from "./geometry.js";
import type { Shape, TensorSpec, Values } from "./tensor.js";

/** @throws BAD_GRAPH unless kernel and stride are integers from 1 on, the rest from 0 on, and the kernel fits */
export function checkWindow(window: Window, input: Shape, check: Check): void {
  const { kernel, stride, dilation = [1, 1], padding = [0, 0, 0, 0] } = window;
  const positive = [...kernel, ...stride, ...dilation];
  check(
    positive.every((n) => Number.isInteger(n) && n >= 1),
    "window",
    "kernel, stride and dilation: integers >= 1",
    positive,
  );
  check(
    padding.every((n) => Number.isInteger(n) && n >= 0),
    "window",
    "padding: integers >= 0",
    padding,
  );
  const [channels, height, width] = input;
  const padded = (height + padding[0] + padding[2]) * (width + padding[1] + padding[3]) * channels;
  check(padded <= INT32_MAX, "padding", `at most ${INT32_MAX} elements`, padded, "OVERFLOW");
  const [, rows, columns] = convOutputShape(input, 1, window);
  check(rows >= 1 && columns >= 1, "kernel", "one that fits the padded input", kernel);
}

/** @throws BAD_GRAPH unless every window meets the plane, so that its maximum is one of values */
export function checkPoolPadding(input: Shape, window: Window, check: Check): void {
  const { kernel, padding = [0, 0, 0, 0] } = window;
  padding.forEach((p, i) => {
    check(p < kernel[i % 2], "padding", `less than the kernel's ${kernel[i % 2]}`, p);
  });
  for (const axis of [0, 1] as const) {
    const empty = emptyWindow(input, window, axis);
    const found = `padding alone under output ${axis === 0 ? "row" : "column"} ${empty}`;
    check(empty < 0, "padding", "windows that meet the plane", found);
  }
}

/** @throws BAD_GRAPH unless the output has this shape */
export function checkShape(output: TensorSpec, expected: Shape, check: Check): void {
  const same = output.shape.every((n, axis) => n === expected[axis]);
  check(same, "output", `shape ${expected.join("x")}`, output.shape.join("x"));
}

/** The first tap of a window that meets an axis of this size, and the one behind the last. */
function tapsInside(start: number, dilation: number, kernel: number, size: number): [first: number, end: number] {
  return [Math.max(0, Math.ceil(-start / dilation)), Math.min(kernel, Math.ceil((size - start) / dilation))];
}

/** Calls `visit` with the values under each window, padding left out, for every output position in order. */
export function eachWindow(
  input: Values,
  out: TensorSpec,
  window: Window,
  visit: (values: number[]) => number,
): Float32Array {
  const [channels, height, width] = input.spec.shape;
  const [, outHeight, outWidth] = out.shape;
  const { kernel, stride, dilation = [1, 1], padding = [0, 0] } = window;
  const result = new Float32Array(channels * outHeight * outWidth);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < outHeight; y++) {
      const top = y * stride[0] - padding[0];
      const [firstRow, endRow] = tapsInside(top, dilation[0], kernel[0], height);
      for (let x = 0; x < outWidth; x++) {
        const left = x * stride[1] - padding[1];
        const [firstColumn, endColumn] = tapsInside(left, dilation[1], kernel[1], width);
        const values: number[] = [];
        for (let ky = firstRow; ky < endRow; ky++) {
          const row = (c * height + top + ky * dilation[0]) * width + left;
          for (let kx = firstColumn; kx < endColumn; kx++) values.push(input.raw[row + kx * dilation[1]]);
        }
        result[at++] = visit(values);
      }
    }
  }
  return result;
}
