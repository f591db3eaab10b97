// deepshift.ts: DeepShift-Q (Elhoushi et al. 2021): w = sgn(w) 2^round(log2 |w|), without a zero.

import { ShiftwiseError } from "../../base/index.js";
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";

/** Octaves from the levels at which a layer's weights have nothing to do with them any more. */
const FAR = 8;

/**
 * |w| is held to 2^-(2^(b - 1) - 1) .. 1 first, so b bits have 2^(b - 1) exponents up to 0; sgn(0) = +1. Rounding is in the
 * log domain: from sqrt(2) 2^e on it is e + 1. The method's 5 bits, exponents down to -15, make sums beyond int32.
 */
export const deepshift: Quantizer = {
  name: "deepshift",
  about: "±2^round(log2 |w|), exponents −(2^(bits−1) − 1) .. 0, no zero; its 5 bits leave int32",
  bits: [2, 3, 4],
  fit(weights, layer) {
    checkQuantizerBits(layer.bits, deepshift.bits, layer);
    const top = checkWeights(weights, layer.name);
    const lowest = 1 - 2 ** (layer.bits - 1);
    const least = weights.reduce((size, w) => (w === 0 ? size : Math.min(size, Math.abs(w))), top);
    if (top > 0 && (top < 2 ** (lowest - FAR) || least > 2 ** FAR)) {
      throw new ShiftwiseError("BAD_DATA", "no weight lies anywhere near the method's levels", {
        where: layer.name,
        expected: `weights about 2^${lowest}..1, as deepshift has no scale: take "powers", or a batch norm behind weights of that size`,
        found: `${least.toPrecision(3)}..${top.toPrecision(3)}`,
      });
    }
    const count = 1 - lowest;
    const codes = codesOf(weights, (w) => {
      const exponent = Math.min(Math.max(Math.round(Math.log2(Math.abs(w))), lowest), 0);
      return w < 0 ? -exponent : count + exponent - lowest;
    });
    const powers = Array.from({ length: count }, (_, i) => 2 ** i);
    return integerFit([...powers.map((p) => -p).reverse(), ...powers], codes, 2 ** lowest, layer);
  },
};
