// atomic.ts: a file is replaced in one step or not at all.
import { ShiftwiseError } from "./error.js";

/**
 * Writes beside the file, flushes to the disk, renames. Whatever happens, `path` holds the old content or the new one.
 * @throws IO, with nothing left beside the file.
 */
export async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  // not imports: bundlers for the browser, which trains but has no files, must not find them
  const { open, rename, rm } = process.getBuiltinModule("node:fs/promises");
  const { dirname } = process.getBuiltinModule("node:path");
  const beside = `${path}.${process.pid}.partial`;
  try {
    const file = await open(beside, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {});
    throw new ShiftwiseError("IO", "cannot write", {
      where: path,
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
  // the rename itself must survive a power cut; not every system lets a folder be opened
  const folder = await open(dirname(path), "r").catch(() => null);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
