// levels.ts: the integer levels that the codes of a layer count, and bounds that follow from them.

import { magnitudes } from "../format/index.js";
import type { Weights } from "../ops/index.js";

export type IntegerWeights = Exclude<Weights, { kind: "float32" }>;

/** The levels of a layer by the low byte of their codes. */
export function levelsOf(weights: IntegerWeights): Int16Array {
  const levels = new Int16Array(256);
  if (weights.kind === "codes") {
    for (let m = magnitudes(weights.bits); m > 0; m--) {
      levels[m] = 2 ** (m - 1);
      levels[-m & 255] = -levels[m];
    }
  } else {
    levels.set(weights.levels);
  }
  return levels;
}

/** Bounds by channel: no sum of activations 0..max can be larger than this, either sign. */
export function largestSums(weights: IntegerWeights, channels: number, max: number): Float64Array {
  const levels = levelsOf(weights);
  const { codes } = weights;
  const depth = codes.length / channels;
  const largest = new Float64Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    let sizes = 0;
    for (let i = channel * depth; i < (channel + 1) * depth; i++) {
      const level = levels[codes[i] & 255];
      sum += level;
      sizes += Math.abs(level);
    }
    // the sum of either sign is half of both
    largest[channel] = ((sizes + Math.abs(sum)) / 2) * max;
  }
  return largest;
}

/** Bytes that the stream of a layer takes at least. */
export function leastStreamBytes(weights: IntegerWeights): number {
  const levels = levelsOf(weights);
  let words = 0;
  const { codes } = weights;
  for (let i = 0; i < codes.length; i++) if (levels[codes[i] & 255] !== 0) words++;
  return 2 * words;
}
