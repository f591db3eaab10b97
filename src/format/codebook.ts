// codebook.ts: packing of indices into a table of levels: `width` bits each, least significant bit first.
//
//   width = ceil(log2(levels)), 1..7. Code i takes bits i * width .. (i + 1) * width - 1 of the stream; bit b is bit b % 8
//   of byte b >> 3. The bits behind the last code are zero.
import { at, expect } from "./fields.js";

/** Most levels of a codebook: a code takes at most 7 bits. */
export const LEVELS_MAX = 128;
/** Largest |level|: what the runtime's factors and product tables hold. */
export const LEVEL_MAX = 16383;

/** Bits of one code. */
export function codebookWidth(levels: number): number {
  return Math.max(1, 32 - Math.clz32(levels - 1));
}

/**
 * Packs codes.
 * @param levels how many there are; each code is below it
 * @throws BAD_GRAPH for a code that is not
 */
export function packIndices(codes: Uint8Array, levels: number): Uint8Array {
  const width = codebookWidth(levels);
  const packed = new Uint8Array(Math.ceil((codes.length * width) / 8));
  // a count of bits would leave 32 of them
  for (let i = 0, byte = 0, bit = 0; i < codes.length; i++) {
    expect(codes[i] < levels, `codes[${i}]`, `a code below ${levels}`, codes[i], "BAD_GRAPH");
    // a code reaches into at most two bytes
    const shifted = codes[i] << bit;
    packed[byte] |= shifted;
    if (shifted > 255) packed[byte + 1] |= shifted >> 8;
    bit += width;
    byte += bit >> 3;
    bit &= 7;
  }
  return packed;
}

/**
 * Unpacks `count` codes, checking every one, the exact length and that the filling bits are zero.
 * @param where layer name for error messages
 * @throws BAD_FILE
 */
export function unpackIndices(packed: Uint8Array, count: number, levels: number, where = ""): Uint8Array {
  const width = codebookWidth(levels);
  // before anything is allocated: the output is at most 8 times the input
  const length = Math.ceil((count * width) / 8);
  expect(packed.length === length, at(where, "codes"), `${length} bytes for ${count} codes`, packed.length);
  const codes = new Uint8Array(count);
  const mask = (1 << width) - 1;
  for (let i = 0, byte = 0, bit = 0; i < count; i++) {
    const code = ((packed[byte] | ((packed[byte + 1] ?? 0) << 8)) >> bit) & mask;
    if (code >= levels) expect(false, at(where, `codes[${i}]`), `a code below ${levels}`, code);
    codes[i] = code;
    bit += width;
    byte += bit >> 3;
    bit &= 7;
  }
  const used = (count * width) & 7;
  const rest = used === 0 ? 0 : packed[length - 1] >> used;
  expect(rest === 0, at(where, `codes, byte ${length - 1}`), "zero in unused bits", rest);
  return codes;
}
