// codes.ts: packing of signed magnitude digits: radix-packed magnitudes, and one sign bit for each that is not zero.
//
//   bits  magnitudes K = 2^(bits-2)  base K+1  digits a byte   bytes in use
//     5             8                    9           2          0..80
//     4             4                    5           3          0..124
//     3             2                    3           5          0..242
//     2             1                    2           8          0..255
//
// A byte holds whole digits, first digit least significant; the last byte is filled up with zero digits.
// In the sign stream bit i (least significant first) is 1 where the i-th non-zero weight is negative; the last byte is
// filled up with zero bits. Signs are noise to gzip and magnitudes are not: mixed in one deflate block they cost 5 to 13 %
// more than apart, so they are two streams, and a file has all of one kind before all of the other.
import { at, expect } from "./fields.js";

/** Bits of a code of INQ. */
export type CodeBits = 2 | 3 | 4 | 5;

/** Largest magnitude digit at this width: the number of powers of two, 2^(bits - 2). */
export function magnitudes(bits: CodeBits): number {
  return 1 << (bits - 2);
}

/** Digits that a byte of the magnitude stream holds: the most with (K + 1)^digits <= 256. */
export function digitsPerByte(bits: CodeBits): number {
  return [8, 5, 3, 2][bits - 2];
}

export interface PackedCodes {
  readonly magnitudes: Uint8Array;
  readonly signs: Uint8Array;
}

/**
 * Packs signed digits.
 * @param codes values in -K..K, K = 2^(bits - 2)
 * @throws BAD_GRAPH for a digit outside that range
 */
export function packCodes(codes: Int8Array, bits: CodeBits): PackedCodes {
  const k = magnitudes(bits);
  const per = digitsPerByte(bits);
  const packed = new Uint8Array(Math.ceil(codes.length / per));
  const signs: number[] = [];
  let nonZero = 0;
  for (let i = 0, weight = 1; i < codes.length; i++) {
    const digit = Math.abs(codes[i]);
    expect(digit <= k, `codes[${i}]`, `a digit in ${-k}..${k}`, codes[i], "BAD_GRAPH");
    weight = i % per === 0 ? 1 : weight * (k + 1);
    packed[Math.floor(i / per)] += digit * weight;
    if (digit === 0) continue;
    if (nonZero % 8 === 0) signs.push(0);
    if (codes[i] < 0) signs[nonZero >> 3] |= 1 << (nonZero & 7);
    nonZero++;
  }
  return { magnitudes: packed, signs: Uint8Array.from(signs) };
}

/**
 * Unpacks `count` signed digits, checking every byte: values in range, exact lengths, filling digits and bits zero.
 * @param where layer name for error messages
 * @throws BAD_FILE
 */
export function unpackCodes(packed: PackedCodes, count: number, bits: CodeBits, where = ""): Int8Array {
  const base = magnitudes(bits) + 1;
  const per = digitsPerByte(bits);
  const limit = base ** per;
  const bytes = packed.magnitudes;
  // Before anything is allocated: the output is at most 8 times the input.
  const length = Math.ceil(count / per);
  expect(bytes.length === length, at(where, "magnitudes"), `${length} bytes for ${count} codes`, bytes.length);

  // digits[per * b + j]: digit j of byte b. filled[b]: how many of them are not zero.
  const digits = new Int8Array(limit * per);
  const filled = new Uint8Array(256).fill(255);
  for (let b = 0; b < limit; b++) {
    filled[b] = 0;
    for (let j = 0, rest = b; j < per; j++, rest = Math.floor(rest / base)) {
      digits[per * b + j] = rest % base;
      if (rest % base) filled[b]++;
    }
  }

  let nonZero = 0;
  for (let i = 0; i < length; i++) {
    const n = filled[bytes[i]];
    if (n === 255) expect(false, at(where, `magnitudes, byte ${i}`), `a value below ${limit}`, bytes[i]);
    nonZero += n;
  }
  const signBytes = Math.ceil(nonZero / 8);
  const given = packed.signs.length;
  expect(given === signBytes, at(where, "signs"), `${signBytes} bytes for ${nonZero} signs`, given);
  const unused = nonZero % 8 ? packed.signs[signBytes - 1] >> (nonZero % 8) : 0;
  expect(unused === 0, at(where, `signs, byte ${signBytes - 1}`), "zero in unused bits", unused);

  // One byte more than the stream, so that the look ahead behind the last sign stays inside.
  const signs = new Uint8Array(signBytes + 1);
  signs.set(packed.signs);
  const codes = new Int8Array(length * per);
  for (let i = 0, s = 0; i < length; i++) {
    // most bytes of a pruned layer hold zeros alone
    for (let j = bytes[i] ? 0 : per; j < per; j++) {
      const digit = digits[bytes[i] * per + j];
      const negative = -((signs[s >> 3] >> (s & 7)) & 1);
      codes[i * per + j] = (digit ^ negative) - negative;
      s += (digit + 7) >> 3; // 0 for digit 0, 1 for 1..8
    }
  }
  for (let i = count; i < codes.length; i++) {
    expect(codes[i] === 0, at(where, `magnitudes, byte ${length - 1}`), "zero in unused digits", codes[i]);
  }
  return codes.subarray(0, count);
}
