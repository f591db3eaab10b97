// dorefa.ts: DoReFa-Net (Zhou et al. 2016): weights squashed by tanh and rounded to evenly spaced values.
//
//   k > 1:  t = tanh w,  q = 2 q_k(t / (2 max |t|) + 1/2) - 1,  q_k(x) = round((2^k - 1) x) / (2^k - 1)
//   k = 1:  q = sign(w) mean |w|, the mean over the layer, sign(0) = +1
//
// For k > 1 the paper's q spans -1..1 whatever the layer's size was, for networks trained like that from the start. Here
// networks come trained: q times the layer's least-squares scale <w, q> / <q, q>, which the epilogue takes.
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";

export const dorefa: Quantizer = {
  name: "dorefa",
  about:
    "2 q(tanh w / (2 max |tanh w|) + ½) − 1, times the layer's least-squares scale (the paper has none: it trains from the start); 1 bit: sign(w) mean |w|",
  bits: [1, 2, 3, 4, 5],
  fit(weights, layer) {
    checkQuantizerBits(layer.bits, dorefa.bits, layer);
    const top = checkWeights(weights, layer.name);
    if (top === 0) return integerFit([0, 1], new Uint8Array(weights.length), 1, layer);
    if (layer.bits === 1) {
      const alpha = weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length;
      return integerFit(
        [-1, 1],
        codesOf(weights, (w) => Number(w >= 0)),
        alpha,
        layer,
      );
    }
    const steps = 2 ** layer.bits - 1;
    const widest = Math.tanh(top);
    const codes = codesOf(weights, (w) => Math.round(steps * (Math.tanh(w) / (2 * widest) + 0.5)));
    const levels = Array.from({ length: steps + 1 }, (_, j) => 2 * j - steps);
    let product = 0;
    let square = 0;
    codes.forEach((code, i) => {
      product += weights[i] * levels[code];
      square += levels[code] ** 2;
    });
    return integerFit(levels, codes, product / square, layer);
  },
};
