// logquant.ts: logarithmic weights (Miyashita et al. 2016): a sign, and powers of 2 or of its square root.
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, type Quantizer, realFit } from "../quantizer.js";

/**
 * b bits with the sign: zero and 2^(b - 1) - 1 exponents under FSR. |w| takes the exponent that is nearest in the log
 * domain, or with `floor` the one below it, as a leading-one detector would; below the lowest it is zero, above the highest
 * that. FSR is the top exponent, up to three octaves down from max |w|, with the least squared error.
 * @param perOctave exponents to an octave: 1 for base 2, 2 for base sqrt 2
 */
export function logQuant(perOctave: 1 | 2, rounding: "round" | "floor" = "round"): Quantizer {
  const quantizer: Quantizer = {
    name: `log${perOctave === 2 ? "-sqrt2" : "-2"}${rounding === "floor" ? "-floor" : ""}`,
    about:
      rounding === "floor"
        ? "the same, log2 rounded down: the place of the leading one"
        : `0, a sign and 2^(bits−1) − 1 powers of ${perOctave === 2 ? "√2" : "2"}, rounded in the log domain; top exponent by least squared error; from 5 bits on the smallest powers fall on one integer, below`,
    bits: [2, 3, 4, 5, 6],
    fit(weights, layer) {
      checkQuantizerBits(layer.bits, quantizer.bits, layer);
      const top = checkWeights(weights, layer.name);
      if (top === 0) return realFit(Float64Array.of(0), new Uint8Array(weights.length), layer);
      const count = 2 ** (layer.bits - 1) - 1;
      const half = rounding === "round" ? 0.5 : 0;
      const exponents = Float64Array.from(weights).map((w) => Math.floor(perOctave * Math.log2(Math.abs(w)) + half));
      const highest = Math.ceil(perOctave * Math.log2(top));
      const error = (fsr: number): number => {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) {
          const k = Math.min(exponents[i], fsr);
          const level = k <= fsr - count ? 0 : 2 ** (k / perOctave);
          sum += (Math.abs(weights[i]) - level) ** 2;
        }
        return sum;
      };
      let fsr = highest;
      let least = Number.POSITIVE_INFINITY;
      for (let candidate = highest; candidate > highest - 3 * perOctave; candidate--) {
        const found = error(candidate);
        if (found >= least) continue;
        least = found;
        fsr = candidate;
      }
      const sizes = Array.from({ length: count }, (_, k) => 2 ** ((fsr - count + 1 + k) / perOctave));
      const codes = codesOf(weights, (w, i) => {
        const m = Math.max(Math.min(exponents[i], fsr) - fsr + count, 0);
        return w < 0 ? count - m : count + m;
      });
      return realFit(Float64Array.of(...sizes.map((size) => -size).reverse(), 0, ...sizes), codes, layer);
    },
  };
  return quantizer;
}
