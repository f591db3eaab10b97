// safetensors.ts: the container: 8-byte header length, JSON header, little-endian buffers without gaps.
import { described, given, is, isArray, ownView, ShiftwiseError } from "../base/index.js";
import { at, expect, identifier, integer, type Json, list, NAME_LIMIT, oneOf, record, text, texts } from "./fields.js";

const [SPACE, QUOTE, COLON, BACKSLASH, BRACE] = [0x20, 0x22, 0x3a, 0x5c, 0x7b];

/** Bytes an element takes, by dtype. Those of the published format whose size is whole bytes. */
const SIZES = {
  U8: 1,
  I8: 1,
  BOOL: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
};
/** The element type of a stored tensor. */
export type Dtype = keyof typeof SIZES;
const DTYPES = Object.keys(SIZES) as Dtype[];

/** A header beyond this is refused before it is parsed: 16 MiB. */
export const HEADER_LIMIT = 1 << 24;

/** Most characters of a tensor's name: a name of the graph, and the longest suffix, ".gridScale". */
const TENSOR_NAME_LIMIT = NAME_LIMIT + 10;

/** A tensor of a safetensors file. */
export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The tensor's bytes, little-endian, row-major; a view of the file when it was read. */
  readonly bytes: Uint8Array;
}

/** The contents of a safetensors file. */
export interface Container {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Everything behind the header. */
  readonly data: Uint8Array;
}

/** A tensor as the header has it: where its bytes lie in the data. */
interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The contents of a file's header. */
export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  /** Sorted by place. */
  readonly entries: readonly Entry[];
  /** Bytes before the data. */
  readonly start: number;
  /** Bytes of the whole file. */
  readonly length: number;
}

/**
 * Reads a safetensors file without copying its buffers.
 * @param where file name for error messages
 * @throws TRUNCATED when bytes are missing; BAD_FILE for anything else out of order, naming the field
 */
export function readSafetensors(given: Uint8Array, where = ""): Container {
  const bytes = fileBytes(given, where);
  need(bytes, 8, at(where, "header length"));
  need(bytes, headerLength(bytes, where), at(where, "header"));
  const { metadata, entries, start, length } = readHeader(bytes, where);
  // plain views: a slice of Node's Buffer would not be a copy
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    need(bytes, start + end, at(where, `tensor ${name}.data_offsets`));
    tensors.set(name, { dtype, shape, bytes: data.subarray(begin, end) });
  }
  expect(bytes.length === length, at(where, "data"), `${length - start} bytes`, `${data.length} bytes`);
  return { metadata, tensors, data };
}

/** The bytes of a file as an array of this realm. @throws BAD_FILE for what is no bytes, or was handed over */
export function fileBytes(given: unknown, where: string): Uint8Array {
  const bytes = isArray(given, "Uint8Array") ? ownView(given) : null;
  expect(bytes !== null, where, "the bytes of a file in a Uint8Array", described(given));
  return bytes;
}

/** @throws TRUNCATED */
function need(bytes: Uint8Array, length: number, where: string): void {
  if (bytes.length >= length) return;
  const details = { where, expected: `${length} bytes`, found: `${bytes.length} bytes` };
  throw new ShiftwiseError("TRUNCATED", "the file ends too early", details);
}

/**
 * Tells where a file's data begins.
 * @param bytes its first 8, or more
 * @throws BAD_FILE
 */
export function headerLength(bytes: Uint8Array, where = ""): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 0x100000000;
  const fits = length >= 8 && length <= HEADER_LIMIT && length % 8 === 0;
  expect(fits, at(where, "header length"), `a multiple of 8 in 8..${HEADER_LIMIT}`, length);
  return 8 + length;
}

/**
 * Reads a file's header, whatever there is of its data.
 * @param bytes the first `headerLength`, or more
 * @throws BAD_FILE
 */
export function readHeader(bytes: Uint8Array, where = ""): Header {
  const start = headerLength(bytes, where);
  let end = start;
  while (bytes[end - 1] === SPACE) end--;
  const braced = bytes[8] === BRACE && bytes[end - 1] === BRACE + 2;
  expect(braced, at(where, "header"), "{ at its beginning, } and spaces at its end", [bytes[8], bytes[end - 1]]);
  const header = parseJson(bytes.subarray(8, end), at(where, "header")) as Json;

  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(header)) {
    if (key === "__metadata__") metadata = texts(value, at(where, key));
    else entries.push(readEntry(identifier(key, at(where, "tensor name"), TENSOR_NAME_LIMIT), value, where));
  }

  // Sorted by place, the spans must tile the data: no overlap, no gap. Wide elements come first.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let next = 0;
  let widest = 8;
  for (const { name, dtype, begin, end: behind } of entries) {
    const width = SIZES[dtype];
    expect(begin === next, at(where, `tensor ${name}.data_offsets`), `a begin of ${next}`, begin);
    expect(width <= widest, at(where, `tensor ${name}`), "a place before all narrower elements", `${width} bytes each`);
    next = behind;
    if (behind > begin) widest = width;
  }
  return { metadata, entries, start, length: start + next };
}

function readEntry(name: string, value: unknown, where: string): Entry {
  const place = at(where, `tensor ${name}`);
  const entry = record(value, place, ["dtype", "shape", "data_offsets"]);
  const dtype = oneOf(text(entry.dtype, `${place}.dtype`), `${place}.dtype`, DTYPES);
  const shape = list(entry.shape, `${place}.shape`, (n, p) => integer(n, p));
  const [begin, end] = list(entry.data_offsets, `${place}.data_offsets`, (n, p) => integer(n, p), 2);
  const size = shape.reduce((product, n) => product * n, SIZES[dtype]);
  expect(end - begin === size, `${place}.data_offsets`, `a span of ${size} bytes`, [begin, end]);
  return { name, dtype, shape, begin, end };
}

function checkStored(value: unknown, where: string): void {
  is.record<StoredTensor>({
    dtype: is.oneOf(...DTYPES),
    shape: is.list(is.integer(0)),
    bytes: is.bytes,
  })(value, where);
  const { dtype, shape, bytes } = value as StoredTensor;
  const size = shape.reduce((product, n) => product * n, SIZES[dtype]);
  if (bytes.length !== size) throw is.refused(`${where}.bytes`, `${size} bytes`, bytes);
}

/**
 * Writes a safetensors file. Tensors of wider elements come first, so every one is aligned to its element size,
 * and the header is padded with spaces so that the data starts on a multiple of 8.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  given({ tensors, metadata }, { tensors: is.map(checkStored), metadata: is.dictionary(is.text) });
  const header: Record<string, unknown> = { __metadata__: metadata };
  const order = orderTensors(tensors);
  let end = 0;
  for (const [name, { dtype, shape, bytes }] of order) {
    const begin = end;
    end += bytes.length;
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  expect(length <= HEADER_LIMIT, "header", `at most ${HEADER_LIMIT} bytes`, length, "OVERFLOW");
  const file = new Uint8Array(8 + length + end);
  new DataView(file.buffer).setUint32(0, length, true);
  file.fill(32, 8, 8 + length).set(json, 8);
  let position = 8 + length;
  for (const [, { bytes }] of order) {
    file.set(bytes, position);
    position += bytes.length;
  }
  return file;
}

/** The order in which `writeSafetensors` lays tensors out: by falling element size, else as given. */
export function orderTensors(tensors: ReadonlyMap<string, StoredTensor>): [string, StoredTensor][] {
  return [...tensors].sort(([, a], [, b]) => SIZES[b.dtype] - SIZES[a.dtype]);
}

/** UTF-8 JSON from bytes; any fault in it, and a key that an object has twice, is a BAD_FILE. */
export function parseJson(bytes: Uint8Array, where: string): unknown {
  let value: unknown;
  let repeated: number;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    repeated = colonsIn(bytes) - keysIn(value);
  } catch (cause) {
    throw new ShiftwiseError("BAD_FILE", "not JSON in UTF-8", { where, cause });
  }
  expect(repeated === 0, where, "every key once in its object", `${repeated} more`);
  return value;
}

/**
 * Counts the keys that JSON has: colons outside of its strings. JSON.parse keeps the last of equal keys and says
 * nothing.
 */
function colonsIn(json: Uint8Array): number {
  let count = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (byte === QUOTE) inString = !inString;
    else if (inString) i += Number(byte === BACKSLASH);
    else if (byte === COLON) count++;
  }
  return count;
}

/** Counts the keys that the objects in a parsed value have. */
function keysIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const values = Object.values(value);
  return values.reduce((sum: number, entry) => sum + keysIn(entry), Array.isArray(value) ? 0 : values.length);
}
