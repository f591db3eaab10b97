// tar.ts: a set of encoded images in two archives, train.tar and test.tar, with one folder a class.
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";
import { given, is, ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { readBytes } from "./bytes.js";
import type { TrainTest } from "./dataset.js";
import { type EncodedImage, encodedSet } from "./encoded.js";
import { isHidden } from "./signatures.js";

const ARCHIVES = ["train.tar", "test.tar"] as const;
const IMAGE = /\.(jpe?g|png|webp)$/i;

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
  const [train, test] = [await readArchive(trainPath), await readArchive(testPath)];
  return encodedSet({ entries: train, where: trainPath }, { entries: test, where: testPath });
}

/** The pictures of an archive, each in a folder that names its class. @throws as loadTarFolder */
export async function readArchive(path: string): Promise<EncodedImage[]> {
  const archive = extract();
  const content = await readBytes(path);
  archive.end(content);
  const entries: EncodedImage[] = [];
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
