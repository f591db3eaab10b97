// encoded.ts: a training and a test part of encoded images with names of classes, decoded into one data set.
import { ShiftwiseError } from "../base/index.js";
import type { Shape } from "../ops/index.js";
import { allocate, unpackLimit } from "./bytes.js";
import { computeNormalization, type Dataset, type TrainTest } from "./dataset.js";
import { decodeImage } from "./image.js";

/** Decoders that wait for one another's threads; more do not make it faster. */
const AT_ONCE = 8;
/** Labels are bytes. */
const MOST_CLASSES = 256;

/** A file of an image, and the class that it is of. */
export interface EncodedImage {
  readonly path: string;
  readonly className: string;
  readonly bytes: Uint8Array;
}

/** One part of a set, in the order in which its images are to stand, and what it was read from. */
export interface EncodedPart {
  readonly entries: readonly EncodedImage[];
  readonly where: string;
}

/**
 * Decodes both parts. Classes are numbered in the order of their names. All images must have the size of the first. Both parts
 * have the training images' normalization and shape [3, height, width].
 * @throws BAD_DATA for an image of another size, a test class that has no training images, more than 256 classes; what
 *   decodeImage throws
 */
export async function encodedSet(training: EncodedPart, testing: EncodedPart): Promise<TrainTest> {
  const { entries, where } = training;
  const classNames = [...new Set(entries.map((entry) => entry.className))].sort();
  if (classNames.length > MOST_CLASSES) {
    throw new ShiftwiseError("BAD_DATA", "too many classes", {
      expected: `at most ${MOST_CLASSES}`,
      found: classNames.length,
      where,
    });
  }
  const first = await decodeImage(entries[0].bytes, `${where}: ${entries[0].path}`);
  const shape: Shape = [3, first.height, first.width];
  const train = await decodeAll(training, shape, classNames);
  const test = await decodeAll(testing, shape, classNames);
  const normalization = computeNormalization(train.images, shape);
  const common = { shape, classes: classNames.length, classNames, normalization };
  return { train: { ...train, ...common }, test: { ...test, ...common }, numbered: true };
}

/** Images as channel planes, and their labels. */
async function decodeAll(
  { entries, where }: EncodedPart,
  [channels, height, width]: Shape,
  classNames: readonly string[],
): Promise<Pick<Dataset, "images" | "labels">> {
  const plane = height * width;
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
  const length = entries.length * channels * plane;
  if (length > unpackLimit(bytes)) {
    throw new ShiftwiseError("BAD_DATA", "the images hold far more than their bytes", {
      expected: `at most ${unpackLimit(bytes)} bytes unpacked`,
      found: `${entries.length} of ${width}x${height}, ${length} bytes`,
      where,
    });
  }
  const images = allocate(Uint8Array, length, "images", where);
  const labels = new Uint8Array(entries.length);
  const classes = new Map(classNames.map((name, i) => [name, i]));
  let next = 0;
  const decodeSome = async (): Promise<void> => {
    while (next < entries.length) {
      const index = next++;
      const { path, className, bytes } = entries[index];
      const label = classes.get(className);
      const refuse = (message: string, expected: string, found: string) =>
        new ShiftwiseError("BAD_DATA", message, { expected, found, where: `${where}: ${path}` });
      if (label === undefined) throw refuse("a class without training images", classNames.join(", "), className);
      labels[index] = label;
      const image = await decodeImage(bytes, `${where}: ${path}`);
      if (image.width !== width || image.height !== height) {
        throw refuse("images differ in size", `${width}x${height}`, `${image.width}x${image.height}`);
      }
      const at = index * channels * plane;
      for (let i = 0; i < plane; i++) {
        for (let c = 0; c < channels; c++) images[at + c * plane + i] = image.pixels[i * channels + c];
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, decodeSome));
  return { images, labels };
}
