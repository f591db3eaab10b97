// npy.ts: NumPy's array files, .npy and .npz, as batches of network inputs.
import { unzipSync } from "fflate";
import { ShiftwiseError } from "../base/index.js";
import type { Shape } from "../ops/index.js";

/** An array in row-major order. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** What a .npz may unpack to. */
const LARGEST = 2 ** 31 - 1;

/**
 * Reads one array: little-endian float32 or float64, or uint8, in C order. float64 is rounded to float32.
 * @throws BAD_FILE for other bytes, UNSUPPORTED for other types and orders, TRUNCATED for fewer values than the shape says.
 */
export function readNpy(bytes: Uint8Array, where: string): NpyArray {
  const bad = (message: string, expected: string, found: unknown) =>
    new ShiftwiseError("BAD_FILE", message, { where, expected, found });
  if (MAGIC.some((byte, i) => bytes[i] !== byte))
    throw bad("not a .npy file", "\\x93NUMPY", String([...bytes.subarray(0, 6)]));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [prefix, length] =
    bytes[6] === 1 && bytes.length >= 10
      ? [10, view.getUint16(8, true)]
      : bytes.length >= 12
        ? [12, view.getUint32(8, true)]
        : [12, 0];
  const header = new TextDecoder("latin1").decode(bytes.subarray(prefix, prefix + length));
  const [, type] = /'descr':\s*'([^']{1,16})'/.exec(header) ?? [];
  const [, order] = /'fortran_order':\s*(True|False)/.exec(header) ?? [];
  const [, sizes] = /'shape':\s*\(([\d,\s]{0,200})\)/.exec(header) ?? [];
  if (type === undefined || order === undefined || sizes === undefined) {
    throw bad("unreadable .npy header", "descr, fortran_order and shape", header.slice(0, 80));
  }
  const shape = sizes
    .split(",")
    .map((size) => size.trim())
    .filter((size) => size !== "")
    .map(Number);
  const width = { "<f4": 4, "<f8": 8, "|u1": 1 }[type];
  if (width === undefined || order === "True") {
    throw new ShiftwiseError("UNSUPPORTED", "array of another kind", {
      where,
      expected: "little-endian float32 or float64, or uint8, in C order",
      found: `${type}${order === "True" ? " in Fortran order" : ""}`,
    });
  }
  const count = shape.reduce((product, size) => product * size, 1);
  const start = prefix + length;
  if (bytes.length - start !== count * width) {
    const short = bytes.length - start < count * width;
    throw new ShiftwiseError(short ? "TRUNCATED" : "BAD_FILE", "array of the wrong length", {
      where,
      expected: `${count * width} bytes for shape ${shape.join("x")}`,
      found: Math.max(bytes.length - start, 0),
    });
  }
  // a copy, since the header need not leave the values aligned; a Buffer's own slice would be a view
  const values = new Uint8Array(bytes.subarray(start)).buffer;
  if (type === "|u1") return { shape, data: new Uint8Array(values) };
  return { shape, data: type === "<f4" ? new Float32Array(values) : Float32Array.from(new Float64Array(values)) };
}

/**
 * The arrays of a .npz archive by name.
 * @throws BAD_FILE for a damaged archive or one of more than 2 GiB; as readNpy does.
 */
export function readNpz(bytes: Uint8Array, where: string): ReadonlyMap<string, NpyArray> {
  let files: Record<string, Uint8Array>;
  let total = 0;
  try {
    files = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        total += originalSize;
        if (total > LARGEST) throw new RangeError("unpacks to more than 2 GiB");
        return name.endsWith(".npy");
      },
    });
  } catch (cause) {
    throw new ShiftwiseError("BAD_FILE", "damaged .npz archive", {
      where,
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
  return new Map(Object.entries(files).map(([name, file]) => [name.slice(0, -4), readNpy(file, `${where}: ${name}`)]));
}

/**
 * An array as images of a shape: (count, channels, height, width), or with the channels last; one image may stand alone.
 * @returns values, (count, channels, height, width).
 * @throws BAD_DATA for an array of another shape.
 */
export function imagesOf<T extends Float32Array | Uint8Array>(
  data: T,
  found: readonly number[],
  [channels, height, width]: Shape,
  where: string,
): T {
  const shape = found.length === 3 ? [1, ...found] : found;
  const is = (...wanted: readonly number[]) => shape.length === 4 && wanted.every((size, i) => shape[i + 1] === size);
  if (is(channels, height, width)) return data;
  if (!is(height, width, channels)) {
    throw new ShiftwiseError("BAD_DATA", "the network does not take such an array", {
      where,
      expected: `(count, ${channels}, ${height}, ${width}) or (count, ${height}, ${width}, ${channels})`,
      found: `(${found.join(", ")})`,
    });
  }
  const planes = data.slice() as T;
  const plane = height * width;
  for (let i = 0; i < data.length; i++) {
    const n = Math.floor(i / (plane * channels));
    const at = Math.floor(i / channels) % plane;
    planes[(n * channels + (i % channels)) * plane + at] = data[i];
  }
  return planes;
}
