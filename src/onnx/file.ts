// file.ts: a model from a file of the disk, with the data that lies beside it.

import { given, is, ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import type { Network } from "../graph/index.js";
import type { ImportOptions } from "./given.js";
import { IMPORT_OPTIONS } from "./given.js";
import { importOnnx } from "./import.js";
import type { ExternalData } from "./tensor.js";

/**
 * Imports the model in a file. External data is read from the file's own folder and folders below it, from nowhere else.
 * @throws IO for a file that cannot be read; BAD_FILE for external data outside the folder; errors of importOnnx
 */
export async function importOnnxFile(
  path: string,
  options: Omit<ImportOptions, "external" | "where"> = {},
): Promise<Network> {
  given({ path, options }, { path: is.text, options: IMPORT_OPTIONS });
  const { readFile } = process.getBuiltinModule("node:fs/promises");
  try {
    const bytes = await readFile(path);
    return importOnnx(bytes, { ...options, external: await dataBeside(path), where: path });
  } catch (cause) {
    if (cause instanceof ShiftwiseError) throw cause;
    throw new ShiftwiseError("IO", "cannot read the model", { where: path, found: reason(cause), cause });
  }
}

/** The number of times that a file of external data may be read: two tensors may share their bytes. */
const REREAD = 4;

/** Reads external data of the model at `path`. Links that lead out of its folder do not help. */
async function dataBeside(path: string): Promise<ExternalData> {
  const { closeSync, openSync, readSync, realpathSync, statSync } = process.getBuiltinModule("node:fs");
  const { dirname, isAbsolute, relative, resolve } = process.getBuiltinModule("node:path");
  const read = new Map<string, number>();
  return (location, offset, length, where) => {
    const refuse = (expected: string, cause?: unknown): never => {
      throw new ShiftwiseError("BAD_FILE", "external data", { where, expected, found: location, cause });
    };
    const folder = realpathSync(dirname(path));
    let file: string;
    try {
      file = realpathSync(resolve(folder, location));
    } catch (cause) {
      const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT" && !isAbsolute(location);
      if (!missing) return refuse("a file in the model's folder", cause);
      throw new ShiftwiseError("BAD_FILE", "weights of the model lie in another file, which is missing", {
        where,
        expected: `${location} beside the model, under this name: get it from where the model is from`,
        found: "no such file",
        cause,
      });
    }
    const inside = relative(folder, file);
    if (isAbsolute(location) || inside === "" || inside.startsWith("..") || isAbsolute(inside)) {
      return refuse("a file in the model's folder");
    }
    // before it is opened: opening a pipe waits for a writer
    const stat = statSync(file);
    if (!stat.isFile()) return refuse("a file");
    const size = length ?? stat.size - offset;
    if (size < 0 || offset + size > stat.size) return refuse(`${offset + size} bytes, not ${stat.size}`);
    const total = (read.get(file) ?? 0) + size;
    if (total > REREAD * stat.size) return refuse(`tensors of at most ${REREAD * stat.size} bytes in all from it`);
    read.set(file, total);
    const handle = openSync(file, "r");
    try {
      const bytes = new Uint8Array(size);
      let done = 0;
      while (done < size) {
        const got = readSync(handle, bytes, done, size - done, offset + done);
        if (got === 0) return refuse(`${size} bytes from ${offset}`);
        done += got;
      }
      return bytes;
    } finally {
      closeSync(handle);
    }
  };
}
