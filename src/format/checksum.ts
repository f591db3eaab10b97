// checksum.ts: CRC-32 of a file's content, and the 64-bit FNV-1a "golden hash" of a model's outputs.
import { canonicalWord, described, isArray, ownView, ShiftwiseError } from "../base/index.js";

let filled: Uint32Array | null = null;

/** Four tables for slicing-by-4: [256 k + b] advances byte b past k more zero bytes. Filled on first use. */
function crcTables(): Uint32Array {
  if (filled) return filled;
  const tables = new Uint32Array(1024);
  for (let b = 0; b < 256; b++) {
    let c = b;
    for (let bit = 0; bit < 8; bit++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
    tables[b] = c;
  }
  for (let i = 256; i < 1024; i++) tables[i] = (tables[i - 256] >>> 8) ^ tables[tables[i - 256] & 255];
  filled = tables;
  return tables;
}

/**
 * CRC-32 (IEEE 802.3, reflected polynomial 0xedb88320, as in gzip and PNG) over several byte arrays one after the other.
 * @returns an unsigned 32-bit integer; 0 for no bytes
 */
export function crc32(...parts: readonly Uint8Array[]): number {
  const t = crcTables();
  let c = 0xffffffff;
  for (const bytes of parts) {
    const whole = bytes.length & ~3;
    let i = 0;
    for (; i < whole; i += 4) {
      c ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
      c = t[768 + (c & 255)] ^ t[512 + ((c >>> 8) & 255)] ^ t[256 + ((c >>> 16) & 255)] ^ t[c >>> 24];
    }
    for (; i < bytes.length; i++) c = t[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  }
  return ~c >>> 0;
}

/** Arrays that a model may put out or hold. */
export type HashableArray = Float32Array | Int32Array | Uint32Array | Int8Array | Uint8Array;
const HASHABLE = ["Float32Array", "Int32Array", "Uint32Array", "Int8Array", "Uint8Array"] as const;

/**
 * 64-bit FNV-1a over the bytes of the arrays in little-endian order, one array after the other. Every NaN of a Float32Array
 * counts as the bytes 00 00 c0 7f.
 * @returns 16 lower-case hexadecimal digits; equal for bit-identical outputs on every host
 * @throws BAD_DATA for arrays of other kinds, and for those that were handed over to another thread
 */
export function goldenHash(...arrays: readonly HashableArray[]): string {
  // The hash as two 32-bit words. Its prime is 2^40 + 435, so h * prime = h * 435 + (low << 40); low * 435 goes by halves.
  let high = 0xcbf29ce4 | 0;
  let low = 0x84222325 | 0;
  for (const given of arrays) {
    const array = isArray(given, ...HASHABLE) ? ownView(given) : null;
    if (!array) {
      const details = { expected: `arrays of the kinds ${HASHABLE.join(", ")}`, found: described(given) };
      throw new ShiftwiseError("BAD_DATA", "this cannot be hashed", details);
    }
    const floats = array instanceof Float32Array;
    const width = array.BYTES_PER_ELEMENT;
    const words = width === 1 ? array : new Uint32Array(array.buffer, array.byteOffset, array.length);
    for (let i = 0; i < words.length; i++) {
      let word = floats ? canonicalWord(words[i]) : words[i];
      for (let byte = 0; byte < width; byte++, word >>>= 8) {
        low ^= word & 255;
        const lower = (low & 0xffff) * 435;
        const upper = (low >>> 16) * 435 + (lower >>> 16);
        high = (Math.imul(high, 435) + (upper >>> 16) + (low << 8)) | 0;
        low = (upper << 16) | (lower & 0xffff);
      }
    }
  }
  return hex(high) + hex(low);
}

/** Eight lower-case hexadecimal digits of a 32-bit integer. */
export function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
