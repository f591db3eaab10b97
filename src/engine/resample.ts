// resample.ts: the layer of weighted sums of rows and columns: enlarging and shrinking by interpolation.
import type { AxisWeights, ResampleNode, Shape } from "../ops/index.js";
import { type PlainPass, runsHere } from "./plain.js";

/** One axis: `taps` products for each element of the result. */
interface Taps {
  readonly taps: number;
  readonly indices: Int32Array;
  readonly weights: Float64Array;
}

const tapsOf = ({ indices, weights }: AxisWeights, length: number): Taps => ({
  taps: indices.length / length,
  indices: Int32Array.from(indices),
  weights: Float64Array.from(weights),
});

/** Adds one line's products with the taps of the columns to a line of results, each sum rounded to float32. */
function addLine(
  y: Float32Array,
  to: number,
  width: number,
  x: Float32Array,
  at: number,
  weight: number,
  columns: Taps,
) {
  const { taps, indices, weights } = columns;
  for (let o = 0, k = 0; o < width; o++) {
    let sum = y[to + o];
    for (const end = k + taps; k < end; k++) sum = Math.fround(sum + weight * weights[k] * x[at + indices[k]]);
    y[to + o] = sum;
  }
}

/** The way back of plane `p`: result by result, as the sums that they are added to are rounded each time. */
function addBack(
  dx: Float32Array,
  dy: Float32Array,
  p: number,
  [inHeight, inWidth]: readonly number[],
  [height, width]: readonly number[],
  rows: Taps,
  columns: Taps,
): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const slope = dy[(p * height + y) * width + x];
      for (let j = y * rows.taps; j < (y + 1) * rows.taps; j++) {
        const [line, weight] = [(p * inHeight + rows.indices[j]) * inWidth, rows.weights[j]];
        for (let k = x * columns.taps; k < (x + 1) * columns.taps; k++) {
          dx[line + columns.indices[k]] += weight * columns.weights[k] * slope;
        }
      }
    }
  }
}

/** @internal */
export function resamplePass(
  node: ResampleNode,
  [[, inHeight, inWidth]]: readonly Shape[],
  [channels, height, width]: Shape,
): PlainPass {
  const [rows, columns] = [tapsOf(node.rows, height), tapsOf(node.columns, width)];
  return {
    forward([x], y, count) {
      y.fill(0);
      for (let line = 0; line < count * channels * height; line++) {
        const [p, row] = [Math.floor(line / height), line % height];
        for (let j = row * rows.taps; j < (row + 1) * rows.taps; j++) {
          addLine(y, line * width, width, x, (p * inHeight + rows.indices[j]) * inWidth, rows.weights[j], columns);
        }
      }
    },
    backward(_, __, dy, [dx], count) {
      if (!dx) return;
      for (let p = 0; p < count * channels; p++)
        addBack(dx, dy, p, [inHeight, inWidth], [height, width], rows, columns);
    },
  };
}

export const resampleLayer = runsHere(resamplePass);
