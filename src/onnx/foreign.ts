// foreign.ts: what a file is that is no ONNX model: said by name, with what to do.
import { ShiftwiseError } from "../base/index.js";

const KINDS: readonly (readonly [is: (bytes: Uint8Array, text: string) => boolean, what: string])[] = [
  [(bytes) => bytes.length === 0, "an empty file"],
  [(bytes) => bytes.every((byte) => byte === 0), "a file of zeros: it was not written, or not downloaded, to its end"],
  [
    (_, text) => text.startsWith("version https://git-lfs"),
    "a Git LFS pointer, which only names the file: fetch it with `git lfs pull`",
  ],
  [
    (_, text) => /^\s*(<\?xml[^>]*>\s*)?<net\s[^>]*version=/.test(text),
    "an OpenVINO model (.xml): take the ONNX file that it was made from",
  ],
  [
    (_, text) => /^\s*<(!doctype|html|head|body|\?xml|!--)/i.test(text),
    "an HTML or XML page: the address led to a page, or to an error, instead of the file",
  ],
  [
    (_, text) => text.startsWith("PK\x03\x04") && /data\.pkl|\/version|byteorder/.test(text),
    "a PyTorch checkpoint (.pt, .pth): export the network with torch.onnx.export",
  ],
  [
    (_, text) => text.startsWith("PK\x03\x04") && text.includes("com.apple.CoreML"),
    "a Core ML package (.mlpackage): export the network as ONNX from where it was trained",
  ],
  [
    (_, text) => text.startsWith("PK\x03\x04") && /config\.json|\.weights\.h5/.test(text),
    'a Keras model (.keras): export it with model.export("net.onnx", format="onnx"), or convert it with tf2onnx',
  ],
  [(_, text) => text.startsWith("PK\x03\x04"), "a zip archive (.zip, .npz): unpack it, or export the network as ONNX"],
  [
    (bytes) => bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5,
    "a Python pickle, as old PyTorch checkpoints are: export the network with torch.onnx.export",
  ],
  [(_, text) => text.slice(4, 8) === "TFL3", "a TensorFlow Lite model: convert it with tf2onnx --tflite"],
  [(_, text) => text.slice(4, 8) === "ORTM", "an ORT model of onnxruntime: take the ONNX file that it was made from"],
  [(_, text) => text.startsWith("\x89HDF\r\n"), "an HDF5 file, as older Keras models are: convert it with tf2onnx"],
  [
    (bytes, text) => isSafetensors(bytes, text) && text.includes('"shiftwise"'),
    "a safetensors file of shiftwise, with a network or model of its own",
  ],
  [
    isSafetensors,
    "a safetensors file, which holds weights without a network: export the network with torch.onnx.export",
  ],
  [(_, text) => text.startsWith("ustar", 257), "a tar archive: unpack it first"],
  [(_, text) => text.startsWith("GGUF"), "a GGUF file of llama.cpp: of language models, which are not run"],
  [(_, text) => text.startsWith("ftrt"), "a TensorRT engine: take the ONNX file that it was made from"],
  [(_, text) => text.startsWith("RKNN"), "an RKNN model: take the ONNX file that it was made from"],
  [(bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b, "a gzip file: unpack it first"],
  [(_, text) => text.startsWith("\x93NUMPY"), "a NumPy array"],
  [
    (_, text) => isText(text) && /^[^\n]{0,80}\b(404|403|not found|access denied|forbidden)\b/i.test(text),
    "the message of a server: the address led to an error instead of the file",
  ],
  [(_, text) => isText(text) && /^\s*(\{\s*["}]|\[\s*[[{"\d-])/.test(text), "a JSON file"],
  [(_, text) => isText(text), "a text file"],
  [
    (_, text) => text.startsWith("\x0a") || /saved_model|tensorflow|serving_default|serve/.test(text),
    "a protobuf file of another program, such as TensorFlow (.pb) or Caffe: convert it with tf2onnx",
  ],
  [isCoreMl, "a Core ML model (.mlmodel): export the network as ONNX from where it was trained"],
  [(_, text) => /^(\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF)/.test(text), "an image"],
];

/** Whether the second field is a message, which begins with a field of its own; ONNX has the name of a program there. */
function isCoreMl(bytes: Uint8Array): boolean {
  const end = bytes.findIndex((byte, i) => i > 2 && byte < 128);
  return bytes[0] === 8 && bytes[2] === 0x12 && bytes[end + 1] === 0x0a;
}

function isSafetensors(bytes: Uint8Array, text: string): boolean {
  return text[8] === "{" && bytes[7] === 0 && bytes[6] === 0;
}

/** Whether all of the beginning is printable ASCII. */
const isText = (text: string): boolean => /^[\t\n\r -~]+$/.test(text.slice(0, 256));
/** Characters of a text that an error shows. */
const SHOWN = 40;

/**
 * Names what bytes are that are no model, with what to do; undefined where that is not known.
 * @internal
 */
export function foreignKind(bytes: Uint8Array): string | undefined {
  const head = withoutMark(bytes);
  return kindOf(head, startOf(head));
}

// a mark of UTF-8 says nothing
const withoutMark = (bytes: Uint8Array): Uint8Array =>
  bytes.subarray(bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0);
const startOf = (head: Uint8Array): string => String.fromCharCode(...head.subarray(0, 2048));
const kindOf = (head: Uint8Array, text: string): string | undefined => KINDS.find(([is]) => is(head, text))?.[1];

/**
 * The error for bytes that do not read as a model. It names what they are, where that is known.
 * @param cause why they do not read
 */
export function foreignFile(bytes: Uint8Array, where: string, cause: ShiftwiseError): ShiftwiseError {
  const head = withoutMark(bytes);
  const text = startOf(head);
  const kind = kindOf(head, text);
  if (kind !== undefined) {
    const found = isText(text) ? { found: text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text } : {};
    return new ShiftwiseError("BAD_FILE", `not an ONNX model, but ${kind}`, { where, ...found, cause });
  }
  // the version of the format, which most writers put first
  const isOnnx = bytes[0] === 8 && bytes[1] >= 1 && bytes[1] <= VERSION_MAX;
  if (cause.code === "TRUNCATED" && isOnnx) {
    const details = { where, found: `${bytes.length} bytes`, cause };
    return new ShiftwiseError("TRUNCATED", "the file is cut off: it ends before its last message does", details);
  }
  if (cause.code !== "TRUNCATED" && isOnnx) return cause;
  const found = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const details = { where, found: `bytes that begin with ${found}`, cause };
  return new ShiftwiseError("BAD_FILE", "not an ONNX model, but a file of an unknown kind, or a damaged one", details);
}

/** No version of ONNX is as high. */
const VERSION_MAX = 30;
