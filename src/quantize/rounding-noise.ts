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

/** A layer with weights, (outputs, inputs a row), and the inverse of each sum's variance. */
interface Reader {
  readonly data: Float32Array;
  readonly perRow: number;
  /** The channels that the weights of a row read, the same for all rows of a group: group after group. */
  readonly channels: Int32Array;
  readonly rowsPerGroup: number;
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
    const groups = node.op === "conv" ? node.groups : 1;
    const [perRow, rowsPerGroup] = [data.length / outputs.length, outputs.length / groups];
    const channels = new Int32Array(groups * perRow);
    for (let g = 0; g < groups; g++) {
      const first = g * rowsPerGroup * perRow;
      for (let i = 0; i < perRow; i++) channels[g * perRow + i] = from[channelOf(first + i)];
    }
    const inverse = outputs.map((one) => 1 / (one + LEAST_VARIANCE * mean) / outputs.length);
    return [{ data, perRow, channels, rowsPerGroup, inverse }];
  });
  const weight = new Float64Array(variance.length);
  for (const { data, perRow, channels, rowsPerGroup, inverse } of readers) {
    for (let row = 0; row < inverse.length; row++) {
      const own = Math.floor(row / rowsPerGroup) * perRow;
      for (let i = 0; i < perRow; i++) {
        const c = channels[own + i];
        if (c !== NOTHING) weight[c] += data[row * perRow + i] ** 2 * inverse[row];
      }
    }
  }
  return {
    weight,
    ofWeights: (gains) => readers.reduce((sum, reader) => sum + noiseOf(reader, variance, gains), 0),
  };
}

function noiseOf(
  { data, perRow, channels, rowsPerGroup, inverse }: Reader,
  variance: Float64Array,
  gains: Float64Array,
): number {
  let noise = 0;
  for (let row = 0; row < inverse.length; row++) {
    let [largest, power] = [0, 0];
    const own = Math.floor(row / rowsPerGroup) * perRow;
    for (let i = 0; i < perRow; i++) {
      const c = channels[own + i];
      if (c === NOTHING) continue;
      const gain = Math.abs(gains[c]);
      largest = Math.max(largest, Math.abs(data[row * perRow + i]) / gain);
      power += variance[c] * gain ** 2;
    }
    noise += ((2 * largest) / STEPS) ** 2 * power * inverse[row];
  }
  return (LEFT_BY_COMPENSATION * noise) / 12;
}
