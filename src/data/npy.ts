// npy.ts: NumPy's array files, .npy and .npz: numbers of every type and order to rows of float32 or bytes.
import { given, is, ShiftwiseError } from "../base/index.js";
import { allocate } from "./bytes.js";
import { unzip } from "./zip.js";

/** An array in row-major order. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** NumPy's name of the numbers in the file, such as "int64". */
  readonly type: string;
  /** Bytes where the type is uint8, else the numbers rounded to float32. */
  readonly data: Float32Array | Uint8Array;
}

interface NumberType {
  readonly name: string;
  readonly width: number;
  read(view: DataView, at: number, little: boolean): number;
}

/** Types of numbers by the letter and digits of NumPy's type strings. */
const TYPES: Readonly<Record<string, NumberType>> = {
  f2: { name: "float16", width: 2, read: (view, at, little) => halfToFloat(view.getUint16(at, little)) },
  f4: { name: "float32", width: 4, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { name: "float64", width: 8, read: (view, at, little) => view.getFloat64(at, little) },
  i1: { name: "int8", width: 1, read: (view, at) => view.getInt8(at) },
  i2: { name: "int16", width: 2, read: (view, at, little) => view.getInt16(at, little) },
  i4: { name: "int32", width: 4, read: (view, at, little) => view.getInt32(at, little) },
  i8: { name: "int64", width: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  u1: { name: "uint8", width: 1, read: (view, at) => view.getUint8(at) },
  u2: { name: "uint16", width: 2, read: (view, at, little) => view.getUint16(at, little) },
  u4: { name: "uint32", width: 4, read: (view, at, little) => view.getUint32(at, little) },
  u8: { name: "uint64", width: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  b1: { name: "bool", width: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
};

interface Header {
  readonly type: NumberType;
  readonly little: boolean;
  /** The first axis runs fastest. */
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** The offset of the numbers. */
  readonly start: number;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy itself reads headers of up to 10,000 bytes unless it is asked to trust them. */
const LONGEST_HEADER = 2 ** 16;

/**
 * Reads one array: float16 to float64, int8 to int64, uint8 to uint64 or bool, little- or big-endian, in C or Fortran order.
 * @throws BAD_FILE for other bytes, UNSUPPORTED for other types, TRUNCATED for fewer values than the shape says, OVERFLOW for
 *   more than memory takes.
 */
export function readNpy(bytes: Uint8Array, where: string): NpyArray {
  given({ bytes, where }, { bytes: is.bytes, where: is.text });
  const { type, little, fortran, shape, start } = readHeader(bytes, where);
  const count = shape.reduce((product, size) => product * size, 1);
  const found = bytes.length - start;
  if (found !== count * type.width) {
    throw new ShiftwiseError(found < count * type.width ? "TRUNCATED" : "BAD_FILE", "array of the wrong length", {
      where,
      expected: `${count * type.width} bytes for shape ${shape.join("x")} of ${type.name}`,
      found: `${Math.max(found, 0)} bytes`,
    });
  }
  const kind = type.name === "uint8" ? Uint8Array : Float32Array;
  const data = allocate<Uint8Array | Float32Array>(kind, count, "array", where);
  const swaps = type.width > 1 && !little;
  if (kind === Uint8Array || (type.name === "float32" && !swaps)) {
    new Uint8Array(data.buffer).set(bytes.subarray(start));
  } else {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start);
    for (let i = 0; i < count; i++) data[i] = type.read(view, i * type.width, little);
  }
  return { shape, type: type.name, data: fortran ? rowMajor(data, shape) : data };
}

function readHeader(bytes: Uint8Array, where: string): Header {
  const bad = (message: string, expected: string, found: string) =>
    new ShiftwiseError("BAD_FILE", message, { where, expected, found });
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw bad("not a .npy file", "\\x93NUMPY at its beginning", `bytes ${[...bytes.subarray(0, 6)].join(" ")}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const prefix = bytes[6] === 1 ? 10 : 12;
  if (bytes[6] < 1 || bytes[6] > 3) throw bad("unknown version of .npy", "1, 2 or 3", String(bytes[6]));
  const length = bytes.length < prefix ? 0 : bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > LONGEST_HEADER) throw bad("unreadable .npy header", `at most ${LONGEST_HEADER} bytes`, String(length));
  if (bytes.length < prefix + length) {
    throw new ShiftwiseError("TRUNCATED", "the file is cut within its header", {
      where,
      expected: `${prefix + length} bytes of header`,
      found: `${bytes.length} bytes`,
    });
  }
  const header = new TextDecoder("latin1").decode(bytes.subarray(prefix, prefix + length));
  const [, descr] = /'descr':\s*('[^']{1,40}'|\[)/.exec(header) ?? [];
  const [, order] = /'fortran_order':\s*(True|False)/.exec(header) ?? [];
  // Python 2 writes 3L
  const [, sizes] = /'shape':\s*\(([\dL,\s]{0,400})\)/.exec(header) ?? [];
  if (descr === undefined || order === undefined || sizes === undefined) {
    throw bad("unreadable .npy header", "descr, fortran_order and shape", header.slice(0, 80));
  }
  const [, endian, key] = /^'([<>|=]?)(\w+)'$/.exec(descr) ?? [];
  const type = Object.hasOwn(TYPES, key ?? "") ? TYPES[key] : undefined;
  if (type === undefined) {
    throw new ShiftwiseError("UNSUPPORTED", "array of another kind", {
      where,
      expected: "float16 to float64, int8 to int64, uint8 to uint64 or bool: save it with .astype(np.float32)",
      found: descr === "[" ? "records of several fields" : descr,
    });
  }
  const shape = sizes.split(",").flatMap((size) => (size.trim() === "" ? [] : [Number.parseInt(size, 10)]));
  return { type, little: endian !== ">", fortran: order === "True", shape, start: prefix + length };
}

/** From the order in which the first axis runs fastest. */
function rowMajor<T extends Float32Array | Uint8Array>(data: T, shape: readonly number[]): T {
  const result = data.slice() as T;
  const steps = shape.map((_, axis) => shape.slice(0, axis).reduce((product, size) => product * size, 1));
  const index = shape.map(() => 0);
  for (let i = 0, at = 0; i < data.length; i++) {
    result[i] = data[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += steps[axis];
      if (++index[axis] < shape[axis]) break;
      at -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * The arrays of a .npz archive by name, in the order of the archive.
 * @throws BAD_FILE for a damaged archive or one that holds far more than its bytes; as readNpy does.
 */
export function readNpz(bytes: Uint8Array, where: string): ReadonlyMap<string, NpyArray> {
  given({ bytes, where }, { bytes: is.bytes, where: is.text });
  const files = unzip(bytes, (name) => name.endsWith(".npy"), where);
  return new Map([...files].map(([name, file]) => [name.slice(0, -4), readNpy(file, `${where}: ${name}`)]));
}
