// apot.ts: Additive Powers-of-Two (Li et al. 2020): a sign and a sum of powers of two from interleaved sets, clipped at alpha.
//
//   w = alpha project(clip(w / alpha, -1, 1)), project: the nearest of the levels, whose largest is 1

import { midpointsOf, nearest } from "../channels.js";
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";

/** Powers to add up, in units of the smallest: one of each list. 2 bits are ternary. */
const SETS: Readonly<Record<number, readonly (readonly number[])[]>> = {
  2: [[0, 1]],
  3: [[0, 4, 2, 1]],
  4: [
    [0, 8, 4, 1],
    [0, 2],
  ],
  5: [
    [0, 32, 8, 2],
    [0, 16, 4, 1],
  ],
};

/** Clips to try, as shares of max |w|. */
const CLIPS = Array.from({ length: 24 }, (_, i) => 1 - i / 30);

/**
 * alpha is where the squared error is least; the paper learns it with the weights. Its weight normalization, made for
 * training from the start, is left out: subtracting a mean would change a trained network.
 */
export const apot: Quantizer = {
  name: "apot",
  about:
    "sums of powers from interleaved sets, clipped where the squared error is least; without the paper's weight normalization",
  bits: [2, 3, 4, 5],
  fit(weights, layer) {
    checkQuantizerBits(layer.bits, apot.bits, layer);
    const top = checkWeights(weights, layer.name);
    if (top === 0) return integerFit([0, 1], new Uint8Array(weights.length), 1, layer);
    const sizes = SETS[layer.bits].reduce<number[]>((sums, set) => sums.flatMap((sum) => set.map((p) => sum + p)), [0]);
    sizes.sort((a, b) => a - b);
    const levels = [
      ...sizes
        .slice(1)
        .map((size) => 0 - size)
        .reverse(),
      ...sizes,
    ];
    const midpoints = midpointsOf(Float64Array.from(sizes));
    const largest = sizes[sizes.length - 1];
    let unit = top / largest;
    let least = Number.POSITIVE_INFINITY;
    for (const clip of CLIPS) {
      const step = (clip * top) / largest;
      let error = 0;
      for (let i = 0; i < weights.length; i++) {
        const size = Math.abs(weights[i]) / step;
        error += ((sizes[nearest(midpoints, size)] - size) * step) ** 2;
      }
      if (error >= least) continue;
      least = error;
      unit = step;
    }
    const zero = sizes.length - 1;
    const codes = codesOf(weights, (w) => {
      const k = nearest(midpoints, Math.abs(w) / unit);
      return w < 0 ? zero - k : zero + k;
    });
    return integerFit(levels, codes, unit, layer);
  },
};
