// pack.ts: a ModelDef to the bytes of a model file that is packed where that makes it smaller.
import { packFile } from "../format/index.js";
import { decodeModel } from "./decode.js";
import type { ModelDef } from "./model.js";
import { modelContent, sealModel } from "./write.js";

/**
 * Writes a model file whose header and codes are entropy-coded where that makes it smaller (docs/format.md). The same model
 * gives the same bytes.
 * @throws what `encodeModel` throws
 */
export function packModel(def: ModelDef): Uint8Array {
  const content = modelContent(def);
  const plain = sealModel(content);
  const packed = packFile(content);
  const bytes = packed && packed.length < plain.length ? packed : plain;
  decodeModel(bytes);
  return bytes;
}
