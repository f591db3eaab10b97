// samples.ts: images without labels, as a network takes them: what calibration and distillation look at.

import { given, is } from "../base/index.js";
import type { Shape } from "../ops/index.js";
import { normalizationTable } from "./batches.js";
import type { Dataset } from "./dataset.js";
import { PICTURES } from "./given.js";

/** Images without labels, as the network reads them. */
export interface Samples {
  readonly shape: Shape;
  readonly count: number;
  /** Images from..from + count - 1, (count, channels, height, width) in network values; a fresh array. */
  read(from: number, count: number): Float32Array;
}

/** Pixels 0..255 without labels, image after image as channel planes. */
export type Pictures = Pick<Dataset, "images" | "shape" | "normalization">;

/** The images of a set, normalized as it says. */
export function samplesOf(pictures: Pictures): Samples {
  given({ pictures }, { pictures: PICTURES });
  const { images, shape, normalization } = pictures;
  const table = normalizationTable(normalization);
  const length = shape[0] * shape[1] * shape[2];
  const plane = shape[1] * shape[2];
  return {
    shape,
    count: images.length / length,
    read(from, count) {
      const values = new Float32Array(count * length);
      const start = from * length;
      for (let i = 0; i < values.length; i++) {
        const channel = Math.floor((i % length) / plane);
        values[i] = table[channel * 256 + images[start + i]];
      }
      return values;
    },
  };
}

/** A set whose labels mean nothing, for training that looks at a teacher alone. */
export function unlabelled(pictures: Pictures, classes: number): Dataset {
  given({ pictures, classes }, { pictures: PICTURES, classes: is.integer(1) });
  const [channels, height, width] = pictures.shape;
  return { ...pictures, labels: new Uint8Array(pictures.images.length / (channels * height * width)), classes };
}
