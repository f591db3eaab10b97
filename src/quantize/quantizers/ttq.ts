// ttq.ts: Trained Ternary Quantization (Zhu et al. 2017): {-Wn, 0, +Wp}, threshold 0.05 max |w|, both levels learned.
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, type Quantizer, realFit } from "../quantizer.js";

const THRESHOLD = 0.05;

/** Wn and Wp start as the mean |w| beyond the threshold on their side, and are then moved by their gradients. */
export const ttq: Quantizer = {
  name: "ttq",
  about: "−Wn, 0, +Wp beyond 0.05 max |w|; both learned",
  bits: [2],
  learns: true,
  fit(weights, layer, before) {
    checkQuantizerBits(layer.bits, ttq.bits, layer);
    const top = checkWeights(weights, layer.name);
    const delta = THRESHOLD * top;
    const codes = codesOf(weights, (w) => (w > delta ? 2 : w < -delta ? 0 : 1));
    const mean = (side: number): number => {
      let sum = 0;
      let count = 0;
      codes.forEach((code, i) => {
        if (code !== side) return;
        sum += Math.abs(weights[i]);
        count++;
      });
      return count === 0 ? top : sum / count;
    };
    const known = before?.ideal.length === 3 && before.ideal[0] < 0 && before.ideal[2] > 0 ? before.ideal : null;
    return realFit(Float64Array.of(known ? known[0] : -mean(0), 0, known ? known[2] : mean(2)), codes, layer);
  },
};
