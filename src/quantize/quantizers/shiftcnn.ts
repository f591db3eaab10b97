// shiftcnn.ts: ShiftCNN (Gudovskiy and Rigazio 2017): a weight is the sum of two powers of two, found one after the other.
//
//   r = w / max |w|;  for n = 1, 2:  q_n = the nearest power of two of r (from 1.5 2^k on it is 2^(k + 1)), 0 where it is
//   under 2^(1 - n - E), E = 2^(B - 1) - 2;  r = r - q_n.   w = max |w| (q_1 + q_2)
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";

const TERMS = 2;

/** Bits are those of both terms together: 2 B. The method's default is B = 4. */
export const shiftcnn: Quantizer = {
  name: "shiftcnn",
  about:
    "max |w| (q1 + q2), powers of two found one after the other; bits of both terms together; meant without retraining",
  bits: [4, 6, 8],
  fit(weights, layer) {
    checkQuantizerBits(layer.bits, shiftcnn.bits, layer);
    const top = checkWeights(weights, layer.name);
    if (top === 0) return integerFit([0, 1], new Uint8Array(weights.length), 1, layer);
    const below = 2 ** (layer.bits / TERMS - 1) - 2;
    // in units of the smallest power, 2^(1 - TERMS - below)
    const one = 2 ** (TERMS - 1 + below);
    const values = Float64Array.from(weights).map((w) => {
      let rest = w / top;
      let sum = 0;
      for (let n = 1; n <= TERMS; n++) {
        const size = Math.abs(rest);
        let k = Math.floor(Math.log2((4 * size) / 3));
        if (0.75 * 2 ** (k + 1) <= size) k++;
        const power = size === 0 || k < 1 - n - below ? 0 : Math.sign(rest) * 2 ** Math.min(k, 1 - n);
        sum += power * one;
        rest -= power;
      }
      return sum + 0;
    });
    const found = new Set([0, one]);
    for (const value of values) found.add(value);
    const levels = [...found].sort((a, b) => a - b);
    const index = new Map(levels.map((level, code) => [level, code]));
    const codes = codesOf(values, (value) => index.get(value)!);
    return integerFit(levels, codes, top / one, layer);
  },
};
