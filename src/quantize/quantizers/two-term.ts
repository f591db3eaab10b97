// two-term.ts: integers that are sums of at most two signed powers of two, with a real scale for every output channel.
import { fitScales, midpointsOf, nearest, twoTermLevels } from "../channels.js";
import { checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";

/** The nearest level; a channel's scale is the one with the least squared error. */
export const twoTerm: Quantizer = {
  name: "two-term",
  about: "sums of at most two signed powers of two, times a scale for each channel by least squared error",
  bits: [4, 5, 6],
  fit(weights, layer) {
    checkQuantizerBits(layer.bits, twoTerm.bits, layer);
    checkWeights(weights, layer.name);
    const levels = twoTermLevels(layer.bits);
    const depth = weights.length / layer.shape[0];
    const table = Float64Array.from(levels);
    const even = new Float64Array(depth).fill(1);
    const scale = Float32Array.from(fitScales(Float64Array.from(weights), even, table));
    const midpoints = midpointsOf(table);
    const codes = Uint8Array.from(weights, (w, i) => nearest(midpoints, w / scale[Math.floor(i / depth)]));
    return integerFit(levels, codes, scale, layer);
  },
};
