// output-meter.ts: signal to noise of a layer's outputs.
import type { Shape } from "../ops/index.js";

/** At most 300 dB; 0 where there is no signal at all. */
export const decibels = (signal: number, noise: number): number =>
  signal === 0 && noise === 0 ? 0 : 10 * Math.log10(signal / Math.max(noise, Math.min(signal, 1) * 1e-30));

/** Adds a channel's values and their squares; returns the squared errors. */
function addPlane(
  expected: Float32Array,
  found: Float32Array,
  from: number,
  to: number,
  c: number,
  sums: Float64Array,
  squares: Float64Array,
): number {
  let [sum, square, lost] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const value = expected[i];
    const error = value - found[i];
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
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  let [noise, count] = [0, 0];
  return {
    add(expected: Float32Array, found: Float32Array): void {
      for (let at = 0, c = 0; at < expected.length; at += size, c = (c + 1) % channels) {
        noise += addPlane(expected, found, at, at + size, c, sums, squares);
      }
      count += expected.length / channels;
    },
    read(): number {
      const signal = squares.reduce((sum, square, c) => sum + square - sums[c] ** 2 / count, 0);
      return decibels(signal, noise);
    },
  };
}
