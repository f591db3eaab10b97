// samples.ts: images without labels, as a network takes them: what calibration and distillation look at.
import type { Shape } from "../format/index.js";
import { normalizationTable } from "./batches.js";
import { type Dataset, imageLength, size } from "./dataset.js";

export interface Samples {
  readonly shape: Shape;
  readonly count: number;
  /** Images from..from + count - 1, (count, channels, height, width) in network values; a fresh array. */
  read(from: number, count: number): Float32Array;
}

/** The images of a set, normalized as it says. */
export function samplesOf(dataset: Dataset): Samples {
  const table = normalizationTable(dataset.normalization);
  const length = imageLength(dataset);
  const plane = dataset.shape[1] * dataset.shape[2];
  return {
    shape: dataset.shape,
    count: size(dataset),
    read(from, count) {
      const values = new Float32Array(count * length);
      const start = from * length;
      for (let i = 0; i < values.length; i++) {
        const channel = Math.floor((i % length) / plane);
        values[i] = table[channel * 256 + dataset.images[start + i]];
      }
      return values;
    },
  };
}
