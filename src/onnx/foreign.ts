// foreign.ts: what a file is that is no ONNX model: said by name, with what to do.
import { ShiftwiseError } from "../base/index.js";
import { beginningOf, type FileName, isOnnx, kindOfFile, kindText } from "../format/signatures.js";

/** A kind that only what was wanted tells: these bytes could be much else. */
interface Guess extends FileName {
  readonly is: (bytes: Uint8Array, text: string) => boolean;
}

const isText = (text: string): boolean => /^[\t\n\r -~]+$/.test(text.slice(0, 256));

const GUESSES: readonly Guess[] = [
  { name: "an empty file", is: (bytes) => bytes.length === 0 },
  {
    name: "a file of zeros",
    advice: "it was not written, or not downloaded, to its end",
    is: (bytes) => bytes.every((byte) => byte === 0),
  },
  {
    name: "the message of a server",
    advice: "the address led to an error instead of the file",
    is: (_, text) => isText(text) && /^[^\n]{0,80}\b(404|403|not found|access denied|forbidden)\b/i.test(text),
  },
  { name: "a JSON file", is: (_, text) => isText(text) && /^\s*(\{\s*["}]|\[\s*[[{"\d-])/.test(text) },
  { name: "a text file", is: (_, text) => isText(text) },
  {
    name: "a protobuf file of another program, such as TensorFlow (.pb) or Caffe",
    advice: "convert it with tf2onnx",
    is: (bytes, text) =>
      text.startsWith("\n") || (!isLater(bytes) && /saved_model|tensorflow|serving_default|serve/.test(text)),
  },
  {
    name: "a Core ML model (.mlmodel)",
    advice: "export the network as ONNX from where it was trained",
    is: isCoreMl,
  },
];

/** Whether a file begins as networks of ONNX do, in a later version than the first, whose beginning TensorFlow's share. */
const isLater = (bytes: Uint8Array): boolean => isOnnx(bytes) && bytes[1] > 1;

/** Whether the second field is a message, which begins with a field of its own; ONNX has the name of a program there. */
function isCoreMl(bytes: Uint8Array): boolean {
  const end = bytes.findIndex((byte, i) => i > 2 && byte < 128);
  return bytes[0] === 8 && bytes[2] === 0x12 && bytes[end + 1] === 0x0a;
}

/** Characters of a text that an error shows. */
const SHOWN = 40;

/**
 * Names what bytes are that are no model, with what to do; null where that is not known.
 * @internal
 */
export function foreignKind(bytes: Uint8Array): FileName | null {
  const known = isOnnx(bytes) ? null : kindOfFile(bytes, "network");
  const text = beginningOf(bytes);
  return known ?? GUESSES.find(({ is }) => is(bytes, text)) ?? null;
}

/**
 * The error for bytes that do not read as a model. It names what they are, where that is known.
 * @param cause why they do not read
 */
export function foreignFile(bytes: Uint8Array, where: string, cause: ShiftwiseError): ShiftwiseError {
  const kind = foreignKind(bytes);
  if (kind) {
    const text = beginningOf(bytes);
    const found = isText(text) ? { found: text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text } : {};
    return new ShiftwiseError("BAD_FILE", `not an ONNX model, but ${kindText(kind)}`, { where, ...found, cause });
  }
  // the version of the format, which most writers put first
  const begins = bytes[0] === 8 && bytes[1] >= 1 && bytes[1] <= VERSION_MAX;
  if (cause.code === "TRUNCATED" && begins) {
    const details = { where, found: `${bytes.length} bytes`, cause };
    return new ShiftwiseError("TRUNCATED", "the file is cut off: it ends before its last message does", details);
  }
  if (cause.code !== "TRUNCATED" && begins) return cause;
  const found = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const details = { where, found: `bytes that begin with ${found}`, cause };
  return new ShiftwiseError("BAD_FILE", "not an ONNX model, but a file of an unknown kind, or a damaged one", details);
}

/** No version of ONNX is as high. */
const VERSION_MAX = 30;
