// approach.ts: how far a network's outputs are from those of another on the same images, and which way brings them nearer.
import { type Shape, stridesOf } from "../ops/index.js";
import { volume } from "./layer.js";

/** The way in which an output is compared with the same of another network, the teacher. */
export interface Aim {
  readonly output: string;
  /** The name of the teacher's. */
  readonly target: string;
  /** The variance of the teacher's values, which squared errors are divided by; null for a softmax, which has divergence. */
  readonly variance: number | null;
  /** The axis of the softmax; of no meaning for others. */
  readonly axis: 0 | 1 | 2;
}

/**
 * The distance of some images' values from the target's, and its gradient: mean squared error over variance, or of a softmax
 * the mean of T^2 KL(target || found) over its lines, both taken to the power 1/T and divided by their sum, as logits over T
 * would give them.
 * @param found and target: (count, channels, rows, columns)
 * @param slope is filled with the gradient times `factor`
 * @returns the sum over the images
 */
export function approach(
  { variance, axis }: Aim,
  shape: Shape,
  found: Float32Array,
  target: Float32Array,
  slope: Float32Array,
  factor: number,
  temperature: number,
): number {
  const size = volume(shape);
  if (variance !== null) {
    let sum = 0;
    for (let i = 0; i < found.length; i++) {
      const error = found[i] - target[i];
      sum += error * error;
      slope[i] = (2 * factor * error) / (size * variance);
    }
    return sum / (size * variance);
  }
  const step = stridesOf(shape)[axis];
  const length = shape[axis];
  const lines = size / length;
  const [p, q] = [0, 1].map(() => new Float64Array(length));
  let sum = 0;
  for (let first = 0; first < found.length; first++) {
    if (Math.floor(first / step) % length !== 0) continue;
    soften(target, first, step, temperature, p);
    soften(found, first, step, temperature, q);
    for (let k = 0; k < length; k++) {
      sum += (temperature ** 2 * p[k] * Math.log(p[k] / q[k])) / lines;
      // the softmax behind it multiplies by its own value: what is left is that of logits
      const value = Math.max(found[first + k * step], LEAST);
      slope[first + k * step] = (factor * temperature * (q[k] - p[k])) / (lines * value);
    }
  }
  return sum;
}

/** Keeps divisors and logarithms finite. */
const LEAST = 1e-30;

/** One line of probabilities to the power 1 / temperature, of sum 1. */
function soften(values: Float32Array, first: number, step: number, temperature: number, to: Float64Array): void {
  let sum = 0;
  for (let k = 0; k < to.length; k++) {
    const value = Math.max(values[first + k * step], LEAST);
    // a square root is the same on every engine, a power need not be
    to[k] = temperature === 2 ? Math.sqrt(value) : value ** (1 / temperature);
    sum += to[k];
  }
  for (let k = 0; k < to.length; k++) to[k] /= sum;
}
