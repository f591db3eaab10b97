// linear.ts: evenly spaced weights (LinearQuant of Miyashita et al. 2016), what logarithmic ones are measured against.
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";

/** Ranges to try, as shares of max |w|. */
const RANGES = Array.from({ length: 24 }, (_, i) => 1 - i / 30);

/**
 * b bits with the sign: -(2^(b - 1) - 1) .. 2^(b - 1) - 1 times a step, the nearest one, clipped. The step is where the
 * squared error is least; the paper takes powers of two for it.
 */
export const linear: Quantizer = {
  name: "linear",
  about: "evenly spaced, −(2^(bits−1) − 1) .. 2^(bits−1) − 1; step by least squared error",
  bits: [2, 3, 4, 5, 6],
  fit(weights, layer) {
    checkQuantizerBits(layer.bits, linear.bits, layer);
    const top = checkWeights(weights, layer.name);
    if (top === 0) return integerFit([0, 1], new Uint8Array(weights.length), 1, layer);
    const largest = 2 ** (layer.bits - 1) - 1;
    const levelOf = (w: number, step: number): number => Math.min(Math.max(Math.round(w / step), -largest), largest);
    let best = top / largest;
    let least = Number.POSITIVE_INFINITY;
    for (const range of RANGES) {
      const step = (range * top) / largest;
      let error = 0;
      for (let i = 0; i < weights.length; i++) error += (weights[i] - step * levelOf(weights[i], step)) ** 2;
      if (error >= least) continue;
      least = error;
      best = step;
    }
    const levels = Array.from({ length: 2 * largest + 1 }, (_, k) => k - largest);
    return integerFit(
      levels,
      codesOf(weights, (w) => levelOf(w, best) + largest),
      best,
      layer,
    );
  },
};
