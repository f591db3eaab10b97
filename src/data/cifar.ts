// cifar.ts: the CIFAR-10 binary version, gzip or not.
import { join } from "node:path";
import { given, is, ShiftwiseError } from "../base/index.js";
import { allocate, listFolder, readBytes } from "./bytes.js";
import { checkDataset, computeNormalization, type Dataset, type TrainTest } from "./dataset.js";

const SHAPE = [3, 32, 32] as const;
const PIXELS = 3 * 32 * 32;
/** One label byte, then the red, green and blue planes. */
const RECORD = 1 + PIXELS;

export const CLASS_NAMES = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
] as const;

/** The images and labels of a CIFAR-10 file. */
export interface CifarRecords {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/**
 * Reads records of a label byte and 3,072 planar pixel bytes.
 * @param where file to name in errors.
 * @throws BAD_DATA for no records, a length that is no multiple of 3,073 bytes or a label above 9.
 */
export function parseCifar(bytes: Uint8Array, where: string): CifarRecords {
  given({ bytes, where }, { bytes: is.bytes, where: is.text });
  const count = Math.floor(bytes.length / RECORD);
  if (count === 0 || bytes.length % RECORD !== 0) {
    throw new ShiftwiseError("BAD_DATA", "wrong length for CIFAR-10 records", {
      expected: `a multiple of ${RECORD} bytes, at least one record`,
      found: `${bytes.length} bytes`,
      where,
    });
  }
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = bytes[i * RECORD];
    images.set(bytes.subarray(i * RECORD + 1, (i + 1) * RECORD), i * PIXELS);
  }
  const normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
  checkDataset({ images, labels, shape: SHAPE, classes: CLASS_NAMES.length, normalization }, where);
  return { images, labels };
}

/** Whether a folder's entries look like CIFAR-10 in its binary version. */
export function looksLikeCifar(entries: readonly string[]): boolean {
  return entries.some((name) => name.startsWith("data_batch") || name.startsWith("test_batch"));
}

/**
 * Reads all files data_batch* for training and test_batch* for testing, in the order of their names. Both parts have the
 * training images' normalization.
 * @throws IO where there is no file of a kind or it cannot be read; BAD_DATA as parseCifar does.
 */
export async function loadCifarFolder(folder: string): Promise<TrainTest> {
  given({ folder }, { folder: is.text });
  const entries = await listFolder(folder);
  const [train, test] = await Promise.all(["data_batch", "test_batch"].map((stem) => readAll(folder, entries, stem)));
  const normalization = computeNormalization(train.images, SHAPE);
  const part = (records: CifarRecords): Dataset => ({
    ...records,
    shape: SHAPE,
    classes: CLASS_NAMES.length,
    classNames: CLASS_NAMES,
    normalization,
  });
  return { train: part(train), test: part(test) };
}

async function readAll(folder: string, entries: readonly string[], stem: string): Promise<CifarRecords> {
  const paths = entries.filter((name) => name.startsWith(stem)).map((name) => join(folder, name));
  if (paths.length === 0) {
    throw new ShiftwiseError("IO", "no such file", { expected: `${stem}*.bin or ${stem}*.bin.gz`, where: folder });
  }
  const parts = await Promise.all(paths.map(async (path) => parseCifar(await readBytes(path), path)));
  const count = parts.reduce((sum, part) => sum + part.labels.length, 0);
  const images = allocate(Uint8Array, count * PIXELS, "images", folder);
  const labels = new Uint8Array(count);
  let at = 0;
  for (const part of parts) {
    images.set(part.images, at * PIXELS);
    labels.set(part.labels, at);
    at += part.labels.length;
  }
  return { images, labels };
}
