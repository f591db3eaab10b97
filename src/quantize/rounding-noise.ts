// rounding-noise.ts: what rounding of channels, and of the weights that read them, adds to the sums that these make.
import type { Network } from "../graph/index.js";
import { inputChannels, type Journey, NOTHING } from "./channel-travel.js";

/** The noise of rounding over the variance of each sum, as a mean over a layer's sums: layers behind may enlarge what varies little. */
export interface NoiseModel {
  /** The noise that a squared error of 1 in each channel makes. */
  readonly weight: Float64Array;
  /** The noise of rounding the weights once channels are multiplied by gains and weights divided by them. */
  ofWeights(gains: Float64Array): number;
}

/** The least variance of a sum, as a share of the mean of its layer's: what varies less does nothing. */
const LEAST_VARIANCE = 1e-5;
/** Steps from a row's least to its largest weight, and the share of the noise that compensation leaves. */
const STEPS = 30;
const LEFT_BY_COMPENSATION = 0.5;

/** A layer with weights, (outputs, inputs a row), each weight's channel, and the inverse of each sum's variance. */
interface Reader {
  readonly data: Float32Array;
  readonly perRow: number;
  readonly channels: Int32Array;
  readonly inverse: Float64Array;
}

/**
 * @param variance of every channel
 * @param outputsOf the variance of every sum of a layer with weights, by name
 */
export function noiseModel(
  { nodes }: Network,
  { products }: Journey,
  variance: Float64Array,
  outputsOf: (name: string) => Float64Array,
): NoiseModel {
  const readers = nodes.flatMap((node): Reader[] => {
    const from = products.get(node.name);
    if (!from || (node.op !== "conv" && node.op !== "dense")) return [];
    const outputs = outputsOf(node.name);
    const mean = outputs.reduce((sum, one) => sum + one / outputs.length, 0);
    if (mean === 0) return [];
    const { data } = node.weight;
    const channelOf = inputChannels(node, from.length);
    const channels = new Int32Array(data.length);
    for (let i = 0; i < data.length; i++) channels[i] = from[channelOf(i)];
    const inverse = outputs.map((one) => 1 / (one + LEAST_VARIANCE * mean) / outputs.length);
    return [{ data, perRow: data.length / outputs.length, channels, inverse }];
  });
  const weight = new Float64Array(variance.length);
  for (const { data, perRow, channels, inverse } of readers) {
    for (let row = 0; row < inverse.length; row++) {
      for (let i = row * perRow; i < (row + 1) * perRow; i++) {
        if (channels[i] !== NOTHING) weight[channels[i]] += data[i] ** 2 * inverse[row];
      }
    }
  }
  return {
    weight,
    ofWeights: (gains) => readers.reduce((sum, reader) => sum + noiseOf(reader, variance, gains), 0),
  };
}

function noiseOf({ data, perRow, channels, inverse }: Reader, variance: Float64Array, gains: Float64Array): number {
  let noise = 0;
  for (let row = 0; row < inverse.length; row++) {
    let [largest, power] = [0, 0];
    for (let i = row * perRow; i < (row + 1) * perRow; i++) {
      const c = channels[i];
      if (c === NOTHING) continue;
      const gain = Math.abs(gains[c]);
      largest = Math.max(largest, Math.abs(data[i]) / gain);
      power += variance[c] * gain ** 2;
    }
    noise += ((2 * largest) / STEPS) ** 2 * power * inverse[row];
  }
  return (LEFT_BY_COMPENSATION * noise) / 12;
}
