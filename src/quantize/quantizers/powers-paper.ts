// powers-paper.ts: INQ's levels (Zhou et al. 2017): zero and signed powers of two with one largest exponent n1 for the layer.
import { codesOf } from "../codes-of.js";
import { chooseExponent, defaultRule, digitOf, powersOfTwo } from "../levels.js";
import { checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";

/** n1 is by Eq. 3 at 4 and 5 bits, and by least squared error at 2 and 3. */
export const powersPaper: Quantizer = {
  name: "powers-paper",
  about:
    "INQ's levels: 0, ±2^n2 .. ±2^n1, 2^(bits − 1) + 1 of them; n1 by Eq. 3 at 5 and 4 bits, by least squared error at 3 and 2; INQ's `--recipe paper` takes Eq. 3 at all widths; with compensation a real scale for each channel",
  bits: [2, 3, 4, 5],
  exponents: true,
  fit(weights, layer) {
    checkQuantizerBits(layer.bits, powersPaper.bits, layer);
    checkWeights(weights, layer.name);
    const n1 = chooseExponent(weights, layer.bits, defaultRule(layer.bits), layer.name);
    const book = powersOfTwo(layer.bits, n1);
    const count = book.magnitudes.length;
    const sizes = book.magnitudes.map((_, i) => 2 ** i);
    const codes = codesOf(weights, (w) => count + digitOf(w, book));
    return integerFit([...sizes.map((size) => -size).reverse(), 0, ...sizes], codes, 2 ** book.n2, layer);
  },
};
