// tar.ts: a set of encoded images in two archives, train.tar and test.tar, with one folder a class.
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";
import { given, is, reason, ShiftwiseError } from "../base/index.js";
import type { Shape } from "../ops/index.js";
import { allocate, readBytes, unpackLimit } from "./bytes.js";
import { computeNormalization, type Dataset, type TrainTest } from "./dataset.js";
import { decodeImage } from "./image.js";
import { isHidden } from "./signatures.js";

const ARCHIVES = ["train.tar", "test.tar"] as const;
const IMAGE = /\.(jpe?g|png|webp)$/i;
/** Decoders that wait for one another's threads; more do not make it faster. */
const AT_ONCE = 8;
/** Labels are bytes. */
const MOST_CLASSES = 256;

interface Entry {
  readonly path: string;
  readonly className: string;
  readonly bytes: Uint8Array;
}

/** Whether a folder's entries are a training and a test archive. */
export function looksLikeTar(entries: readonly string[]): boolean {
  return ARCHIVES.every((name) => entries.includes(name));
}

/**
 * Reads train.tar and test.tar, gzip or not. An image's class is the name of the folder it lies in; classes are numbered
 * in the order of their names, images stand in the order of their paths. All must have the size of the first. Both parts
 * have the training images' normalization and shape [3, height, width].
 * @throws IO for a file that cannot be read; BAD_DATA for a damaged archive, one without images, an image of another size
 *   or outside a folder, a test class that has no training images, more than 256 classes; what decodeImage throws.
 */
export async function loadTarFolder(folder: string): Promise<TrainTest> {
  given({ folder }, { folder: is.text });
  const [trainPath, testPath] = ARCHIVES.map((name) => join(folder, name));
  const trainEntries = await readArchive(trainPath);
  const classNames = [...new Set(trainEntries.map((entry) => entry.className))].sort();
  if (classNames.length > MOST_CLASSES) {
    throw new ShiftwiseError("BAD_DATA", "too many classes", {
      expected: `at most ${MOST_CLASSES}`,
      found: classNames.length,
      where: trainPath,
    });
  }
  const first = await decodeImage(trainEntries[0].bytes, `${trainPath}: ${trainEntries[0].path}`);
  const shape: Shape = [3, first.height, first.width];
  const train = await decodeAll(trainEntries, shape, classNames, trainPath);
  const test = await decodeAll(await readArchive(testPath), shape, classNames, testPath);
  const normalization = computeNormalization(train.images, shape);
  const common = { shape, classes: classNames.length, classNames, normalization };
  return { train: { ...train, ...common }, test: { ...test, ...common } };
}

/** The pictures of an archive, each in a folder that names its class. @throws as loadTarFolder */
export async function readArchive(path: string): Promise<Entry[]> {
  const archive = extract();
  const content = await readBytes(path);
  archive.end(content);
  const entries: Entry[] = [];
  try {
    for await (const stream of archive) {
      const { name, type } = stream.header;
      if (type === "file" && IMAGE.test(name) && !isHidden(name)) {
        entries.push({ path: name, className: name.split("/").at(-2) ?? "", bytes: await buffer(stream) });
      }
      stream.resume();
    }
  } catch (cause) {
    throw new ShiftwiseError("BAD_DATA", "damaged tar archive", {
      found: reason(cause),
      where: path,
      cause,
    });
  }
  if (entries.length === 0) {
    const found = content.length === 0 ? "an empty file" : "none";
    throw new ShiftwiseError("BAD_DATA", "no images in the archive", {
      expected: "class/image.jpg",
      found,
      where: path,
    });
  }
  const stray = entries.find(({ className }) => className === "" || className === ".");
  if (stray) {
    throw new ShiftwiseError("BAD_DATA", "an image outside a class folder", {
      expected: "class/image.jpg",
      found: stray.path,
      where: path,
    });
  }
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Images as channel planes, and their labels. */
async function decodeAll(
  entries: readonly Entry[],
  [channels, height, width]: Shape,
  classNames: readonly string[],
  where: string,
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
