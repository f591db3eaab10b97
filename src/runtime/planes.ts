// planes.ts: the weights of dense layers as the kernel of assembly/runtime/dense.ts reads them, by planes of bits or as float32.

import { BLOCK } from "./layout.js";
import { type IntegerWeights, levelsOf } from "./levels.js";

/** The least level of a dense layer's weights, and the pairs of planes of bits that the others take above it. */
export function planesOf(weights: IntegerWeights): { readonly least: number; readonly pairs: number } {
  const levels = levelsOf(weights);
  const isUsed = new Uint8Array(256);
  for (const code of weights.codes) isUsed[code & 255] = 1;
  const used = levels.filter((_, code) => isUsed[code]).sort();
  const [least, largest] = [used[0], used[used.length - 1]];
  return { least, pairs: (33 - Math.clz32(largest - least)) >> 1 };
}

/** Groups of 4 inputs, by eight. */
export const groupsOf = (inputs: number): number => 8 * Math.ceil(inputs / 32);

/** The planes of the bits of a dense layer's weights, two by two, as assembly/runtime/dense.ts draws them: [block][pair][group][16]. */
export function packPlanes(weights: IntegerWeights, outputs: number, least: number, pairs: number): Uint8Array {
  const { codes } = weights;
  const levels = levelsOf(weights);
  const inputs = codes.length / outputs;
  const groups = groupsOf(inputs);
  const packed = new Uint8Array(Math.ceil(outputs / BLOCK) * pairs * groups * BLOCK);
  for (let pair = 0; pair < pairs; pair++) {
    // the bits of both planes, for the first weight of a group
    const bits = Uint8Array.from(levels, (level) => {
      const two = (level - least) >> (2 * pair);
      return (two & 1) | ((two & 2) << 3);
    });
    for (let o = 0; o < outputs; o++) {
      const to = (Math.floor(o / BLOCK) * pairs + pair) * groups * BLOCK + (o % BLOCK);
      for (let i = 0, from = o * inputs; i < inputs; i++, from++) {
        packed[to + (i >> 2) * BLOCK] |= bits[codes[from] & 255] << (i & 3);
      }
    }
  }
  return packed;
}

/** float32 weights (outputs, inputs) in blocks of `lanes` outputs: [block][input][lanes], zeros behind the last. */
export function packFloat(values: Float32Array, outputs: number, lanes: number): Float32Array {
  const inputs = values.length / outputs;
  const packed = new Float32Array(Math.ceil(outputs / lanes) * inputs * lanes);
  for (let o = 0; o < outputs; o++) {
    const to = Math.floor(o / lanes) * inputs * lanes + (o % lanes);
    for (let i = 0; i < inputs; i++) packed[to + i * lanes] = values[o * inputs + i];
  }
  return packed;
}
