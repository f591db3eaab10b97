// pruning-mask.ts: weights held at zero while they go on learning, so that a cut can heal (Dynamic Network Surgery).
//
// Guo et al. 2016: the loss is of W T, T in {0, 1}; the update W <- W - rate dL/d(W T) reaches every weight, cut ones too;
// a weight is cut where |W| < a and comes back where |W| > b, a < b, so that those near the threshold do not flicker.

import type { ParameterLayout } from "../engine/index.js";
import { smallest } from "../quantize/index.js";

/** a and b, as shares of the magnitude that cuts the wanted number of weights. */
const CUT_BELOW = 0.9;
const SPLICE_ABOVE = 1.1;

export interface PruningMask {
  /** 0 for each weight that is cut, ordered as in the layout. Changed in place. */
  readonly kept: Uint8Array;
  /**
   * Cuts and splices.
   * @param share of each layer's final number that is to be cut now, 0..1.
   */
  update(parameters: Float32Array, share: number): void;
  /** Makes the final masks: of every layer exactly its number, by rank. */
  finish(parameters: Float32Array): void;
  /** Sets the cut weights to zero. */
  apply(parameters: Float32Array): void;
}

/** @param counts weights to cut in the end, by node name. */
export function createPruningMask(layout: ParameterLayout, counts: ReadonlyMap<string, number>): PruningMask {
  const kept = new Uint8Array(layout.weights).fill(1);
  const layers = layout.entries
    .filter(({ field }) => field === "weight")
    .map(({ node, offset, tensor }) => ({ offset, length: tensor.data.length, count: counts.get(node) ?? 0 }));
  return {
    kept,
    update(parameters, share) {
      for (const { offset, length, count } of layers) {
        const now = Math.round(share * count);
        if (now === 0) continue;
        const magnitudes = Float32Array.from(parameters.subarray(offset, offset + length), Math.abs);
        const threshold = magnitudes.slice().sort()[now - 1];
        for (let i = 0; i < length; i++) {
          if (magnitudes[i] < CUT_BELOW * threshold) kept[offset + i] = 0;
          else if (magnitudes[i] > SPLICE_ABOVE * threshold) kept[offset + i] = 1;
        }
      }
    },
    finish(parameters) {
      for (const { offset, length, count } of layers) {
        const mask = smallest(parameters.subarray(offset, offset + length), count);
        for (let i = 0; i < length; i++) kept[offset + i] = 1 - mask[i];
      }
    },
    apply(parameters) {
      for (let i = 0; i < kept.length; i++) if (kept[i] === 0) parameters[i] = 0;
    },
  };
}
