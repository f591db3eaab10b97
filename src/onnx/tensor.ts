// tensor.ts: ONNX tensors: element types, their bytes, and a value of any shape in memory.

import { ShiftwiseError } from "../base/index.js";
import { fields } from "../format/index.js";
import { elements } from "../ops/index.js";
import type { Messages } from "./schema.js";

/** Element types by the number that TensorProto.DataType gives them; others are refused. */
const TYPES = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16",
  21: "uint4",
  22: "int4",
} as const;
/** The type of the elements of an ONNX tensor. */
export type ElementType = (typeof TYPES)[keyof typeof TYPES];
export const ELEMENT_TYPES: readonly ElementType[] = Object.values(TYPES);

const BYTES: Readonly<Record<ElementType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  uint32: 4,
  uint64: 8,
  bfloat16: 2,
  uint4: 0.5,
  int4: 0.5,
};

/**
 * An array of an ONNX graph. float32 and narrower floats are held in a Float32Array, everything else in a Float64Array,
 * which is exact for integers up to 2^53.
 */
export interface Value {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** The largest float32. */
export const FLOAT32_MAX = 3.4028234663852886e38;

/** Most axes of a value: numpy has no more. */
const RANK_MAX = 64;
/** Most places of the other axes where one has length 0: walking along them must not take long for nothing. */
const EMPTY_MAX = 2 ** 20;
/** Most elements of a tensor of the network: half a gigabyte of float32. */
const SIZE_MAX = 2 ** 27;
/** Elements that a value made by evaluation may have: 256 MB of float32. */
const ELEMENTS_MAX = 2 ** 26;

export function isFloatType(type: ElementType): boolean {
  return type === "float32" || type === "float64" || type === "float16" || type === "bfloat16";
}

/** @throws UNSUPPORTED for a type that is not known here; BAD_FILE for no type at all */
export function elementType(number: number | undefined, where: string): ElementType {
  fields.expect(number !== undefined && number !== 0, where, "an element type", number ?? "none");
  const type = TYPES[number as keyof typeof TYPES];
  if (type === undefined) {
    throw new ShiftwiseError("UNSUPPORTED", "element type", { where, found: `TensorProto.DataType ${number}` });
  }
  return type;
}

/** @throws OVERFLOW for more axes than anything has */
export function checkRank(rank: number, where: string): void {
  if (rank <= RANK_MAX) return;
  const details = { where, expected: `at most ${RANK_MAX}`, found: rank };
  throw new ShiftwiseError("OVERFLOW", "too many dimensions", details);
}

/** @throws OVERFLOW for a tensor larger than one of a network may be */
export function checkSize(dims: readonly number[], where: string): void {
  if (elements(dims) <= SIZE_MAX) return;
  const details = { where, expected: `at most ${SIZE_MAX} elements`, found: dims.join("x") };
  throw new ShiftwiseError("OVERFLOW", "a tensor is too large", details);
}

/**
 * The number of elements of these dimensions.
 * @throws BAD_FILE for a negative or fractional one; OVERFLOW above 2^31 - 1, or for more dimensions than anything has
 */
export function countElements(dims: readonly number[], where: string): number {
  checkRank(dims.length, where);
  let count = 1;
  let others = 1;
  for (const [i, n] of dims.entries()) {
    fields.expect(Number.isInteger(n) && n >= 0, `${where}.dims[${i}]`, "an integer >= 0", n);
    count *= n;
    others *= n || 1;
  }
  const most = count === 0 ? EMPTY_MAX : 0x7fffffff;
  if (others > most) {
    const expected = count === 0 ? `other axes of at most ${most} beside one of 0` : `at most ${most} elements`;
    throw new ShiftwiseError("OVERFLOW", "a tensor is too large", { where, expected, found: dims.join("x") });
  }
  return count;
}

/** A value of zeros. @throws OVERFLOW above 2^26 elements: only an attack or a mistake asks for more */
export function createValue(type: ElementType, dims: readonly number[], where = "value"): Value {
  const count = countElements(dims, where);
  if (count > ELEMENTS_MAX) {
    const expected = `at most ${ELEMENTS_MAX} elements`;
    throw new ShiftwiseError("OVERFLOW", "a tensor is too large", { where, expected, found: dims.join("x") });
  }
  const data = isFloatType(type) && type !== "float64" ? new Float32Array(count) : new Float64Array(count);
  return { type, dims, data };
}

/** A value holding these numbers, converted to the type as Cast converts. */
export function toValue(type: ElementType, dims: readonly number[], numbers: ArrayLike<number>): Value {
  const value = createValue(type, dims);
  for (let i = 0; i < value.data.length; i++) value.data[i] = castNumber(numbers[i], type);
  return value;
}

/** int64 numbers in one dimension, as shapes are. */
export function integers(numbers: readonly number[]): Value {
  return toValue("int64", [numbers.length], numbers);
}

const INTEGER_BITS: { readonly [type in ElementType]?: readonly [bits: number, signed: boolean] } = {
  uint8: [8, false],
  int8: [8, true],
  uint4: [4, false],
  int4: [4, true],
  uint16: [16, false],
  int16: [16, true],
  uint32: [32, false],
  int32: [32, true],
};

/** One number as ONNX's Cast makes it: floats rounded to nearest even, integers cut towards zero and wrapped. */
export function castNumber(x: number, type: ElementType): number {
  if (type === "float64") return x;
  if (type === "float32") return Math.fround(x);
  if (type === "float16") return roundFloat(x, 11, -24, 65504);
  if (type === "bfloat16") return roundFloat(Math.fround(x), 8, -133, 3.3895313892515355e38);
  if (type === "bool") return x === 0 ? 0 : 1;
  const whole = Math.trunc(x) + 0;
  const width = INTEGER_BITS[type];
  if (!width) return Number.isNaN(whole) ? 0 : whole;
  const [bits, signed] = width;
  const size = 2 ** bits;
  const wrapped = ((whole % size) + size) % size || 0;
  return signed && wrapped >= size / 2 ? wrapped - size : wrapped;
}

/** Rounds to `digits` significant bits and no bit below 2^least, half to even; the result is infinite beyond `largest`. */
function roundFloat(x: number, digits: number, least: number, largest: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const exponent = Math.floor(Math.log2(Math.abs(x)));
  const unit = 2 ** Math.max(exponent - digits + 1, least);
  const steps = x / unit;
  const low = Math.floor(steps);
  const up = steps - low > 0.5 || (steps - low === 0.5 && low % 2 !== 0);
  const rounded = (up ? low + 1 : low) * unit;
  return Math.abs(rounded) > largest ? Math.sign(x) * Infinity : rounded;
}

/** The bytes of a tensor that lies in a file of its own. */
export type ExternalData = (location: string, offset: number, length: number | null, where: string) => Uint8Array;

/**
 * The value of a TensorProto. Its length is compared with its shape before anything is allocated.
 * @param external reads data that lies in other files; null where there are none
 * @throws BAD_FILE for a length that is not the shape's; UNSUPPORTED; OVERFLOW
 */
export function readTensor(tensor: Messages["TensorProto"], external: ExternalData | null, where: string): Value {
  const type = elementType(tensor.dataType, `${where}.data_type`);
  const { dims } = tensor;
  const count = countElements(dims, where);
  const bytes = Math.ceil(count * BYTES[type]);
  const raw = tensor.dataLocation === 1 ? readExternal(tensor, bytes, external, where) : tensor.rawData;
  if (raw !== undefined) {
    fields.expect(raw.length === bytes, `${where}.raw_data`, `${bytes} bytes`, raw.length);
    return { type, dims, data: readBytes(type, raw, count) };
  }
  const [field, list] = typedData(tensor, type);
  const packed = BYTES[type] < 1;
  const entries = packed ? bytes : count;
  fields.expect(list.length === entries, `${where}.${field}`, `${entries} values`, list.length);
  if (packed) return { type, dims, data: readBytes(type, Uint8Array.from(list), count) };
  const value = createValue(type, dims, where);
  const half = type === "float16" || type === "bfloat16";
  for (let i = 0; i < count; i++) value.data[i] = half ? floatOfBits(type, list[i]) : castNumber(list[i], type);
  return value;
}

function readExternal(
  { externalData }: Messages["TensorProto"],
  bytes: number,
  external: ExternalData | null,
  where: string,
): Uint8Array {
  const entries = new Map(externalData.map(({ key, value }) => [key, value ?? ""]));
  const location = entries.get("location");
  fields.expect(location !== undefined, `${where}.external_data`, 'an entry "location"', "none");
  if (!external) {
    throw new ShiftwiseError("UNSUPPORTED", "data outside the model: import it as a file, or give `external`", {
      where,
      found: location,
    });
  }
  const integer = (key: string): number | null => {
    const text = entries.get(key);
    if (text === undefined) return null;
    fields.expect(/^\d{1,15}$/.test(text), `${where}.external_data.${key}`, "an integer >= 0", text);
    return Number(text);
  };
  const length = integer("length");
  fields.expect(length === null || length === bytes, `${where}.external_data.length`, `${bytes} bytes`, length);
  return external(location, integer("offset") ?? 0, bytes, where);
}

function typedData(tensor: Messages["TensorProto"], type: ElementType): [string, readonly number[]] {
  if (type === "float32") return ["float_data", tensor.floatData];
  if (type === "float64") return ["double_data", tensor.doubleData];
  if (type === "int64") return ["int64_data", tensor.int64Data];
  if (type === "uint32" || type === "uint64") return ["uint64_data", tensor.uint64Data];
  return ["int32_data", tensor.int32Data];
}

/** Whether this host has numbers in memory as files have them; all that run WebAssembly fast do. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Little-endian elements to numbers. */
function readBytes(type: ElementType, bytes: Uint8Array, count: number): Float32Array | Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const make = (read: (at: number) => number): Float64Array => Float64Array.from({ length: count }, (_, i) => read(i));
  switch (type) {
    case "float32": {
      const data = new Float32Array(count);
      if (LITTLE_ENDIAN) new Uint8Array(data.buffer).set(bytes);
      else for (let i = 0; i < count; i++) data[i] = view.getFloat32(4 * i, true);
      return data;
    }
    case "float16":
    case "bfloat16":
      return Float32Array.from({ length: count }, (_, i) => floatOfBits(type, view.getUint16(2 * i, true)));
    case "float64":
      return make((i) => view.getFloat64(8 * i, true));
    case "uint8":
      return make((i) => bytes[i]);
    case "uint4":
      return make((i) => (bytes[i >> 1] >> (4 * (i & 1))) & 15);
    case "int4":
      return make((i) => ((bytes[i >> 1] >> (4 * (i & 1))) << 28) >> 28);
    case "int8":
      return make((i) => view.getInt8(i));
    case "bool":
      return make((i) => (bytes[i] ? 1 : 0));
    case "uint16":
      return make((i) => view.getUint16(2 * i, true));
    case "int16":
      return make((i) => view.getInt16(2 * i, true));
    case "uint32":
      return make((i) => view.getUint32(4 * i, true));
    case "int32":
      return make((i) => view.getInt32(4 * i, true));
    case "int64":
      return make((i) => view.getInt32(8 * i + 4, true) * 2 ** 32 + view.getUint32(8 * i, true));
    case "uint64":
      return make((i) => view.getUint32(8 * i + 4, true) * 2 ** 32 + view.getUint32(8 * i, true));
  }
}

const word = new DataView(new ArrayBuffer(4));

function floatOfBits(type: "float16" | "bfloat16", bits: number): number {
  if (type === "bfloat16") {
    word.setUint32(0, bits << 16);
    return word.getFloat32(0);
  }
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
