// idx.ts: the IDX files of MNIST and its kin, gzip or not.
import { join } from "node:path";
import { given, is, ShiftwiseError } from "../base/index.js";
import { checkLength, listFolder, readBytes } from "./bytes.js";
import { CLASSES, checkClasses, checkDataset, computeNormalization, type Dataset, type TrainTest } from "./dataset.js";

/** An array of bytes with its dimensions, row-major. */
export interface IdxArray {
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** Options of the IDX readers. */
export interface IdxOptions {
  /** Number of classes; labels must be below. IDX files do not say. Default 10, as in the published sets. */
  readonly classes?: number;
}

const OPTIONS = is.record<IdxOptions>({ classes: is.anything });

const UNSIGNED_BYTE = 0x08;

/** The published file names, without ".gz". */
const NAMES = {
  trainImages: "train-images-idx3-ubyte",
  trainLabels: "train-labels-idx1-ubyte",
  testImages: "t10k-images-idx3-ubyte",
  testLabels: "t10k-labels-idx1-ubyte",
} as const;

/**
 * Reads one IDX array of unsigned bytes:
 *
 *     0  2  zero            4        4 * rank  sizes, big-endian, slowest first
 *     2  1  type, 08        4+4*rank           the elements
 *     3  1  rank
 *
 * @param where file to name in errors.
 * @throws BAD_DATA for another magic, type or rank, a dimension of 0 or bytes left over; TRUNCATED for bytes missing.
 */
export function parseIdx(bytes: Uint8Array, rank: number, where: string): IdxArray {
  given({ bytes, rank, where }, { bytes: is.bytes, rank: is.integer(1, 255), where: is.text });
  const { dims, length } = parseHeader(bytes, rank, where);
  checkLength(bytes.length, length, where);
  return { dims, data: bytes.subarray(4 + 4 * rank) };
}

/** The dimensions, and what they make the file's length. */
function parseHeader(bytes: Uint8Array, rank: number, where: string) {
  const header = 4 + 4 * rank;
  if (bytes.length < 4) checkLength(bytes.length, header, `${where}: header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getUint32(0);
  const expected = (UNSIGNED_BYTE << 8) | rank;
  if (magic !== expected) {
    throw new ShiftwiseError("BAD_DATA", `not an IDX file of bytes with ${rank} dimensions`, {
      expected: hex(expected),
      found: hex(magic),
      where: `${where}: magic`,
    });
  }
  if (bytes.length < header) checkLength(bytes.length, header, `${where}: header`);
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (count === 0) throw new ShiftwiseError("BAD_DATA", "empty array", { found: dims, where: `${where}: dimensions` });
  return { dims, length: header + count };
}

/** Whether a folder's entries look like a set in IDX files: any of the four is there. */
export function looksLikeIdx(entries: readonly string[]): boolean {
  return Object.values(NAMES).some((name) => entries.includes(name) || entries.includes(`${name}.gz`));
}

/**
 * Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each as
 * it is or with ".gz". Grey images; both parts have the training images' normalization.
 * @throws IO for a missing file, BAD_DATA or TRUNCATED as parseIdx does, BAD_DATA where images and labels differ in
 *   number, the two parts in image size, or a label is not below the number of classes.
 */
export async function loadIdxFolder(folder: string, options: IdxOptions = {}): Promise<TrainTest> {
  given({ folder, options }, { folder: is.text, options: OPTIONS });
  const { classes = CLASSES } = options;
  checkClasses(classes);
  const entries = await listFolder(folder);
  const read = async (name: string, rank: number) => {
    const path = join(folder, entries.includes(name) ? name : `${name}.gz`);
    const bytes = await readBytes(path, (head) => parseHeader(head, rank, path).length);
    return { path, ...parseIdx(bytes, rank, path) };
  };
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all([
    read(NAMES.trainImages, 3),
    read(NAMES.trainLabels, 1),
    read(NAMES.testImages, 3),
    read(NAMES.testLabels, 1),
  ]);
  const [, height, width] = trainImages.dims;
  if (testImages.dims[1] !== height || testImages.dims[2] !== width) {
    throw new ShiftwiseError("BAD_DATA", "test images of another size", {
      expected: `${height}x${width}`,
      found: `${testImages.dims[1]}x${testImages.dims[2]}`,
      where: testImages.path,
    });
  }
  const shape = [1, height, width] as const;
  const normalization = computeNormalization(trainImages.data, shape);
  const part = (images: typeof trainImages, labels: typeof trainLabels): Dataset => {
    if (images.dims[0] !== labels.dims[0]) {
      throw new ShiftwiseError("BAD_DATA", "images and labels differ in number", {
        expected: `${images.dims[0]} labels, one for each image`,
        found: labels.dims[0],
        where: labels.path,
      });
    }
    const dataset = { images: images.data, labels: labels.data, shape, classes, normalization };
    checkDataset(dataset, labels.path);
    return dataset;
  };
  return { train: part(trainImages, trainLabels), test: part(testImages, testLabels) };
}

function hex(magic: number): string {
  return `0x${magic.toString(16).padStart(8, "0")}`;
}
