// dataset.ts: a labelled set of images in memory, and the ways to cut and measure it.

import { createRandom, given, is, type Kind, ShiftwiseError } from "../base/index.js";
import { NORMALIZATION, type Normalization, SHAPE, type Shape } from "../ops/index.js";

/** Labelled images of one shape. */
export interface Dataset {
  /** size x channels x height x width pixels, 0..255, each image as channel planes one after the other. */
  readonly images: Uint8Array;
  /** One class index in 0..classes-1 per image. */
  readonly labels: Uint8Array;
  readonly shape: Shape;
  readonly classes: number;
  readonly classNames?: readonly string[];
  /** The normalization that gives the training images zero mean and unit variance: per channel, of pixel / 255. */
  readonly normalization: Normalization;
}

const DATASET_FIELDS = is.record<Dataset>({
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
export function checkChannels(normalization: Normalization, [channels]: Shape, where: string): void {
  for (const name of ["mean", "std"] as const) {
    const values = normalization[name];
    if (values.length !== channels) {
      throw is.refused(`${where}.normalization.${name}`, `${channels} numbers, one a channel`, values);
    }
  }
}

export function lengthOf([channels, height, width]: Shape): number {
  return channels * height * width;
}

/** Images to train on and images to test on. */
export interface TrainTest {
  readonly train: Dataset;
  readonly test: Dataset;
  /** Whether the classes were numbered in the order of their names, since the set has no order of its own. */
  readonly numbered?: boolean;
  /** Whether the test images were held out of the set, since it is not in two parts. */
  readonly heldOut?: boolean;
}

/** One image of so many of a class is held out. */
const HELD = 5;

/**
 * Tells which images of a set are held out of it to test: every fifth of each class.
 * @param classes the class of each
 * @param otherwise what the set may have instead, for an error
 * @throws BAD_DATA where that is none
 */
export function heldOut(classes: readonly (string | number)[], otherwise: string, where: string): boolean[] {
  const seen = new Map<string | number, number>();
  const held = classes.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count % HELD === 0;
  });
  if (held.some(Boolean)) return held;
  throw new ShiftwiseError("BAD_DATA", "too few pictures to hold some out", {
    where,
    expected: `${HELD} or more of a class, or ${otherwise}`,
    found: `${classes.length} of ${seen.size} classes`,
  });
}

/** Classes of sets that do not say it: those of the published ones. */
export const CLASSES = 10;

/** @throws BAD_OPTION for a number of classes that labels of one byte cannot have */
export function checkClasses(classes: number): void {
  if (Number.isInteger(classes) && classes >= 2 && classes <= 256) return;
  throw new ShiftwiseError("BAD_OPTION", "number of classes out of range", {
    expected: "an integer in 2..256",
    found: classes,
    where: "classes",
  });
}

/** Number of images. */
export function size(dataset: Dataset): number {
  given({ dataset }, { dataset: is.record<Pick<Dataset, "labels">>({ labels: is.bytes }) });
  return dataset.labels.length;
}

/** Bytes of one image: channels x height x width. */
export function imageLength(dataset: Dataset): number {
  given({ dataset }, { dataset: is.record<Pick<Dataset, "shape">>({ shape: SHAPE }) });
  return dataset.shape[0] * dataset.shape[1] * dataset.shape[2];
}

/**
 * The images at `indices`, copied, in that order; repeats are allowed. Normalization and classes are kept.
 * @throws BAD_OPTION for an index that is no image.
 */
export function subset(dataset: Dataset, indices: ArrayLike<number>): Dataset {
  given({ dataset, indices }, { dataset: DATASET, indices: is.numbers });
  const length = imageLength(dataset);
  const count = size(dataset);
  const images = new Uint8Array(indices.length * length);
  const labels = new Uint8Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i];
    if (!Number.isInteger(from) || from < 0 || from >= count) {
      throw new ShiftwiseError("BAD_OPTION", "no such image", {
        expected: `an index in 0..${count - 1}`,
        found: from,
        where: `indices[${i}]`,
      });
    }
    images.set(dataset.images.subarray(from * length, (from + 1) * length), i * length);
    labels[i] = dataset.labels[from];
  }
  return { ...dataset, images, labels };
}

/** Some of a set's images, drawn at random; all of them where there are no more. */
export function sampleImages(dataset: Dataset, count: number, seed: number): Dataset {
  given(
    { dataset, count, seed },
    { dataset: DATASET, count: is.integer(0), seed: is.integer(Number.MIN_SAFE_INTEGER) },
  );
  const order = Uint32Array.from({ length: size(dataset) }, (_, i) => i);
  createRandom(seed).shuffle(order);
  return subset(dataset, order.subarray(0, count));
}

/**
 * Cuts a set in two without copying: the first `count` images and the rest, in the order they stand in.
 * Both parts are views on the same bytes.
 * @throws BAD_OPTION unless 0 <= count <= size.
 */
export function split(dataset: Dataset, count: number): readonly [first: Dataset, rest: Dataset] {
  given({ dataset, count }, { dataset: DATASET, count: is.anything });
  if (!Number.isInteger(count) || count < 0 || count > size(dataset)) {
    throw new ShiftwiseError("BAD_OPTION", "cannot split there", {
      expected: `a count in 0..${size(dataset)}`,
      found: count,
      where: "count",
    });
  }
  const at = count * imageLength(dataset);
  return [
    { ...dataset, images: dataset.images.subarray(0, at), labels: dataset.labels.subarray(0, count) },
    { ...dataset, images: dataset.images.subarray(at), labels: dataset.labels.subarray(count) },
  ];
}

/**
 * Mean and standard deviation of pixel / 255 per channel over all images. Sums are exact integers. A channel that
 * never changes gets std 1, so that it normalizes to zero.
 * @throws BAD_DATA for an empty set.
 */
export function computeNormalization(images: Uint8Array, shape: Shape): Normalization {
  given({ images, shape }, { images: is.bytes, shape: SHAPE });
  const [channels, height, width] = shape;
  const plane = height * width;
  const count = images.length / (channels * plane);
  if (count === 0) throw new ShiftwiseError("BAD_DATA", "no images to measure", { where: "images" });
  const mean: number[] = [];
  const std: number[] = [];
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    let squares = 0;
    for (let n = 0; n < count; n++) {
      const start = (n * channels + c) * plane;
      for (let i = start; i < start + plane; i++) {
        sum += images[i];
        squares += images[i] * images[i];
      }
    }
    const total = count * plane;
    const m = sum / total;
    const variance = squares / total - m * m;
    mean.push(m / 255);
    std.push(variance > 0 ? Math.sqrt(variance) / 255 : 1);
  }
  return { mean, std };
}

/**
 * Holds a set from outside against its own description.
 * @param where file or folder to name in the error.
 * @throws BAD_DATA for what is no set, image bytes that do not match the labels' count, or a label outside the classes.
 */
export function checkDataset(dataset: Dataset, where: string): void {
  given({ dataset, where }, { dataset: DATASET_FIELDS, where: is.text });
  checkImages(dataset, where);
}
