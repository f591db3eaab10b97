// bytes.ts: data files from disk, gzip or not, within limits, and how the errors about them read.
import { createReadStream, type Stats } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { constants, gunzip, gunzipSync } from "node:zlib";
import { ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { isGzip } from "../format/index.js";

/** Bytes of the largest file that is read, and of the most that one unpacks to. */
export const LARGEST = 2 ** 31 - 1;
/** Bytes that any packed file may unpack to. */
const UNQUESTIONED = 2 ** 26;
/** Times its own bytes that a packed file may have beyond that. What people measure packs to a half or a tenth. */
const MOST_TIMES = 100;
/** Deflate makes of one byte no more than this. */
const DEFLATE_TIMES = 1032;
/** Bytes of a packed file that are enough to see the header in it. */
const HEAD = 1024;

/**
 * Returns the bytes that packed bytes may unpack to, which bounds the memory that a file of nothing but zeros can ask
 * for: 64 MiB, or 100 times their number where that is more, and never more than 2 GiB.
 */
export function unpackLimit(packed: number): number {
  return Math.min(LARGEST, Math.max(UNQUESTIONED, MOST_TIMES * packed));
}

/**
 * Reads a file whole.
 * @throws IO for one that is not there or may not be read, for a folder, a device, a named pipe or a socket, and for one of 2 GiB
 *   or more.
 * @internal
 */
export async function readWhole(path: string): Promise<Uint8Array> {
  const refuse = (expected: string | undefined, found: string, cause?: unknown) =>
    new ShiftwiseError("IO", "cannot read the file", { expected, found, where: path, cause });
  const failed = (cause: unknown) => {
    throw cause instanceof ShiftwiseError ? cause : refuse(undefined, reason(cause), cause);
  };
  const found = await stat(path).catch(failed);
  if (found.isFile()) {
    if (found.size > LARGEST) throw refuse(`at most ${LARGEST} bytes`, `${found.size} bytes`);
    return plain(await readFile(path).catch(failed));
  }
  // a pipe that is open already, such as /dev/stdin, has no path of its own; opening a named one would wait for a writer
  const open =
    found.isFIFO() &&
    (await realpath(path).then(
      () => false,
      () => true,
    ));
  if (!open) throw refuse("a file", kindOf(found));
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of createReadStream(path) as AsyncIterable<Uint8Array>) {
      parts.push(part);
      if ((length += part.length) > LARGEST) throw refuse(`at most ${LARGEST} bytes`, "more");
    }
  } catch (cause) {
    throw failed(cause);
  }
  return plain(Buffer.concat(parts));
}

/** The bytes of a Buffer, not copied where it has them alone. Slices of a Buffer are views; readers count on copies. */
export function plain(bytes: Buffer): Uint8Array {
  const alone = bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.length;
  return alone ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}

/**
 * The bytes of a file, unpacked if they begin as gzip does (1f 8b), whatever its name.
 * @param lengthOf what the first bytes say that all of them are; then nothing beyond is unpacked. It may throw.
 * @throws as readWhole; TRUNCATED if the gzip stream ends early, BAD_DATA if it is damaged or unpacks to more than unpackLimit
 *   or `lengthOf` says.
 */
export async function readBytes(path: string, lengthOf?: (head: Uint8Array) => number): Promise<Uint8Array> {
  const bytes = await readWhole(path);
  if (!isGzip(bytes)) {
    if (lengthOf) checkLength(bytes.length, lengthOf(bytes.subarray(0, HEAD)), path);
    return bytes;
  }
  const limit = unpackLimit(bytes.length);
  if (!lengthOf) return unzip(bytes, limit, path);
  const length = lengthOf(headOf(bytes, path));
  if (length > DEFLATE_TIMES * bytes.length) {
    throw new ShiftwiseError("TRUNCATED", "the file declares more than its bytes can hold", {
      expected: `${length} bytes`,
      found: `${bytes.length} packed ones`,
      where: path,
    });
  }
  if (length > limit) throw tooMuch(length, limit, path);
  const unpacked = await unzip(bytes, length, path, () => `${length} bytes, as the file's header says`);
  checkLength(unpacked.length, length, path);
  return unpacked;
}

/**
 * Unpacks a gzip stream.
 * @param limit most bytes to unpack.
 * @throws TRUNCATED, BAD_DATA
 */
async function unzip(bytes: Uint8Array, limit: number, path: string, expected?: () => string): Promise<Uint8Array> {
  const unpacked = await promisify(gunzip)(bytes, { maxOutputLength: Math.max(limit, 1) }).catch((cause) => {
    if (cause.code !== "ERR_BUFFER_TOO_LARGE") throw damaged(cause, path);
    if (!expected) throw tooMuch("more", limit, path);
    throw new ShiftwiseError("BAD_DATA", "wrong length", { expected: expected(), found: "more", where: path, cause });
  });
  return plain(unpacked);
}

/** The first bytes of a packed file. */
function headOf(packed: Uint8Array, path: string): Uint8Array {
  try {
    return gunzipSync(packed.subarray(0, HEAD), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, HEAD);
  } catch (cause) {
    throw damaged(cause, path);
  }
}

function tooMuch(found: number | string, limit: number, where: string): ShiftwiseError {
  return new ShiftwiseError("BAD_DATA", "the packed file holds far more than its bytes", {
    expected: `at most ${limit} bytes unpacked; gunzip it first if it is right`,
    found: typeof found === "number" ? `${found} bytes` : found,
    where,
  });
}

function damaged(cause: unknown, where: string): ShiftwiseError {
  const cut = cause instanceof Error && "code" in cause && cause.code === "Z_BUF_ERROR";
  const message = cut ? "gzip stream ends early" : "damaged gzip stream";
  return new ShiftwiseError(cut ? "TRUNCATED" : "BAD_DATA", message, { found: reason(cause), where, cause });
}

/**
 * Names of the entries of a folder, sorted.
 * @throws IO if it is not a folder or cannot be read.
 */
export async function listFolder(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause) => {
    throw new ShiftwiseError("IO", "cannot read the folder", { found: reason(cause), where: folder, cause });
  });
  return names.sort();
}

/**
 * Memory for many values.
 * @param what in the error, such as "images".
 * @throws OVERFLOW for more than 2 GiB, or more than there is.
 */
export function allocate<T extends Uint8Array | Float32Array>(
  type: { new (length: number): T; readonly BYTES_PER_ELEMENT: number },
  length: number,
  what: string,
  where: string,
): T {
  const bytes = length * type.BYTES_PER_ELEMENT;
  try {
    if (bytes <= LARGEST) return new type(length);
  } catch {
    // a RangeError of the engine, which cannot have so much
  }
  throw new ShiftwiseError("OVERFLOW", `too much memory for the ${what}`, {
    expected: `at most ${LARGEST} bytes, and no more than is free`,
    found: `${bytes} bytes`,
    where,
  });
}

/**
 * Checks a length in bytes.
 * @throws TRUNCATED for fewer than expected, BAD_DATA for more.
 */
export function checkLength(found: number, expected: number, where: string): void {
  if (found === expected) return;
  throw new ShiftwiseError(found < expected ? "TRUNCATED" : "BAD_DATA", "wrong length", {
    expected: `${expected} bytes`,
    found: `${found} bytes`,
    where,
  });
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a folder";
  if (found.isFIFO()) return "a named pipe";
  return found.isSocket() ? "a socket" : "a device";
}
