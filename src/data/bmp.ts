// bmp.ts: Windows bitmaps to RGB pixels: 1 to 32 bits, with a palette or masks, bottom-up or top-down, not compressed.
//
// sharp reads no BMP, and the packages that do (bmp-ts, fast-bmp, decode-bmp) ignore where the pixels begin, palettes or
// negative heights.
import { ShiftwiseError } from "../base/index.js";

interface Bitmap {
  readonly width: number;
  readonly height: number;
  /** Rows stand from the top down. */
  readonly topDown: boolean;
  readonly bits: number;
  /** The offset of the pixels. */
  readonly start: number;
  /** Red, green and blue of each colour, where pixels are indices. */
  readonly palette: Uint8Array | null;
  /** Masks of red, green and blue, where pixels have 16 or 32 bits. */
  readonly masks: readonly [number, number, number];
}

const FILE_HEADER = 14;
/** The oldest header has 16-bit sizes and a palette of three bytes a colour. */
const CORE = 12;
/** Values of the field that says how pixels are packed. */
const [PLAIN, MASKS, ALPHA_MASKS] = [0, 3, 6];
const COMPRESSED: Readonly<Record<number, string>> = { 1: "RLE8", 2: "RLE4", 4: "JPEG", 5: "PNG" };

/**
 * Decodes a bitmap; transparency is left out.
 * @param most pixels that are taken.
 * @throws BAD_DATA for bytes that are none, or a size beyond `most` or beyond the bytes; UNSUPPORTED for a compressed one.
 */
export function decodeBmp(
  bytes: Uint8Array,
  most: number,
  where: string,
): { readonly width: number; readonly height: number; readonly pixels: Uint8Array } {
  const { width, height, topDown, bits, start, palette, masks } = readHeader(bytes, most, where);
  // rows are filled up to 4 bytes
  const stride = 4 * Math.ceil((width * bits) / 32);
  if (start + stride * height > bytes.length)
    throw bad(where, `${start + stride * height} bytes`, String(bytes.length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const pixels = new Uint8Array(width * height * 3);
  const channels = masks.map(channelOf);
  for (let y = 0, to = 0; y < height; y++) {
    const row = start + stride * (topDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++, to += 3) {
      if (palette) {
        const byte = bytes[row + ((x * bits) >> 3)];
        // the first pixel stands in the highest bits
        const index = (byte >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1);
        pixels.set(palette.subarray(3 * index, 3 * index + 3), to);
      } else if (bits === 24) {
        for (let c = 0; c < 3; c++) pixels[to + c] = bytes[row + 3 * x + 2 - c];
      } else {
        const value = bits === 16 ? view.getUint16(row + 2 * x, true) : view.getUint32(row + 4 * x, true);
        for (let c = 0; c < 3; c++) pixels[to + c] = channels[c](value);
      }
    }
  }
  return { width, height, pixels };
}

function readHeader(bytes: Uint8Array, most: number, where: string): Bitmap {
  if (bytes.length < FILE_HEADER + CORE) throw bad(where, "a header", `${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = view.getUint32(FILE_HEADER, true);
  const core = size === CORE;
  if (size < CORE || bytes.length < FILE_HEADER + size || (!core && size < 16))
    throw bad(where, "a header", `${size} bytes`);
  const field = (at: number): number => (at + 4 <= size ? view.getUint32(FILE_HEADER + at, true) : 0);
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const tall = core ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = core ? view.getUint16(24, true) : view.getUint16(28, true);
  const height = Math.abs(tall);
  if (width < 1 || height < 1 || width * height > most) throw bad(where, `1 to ${most} pixels`, `${width}x${height}`);
  const packing = core ? PLAIN : field(16);
  if (COMPRESSED[packing]) {
    throw new ShiftwiseError("UNSUPPORTED", "a compressed BMP", {
      where,
      expected: "one that is not compressed, or a PNG",
      found: COMPRESSED[packing],
    });
  }
  if (![1, 2, 4, 8, 16, 24, 32].includes(bits) || ![PLAIN, MASKS, ALPHA_MASKS].includes(packing)) {
    throw bad(where, "1, 4, 8, 16, 24 or 32 bits a pixel", `${bits} bits, packing ${packing}`);
  }
  const start = view.getUint32(10, true);
  // masks stand behind the header that has no room for them
  const masked = packing !== PLAIN && bits >= 16;
  const outside = masked && size === 40;
  const table = FILE_HEADER + size + (outside ? (packing === MASKS ? 12 : 16) : 0);
  return {
    width,
    height,
    topDown: tall < 0,
    bits,
    start,
    palette: bits <= 8 ? readPalette(bytes, table, start, core ? 3 : 4, 2 ** bits) : null,
    masks: masked ? readMasks(view, where) : bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff],
  };
}

/** Reads the colours that stand before the pixels; indices beyond them are black. */
function readPalette(bytes: Uint8Array, table: number, start: number, width: number, colours: number): Uint8Array {
  const palette = new Uint8Array(3 * colours);
  const end = Math.min(start, bytes.length);
  for (let i = 0; i < colours && table + (i + 1) * width <= end; i++) {
    for (let c = 0; c < 3; c++) palette[3 * i + c] = bytes[table + i * width + 2 - c];
  }
  return palette;
}

/** Reads the masks of the colours, which begin at the same place in all headers that have them. */
function readMasks(view: DataView, where: string): [number, number, number] {
  const at = FILE_HEADER + 40;
  if (view.byteLength < at + 12) throw bad(where, "three masks", "none");
  return [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
}

/** From a pixel's bits to 0..255. */
function channelOf(mask: number): (value: number) => number {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const largest = mask >>> shift;
  return (value) => Math.round((((value & mask) >>> shift) * 255) / largest);
}

function bad(where: string, expected: string, found: string): ShiftwiseError {
  return new ShiftwiseError("BAD_DATA", "damaged BMP", { where, expected, found });
}
