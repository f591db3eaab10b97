// decode.ts: a model file's bytes, packed or not, to a ModelDef that is safe to run.
import { fields, openFile, parseJson } from "../format/index.js";
import { unpackFile } from "../format/packed.js";
import type { ModelDef } from "./model.js";
import { readOpened } from "./read.js";

/**
 * Reads and validates a model file (docs/format.md).
 * @param bytes the whole file, not gzip-compressed
 * @param where file name for error messages
 * @param limit most bytes that the weights may take once they are unpacked, a byte a code
 * @throws BAD_FILE, TRUNCATED, CHECKSUM for the container; BAD_GRAPH, OVERFLOW for the model in it
 */
export function decodeModel(bytes: Uint8Array, where = "", limit = Number.POSITIVE_INFINITY): ModelDef {
  const file = openFile(bytes, ["model", "packed"], where);
  return readOpened(
    file.kind === "packed" ? unpackFile(file, where, limit, parseJson, fields.expect) : file,
    where,
    limit,
  );
}
