// pictures.ts: picture files to pixels of the size a network reads, broken ones passed over.

import { is, ShiftwiseError } from "../base/index.js";
import type { Shape } from "../ops/index.js";
import { spreadIndex } from "./arrays.js";
import { allocate, readWhole } from "./bytes.js";
import { type Broken, passOver } from "./folder.js";
import { decodeImage } from "./image.js";
import { type Preprocessing, prepareImage } from "./preprocessing.js";

/** The errors of a broken file; every other is the fault of options or of what is installed. */
const BROKEN = ["BAD_DATA", "IO", "TRUNCATED"];

/** The largest number of items that may be wanted; Infinity for all. */
export const LIMIT = is.either((value) => value === Number.POSITIVE_INFINITY, is.anything, is.integer(1));

/** The items at even distances, at most `limit`. */
export function spread<T>(items: readonly T[], limit: number): readonly T[] {
  if (items.length <= limit) return items;
  return Array.from({ length: limit }, (_, i) => items[spreadIndex(i, items.length, limit)]);
}

/**
 * Reads files, several at a time.
 * @returns what `read` made of those that are not broken, in their order, and remarks on the others.
 * @throws BAD_DATA as passOver; what is no fault of a file.
 */
export async function readAll<T>(
  files: readonly string[],
  read: (path: string, index: number) => Promise<T>,
  what: string,
  folder: string,
): Promise<{ readonly results: readonly { readonly index: number; readonly value: T }[]; readonly remarks: string[] }> {
  const results: { readonly index: number; readonly value: T }[] = [];
  const broken: Broken[] = [];
  let next = 0;
  const readSome = async (): Promise<void> => {
    while (next < files.length) {
      const index = next++;
      const path = files[index];
      try {
        results.push({ index, value: await read(path, index) });
      } catch (error) {
        if (!(error instanceof ShiftwiseError && BROKEN.includes(error.code))) throw error;
        broken.push({ path, error });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readSome));
  broken.sort((a, b) => (a.path < b.path ? -1 : 1));
  results.sort((a, b) => a.index - b.index);
  return { results, remarks: passOver(broken, files.length, what, folder) };
}

/** Decoders that wait for one another's threads; more do not make it faster. */
const AT_ONCE = 8;

/**
 * Pictures prepared as the network reads them, (count, channels, height, width).
 * @throws as readAll; BAD_OPTION for preprocessing that does not fit; OVERFLOW for more than memory takes.
 */
export async function readPictures(
  files: readonly string[],
  shape: Shape,
  preprocessing: Preprocessing,
  folder: string,
): Promise<{ readonly pixels: Uint8Array; readonly remarks: readonly string[] }> {
  const length = shape[0] * shape[1] * shape[2];
  const pixels = allocate(Uint8Array, files.length * length, "pictures: give a limit", folder);
  const { results, remarks } = await readAll(
    files,
    async (path, index) => {
      const image = await decodeImage(await readWhole(path), path);
      pixels.set(await prepareImage(image, shape, preprocessing, path), index * length);
    },
    "pictures",
    folder,
  );
  // those behind a broken one move up
  for (const [to, { index }] of results.entries()) pixels.copyWithin(to * length, index * length, (index + 1) * length);
  return { pixels: pixels.subarray(0, results.length * length), remarks };
}
