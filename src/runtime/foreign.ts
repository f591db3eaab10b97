// foreign.ts: the names of files that come instead of models; loaded when a file is none.
import type { ShiftwiseError } from "../base/index.js";

/** Files that come instead of models, by how they begin. */
const FOREIGN: readonly (readonly [RegExp, what: string])[] = [
  [/^\s*<(!doctype|html|\?xml|!--)/i, "a web page"],
  [/^version https:\/\/git-lfs/, "a Git LFS pointer, which git lfs pull makes the file,"],
  // the version, and the tag of the next field
  [/^[\b](?!\0)\p{Cc}(?!\0)[\p{Cc}":B]/u, "an ONNX network, which shiftwise quantize makes a model,"],
  [/^....TFL3/s, "a TensorFlow Lite model"],
  [/^PK/, "a zip archive, as PyTorch checkpoints are,"],
  [/^(\xff\xd8\xff|.PNG\r\n|GIF8|RIFF....WEBP)/s, "a picture, which is for run,"],
  [/^\s*[{[]\s*["{[\d-]/, "a JSON file"],
];

/**
 * Makes the error that names what came instead of a model.
 * @param Failure the class of errors, which is not imported: a file that the entry and a part loaded later share would be cut off
 * from the entry by bundlers
 * @returns BAD_FILE, or null for what begins as a model does or as nothing that is known
 */
export function foreignError(bytes: Uint8Array, where: string, Failure: typeof ShiftwiseError): ShiftwiseError | null {
  // the JSON header of a model, or a file that ends before it
  if (bytes.length < 9 || bytes[8] === 0x7b) return null;
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 40));
  const what = FOREIGN.find(([pattern]) => pattern.test(start))?.[1];
  if (what === undefined) return null;
  return new Failure("BAD_FILE", `${what} came instead of a model`, {
    where,
    expected: "a shiftwise model file",
    ...(/^[\s -~]*$/.test(start) && { found: start.trim().split(/\s*\n/)[0] }),
  });
}
