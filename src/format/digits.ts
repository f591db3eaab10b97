// digits.ts: reads the streams of digits of packed files, by a range coder with asymmetric numeral systems.
//
// A stream of digits is a range coder with asymmetric numeral systems (Duda, arXiv:1311.2540), whose state x is in 2^23..2^31 - 1:
//
//             ┌──────────────────────────────┬─────────────────────┬──────────────────────────┐
//             │ a frequency for each digit,  │ x, 4 bytes, least   │ a byte whenever x falls  │
//             │ 1 or 2 bytes; their sum 4096 │ significant first   │ below 2^23; x ends there │
//             └──────────────────────────────┴─────────────────────┴──────────────────────────┘
//
// A stream may have several tables of frequencies, one behind the other. Then another tensor has a byte for each of the equal
// parts of the digits: the table of that part. So the channels of a layer that have different levels have different frequencies.
import type { Expect } from "./fields.js";

/** The sum of the frequencies of a stream's digits is 2^12. */
export const FREQUENCY_BITS = 12;
/** The state in which a stream begins for the writer, and ends for the reader. */
export const STATE_LOW = 2 ** 23;
/** Most digits of a stream for each of its bytes. So a short file cannot cost much. */
export const DIGITS_A_BYTE = 64;
/** Least bytes of a stream for each table of frequencies, where another tensor chooses among them. */
export const BYTES_A_TABLE = 64;

/** A layout of digits in the bytes that are packed: `per` of them in each byte, base `base`; or, where `per` is 0, each in log2(base) bits. */
export interface DigitForm {
  readonly base: number;
  readonly per: number;
}

/**
 * All forms: magnitudes of 5, 4 and 3 bits, indices of 1 to 7 bits, and the bytes of each as one digit, which are read in fewer
 * steps. A base is at most 256.
 */
export const DIGIT_FORMS: readonly DigitForm[] = [
  { base: 9, per: 2 },
  { base: 5, per: 3 },
  { base: 3, per: 5 },
  { base: 2, per: 0 },
  { base: 4, per: 0 },
  { base: 8, per: 0 },
  { base: 16, per: 0 },
  { base: 32, per: 0 },
  { base: 64, per: 0 },
  { base: 128, per: 0 },
  { base: 81, per: 1 },
  { base: 125, per: 1 },
  { base: 243, per: 1 },
  { base: 256, per: 1 },
];

/** Counts the whole digits in some bytes. */
export function digitsIn(bytes: number, { base, per }: DigitForm): number {
  return per ? bytes * per : Math.floor((8 * bytes) / Math.log2(base));
}

/** Counts the tables of frequencies that parts choose: one more than the highest of their numbers. */
export function tablesIn(parts: Uint8Array): number {
  return parts.reduce((most, table) => Math.max(most, table), 0) + 1;
}

/**
 * A stream of digits, put into bytes again.
 * @param tables of each part, the number of its table of frequencies; without it there is one of each
 */
export function readDigits(
  stream: Uint8Array,
  length: number,
  form: DigitForm,
  where: string,
  check: Expect,
  tables?: Uint8Array,
): Uint8Array {
  const { base, per } = form;
  const count = digitsIn(length, form);
  const tableOf = tables ?? new Uint8Array(1);
  // before anything is done for each part: many streams may name the same tensor
  check(!tables || tables.length <= count, where, `at most ${count} parts for ${count} digits`, tables?.length);
  const many = tablesIn(tableOf);
  const least = leastBytes(count, tables ? many : 0);
  check(stream.length >= least, where, `at least ${least} bytes for ${count} digits`, stream.length);

  // what the low bits of x say: its digit, the digit's frequency - 1, and the place among the numbers of this digit, from the highest bit on
  const size = 1 << FREQUENCY_BITS;
  const known = new Uint32Array(size * many);
  let from = 0;
  for (let table = 0; table < known.length; table += size) {
    let sum = 0;
    for (let digit = 0; digit < base; digit++) {
      let frequency = stream[from++];
      if (frequency > 127) frequency = ((frequency & 127) << 8) | stream[from++];
      check(sum + frequency <= size, where, `frequencies with the sum ${size}`, sum + frequency);
      for (let i = 0; i < frequency; i++)
        known[table + sum + i] = (digit << (2 * FREQUENCY_BITS)) | ((frequency - 1) << FREQUENCY_BITS) | i;
      sum += frequency;
    }
    check(sum === size, where, `frequencies with the sum ${size}`, sum);
  }
  let x = stream[from] | (stream[from + 1] << 8) | (stream[from + 2] << 16) | (stream[from + 3] << 24);
  check(from + 4 <= stream.length && x >= STATE_LOW, where, "a state of 4 bytes in 2^23..2^31 - 1", x);
  from += 4;

  const bytes = new Uint8Array(length);
  const width = Math.log2(base);
  const limit = base ** per;
  // digits that have come and are not in a byte yet, and the place of the next
  let held = 0;
  let next = per ? 1 : 0;
  const aPart = Math.floor(count / tableOf.length);
  for (let i = 0, out = 0, part = 0; i < count; part++) {
    const table = tableOf[part] * size;
    for (const end = part < tableOf.length - 1 ? i + aPart : count; i < end; i++) {
      const entry = known[table + (x & (size - 1))];
      x = (((entry >>> FREQUENCY_BITS) & (size - 1)) + 1) * (x >>> FREQUENCY_BITS) + (entry & (size - 1));
      while (x < STATE_LOW) x = (x << 8) | stream[from++];
      const digit = entry >>> (2 * FREQUENCY_BITS);
      if (per) {
        held += digit * next;
        next *= base;
        if (next < limit) continue;
        bytes[out++] = held;
        held = 0;
        next = 1;
      } else {
        held |= digit << next;
        next += width;
        if (next < 8 && i < count - 1) continue;
        bytes[out++] = held;
        held >>= 8;
        next -= 8;
        // the last byte may begin in the last digit
        if (i === count - 1 && next > 0) bytes[out] = held;
      }
    }
  }
  const used = Math.max(from, least);
  const isWhole = x === STATE_LOW && stream.length === used && stream.subarray(from).every((byte) => byte === 0);
  check(isWhole, where, `a stream that ends in the state 2^23 with its ${used} bytes`, [x, stream.length]);
  return bytes;
}

/**
 * The least bytes of a stream: one that is shorter is filled up with zero bytes.
 * @param tables of frequencies, among which another tensor chooses; 0 where none does
 */
export function leastBytes(digits: number, tables: number): number {
  return Math.max(Math.ceil(digits / DIGITS_A_BYTE), BYTES_A_TABLE * tables);
}
