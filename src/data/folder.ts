// folder.ts: the pictures and arrays in a folder as people have them: links, hidden files, other files, broken ones.
import { type FileHandle, open, readdir, realpath, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { isArrayFile, pictureKind } from "../format/signatures.js";
import { contentOf, isHidden } from "./signatures.js";

/** The contents of a folder and those in it, each path once, sorted. */
export interface Found {
  readonly pictures: readonly string[];
  readonly arrays: readonly string[];
  /** Files of other kinds, and why others cannot be looked at, for people. */
  readonly others: readonly string[];
  /** The number of hidden names, as those of a Mac. */
  readonly hidden: number;
}

/** Names that promise a picture: if there is none, the file is broken and not just another. */
const PICTURE = /\.(jpe?g|jpe|jfif|png|webp|gif|avif|tiff?|bmp|dib)$/i;
const ARRAY = /\.np[yz]$/i;
/** Bytes of a file that tell its kind. */
const HEAD = 512;
/** The number of broken files that an error or a remark names. */
const NAMED = 3;

/**
 * Looks through a folder and those in it. Links are followed, each folder and file once. A file whose name does not say
 * what it is is recognised by its first bytes.
 * @throws IO if the folder cannot be read.
 */
export async function searchFolder(folder: string): Promise<Found> {
  const [pictures, arrays, others]: string[][] = [[], [], []];
  let hidden = 0;
  const seen = new Set<string>();
  const visit = async (path: string, real: string): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const at = join(path, entry.name);
      if (isHidden(entry.name)) {
        hidden++;
        continue;
      }
      try {
        // only what is reached by a link can be reached twice
        const target = entry.isSymbolicLink() ? await realpath(at) : join(real, entry.name);
        if (seen.has(target)) continue;
        seen.add(target);
        const found = entry.isSymbolicLink() ? await stat(at) : entry;
        if (found.isDirectory()) await visit(at, target);
        else if (!found.isFile()) others.push(`${relative(folder, at)} (no file)`);
        else if (PICTURE.test(entry.name)) pictures.push(at);
        else if (ARRAY.test(entry.name)) arrays.push(at);
        else {
          const head = await readHead(at);
          if (pictureKind(head)) pictures.push(at);
          else if (isArrayFile(head)) arrays.push(at);
          else others.push(`${relative(folder, at)} (${contentOf(head)})`);
        }
      } catch (cause) {
        others.push(`${relative(folder, at)} (${reason(cause)})`);
      }
    }
  };
  const real = await realpath(folder).catch(() => folder);
  seen.add(real);
  await visit(folder, real).catch((cause) => {
    throw new ShiftwiseError("IO", "cannot read the folder", { found: reason(cause), where: folder, cause });
  });
  return { pictures, arrays, others, hidden };
}

/** The first bytes of a file, which tell its kind. */
export async function readHead(path: string): Promise<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, "r");
    const head = new Uint8Array(HEAD);
    const { bytesRead } = await file.read(head, 0, HEAD, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file?.close();
  }
}

/** A file that is not what its name promises. */
export interface Broken {
  readonly path: string;
  readonly error: ShiftwiseError;
}

/**
 * Accepts a few broken files among many.
 * @param what they should be, such as "pictures".
 * @returns a remark on them; none where there are none.
 * @throws BAD_DATA for more than a tenth, naming the first; the error of a single file.
 */
export function passOver(broken: readonly Broken[], total: number, what: string, folder: string): string[] {
  if (broken.length === 0) return [];
  // what was found is enough where it is a text; the file is named already
  const why = ({ found, message, where = "" }: ShiftwiseError): string =>
    typeof found === "string" && !/^\d/.test(found)
      ? found
      : message.slice(message.startsWith(`${where}: `) ? where.length + 2 : 0);
  if (broken.length > total / 10) {
    const [{ path, error }] = broken;
    if (total === 1) throw error;
    throw new ShiftwiseError("BAD_DATA", `too many broken ${what}`, {
      where: path,
      expected: "at most a tenth of them",
      found: `${broken.length} of ${total}; this one: ${why(error)}`,
      cause: error,
    });
  }
  const names = broken.map(({ path, error }) => `${relative(folder, path)} (${why(error)})`);
  return [`passed over ${broken.length} of ${total} ${what}, which are broken: ${few(names)}`];
}

/** The first few names of a list. */
export function few(names: readonly string[]): string {
  const rest = names.length - NAMED;
  return [...names.slice(0, NAMED), ...(rest > 0 ? [`${rest} more`] : [])].join(", ");
}
