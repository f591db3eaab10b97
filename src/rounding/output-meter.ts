// output-meter.ts: signal to noise of a layer's outputs.
import { decibels, squaresAboutMean } from "../base/index.js";
import type { Shape } from "../ops/index.js";

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

/** Sums for the signal to noise of (images, channels, plane) values, the signal being what varies around each channel's mean. */
export function createOutputMeter([channels, height, width]: Shape) {
  const size = height * width;
  const [origins, sums, squares] = [0, 1, 2].map(() => new Float64Array(channels));
  let [noise, count] = [0, 0];
  return {
    add(expected: Float32Array, found: Float32Array): void {
      if (count === 0) for (let c = 0; c < channels; c++) origins[c] = expected[c * size];
      for (let at = 0, c = 0; at < expected.length; at += size, c = (c + 1) % channels) {
        noise += addPlane(expected, found, at, at + size, c, origins[c], sums, squares);
      }
      count += expected.length / channels;
    },
    /** @returns dB; null where no channel varies */
    read(): number | null {
      const signal = squares.reduce((all, square, c) => all + squaresAboutMean(count, origins[c], sums[c], square), 0);
      return decibels(signal, noise);
    },
  };
}
