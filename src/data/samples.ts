// samples.ts: images without labels, as a network takes them: what calibration and distillation look at.

import { described, given, is, isArray, type Kind, ownView, ShiftwiseError } from "../base/index.js";
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

/** Samples of a network of several inputs, by the inputs' names; those in the same place belong together. */
export type SamplesByInput = Readonly<Record<string, Samples>>;

/** Pixels 0..255 without labels, image after image as channel planes. */
export type Pictures = Pick<Dataset, "images" | "shape" | "normalization">;

const PICTURE_FIELDS = is.record<Pictures>({ images: is.bytes, shape: SHAPE, normalization: NORMALIZATION });

/** Whole images. */
const PICTURES: Kind = (value, where) => {
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
export const SAMPLES = is.either(
  isByInput,
  is.dictionary(is.record<Samples>({ shape: SHAPE, count: is.integer(0), read: is.callback })),
  is.record<Samples>({ shape: SHAPE, count: is.integer(0), read: is.callback }),
);

/** Whether samples are those of several inputs: an input may be called `read`, but is no function. */
function isByInput(samples: unknown): samples is SamplesByInput {
  const values = typeof samples === "object" && samples !== null ? Object.values(samples) : [];
  return values.length > 0 && values.every((value) => typeof value === "object" && value !== null && "read" in value);
}

/**
 * Whether a value is samples, of one input or of several, and not a data set.
 * @internal
 */
export function isSamples(value: unknown): value is Samples | SamplesByInput {
  return typeof (value as Samples | undefined)?.read === "function" || isByInput(value);
}

/**
 * The number of samples.
 * @internal
 */
export function countOf(samples: Samples | SamplesByInput): number {
  return isByInput(samples) ? Math.min(...Object.values(samples).map(({ count }) => count)) : samples.count;
}

/**
 * Changes the samples of every input alike.
 * @internal
 */
export function eachInput<S extends Samples | SamplesByInput>(samples: S, change: (one: Samples) => Samples): S {
  if (!isByInput(samples)) return change(samples) as S;
  return Object.fromEntries(Object.entries(samples).map(([name, one]) => [name, change(one)])) as S;
}

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

/**
 * The samples of all inputs of a network.
 * @internal
 */
export interface SamplesReader {
  readonly count: number;
  /** Values by input, as `read` of Samples returns them. */
  read(from: number, count: number): ReadonlyMap<string, Float32Array>;
}

/**
 * Puts samples and the inputs that read them together.
 * @param where the network's name
 * @throws BAD_DATA for inputs without samples, samples of no input, of another shape or of different numbers
 * @internal
 */
export function samplesReader(
  inputs: readonly { readonly name: string; readonly shape: Shape }[],
  samples: Samples | SamplesByInput,
  where: string,
): SamplesReader {
  const refuse = (expected: string, found: unknown, place = where) =>
    new ShiftwiseError("BAD_DATA", "the network does not take these samples", { where: place, expected, found });
  const names = inputs.map(({ name }) => name).join(", ");
  if (!isByInput(samples) && inputs.length > 1) throw refuse(`samples for each of ${names}`, "samples of one input");
  const own: SamplesByInput = isByInput(samples) ? samples : { [inputs[0].name]: samples };
  const foreign = Object.keys(own).find((name) => !inputs.some((input) => input.name === name));
  if (foreign !== undefined) throw refuse(`samples for ${names}`, foreign);
  const count = countOf(samples);
  for (const { name, shape } of inputs) {
    const place = inputs.length === 1 ? where : `${where}: ${name}`;
    if (!Object.hasOwn(own, name)) throw refuse(`samples for each of ${names}`, "none", place);
    const found = own[name];
    if (found.shape.join() !== shape.join()) throw refuse(shape.join("x"), found.shape.join("x"), place);
    if (found.count !== count) throw refuse(`${count} samples, as of other inputs`, found.count, place);
  }
  return {
    count,
    read: (from, some) => new Map(inputs.map(({ name }) => [name, readSamples(own[name], from, some)])),
  };
}

/**
 * Reads some samples, and sees that they are there: a promise, or an array of another kind or length, would be taken for others.
 * @throws BAD_DATA; what the samples' own `read` throws
 * @internal
 */
export function readSamples(samples: Samples, from: number, count: number): Float32Array {
  const values: unknown = samples.read(from, count);
  const own = isArray(values, "Float32Array") ? ownView(values) : null;
  const length = count * samples.shape[0] * samples.shape[1] * samples.shape[2];
  if (own?.length === length) return own;
  throw new ShiftwiseError("BAD_DATA", "samples that are not what the network reads", {
    where: `read(${from}, ${count})`,
    expected: `a Float32Array of ${length} values, and no promise of one`,
    found: own ? `${own.length} values` : described(values),
  });
}
