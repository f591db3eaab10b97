// labelled-arrays.ts: pictures and their labels in arrays, as a .npz has them: which belong together, and a whole set of them.
import { ShiftwiseError } from "../base/index.js";
import type { Normalization, Shape } from "../ops/index.js";
import {
  CLASSES,
  checkClasses,
  computeNormalization,
  type Dataset,
  heldOut,
  subset,
  type TrainTest,
} from "./dataset.js";
import { imagesOf } from "./fit.js";
import { type NpyArray, readNpz } from "./npy.js";

/** Pictures as channel planes, one after the other, and the label of each. */
export interface LabelledPlanes {
  readonly images: Uint8Array;
  readonly labels: ArrayLike<number>;
  readonly shape: Shape;
}

/** The names of an array of pictures and of one of labels. */
interface Pair {
  readonly images: string;
  readonly labels: string;
}

/** Names of labels that say nothing of a part. */
const LABELS = ["labels", "y", "targets", "label"];

const pairs = (images: string, labels: readonly string[]): Pair[] => labels.map((one) => ({ images, labels: one }));
const ofPart = (part: string): Pair[] => [
  ...pairs(`${part}_images`, [`${part}_labels`, ...LABELS]),
  ...pairs(`x_${part}`, [`y_${part}`, ...LABELS]),
  ...pairs(`${part}_x`, [`${part}_y`, ...LABELS]),
];

/** Names of arrays in each part of a set, and in one that has no parts, the likeliest first. */
const NAMES = {
  training: ofPart("train"),
  test: [...ofPart("test"), ...ofPart("val")],
  whole: ["images", "x", "data", "imgs"].flatMap((images) => pairs(images, LABELS)),
} as const;

/** Finds the arrays of a part among names, whatever their case; null where they are not there. */
export function pairIn(names: Iterable<string>, part: keyof typeof NAMES): Pair | null {
  const known = new Map([...names].map((name) => [name.toLowerCase(), name]));
  const found = NAMES[part].find(({ images, labels }) => known.has(images) && known.has(labels));
  return found ? { images: known.get(found.images)!, labels: known.get(found.labels)! } : null;
}

/**
 * Pictures in an array, (count, rows, columns), or with an axis of 1 or 3 channels before or behind these two, and their labels.
 * @throws BAD_DATA for arrays of other sizes or numbers, and where these are not as many
 */
export function labelledPlanes(
  { shape: dims, type, data }: NpyArray,
  labels: ArrayLike<number>,
  where: string,
): LabelledPlanes {
  const refuse = (expected: string, found: unknown): ShiftwiseError =>
    new ShiftwiseError("BAD_DATA", "no labelled pictures", { where, expected, found });
  const [count, ...rest] = dims;
  const three = rest.length === 2 ? [1, ...rest] : rest;
  const last = three.length === 3 && ![1, 3].includes(three[0]) && [1, 3].includes(three[2]);
  const shape = (last ? [three[2], three[0], three[1]] : three) as unknown as Shape;
  if (three.length !== 3 || ![1, 3].includes(shape[0]) || count === 0) {
    throw refuse("(count, rows, columns), or with 1 or 3 channels", `(${dims.join(", ")})`);
  }
  if (type !== "uint8" || !(data instanceof Uint8Array)) {
    throw refuse("pixels 0..255 as uint8; --calibrate takes other numbers", type);
  }
  if (labels.length !== count) throw refuse(`${count} labels, one for each picture`, labels.length);
  return { images: imagesOf(data, dims, shape, where), labels, shape };
}

/**
 * Reads a set from a .npz: arrays of pictures and labels to train on and to test on, such as x_train, y_train, x_test and y_test, or
 * train_images, train_labels, test_images and test_labels. Of one with images and labels, or with those to train on alone, every fifth
 * picture of each class is held out to test. Both parts have the training images' normalization.
 * @param classes the number of classes; labels must be below. Default 10, as of IDX files
 * @throws BAD_DATA for other arrays, parts of another size of picture, and labels that are no class; BAD_OPTION; what readNpz throws
 */
export function loadNpzSet(bytes: Uint8Array, path: string, classes: number = CLASSES): TrainTest {
  checkClasses(classes);
  const arrays = readNpz(bytes, path);
  const names = [...arrays.keys()];
  const [training, testing] = [pairIn(names, "training") ?? pairIn(names, "whole"), pairIn(names, "test")];
  if (!training) {
    throw new ShiftwiseError("BAD_DATA", "no data set here", {
      where: path,
      expected: "arrays x_train, y_train, x_test and y_test, or train_images and so on, or images and labels",
      found: names.join(", ") || "no arrays",
    });
  }
  const planesOf = ({ images, labels }: Pair): LabelledPlanes =>
    labelledPlanes(arrays.get(images)!, arrays.get(labels)!.data, `${path}: ${images}`);
  const train = planesOf(training);
  const { shape } = train;
  const normalizationOf = (images: Uint8Array) => computeNormalization(images, shape);
  const part = ({ images, labels }: LabelledPlanes, name: string, normalization: Normalization): Dataset => ({
    images,
    labels: classesOf(labels, classes, `${path}: ${name}`),
    ...{ shape, classes, normalization },
  });
  if (testing) {
    const test = planesOf(testing);
    if (test.shape.some((n, i) => n !== shape[i])) {
      throw new ShiftwiseError("BAD_DATA", "test images of another size", {
        where: `${path}: ${testing.images}`,
        expected: shape.join("x"),
        found: test.shape.join("x"),
      });
    }
    const normalization = normalizationOf(train.images);
    return { train: part(train, training.labels, normalization), test: part(test, testing.labels, normalization) };
  }
  const all = part(train, training.labels, normalizationOf(train.images));
  const isHeld = heldOut(Array.from(all.labels), "arrays x_test and y_test", path);
  const [first, held] = [false, true].map((wanted) =>
    subset(
      all,
      isHeld.flatMap((one, i) => (one === wanted ? [i] : [])),
    ),
  );
  const normalization = normalizationOf(first.images);
  return { train: { ...first, normalization }, test: { ...held, normalization }, heldOut: true };
}

/** @throws BAD_DATA for a label that is no class */
function classesOf(labels: ArrayLike<number>, classes: number, where: string): Uint8Array {
  const all = Array.from(labels);
  const bad = all.find((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (bad === undefined) return Uint8Array.from(all);
  throw new ShiftwiseError("BAD_DATA", "label outside the classes", {
    where,
    expected: `0..${classes - 1}`,
    found: bad,
  });
}
