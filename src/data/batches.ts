// batches.ts: a data set as normalized float batches, in an order that seed and epoch alone decide.

import { createRandom, given, is, type Random, ShiftwiseError } from "../base/index.js";
import { NORMALIZATION, type Normalization } from "../ops/index.js";
import { AUGMENTATION, type Augmentation, checkAugmentation, drawChange, writeChanged } from "./augment.js";
import { DATASET, type Dataset, imageLength, size } from "./dataset.js";

/** Options of `batches`. */
export interface BatchOptions {
  readonly batchSize: number;
  /**
   * Whether the images come in a new random order each epoch, as training wants it, and the last images that fill no
   * batch left out. Otherwise images come in the order they stand, the last batch as short as it is. Default false.
   */
  readonly shuffle?: boolean;
  readonly augment?: Augmentation;
  /** Default 1. */
  readonly seed?: number;
  /** Counted from 0. Default 0. */
  readonly epoch?: number;
}

/** The arrays are used again for the next batch. */
export interface Batch {
  /** count x channels x height x width, (pixel / 255 - mean) / std. */
  readonly images: Float32Array;
  readonly labels: Uint8Array;
  readonly count: number;
}

const SEED = is.optional(is.integer(Number.MIN_SAFE_INTEGER));
const OPTIONS = is.record<BatchOptions>({
  batchSize: is.integer(1),
  shuffle: is.optional(is.boolean),
  augment: is.optional(AUGMENTATION),
  seed: SEED,
  epoch: SEED,
});

/** Number of batches that `batches` yields. */
export function batchCount(dataset: Dataset, options: BatchOptions): number {
  given({ dataset, options }, { dataset: DATASET, options: OPTIONS });
  return countBatches(size(dataset), options);
}

/**
 * The number of batches of so many items.
 * @internal
 */
export function countBatches(total: number, { batchSize, shuffle }: BatchOptions): number {
  return shuffle ? Math.floor(total / batchSize) : Math.ceil(total / batchSize);
}

/**
 * Yields one epoch. Order and augmentation follow from (seed, epoch) alone: an epoch resumed at its nth batch by
 * skipping goes on exactly.
 * @param skip batches to leave out at the start; their random draws are made all the same.
 * @throws BAD_OPTION for a batch size below 1 or, shuffled, above the number of images; as checkAugmentation does.
 */
export function* batches(dataset: Dataset, options: BatchOptions, skip = 0): Generator<Batch, void, undefined> {
  given({ dataset, options, skip }, { dataset: DATASET, options: OPTIONS, skip: is.integer(0) });
  const { batchSize, augment = {} } = options;
  const total = size(dataset);
  checkAugmentation(augment, dataset.shape);
  const length = imageLength(dataset);
  const table = normalizationTable(dataset.normalization);
  const images = new Float32Array(Math.min(batchSize, total) * length);
  const labels = new Uint8Array(Math.min(batchSize, total));
  const draw = (random: Random) => drawChange(augment, dataset.shape, random);
  for (const items of drawn(total, options, skip, draw)) {
    for (const [i, { item, change }] of items.entries()) {
      const pixels = dataset.images.subarray(item * length, (item + 1) * length);
      writeChanged(pixels, dataset.shape, table, change, images, i * length);
      labels[i] = dataset.labels[item];
    }
    const count = items.length;
    yield { images: images.subarray(0, count * length), labels: labels.subarray(0, count), count };
  }
}

/** One item of a batch, and what was drawn for it. */
interface Drawn<T> {
  readonly item: number;
  readonly change: T;
}

/**
 * Yields which items come together; `draw` is called for those of skipped batches too.
 * @throws BAD_OPTION for a shuffled batch of more items than there are
 * @internal
 */
export function* drawn<T>(
  total: number,
  { batchSize, shuffle = false, seed = 1, epoch = 0 }: BatchOptions,
  skip: number,
  draw: (random: Random) => T,
): Generator<readonly Drawn<T>[], void, undefined> {
  if (shuffle && batchSize > total) {
    throw new ShiftwiseError("BAD_OPTION", "batch size out of range", {
      expected: `an integer in 1..${total}, the number of images`,
      found: batchSize,
      where: "batchSize",
    });
  }
  const random = createRandom((createRandom(seed).uint32() + Math.imul(epoch, 0x85ebca6b)) >>> 0);
  const order = Uint32Array.from({ length: total }, (_, i) => i);
  if (shuffle) random.shuffle(order);
  const last = countBatches(total, { batchSize, shuffle });
  for (let index = 0; index < last; index++) {
    const places = order.subarray(index * batchSize, (index + 1) * batchSize);
    const items = Array.from(places, (item) => ({ item, change: draw(random) }));
    if (index >= skip) yield items;
  }
}

/** (pixel / 255 - mean) / std for each channel and pixel value, computed in float64 and rounded once. */
export function normalizationTable(normalization: Normalization): Float32Array {
  given({ normalization }, { normalization: NORMALIZATION });
  const { mean, std } = normalization;
  const table = new Float32Array(mean.length * 256);
  for (let c = 0; c < mean.length; c++) {
    for (let pixel = 0; pixel < 256; pixel++) table[c * 256 + pixel] = (pixel / 255 - mean[c]) / std[c];
  }
  return table;
}
