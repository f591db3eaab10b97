/** Kinds of pictures that are decoded. */
export type ImageKind = "JPEG" | "PNG" | "WebP" | "GIF" | "TIFF" | "AVIF" | "BMP";

/** A kind of file, recognised by its first bytes as latin1. */
interface Signature<K extends string> {
  readonly kind: K;
  /** One of these stands at `at`, the beginning unless said. */
  readonly texts?: readonly string[];
  readonly at?: number;
  /** And the whole beginning is so. */
  readonly is?: RegExp;
}

const IMAGES: readonly Signature<ImageKind>[] = [
  { kind: "JPEG", texts: ["\xff\xd8\xff"] },
  { kind: "PNG", texts: ["\x89PNG\r\n\x1a\n"] },
  { kind: "GIF", texts: ["GIF87a", "GIF89a"] },
  { kind: "WebP", texts: ["WEBP"], at: 8, is: /^RIFF/ },
  // the last two with 64-bit offsets
  { kind: "TIFF", texts: ["II*\0", "MM\0*", "II+\0", "MM\0+"] },
  { kind: "AVIF", texts: ["ftypavif", "ftypavis", "ftypmif1", "ftypmsf1"], at: 4, is: /^.{8}.{0,64}avi[fs]/s },
  // the size of the header that follows the file's own 14 bytes
  { kind: "BMP", texts: [..."\x0c\x10\x28\x34\x38\x40\x6c\x7c"].map((size) => `${size}\0\0\0`), at: 14, is: /^BM/ },
];

const NPY = "a NumPy array (.npy)";
const ZIP = "a ZIP archive";

/** Kinds of files that people have beside pictures and arrays, or in their place. */
const OTHERS: readonly Signature<string>[] = [
  { kind: NPY, texts: ["\x93NUMPY"] },
  { kind: "a Git LFS pointer: fetch the file with git lfs pull", texts: ["version https://git-lfs"] },
  { kind: "an HTML page", is: /^\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)\b/is },
  { kind: "an SVG drawing", is: /^\s*(<\?xml.*?>\s*)?(<!--.*?-->\s*)*(<!doctype svg.*?>\s*)?<svg\b/is },
  { kind: "an XML file", is: /^\s*<\?xml/ },
  { kind: "a PDF", texts: ["%PDF-"] },
  { kind: ZIP, texts: ["PK\x03\x04", "PK\x05\x06"] },
  { kind: "a gzip file", texts: ["\x1f\x8b"] },
  { kind: "a tar archive", texts: ["ustar"], at: 257 },
  { kind: "an HDF5 file", texts: ["\x89HDF\r\n\x1a\n"] },
  { kind: "a pickle (of Python)", texts: ["\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"] },
  { kind: "a HEIC picture: save it as JPEG", texts: ["ftyphei", "ftyphev", "ftypmif1", "ftypmsf1"], at: 4 },
  { kind: "a video (MP4)", texts: ["ftyp"], at: 4 },
  { kind: "a JPEG XL picture", texts: ["\xff\x0a", "\0\0\0\x0cJXL "] },
  { kind: "a JPEG 2000 picture", texts: ["\0\0\0\x0cjP  "] },
  { kind: "a WAV sound: save its samples as an array (.npy)", texts: ["WAVE"], at: 8, is: /^RIFF/ },
  // a version of the format, 1 to 20, in its first field
  {
    kind: "an ONNX network",
    texts: Array.from({ length: 20 }, (_, version) => `\b${String.fromCharCode(version + 1)}`),
  },
  { kind: "a Photoshop file", texts: ["8BPS"] },
];

/** Bytes that tell the kind. */
const HEAD = 512;

function kindAmong<K extends string>(signatures: readonly Signature<K>[], bytes: Uint8Array): K | null {
  const head = String.fromCharCode(...bytes.subarray(0, HEAD));
  const found = signatures.find(
    ({ texts, at = 0, is }) =>
      (texts === undefined || texts.some((text) => head.startsWith(text, at))) && (is === undefined || is.test(head)),
  );
  return found?.kind ?? null;
}

/** The kind of picture; null where it is none that is decoded. */
export function imageKind(bytes: Uint8Array): ImageKind | null {
  return kindAmong(IMAGES, bytes);
}

/** Whether a file is a NumPy array. */
export function isArrayFile(bytes: Uint8Array): boolean {
  return kindAmong(OTHERS, bytes) === NPY;
}

/** Whether a file is a ZIP archive, as .npz files are. */
export function isZip(bytes: Uint8Array): boolean {
  return kindAmong(OTHERS, bytes) === ZIP;
}

/** Whether a file is an IDX array of bytes. */
export function isIdx(bytes: Uint8Array): boolean {
  const [first, second, type, rank] = bytes;
  return first === 0 && second === 0 && type === 8 && rank >= 1 && bytes.length >= 4 + 4 * rank;
}

/**
 * A file's content in a few words, for errors.
 * @internal
 */
export function contentOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const known = imageKind(bytes) ?? kindAmong(OTHERS, bytes);
  if (known) return known;
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
