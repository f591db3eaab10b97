// bytes.ts: data files from disk, gzip or not, and how the errors about them read.
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { ShiftwiseError } from "../base/index.js";

const unzip = promisify(gunzip);

/** No set of the kinds read here unpacks to more; a file that does is no data set. */
const LARGEST = 2 ** 31 - 1;

/**
 * The bytes of a file, unpacked if they begin as gzip does (1f 8b), whatever its name.
 * @throws IO if it cannot be read, TRUNCATED if the gzip stream ends early, BAD_DATA if it is damaged.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause) => {
    throw new ShiftwiseError("IO", "cannot read the file", { found: reason(cause), where: path, cause });
  });
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  return unzip(bytes, { maxOutputLength: LARGEST }).catch((cause) => {
    const cut = cause instanceof Error && "code" in cause && cause.code === "Z_BUF_ERROR";
    throw new ShiftwiseError(cut ? "TRUNCATED" : "BAD_DATA", cut ? "gzip stream ends early" : "damaged gzip stream", {
      found: reason(cause),
      where: path,
      cause,
    });
  });
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

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
