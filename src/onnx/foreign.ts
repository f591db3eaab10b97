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
    (_, text) => /^\s*<(!doctype|html|head|body|\?xml|!--)/i.test(text),
    "an HTML or XML page: the address led to a page, or to an error, instead of the file",
  ],
  [
    (_, text) => text.startsWith("PK\x03\x04") && /data\.pkl|\/version|byteorder/.test(text),
    "a PyTorch checkpoint (.pt, .pth): export the network with torch.onnx.export",
  ],
  [
    (_, text) => text.startsWith("PK\x03\x04"),
    "a zip archive (.zip, .keras, .npz): unpack it, or export the network as ONNX",
  ],
  [
    (bytes) => bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5,
    "a Python pickle, as old PyTorch checkpoints are: export the network with torch.onnx.export",
  ],
  [(_, text) => text.slice(4, 8) === "TFL3", "a TensorFlow Lite model: convert it with tf2onnx --tflite"],
  [(_, text) => text.slice(4, 8) === "ORTM", "an ORT model of onnxruntime: take the ONNX file that it was made from"],
  [(_, text) => text.startsWith("\x89HDF\r\n"), "an HDF5 file, as older Keras models are: convert it with tf2onnx"],
  [
    (bytes, text) => text[8] === "{" && bytes[7] === 0 && bytes[6] === 0,
    "a safetensors file: of weights without a graph, or a network or model of shiftwise's own",
  ],
  [(bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b, "a gzip file: unpack it first"],
  [(_, text) => text.startsWith("\x93NUMPY"), "a NumPy array"],
  [(_, text) => /^\s*[{[]/.test(text), "a JSON file"],
  [
    (_, text) => text.startsWith("\x0a") || /saved_model|tensorflow|serving_default|serve/.test(text),
    "a protobuf file of another program, such as TensorFlow (.pb) or Caffe: convert it with tf2onnx",
  ],
  [(_, text) => /^(\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF)/.test(text), "an image"],
  [(_, text) => /^[\t\n\r -~]{16}/.test(text), "a text file"],
];

/**
 * The error for bytes that do not read as a model. It names what they are, where that is known.
 * @param cause why they do not read
 */
export function foreignFile(bytes: Uint8Array, where: string, cause: ShiftwiseError): ShiftwiseError {
  const text = String.fromCharCode(...bytes.subarray(0, 2048));
  const found = KINDS.find(([is]) => is(bytes, text))?.[1];
  if (found !== undefined) return new ShiftwiseError("BAD_FILE", `not an ONNX model, but ${found}`, { where, cause });
  if (cause.code !== "TRUNCATED") return cause;
  const details = { where, found: `${bytes.length} bytes`, cause };
  return new ShiftwiseError("TRUNCATED", "the file is cut off: it ends before its last message does", details);
}
