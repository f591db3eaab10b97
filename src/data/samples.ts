// samples.ts: images without labels, as a network takes them: what calibration and distillation look at.

import { given, is, type Kind } from "../base/index.js";
import { NORMALIZATION, SHAPE, type Shape } from "../ops/index.js";
import { normalizationTable } from "./batches.js";
import { checkChannels, type Dataset, lengthOf } from "./dataset.js";

/** Images without labels, as the network reads them. */
export interface Samples {
  readonly shape: Shape;
  readonly count: number;
  /** Images from..from + count - 1, (count, channels, height, width) in network values; a fresh array. */
  read(from: number, count: number): Float32Array;
}

/** Pixels 0..255 without labels, image after image as channel planes. */
export type Pictures = Pick<Dataset, "images" | "shape" | "normalization">;

const PICTURE_FIELDS = is.record<Pictures>({ images: is.bytes, shape: SHAPE, normalization: NORMALIZATION });

/** Whole images. */
export const PICTURES: Kind = (value, where) => {
  PICTURE_FIELDS(value, where);
  const { images, shape, normalization } = value as Pictures;
  const length = lengthOf(shape);
  if (images.length % length !== 0) throw is.refused(`${where}.images`, `a multiple of ${length} bytes`, images);
  checkChannels(normalization, shape, where);
};

/**
 * Checks that a value gives samples; what it reads is its own affair.
 * @internal
 */
export const SAMPLES = is.record<Samples>({ shape: SHAPE, count: is.integer(0), read: is.callback });

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
