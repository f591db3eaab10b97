// signatures.ts: kinds of files, known by their first bytes: what they are called, and what to do with them. It is loaded by rooms that
// read files of others.

/** Kinds of pictures that are decoded. */
export type PictureKind = "JPEG" | "PNG" | "WebP" | "GIF" | "TIFF" | "AVIF" | "BMP";

/** A kind of file, recognised by its first bytes as latin1. */
interface Signature {
  readonly name: string;
  readonly picture?: PictureKind;
  /** One of these stands at `at`, the beginning unless said. */
  readonly texts?: readonly string[];
  readonly at?: number;
  /** And the whole beginning is so. */
  readonly is?: RegExp;
  /** Advice where a network is wanted, and where pictures or arrays are. */
  readonly network?: string;
  readonly data?: string;
}

const ARRAY = ["\x93NUMPY"];
const ZIP = ["PK\x03\x04", "PK\x05\x06"];
const ONNX = "an ONNX network";
const TAR = "a tar archive";
const PAGE = "the address led to a page, or to an error, instead of the file";
const EXPORT = "export the network with torch.onnx.export";
const ORIGIN = "take the ONNX file that it was made from";

const PICTURES = [
  { picture: "JPEG", texts: ["\xff\xd8\xff"] },
  { picture: "PNG", texts: ["\x89PNG\r\n\x1a\n"] },
  { picture: "GIF", texts: ["GIF87a", "GIF89a"] },
  { picture: "WebP", texts: ["WEBP"], at: 8, is: /^RIFF/ },
  // the last two with 64-bit offsets
  { picture: "TIFF", texts: ["II*\0", "MM\0*", "II+\0", "MM\0+"] },
  { picture: "AVIF", texts: ["ftypavif", "ftypavis", "ftypmif1", "ftypmsf1"], at: 4, is: /^.{8}.{0,64}avi[fs]/s },
  // the size of the header that follows the file's own 14 bytes
  { picture: "BMP", texts: [..."\x0c\x10\x28\x34\x38\x40\x6c\x7c"].map((size) => `${size}\0\0\0`), at: 14, is: /^BM/ },
] as const satisfies Omit<Signature, "name">[];

/** The first that fits counts. */
const SIGNATURES: readonly Signature[] = [
  ...PICTURES.map((one) => ({ ...one, name: `a picture (${one.picture})` })),
  { name: "a HEIC picture", texts: ["ftyphei", "ftyphev", "ftypmif1", "ftypmsf1"], at: 4, data: "save it as JPEG" },
  { name: "a JPEG XL picture", texts: ["\xff\x0a", "\0\0\0\x0cJXL "] },
  { name: "a JPEG 2000 picture", texts: ["\0\0\0\x0cjP  "] },
  { name: "a Photoshop file", texts: ["8BPS"] },
  { name: "a video (MP4)", texts: ["ftyp"], at: 4 },
  { name: "a WAV sound", texts: ["WAVE"], at: 8, is: /^RIFF/, data: "save its samples as an array (.npy)" },
  { name: "a NumPy array (.npy)", texts: ARRAY },
  { name: "a PDF", texts: ["%PDF-"] },
  {
    name: "a Git LFS pointer, which only names the file",
    texts: ["version https://git-lfs"],
    network: "fetch it with git lfs pull",
    data: "fetch it with git lfs pull",
  },
  { name: "an OpenVINO model (.xml)", is: /^\s*(<\?xml[^>]*>\s*)?<net\s[^>]*version=/, network: ORIGIN },
  { name: "an HTML page", is: /^\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)\b/is, network: PAGE },
  { name: "an SVG drawing", is: /^\s*(<\?xml.*?>\s*)?(<!--.*?-->\s*)*(<!doctype svg.*?>\s*)?<svg\b/is },
  { name: "an XML file", is: /^\s*<(\?xml|!--|!doctype)/i, network: PAGE },
  { name: "a PyTorch checkpoint (.pt, .pth)", texts: ZIP, is: /data\.pkl|\/version|byteorder/, network: EXPORT },
  {
    name: "a Core ML package (.mlpackage)",
    texts: ZIP,
    is: /com\.apple\.CoreML/,
    network: "export the network as ONNX from where it was trained",
  },
  {
    name: "a Keras model (.keras)",
    texts: ZIP,
    is: /config\.json|\.weights\.h5/,
    network: 'export it with model.export("net.onnx", format="onnx"), or convert it with tf2onnx',
  },
  { name: "a ZIP archive", texts: ZIP, network: "unpack it, or export the network as ONNX" },
  { name: "a gzip file", texts: ["\x1f\x8b"], network: "unpack it first" },
  { name: TAR, texts: ["ustar"], at: 257, network: "unpack it first" },
  {
    name: "a pickle (of Python), as old PyTorch checkpoints are",
    texts: ["\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"],
    network: EXPORT,
  },
  { name: "a TensorFlow Lite model", texts: ["TFL3"], at: 4, network: "convert it with tf2onnx --tflite" },
  { name: "an ORT model of onnxruntime", texts: ["ORTM"], at: 4, network: ORIGIN },
  { name: "a TensorRT engine", texts: ["ftrt"], network: ORIGIN },
  { name: "an RKNN model", texts: ["RKNN"], network: ORIGIN },
  {
    name: "an HDF5 file, as older Keras models are",
    texts: ["\x89HDF\r\n\x1a\n"],
    network: "convert it with tf2onnx",
  },
  { name: "a GGUF file of llama.cpp", texts: ["GGUF"], network: "language models are not run" },
  {
    name: "a safetensors file of shiftwise",
    is: /^.{6}\0\0\{.*"shiftwise"/s,
    network: "it holds a network or model of its own kind, and no ONNX",
  },
  { name: "a safetensors file", is: /^.{6}\0\0\{/s, network: `it holds weights without a network: ${EXPORT}` },
  // a version of the format, 1 to 20, in its first field
  { name: ONNX, texts: Array.from({ length: 20 }, (_, version) => `\b${String.fromCharCode(version + 1)}`) },
];

/** Bytes that tell the kind. */
const HEAD = 2048;

/** The beginning of a file as latin1, without the mark of UTF-8, which says nothing. */
export function beginningOf(bytes: Uint8Array): string {
  const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return String.fromCharCode(...bytes.subarray(isMarked ? 3 : 0, HEAD));
}

const startsWith = (head: string, texts: readonly string[], at = 0): boolean =>
  texts.some((text) => head.startsWith(text, at));

function signatureOf(bytes: Uint8Array): Signature | undefined {
  const head = beginningOf(bytes);
  return SIGNATURES.find(
    ({ texts, at, is }) => (!texts || startsWith(head, texts, at)) && (is === undefined || is.test(head)),
  );
}

/** A kind of file, and what to do with it. */
export interface FileName {
  readonly name: string;
  readonly advice?: string;
}

/**
 * Names what a file is; null where its first bytes do not tell.
 * @param wanted what should have come, for which there is advice
 */
export function kindOfFile(bytes: Uint8Array, wanted: "network" | "data"): FileName | null {
  const known = signatureOf(bytes);
  return known ? { name: known.name, advice: known[wanted] } : null;
}

/** The kind and the advice, as a part of a sentence. */
export const kindText = ({ name, advice }: FileName): string => (advice === undefined ? name : `${name}: ${advice}`);

/** The kind of picture; null where it is none that is decoded. */
export const pictureKind = (bytes: Uint8Array): PictureKind | null => signatureOf(bytes)?.picture ?? null;

/** Whether a file is a NumPy array. */
export const isArrayFile = (bytes: Uint8Array): boolean => startsWith(beginningOf(bytes), ARRAY);

/** Whether a file is a ZIP archive, as .npz files are. */
export const isZip = (bytes: Uint8Array): boolean => startsWith(beginningOf(bytes), ZIP);

/** Whether a file is a tar archive. */
export const isTar = (bytes: Uint8Array): boolean => signatureOf(bytes)?.name === TAR;

/** Whether a file begins as ONNX networks do. */
export const isOnnx = (bytes: Uint8Array): boolean => signatureOf(bytes)?.name === ONNX;
