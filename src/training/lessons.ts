// lessons.ts: what a network learns from: images with labels, or samples of any shape that a teacher alone speaks of.
import { is, ShiftwiseError } from "../base/index.js";
import {
  type BatchOptions,
  batches,
  countOf,
  DATASET,
  type Dataset,
  eachInput,
  isSamples,
  SAMPLES,
  type Samples,
  type SamplesByInput,
  sampleBatches,
  samplesOf,
  samplesReader,
  size,
} from "../data/browser.js";
import { crc32, hex } from "../format/index.js";
import { inferShapes, inputsOf, type Network } from "../graph/index.js";
import { sameShape } from "../ops/index.js";

/** A set to learn from: images with labels; from a teacher alone samples of any shape, of several inputs by their names. */
export type LearningSet = Dataset | Samples | SamplesByInput;

/**
 * Checks that a value is a data set or samples.
 * @internal
 */
export const LEARNING_SET: is.Kind = is.either(isSamples, SAMPLES, DATASET);

/** A batch of what is learned; the arrays are used again for the next one. */
export interface Lesson {
  /** By input, (count, channels, height, width). */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Zeros where there are none. */
  readonly labels: Uint8Array;
}

/** The number of images or samples. */
export const lessonCount = (set: LearningSet): number => (isSamples(set) ? countOf(set) : size(set));

/** The values that the network reads, without labels. */
export const valuesOf = (set: LearningSet): Samples | SamplesByInput => (isSamples(set) ? set : samplesOf(set));

/**
 * The first samples, at most so many.
 * @internal
 */
export function firstOf(samples: Samples | SamplesByInput, most: number): Samples | SamplesByInput {
  return eachInput(samples, (one) => ({ ...one, count: Math.min(one.count, most) }));
}

/** The number of classes that labels may say, or the length of a vector of outputs. */
export function classesOf(network: Network, set: LearningSet): number {
  return isSamples(set) ? inferShapes(network).get(network.outputs[0])![0] : set.classes;
}

/**
 * Yields one epoch, as `batches` does.
 * @param skip batches left out at the start
 */
export function* lessons(network: Network, set: LearningSet, order: BatchOptions, skip = 0): Generator<Lesson> {
  const inputs = inputsOf(network);
  if (isSamples(set)) {
    for (const { values, count } of sampleBatches(samplesReader(inputs, set, network.name), order, skip)) {
      yield { values, labels: new Uint8Array(count) };
    }
    return;
  }
  const [{ name }] = inputs;
  for (const { images, labels } of batches(set, order, skip)) yield { values: new Map([[name, images]]), labels };
}

/**
 * Checks that a network takes these images or samples.
 * @throws BAD_DATA for others than the network takes; UNSUPPORTED for a data set and a network of several inputs
 */
export function checkTaken(network: Network, set: LearningSet): void {
  if (isSamples(set)) {
    samplesReader(inputsOf(network), set, network.name);
    return;
  }
  const [input, ...others] = inputsOf(network);
  if (others.length > 0) {
    throw new ShiftwiseError("UNSUPPORTED", "labelled images are of one input", {
      where: network.name,
      expected: "samples by input, and a teacher alone: distill of shiftwise/train",
      found: [input, ...others].map(({ name }) => name).join(", "),
    });
  }
  const expected = input?.shape ?? [];
  if (!sameShape(expected, set.shape)) throw notTaken(network, "images", expected.join("x"), set.shape.join("x"));
}

export function notTaken({ name }: Network, what: string, expected: unknown, found: unknown): ShiftwiseError {
  return new ShiftwiseError("BAD_DATA", `the network does not take these ${what}`, { expected, found, where: name });
}

/** Returns what tells one set from another, for a checkpoint. */
export function setRecord(network: Network, set: LearningSet): Record<string, unknown> {
  const sum = (...bytes: Uint8Array[]) => hex(crc32(...bytes));
  if (!isSamples(set)) {
    const { images, labels, normalization } = set;
    return { images: `${size(set)} ${sum(images)}`, labels: sum(labels), normalization };
  }
  const { count, read } = samplesReader(inputsOf(network), set, network.name);
  const sums = Array.from({ length: count }, (_, i) =>
    sum(...Array.from(read(i, 1).values(), (v) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength))),
  );
  return { samples: `${count} ${sum(new TextEncoder().encode(sums.join()))}` };
}
