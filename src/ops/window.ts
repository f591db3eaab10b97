// window.ts: what layers and nodes with a sliding window share: checks, and a walk over the windows of a tensor.
import type { Check } from "../format/index.js";
import { convOutputShape, type Window } from "./geometry.js";
import type { Values } from "./kind.js";
import type { Shape, TensorSpec } from "./tensor.js";

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
  const [, rows, columns] = convOutputShape(input, 1, window);
  check(rows >= 1 && columns >= 1, "kernel", "one that fits the padded input", kernel);
}

/** @throws BAD_GRAPH unless the padding is less than the kernel on every side: a window then meets the input */
export function checkPoolPadding({ kernel, padding = [0, 0, 0, 0] }: Window, check: Check): void {
  padding.forEach((p, i) => {
    check(p < kernel[i % 2], "padding", `less than the kernel's ${kernel[i % 2]}`, p);
  });
}

/** @throws BAD_GRAPH unless the output has this shape */
export function checkShape(output: TensorSpec, expected: Shape, check: Check): void {
  const same = output.shape.every((n, axis) => n === expected[axis]);
  check(same, "output", `shape ${expected.join("x")}`, output.shape.join("x"));
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
  const { kernel, stride, dilation: [down, right] = [1, 1], padding: [top, left] = [0, 0] } = window;
  const result = new Float32Array(channels * outHeight * outWidth);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < outHeight; y++) {
      for (let x = 0; x < outWidth; x++) {
        const values: number[] = [];
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const row = y * stride[0] + ky * down - top;
            const column = x * stride[1] + kx * right - left;
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            values.push(input.raw[(c * height + row) * width + column]);
          }
        }
        result[at++] = visit(values);
      }
    }
  }
  return result;
}
