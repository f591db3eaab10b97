// softmax.ts: the layer of softmax along one axis.
import { type Shape, type SoftmaxNode, stridesOf } from "../ops/index.js";
import { volume } from "./layer.js";
import { type PlainPass, runsHere } from "./plain.js";
import { expRow, ROW } from "./rows.js";

/** softmax of ops/functions.ts, to the bit. */
function softmaxOf(line: Float64Array): void {
  let max = -Infinity;
  for (let i = 0; i < line.length; i++) if (line[i] > max) max = line[i];
  for (let i = 0; i < line.length; i++) line[i] -= max;
  for (let at = 0; at < line.length; at += ROW) {
    const row = line.length <= ROW ? line : line.subarray(at, at + ROW);
    expRow(row, row, row.length);
  }
  let sum = 0;
  for (let i = 0; i < line.length; i++) sum += line[i];
  for (let i = 0; i < line.length; i++) line[i] /= sum;
}

/** dx = y (dy - sum(dy y)) along each line. @internal */
export function softmaxPass({ axis }: SoftmaxNode, _: readonly Shape[], shape: Shape): PlainPass {
  const step = stridesOf(shape)[axis];
  const length = shape[axis];
  const line = new Float64Array(length);
  /** Every line of a batch: where it begins. */
  const eachLine = (count: number, visit: (first: number) => void): void => {
    const all = count * volume(shape);
    for (let block = 0; block < all; block += length * step) {
      for (let first = block; first < block + step; first++) visit(first);
    }
  };
  return {
    forward([x], y, count) {
      eachLine(count, (first) => {
        for (let k = 0; k < length; k++) line[k] = x[first + k * step];
        softmaxOf(line);
        for (let k = 0; k < length; k++) y[first + k * step] = line[k];
      });
    },
    backward(_, y, dy, [dx], count) {
      if (!dx) return;
      eachLine(count, (first) => {
        let sum = 0;
        for (let k = 0; k < length; k++) sum += dy[first + k * step] * y[first + k * step];
        for (let i = first, k = 0; k < length; k++, i += step) dx[i] += y[i] * (dy[i] - sum);
      });
    },
  };
}

export const softmaxLayer = runsHere(softmaxPass);
