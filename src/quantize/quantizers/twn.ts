// twn.ts: Ternary Weight Networks (Li et al. 2016): {-alpha, 0, alpha}, threshold 0.7 mean |w| of the layer.
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";

const THRESHOLD = 0.7;

/** alpha = mean |w| of the weights above the threshold. */
export const twn: Quantizer = {
  name: "twn",
  about: "α sign(w) beyond 0.7 mean |w|, α the mean of those",
  bits: [2],
  fit(weights, layer) {
    checkQuantizerBits(layer.bits, twn.bits, layer);
    checkWeights(weights, layer.name);
    const delta = (THRESHOLD * weights.reduce((sum, w) => sum + Math.abs(w), 0)) / weights.length;
    const codes = codesOf(weights, (w) => (w > delta ? 2 : w < -delta ? 0 : 1));
    let sum = 0;
    let count = 0;
    codes.forEach((code, i) => {
      if (code === 1) return;
      sum += Math.abs(weights[i]);
      count++;
    });
    return integerFit([-1, 0, 1], codes, count === 0 ? 1 : sum / count, layer);
  },
};
