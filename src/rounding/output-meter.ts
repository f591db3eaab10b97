// output-meter.ts: signal to noise of a layer's outputs.
import { decibels, squaresAboutMean } from "../base/index.js";
import type { Shape } from "../ops/index.js";
import { type Allocate, inTurn } from "./turns.js";

/** Adds a channel's values less their origin, and the squares of these; returns the squared errors. */
function addPlane(
  expected: Float32Array,
  found: Float32Array,
  from: number,
  to: number,
  c: number,
  origin: number,
  sums: Float64Array,
  squares: Float64Array,
): number {
  let [sum, square, lost] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const value = expected[i] - origin;
    const error = expected[i] - found[i];
    sum += value;
    square += value * value;
    lost += error * error;
  }
  sums[c] += sum;
  squares[c] += square;
  return lost;
}

/** Sums over all images, which threads add to. */
export interface OutputSums {
  /** First values of each channel, and sums of values less that one and of their squares. */
  readonly origins: Float64Array;
  readonly sums: Float64Array;
  readonly squares: Float64Array;
  /** The sum of squared errors, and the number of values of a channel. */
  readonly totals: Float64Array;
  /** The chunk whose turn it is. */
  readonly turn: Int32Array;
}

export function outputSums([channels]: Shape, allocate: Allocate): OutputSums {
  const numbers = (count: number) => new Float64Array(allocate(count * 8));
  const [origins, sums, squares] = [0, 1, 2].map(() => numbers(channels));
  return { origins, sums, squares, totals: numbers(2), turn: new Int32Array(allocate(4)) };
}

/** Adds (images, channels, plane) values once all chunks before this one are in. */
export function addOutputs(
  { origins, sums, squares, totals, turn }: OutputSums,
  [channels, height, width]: Shape,
  chunk: number,
  expected: Float32Array,
  found: Float32Array,
): void {
  const size = height * width;
  inTurn(turn, 0, chunk, () => {
    if (totals[1] === 0) for (let c = 0; c < channels; c++) origins[c] = expected[c * size];
    for (let at = 0, c = 0; at < expected.length; at += size, c = (c + 1) % channels) {
      totals[0] += addPlane(expected, found, at, at + size, c, origins[c], sums, squares);
    }
    totals[1] += expected.length / channels;
  });
}

/** Signal to noise in dB, the signal being what varies around each channel's mean; null where no channel varies. */
export function outputSnr({ origins, sums, squares, totals: [noise, count] }: OutputSums): number | null {
  const signal = squares.reduce((all, square, c) => all + squaresAboutMean(count, origins[c], sums[c], square), 0);
  return decibels(signal, noise);
}
