// atomic.ts: a file is replaced in one step or not at all.

import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { ShiftwiseError } from "./error.js";
import { given } from "./given.js";
import * as is from "./is.js";
import { removedOnExit } from "./leftovers.js";
import { reason } from "./reason.js";

// Node's modules are asked for when they are needed, not imported: bundlers for the browser, which trains but has no files,
// must not find them
const files = () => process.getBuiltinModule("node:fs/promises");
const paths = () => process.getBuiltinModule("node:path");

/** The file that a write to a path ends up in. */
interface Target {
  /** Behind all symbolic links. */
  readonly path: string;
  /** The file that stands there; null where there is none. */
  readonly old: Stats | null;
}

/** The number of links that Linux follows. */
const MOST_LINKS = 40;
/** Names of files that are open already: a new file of that name would not be what the reader at the other end reads. */
const OPEN_FILES = /^(\/dev\/fd|\/proc\/.*\/fd)$/;
/** Bytes of a file's name that go into that of the file beside it, which has to stay within 255 bytes. */
const NAME_KEPT = 32;

/**
 * Replaces a file, or makes a new one: writes beside it, flushes to the disk, renames. Whatever happens, `path` holds the old
 * content or the new one; of two writers at a time the later one's stays. A symbolic link is followed, also to a file that is
 * not there yet. A file that is replaced keeps its mode, and its owner and group where the system allows it; other hard links
 * to it keep the old content. A signal or an exit on the way removes what was begun, a SIGKILL cannot.
 * @throws IO for a target that is a folder, a device, a pipe, a socket or an open file such as /dev/stdout; for one that may not
 *   be written; for a folder that is not there, in which no file can be made or that has no space. Nothing is left beside it.
 */
export async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  given({ path, bytes }, { path: is.text, bytes: is.bytes });
  const target = await findTarget(path);
  await throughFileBeside(path, target, async (beside) => {
    const { open, rename } = files();
    const file = await open(beside, "r+");
    try {
      await file.writeFile(bytes);
      if (target.old) await keepOwnerAndMode(file, target.old);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, target.path);
  });
  // the rename itself must survive a power cut; not every system lets a folder be opened
  const folder = await files()
    .open(paths().dirname(target.path), "r")
    .catch(() => null);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

/**
 * Finds out before hours of work whether writeAtomically can write a file, and leaves nothing behind.
 * @throws IO as writeAtomically does.
 */
export async function checkWritable(path: string): Promise<void> {
  given({ path }, { path: is.text });
  await throughFileBeside(path, await findTarget(path), (beside) => files().rm(beside));
}

/**
 * The path of the file that a write to a path ends up in, behind all symbolic links.
 * @throws IO as writeAtomically does.
 */
export async function targetOf(path: string): Promise<string> {
  given({ path }, { path: is.text });
  return (await findTarget(path)).path;
}

/** Makes an empty file beside the target for `use`, which renames or removes it; if it fails, the file is removed. */
async function throughFileBeside(
  path: string,
  { path: target, old }: Target,
  use: (beside: string) => Promise<void>,
): Promise<void> {
  const { closeSync, openSync } = process.getBuiltinModule("node:fs");
  const { basename, dirname, join } = paths();
  const own = [...basename(target)].slice(0, NAME_KEPT).join("");
  const beside = join(dirname(target), `.${own}.${process.pid}-${crypto.randomUUID().slice(0, 8)}.partial`);
  try {
    // made at once, so that no signal falls between its making and what removes it; private until it has the old file's mode
    closeSync(openSync(beside, "wx", old ? 0o600 : 0o666));
  } catch (cause) {
    throw refused(path, cause, dirname(target));
  }
  const release = removedOnExit(beside);
  try {
    await use(beside);
  } catch (cause) {
    await files()
      .rm(beside, { force: true })
      .catch(() => {});
    throw refused(path, cause, dirname(target));
  } finally {
    release();
  }
}

async function findTarget(path: string): Promise<Target> {
  if (path === "" || path.endsWith("/") || path.endsWith(paths().sep)) {
    throw refuse(path, "the name of a file", path === "" ? "an empty name" : "the name of a folder");
  }
  const end = await followLinks(path).catch((cause) => {
    throw cause instanceof ShiftwiseError ? cause : refused(path, cause, paths().dirname(path));
  });
  const { old } = end;
  if (!old) return end;
  if (!old.isFile())
    throw refuse(path, "a regular file or a free name, since a file is replaced in one step", kindOf(old));
  const { access, constants } = files();
  await access(end.path, constants.W_OK).catch((cause) => {
    throw refused(path, cause, paths().dirname(end.path));
  });
  return end;
}

/** Goes from link to link by hand, since the last one may lead to a file that is not there yet. */
async function followLinks(path: string): Promise<Target> {
  const { lstat, readlink, realpath } = files();
  const { basename, dirname, join, resolve } = paths();
  let at = path;
  for (let links = 0; links <= MOST_LINKS; links++) {
    const folder = await realpath(dirname(at));
    if (OPEN_FILES.test(folder))
      throw refuse(path, "a file of its own, since it is replaced in one step", "an open file");
    at = join(folder, basename(at));
    const old = await lstat(at).catch((cause) => {
      if (cause.code === "ENOENT") return null;
      throw cause;
    });
    if (!old?.isSymbolicLink()) return { path: at, old };
    at = resolve(folder, await readlink(at));
  }
  throw refuse(path, "a file", `more than ${MOST_LINKS} symbolic links, one after the other`);
}

/** Names in words what stands at a path. */
function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a folder";
  if (found.isFIFO()) return "a pipe";
  return found.isSocket() ? "a socket" : "a device";
}

/** The owner first, since changing it takes away some bits of the mode. Not every file system and user can. */
async function keepOwnerAndMode(file: FileHandle, old: Stats): Promise<void> {
  const { uid, gid } = await file.stat();
  const kept =
    (uid === old.uid && gid === old.gid) ||
    (await file.chown(old.uid, old.gid).then(
      () => true,
      () => false,
    ));
  // a group that is one's own can be kept though the owner cannot
  if (!kept) await file.chown(uid, old.gid).catch(() => {});
  // with another owner the bits that run a program as its owner would mean something else
  await file.chmod(old.mode & (kept ? 0o7777 : 0o777)).catch(() => {});
}

function refuse(where: string, expected: string, found: string, cause?: unknown): ShiftwiseError {
  return new ShiftwiseError("IO", "cannot write the file", { where, expected, found, cause });
}

/** Advice by the system's word for what is wrong; `folder` is that of the file. */
const WANTED: Readonly<Record<string, (folder: string) => string>> = {
  ENOENT: (folder) => `a folder that is there, not ${folder}`,
  ENOTDIR: (folder) => `a folder, which ${folder} is not`,
  EACCES: (folder) => `a file and a folder, ${folder}, that may be written: the new file is made beside the old one`,
  EPERM: (folder) => `a file and a folder, ${folder}, that may be written: the new file is made beside the old one`,
  EROFS: () => "a disk that may be written",
  ENOSPC: () => "more free space on the disk",
  EDQUOT: () => "more free space in the user's quota",
  EFBIG: () => "a larger limit for the size of a file",
  ENAMETOOLONG: () => "a shorter name",
};

function refused(where: string, cause: unknown, folder: string): ShiftwiseError {
  const { code = "" } = cause as NodeJS.ErrnoException;
  return refuse(where, WANTED[code]?.(folder) ?? "a file that can be written", reason(cause), cause);
}
