// bwn.ts: Binary-Weight-Networks (Rastegari et al. 2016): w = alpha sign(w), alpha = mean |w| of the output channel.
import { codesOf } from "../codes-of.js";
import { channelMeans, checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";

/** sign(0) = +1; a channel of zeros stays one, which takes a third level. */
export const bwn: Quantizer = {
  name: "bwn",
  about: "α sign(w), α = mean |w| of the output channel",
  bits: [1],
  fit(weights, layer) {
    checkQuantizerBits(layer.bits, bwn.bits, layer);
    checkWeights(weights, layer.name);
    const alpha = channelMeans(weights, layer.shape[0], Math.abs);
    const depth = weights.length / alpha.length;
    if (alpha.every((a) => a > 0)) {
      return integerFit(
        [-1, 1],
        codesOf(weights, (w) => Number(w >= 0)),
        alpha,
        layer,
      );
    }
    const codes = codesOf(weights, (w, i) => (alpha[Math.floor(i / depth)] === 0 ? 1 : w >= 0 ? 2 : 0));
    return integerFit([-1, 0, 1], codes, alpha, layer);
  },
};
