// container.ts: what every shiftwise file shares: format, kind, version, checksum and a graph in JSON.

import { ShiftwiseError } from "../base/index.js";
import { crc32, hex } from "./checksum.js";
import { at, expect, record } from "./fields.js";
import {
  type Container,
  fileBytes,
  orderTensors,
  parseJson,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from "./safetensors.js";

/**
 * The kinds of file, and the newest version of each that this code reads. It reads every one from 1 on. There is no version 3,
 * which is one bit away from 1 and from 2: the checksum does not cover the version.
 */
export const FORMAT_VERSIONS = { model: 4, network: 2, checkpoint: 1, packed: 2 } as const;
export type FileKind = keyof typeof FORMAT_VERSIONS;

/** Tells from the first two bytes whether they are a gzip stream. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

export interface OpenedFile {
  readonly kind: FileKind;
  /** The version that the file was written in. */
  readonly version: number;
  /** The graph: parsed JSON that nothing has checked yet. */
  readonly graph: unknown;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * Opens a shiftwise file.
 * @param kinds those that it may be of
 * @param where file name for error messages
 * @throws BAD_OPTION for a file name that is no text; BAD_FILE, TRUNCATED; CHECKSUM when graph or data are not those that were written
 */
export function openFile(bytes: Uint8Array, kinds: readonly FileKind[], where = ""): OpenedFile {
  expect(typeof where === "string", "where", "a text", where, "BAD_OPTION");
  const place = at(where, "__metadata__");
  const file = fileBytes(bytes, where);
  if (isGzip(file)) {
    throw new ShiftwiseError("BAD_FILE", "the bytes are gzip-compressed: decompress them first", {
      where,
      expected: "a safetensors file",
    });
  }
  const { metadata, tensors, data }: Container = readSafetensors(file, where);
  const { format = "none", kind = "none" } = metadata;
  expect(format === "shiftwise", `${place}.format`, '"shiftwise"', format);
  const isWanted = (kinds as readonly string[]).includes(kind);
  expect(isWanted, `${place}.kind`, `"${kinds.join('" or "')}"`, kind);
  const version = readVersion(metadata.version, kind as FileKind, `${place}.version`);
  record(metadata, place, ["format", "kind", "version", "checksum", "graph"]);
  const graph = new TextEncoder().encode(metadata.graph);
  const sum = hex(crc32(graph, data));
  if (metadata.checksum !== sum) {
    const message = "the content is not what was written";
    throw new ShiftwiseError("CHECKSUM", message, {
      where: `${place}.checksum`,
      expected: metadata.checksum,
      found: sum,
    });
  }
  return { kind: kind as FileKind, version, graph: parseJson(graph, `${place}.graph`), tensors };
}

/** A file of a later version is refused in one line that says what to do. */
function readVersion(text: string | undefined, kind: FileKind, where: string): number {
  const newest = FORMAT_VERSIONS[kind];
  const version = /^(?!3$)[1-9]\d{0,5}$/.test(text ?? "") ? Number(text) : 0;
  if (version > newest) {
    throw new ShiftwiseError("BAD_FILE", `this ${kind} was written by a later shiftwise: update shiftwise to read it`, {
      where,
      expected: `at most "${newest}"`,
      found: text,
    });
  }
  expect(version > 0, where, `"1" to "${newest}", without "3"`, text ?? "none");
  return version;
}

/**
 * Writes a file that `openFile` opens: `graph` as JSON, the tensors, and the checksum over both.
 * @param version the lowest in which a reader finds all that the file holds
 */
export function sealFile(
  kind: FileKind,
  graph: unknown,
  tensors: ReadonlyMap<string, StoredTensor>,
  version = 1,
): Uint8Array {
  const json = JSON.stringify(graph);
  const parts = orderTensors(tensors).map(([, tensor]) => tensor.bytes);
  const checksum = hex(crc32(new TextEncoder().encode(json), ...parts));
  return writeSafetensors(tensors, { format: "shiftwise", kind, version: String(version), checksum, graph: json });
}

/** Bytes as a stored tensor of one dimension. */
export function storeBytes(bytes: Uint8Array): StoredTensor {
  return { dtype: "U8", shape: [bytes.length], bytes };
}

/** A float32 array as a stored tensor, little-endian whatever the host. */
export function storeFloats(shape: readonly number[], values: Float32Array): StoredTensor {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i], true);
  return { dtype: "F32", shape, bytes };
}

/**
 * Tensors taken by name out of an opened file, each once.
 * `done` fails if the file holds one that nobody took.
 */
export interface TensorSource {
  /** A copy of a float32 tensor of exactly this shape. */
  floats(name: string, shape: readonly number[]): Float32Array;
  /** A view of a U8 tensor; `shape` null: any one-dimensional length. */
  bytes(name: string, shape: readonly number[] | null): Uint8Array;
  /** Counts the bytes that weights take once they are unpacked, before they are. @throws OVERFLOW beyond the limit */
  unpack(bytes: number): void;
  done(): void;
}

export function tensorSource(
  tensors: ReadonlyMap<string, StoredTensor>,
  where = "",
  limit = Number.POSITIVE_INFINITY,
): TensorSource {
  const left = new Map(tensors);
  let unpacked = 0;
  const take = (name: string, dtype: string, shape: readonly number[] | null): Uint8Array => {
    const place = at(where, `tensor ${name}`);
    const tensor = left.get(name);
    expect(tensor !== undefined, place, "the tensor", "none");
    expect(tensor.dtype === dtype, `${place}.dtype`, dtype, tensor.dtype);
    const same = shape ? tensor.shape.join() === shape.join() : tensor.shape.length === 1;
    expect(same, `${place}.shape`, shape ? JSON.stringify(shape) : "one dimension", tensor.shape);
    left.delete(name);
    return tensor.bytes;
  };
  return {
    floats(name, shape) {
      const bytes = take(name, "F32", shape);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const values = new Float32Array(bytes.length / 4);
      for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
      return values;
    },
    bytes: (name, shape) => take(name, "U8", shape),
    unpack(bytes) {
      unpacked += bytes;
      const expected = `at most ${limit} bytes of unpacked weights, or a higher memoryLimit`;
      expect(unpacked <= limit, where, expected, unpacked, "OVERFLOW");
    },
    done() {
      for (const name of left.keys()) expect(false, at(where, `tensor ${name}`), "no tensor besides the graph's", name);
    },
  };
}
