// signatures.ts: what the files are that people have as pictures and arrays, beside them, or in their place.
import { kindOfFile, kindText } from "../format/signatures.js";

/** Whether a file is an IDX array of bytes. */
export function isIdx(bytes: Uint8Array): boolean {
  const [first, second, type, rank] = bytes;
  return first === 0 && second === 0 && type === 8 && rank >= 1 && bytes.length >= 4 + 4 * rank;
}

/** Bytes that tell whether a file is a text. */
const HEAD = 512;

/**
 * A file's content in a few words, for errors.
 * @internal
 */
export function contentOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const known = kindOfFile(bytes, "data");
  if (known) return kindText(known);
  const head = bytes.subarray(0, HEAD);
  if (head.some((byte) => byte < 32 && ![9, 10, 13].includes(byte))) return "bytes of an unknown kind";
  return `a text that begins with ${JSON.stringify(new TextDecoder().decode(head.subarray(0, 20)))}`;
}

/**
 * Whether a path names what people do not see in their folders: .DS_Store, ._a.jpg and __MACOSX of a Mac, .git, Thumbs.db.
 * @param path relative to the folder that was named.
 */
export function isHidden(path: string): boolean {
  return path.split(/[/\\]/).some((name) => /^(\.[^.]|__MACOSX$|thumbs\.db$|desktop\.ini$)/i.test(name));
}
