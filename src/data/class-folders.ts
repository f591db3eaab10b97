// class-folders.ts: a set of pictures in folders: train and test, or one that is cut in two, each with a folder for each class.
import { join, relative, sep } from "node:path";
import { ShiftwiseError } from "../base/index.js";
import { readBytes } from "./bytes.js";
import { computeNormalization, type Dataset, heldOut, imageLength, type TrainTest } from "./dataset.js";
import { type EncodedImage, encodedSet } from "./encoded.js";
import { searchFolder } from "./folder.js";

/** Names of the two parts, the best first. */
const TRAINING = ["train", "training"];
const TESTING = ["test", "val", "valid", "validation"];

/** The names of a folder's two parts; null where it does not have both. */
function partsIn(entries: readonly string[]): readonly [training: string, testing: string] | null {
  const [training, testing] = [TRAINING, TESTING].map((names) => names.find((name) => entries.includes(name)));
  return training !== undefined && testing !== undefined ? [training, testing] : null;
}

/**
 * Reads pictures from folders that name their classes, in folders train and test (or val, valid, validation); without these two every
 * fifth picture of each class is held out to test. Classes are numbered in the order of their names, pictures stand in the order of
 * their paths. Shape and normalization are those of the training part: one channel where every picture is grey, else three.
 * @returns null where there are no two folders with pictures
 * @throws IO; BAD_DATA for a picture of another size than the first, or outside of a class, a class of the test part without
 *   training pictures, more than 256 classes; what decodeImage throws
 */
export async function loadClassFolders(folder: string, entries: readonly string[]): Promise<TrainTest | null> {
  const parts = partsIn(entries);
  if (parts) {
    const [training, testing] = parts.map((name) => join(folder, name));
    const [train, test] = [await picturesIn(training), await picturesIn(testing)];
    return greyWhereGrey(await encodedSet({ entries: train, where: training }, { entries: test, where: testing }));
  }
  const { pictures } = await searchFolder(folder);
  if (new Set(pictures.map((path) => classIn(folder, path))).size < 2) return null;
  const all = await picturesIn(folder);
  const isHeld = heldOut(
    all.map(({ className }) => className),
    "folders train and test",
    folder,
  );
  const [train, test] = [all.filter((_, i) => !isHeld[i]), all.filter((_, i) => isHeld[i])];
  const set = await encodedSet({ entries: train, where: folder }, { entries: test, where: folder });
  return { ...greyWhereGrey(set), heldOut: true };
}

/** The first folder below, which is the class; empty for a picture outside of such. */
function classIn(folder: string, path: string): string {
  const parts = relative(folder, path).split(sep);
  return parts.length > 1 ? parts[0] : "";
}

async function picturesIn(folder: string): Promise<EncodedImage[]> {
  const { pictures } = await searchFolder(folder);
  const where = folder;
  const expected = "class/picture.jpg";
  if (pictures.length === 0) throw new ShiftwiseError("BAD_DATA", "no pictures", { where, expected, found: "none" });
  const stray = pictures.find((path) => classIn(folder, path) === "");
  if (stray !== undefined) {
    const found = relative(folder, stray);
    throw new ShiftwiseError("BAD_DATA", "a picture outside of the classes' folders", { where, expected, found });
  }
  const result: EncodedImage[] = [];
  for (const path of pictures) {
    const bytes = await readBytes(path);
    result.push({ path: relative(folder, path).split(sep).join("/"), className: classIn(folder, path), bytes });
  }
  return result.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Keeps one of three planes where all are the same, as a network of grey pictures takes them. */
function greyWhereGrey(set: TrainTest): TrainTest {
  const { train, test } = set;
  if (![train, test].every(isGrey)) return set;
  const [, height, width] = train.shape;
  const shape = [1, height, width] as const;
  const images = onePlane(train);
  const common = { shape, normalization: computeNormalization(images, shape) };
  return { ...set, train: { ...train, ...common, images }, test: { ...test, ...common, images: onePlane(test) } };
}

function isGrey(part: Dataset): boolean {
  const { images } = part;
  const [length, plane] = [imageLength(part), imageLength(part) / 3];
  for (let at = 0; at < images.length; at += length) {
    for (let i = at; i < at + plane; i++) {
      if (images[i] !== images[i + plane] || images[i] !== images[i + 2 * plane]) return false;
    }
  }
  return true;
}

function onePlane(part: Dataset): Uint8Array {
  const { images, labels } = part;
  const plane = imageLength(part) / 3;
  const result = new Uint8Array(labels.length * plane);
  for (let n = 0; n < labels.length; n++) result.set(images.subarray(3 * n * plane, (3 * n + 1) * plane), n * plane);
  return result;
}
