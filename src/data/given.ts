// given.ts: the kinds of values that functions on images take: data sets, pictures, samples.
import { is, type Kind, ShiftwiseError } from "../base/index.js";
import { NORMALIZATION, type Normalization, SHAPE, type Shape } from "../ops/index.js";
import type { Dataset } from "./dataset.js";
import type { Pictures, Samples } from "./samples.js";

export const DATASET_FIELDS = is.record<Dataset>({
  images: is.bytes,
  labels: is.bytes,
  shape: SHAPE,
  classes: is.integer(1),
  classNames: is.optional(is.list(is.text)),
  normalization: NORMALIZATION,
});

/**
 * Checks that a value is a data set, and that it is right by its own description.
 * @internal
 */
export const DATASET: Kind = (value, where) => {
  DATASET_FIELDS(value, where);
  const dataset = value as Dataset;
  checkImages(dataset, where);
  checkChannels(dataset.normalization, dataset.shape, where);
};

/** Refuses a set that has not as many images as labels, or a label of no class. @throws BAD_DATA */
export function checkImages({ images, labels, shape, classes }: Dataset, where: string): void {
  const expected = labels.length * lengthOf(shape);
  if (images.length !== expected) {
    throw new ShiftwiseError("BAD_DATA", "images and labels do not match", {
      expected: `${expected} pixel bytes for ${labels.length} labels`,
      found: images.length,
      where,
    });
  }
  const bad = labels.findIndex((label) => label >= classes);
  if (bad < 0) return;
  throw new ShiftwiseError("BAD_DATA", "label outside the classes", {
    expected: `0..${classes - 1}`,
    found: labels[bad],
    where: `${where}: label ${bad}`,
  });
}

/** One mean and one deviation a channel. */
function checkChannels(normalization: Normalization, [channels]: Shape, where: string): void {
  for (const name of ["mean", "std"] as const) {
    const values = normalization[name];
    if (values.length !== channels) {
      throw is.refused(`${where}.normalization.${name}`, `${channels} numbers, one a channel`, values);
    }
  }
}

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

function lengthOf([channels, height, width]: Shape): number {
  return channels * height * width;
}
