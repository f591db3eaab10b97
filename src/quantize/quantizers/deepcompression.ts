// deepcompression.ts: Deep Compression (Han et al. 2016): pruning by magnitude, then weights shared by k-means.

import { midpointsOf, nearest } from "../channels.js";
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, type Fit, type LayerInfo, type Quantizer, realFit } from "../quantizer.js";

const ROUNDS = 50;

/**
 * Zeroes the share `pruned` of a layer with the smallest magnitudes, and gathers the others in 2^bits - 1 clusters with
 * Lloyd's algorithm from centroids at equal distances between the smallest and the largest. Zero is a level of its own.
 * In retraining the clusters stay, and each centroid follows the sum of its members' gradients.
 * @param pruned in 0..1
 */
export function deepCompression(pruned: number): Quantizer {
  const quantizer: Quantizer = {
    name: "deepcompression",
    about: `${100 * pruned} % of each layer pruned by magnitude, 2^bits − 1 k-means clusters started from min to max; centroids learned, assignment fixed; bytes after Huffman coding reported`,
    bits: [2, 3, 4, 5],
    learns: true,
    fit(weights, layer, before) {
      checkQuantizerBits(layer.bits, quantizer.bits, layer);
      if (before) return realFit(before.ideal, before.codes, layer);
      checkWeights(weights, layer.name);
      return share(weights, prunedMask(weights, pruned), layer);
    },
  };
  return quantizer;
}

/** 1 for the round(share * count) weights with the smallest magnitudes, of equal ones the lower index first. */
function prunedMask(weights: Float32Array, share: number): Uint8Array {
  const count = Math.round(share * weights.length);
  if (count === 0) return new Uint8Array(weights.length);
  const sorted = weights.map(Math.abs).sort();
  const limit = sorted[count - 1];
  // of those as large as the last that goes, only so many go
  let equal = count - sorted.indexOf(limit);
  return codesOf(weights, (w) => {
    const size = Math.abs(w);
    return size < limit || (size === limit && equal-- > 0) ? 1 : 0;
  });
}

function share(weights: Float32Array, mask: Uint8Array, layer: LayerInfo): Fit {
  const kept = weights.filter((w, i) => mask[i] === 0 && w !== 0).sort();
  if (kept.length === 0) return realFit(Float64Array.of(0), new Uint8Array(weights.length), layer);
  const count = 2 ** layer.bits - 1;
  const low = kept[0];
  const high = kept[kept.length - 1];
  let centroids = Array.from({ length: count }, (_, k) => low + ((high - low) * k) / Math.max(count - 1, 1));
  for (let round = 0; round < ROUNDS; round++) {
    const next = means(kept, centroids);
    if (next.every((c, k) => c === centroids[k])) break;
    centroids = next;
  }
  const levels = [...new Set([...centroids, 0])].sort((a, b) => a - b);
  const zero = levels.indexOf(0);
  const own = levels.filter((level) => centroids.includes(level));
  const midpoints = midpointsOf(Float64Array.from(own));
  const codeOf = own.map((level) => levels.indexOf(level));
  const codes = codesOf(weights, (w, i) => (mask[i] || w === 0 ? zero : codeOf[nearest(midpoints, w)]));
  return realFit(Float64Array.from(levels), codes, layer);
}

/** Means of the values nearest to each centroid; a centroid without any stays. */
function means(sorted: Float32Array, centroids: readonly number[]): number[] {
  let at = 0;
  return centroids.map((centroid, k) => {
    const end = k + 1 < centroids.length ? (centroid + centroids[k + 1]) / 2 : Number.POSITIVE_INFINITY;
    let sum = 0;
    const from = at;
    for (; at < sorted.length && sorted[at] < end; at++) sum += sorted[at];
    return at === from ? centroid : sum / (at - from);
  });
}
