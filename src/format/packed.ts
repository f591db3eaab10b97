// packed.ts: reads a packed file: a model file whose header and codes are entropy-coded. It is loaded when a file is one.
//
// A packed file is a container of the kind "packed" with two tensors:
//
//     floats  ┌──────────────────┬──────────────────┬───
//     F32     │ 1st F32 tensor   │ 2nd F32 tensor   │ …        as in the file inside
//             └──────────────────┴──────────────────┴───
//     packed  ┌──────────────────┬──────────────────┬───
//     U8      │ index            │ 1st U8 tensor    │ …        as they are, or as a stream of digits
//             └──────────────────┴──────────────────┴───
//
// The index is JSON, coded bit by bit: version and graph of the file inside, and a list of its tensors.
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
//
// Nothing but types is imported: a file that the entry and a part loaded later share would be cut off from the entry by bundlers.
import type { OpenedFile } from "./container.js";
import type { expect, Json } from "./fields.js";
import type { parseJson, StoredTensor } from "./safetensors.js";

type Expect = typeof expect;

/** The sum of the frequencies of a stream's digits is 2^12. */
export const FREQUENCY_BITS = 12;
/** The state in which a stream begins for the writer, and ends for the reader. */
export const STATE_LOW = 2 ** 23;
/** Most digits of a stream, and letters of an index, for each of their bytes, and letters at all. So a short file cannot cost much. */
export const DIGITS_A_BYTE = 64;
export const LETTERS_A_BYTE = 64;
export const LETTERS_MOST = 2 ** 24;
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
 * Opens the model file that a packed one holds.
 * @param packed the packed file, opened
 * @param limit most bytes that its tensors may take
 * @param parse `parseJson`, and `check` is `expect`
 * @throws BAD_FILE; OVERFLOW beyond the limit
 */
export function unpackFile(
  { version: coding, graph, tensors }: OpenedFile,
  where: string,
  limit: number,
  parse: typeof parseJson,
  check: Expect,
): OpenedFile {
  const at = (place: string): string => (where ? `${where}: ${place}` : place);
  const [floats, packed] = PARTS.map(([name, dtype]) => partOf(tensors.get(name), dtype, at(`tensor ${name}`), check));
  check(tensors.size === PARTS.length, at("tensors"), "floats and packed", [...tensors.keys()]);

  const place = at("index");
  const { index: sizes, ...others } = Object(graph) as Json;
  const [letters, size] = integers(sizes, 2, place, check);
  check(Object.keys(others).length === 0, at("graph"), "the field index and no other", graph);
  const most = Math.min(size * LETTERS_A_BYTE, LETTERS_MOST);
  check(letters <= most, place, `at most ${LETTERS_A_BYTE} letters a byte, and ${LETTERS_MOST}`, [letters, size]);
  const text = readText(packed.take(size), letters, place, check);
  const index = parse(text, place) as Json;
  const isIndex =
    text[0] === BRACE &&
    Object.keys(Object(index)).sort().join() === "graph,tensors,version" &&
    Array.isArray(index.tensors);
  check(isIndex, place, "graph, tensors and version", index);
  const version = index.version as number;
  check([1, 2, 4].includes(version), `${place}.version`, "1, 2 or 4", version);

  const list: [string, StoredTensor][] = [];
  let room = 0;
  for (const [i, entry] of (index.tensors as unknown[]).entries()) {
    const p = `${place}.tensors[${i}]`;
    const [name, extent, ...coded] = Array.isArray(entry) ? entry : [];
    check(typeof name === "string", p, "a name", entry);
    const isFloat = Array.isArray(extent);
    const shape = integers(isFloat ? extent : [extent], isFloat ? extent.length : 1, p, check);
    const length = shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, isFloat ? 4 : 1);
    room += length;
    check(room <= limit, where, `at most ${limit} bytes of tensors, or a higher memoryLimit`, room, "OVERFLOW");
    check(!isFloat || coded.length === 0, p, "a name and a shape", entry);
    if (coded.length === 0) {
      list.push([name, { dtype: isFloat ? "F32" : "U8", shape, bytes: (isFloat ? floats : packed).take(length) }]);
      continue;
    }
    const [bytes, form, chooser] = integers(coded, coding > 1 && coded.length > 2 ? 3 : 2, p, check);
    check(form < DIGIT_FORMS.length, p, `a form below ${DIGIT_FORMS.length}`, form);
    const tables = chooser === undefined ? undefined : list[chooser]?.[1];
    const isChosen = chooser === undefined || (tables?.dtype === "U8" && tables.bytes.length > 0);
    check(isChosen, p, "the place of an earlier U8 tensor that is not empty", chooser);
    const stream = packed.take(bytes);
    const digits = readDigits(stream, length, DIGIT_FORMS[form], at(`tensor ${name}`), check, tables?.bytes);
    list.push([name, { dtype: "U8", shape, bytes: digits }]);
  }
  const inside = new Map(list);
  check(inside.size === list.length, `${place}.tensors`, "names that differ", [...inside.keys()]);
  floats.end();
  packed.end();
  return { kind: "model", version, graph: index.graph, tensors: inside };
}

/** The code of {. */
const BRACE = 0x7b;

/** The tensors of a packed file. */
const PARTS = [
  ["floats", "F32"],
  ["packed", "U8"],
] as const;

/** A list of so many integers from 0 on. */
function integers(value: unknown, length: number, where: string, check: Expect): number[] {
  const isList = Array.isArray(value) && value.length === length;
  const isOk = isList && value.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 31 && !Object.is(n, -0));
  check(isOk, where, `${length} integers in 0..${2 ** 31 - 1}`, value);
  return value;
}

/** A tensor that is taken piece by piece. */
function partOf(
  tensor: StoredTensor | undefined,
  dtype: string,
  where: string,
  check: Expect,
): { take(length: number): Uint8Array; end(): void } {
  check(tensor !== undefined, where, "the tensor", "none");
  const { bytes, shape } = tensor;
  check(tensor.dtype === dtype && shape.length === 1, where, `${dtype} of one dimension`, [tensor.dtype, shape]);
  let from = 0;
  return {
    take(length) {
      check(length <= bytes.length - from, where, `${length} bytes more from ${from} on`, bytes.length - from);
      from += length;
      return bytes.subarray(from - length, from);
    },
    end: () => check(from === bytes.length, where, `${from} bytes`, bytes.length),
  };
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

/** Bits of a literal's context: the upper ones of the letter before it. */
const CONTEXT_BITS = 2;
/** Shortest match that is not at the distance of the one before. */
export const MATCH_LEAST = 3;
/** A number has this many bits at most: headers have up to 2^24 bytes. */
const NUMBER_BITS = 25;
/** Chances of a number: of the bits that it has, and for each such length of its bits behind those above them. */
const NUMBER_SLOTS = 32 + NUMBER_BITS * 64;

/** The place where the chances of each kind of bit begin. */
const SLOTS = {
  isMatch: 0,
  isSameDistance: 2,
  literal: 4,
  length: 4 + (256 << CONTEXT_BITS),
  distance: 4 + (256 << CONTEXT_BITS) + 2 * NUMBER_SLOTS,
  end: 4 + (256 << CONTEXT_BITS) + 4 * NUMBER_SLOTS,
};

/** Reads a bit, or writes the one given: whoever codes calls the same functions in both directions. */
type CodeBit = (slot: number, bit: number) => number;

/**
 * A coder of bits: each cuts low..high where the chance of a 1 is, and that chance then follows the bit.
 * All numbers come of +, −, × and /, which every engine rounds alike.
 * @param decide the bit, from the last number that stands for a 1, and the bit given
 * @param shift takes the upper byte, which low and high have in common
 */
export function createBitCoder(
  decide: (middle: number, bit: number) => number,
  shift: (byte: number) => void,
): { code: CodeBit; low: () => number } {
  const chances = new Float64Array(SLOTS.end).fill(0.5);
  const seen = new Uint8Array(SLOTS.end);
  let low = 0;
  let high = 2 ** 32 - 1;
  return {
    low: () => low,
    code(slot, given) {
      const chance = chances[slot];
      const middle = low + Math.floor((high - low) * chance);
      const bit = decide(middle, given);
      if (bit) high = middle;
      else low = middle + 1;
      chances[slot] = Math.min(0.999, Math.max(0.001, chance + (bit - chance) / (seen[slot] + 2)));
      if (seen[slot] < 30) seen[slot]++;
      while (((low ^ high) & 0xff000000) === 0) {
        shift(high >>> 24);
        low = (low << 8) >>> 0;
        high = ((high << 8) | 255) >>> 0;
      }
      return bit;
    },
  };
}

/** `width` bits, from the highest on, each in the context of those before it. */
function codeTree(code: CodeBit, base: number, width: number, value: number): number {
  let node = 1;
  for (let i = width - 1; i >= 0; i--) node = 2 * node + code(base + node, (value >> i) & 1);
  return node - (1 << width);
}

/** A number from 1 on: how many bits follow its highest, then these. */
function codeNumber(code: CodeBit, base: number, value: number): number {
  const width = codeTree(code, base, 5, 31 - Math.clz32(value));
  let number = 1;
  for (let i = width - 1; i >= 0; i--) {
    const context = number < 32 ? number : 32 + i;
    number = 2 * number + code(base + 32 + Math.min(width, NUMBER_BITS - 1) * 64 + context, (value >> i) & 1);
  }
  return number;
}

/** A letter, or letters that stood `distance` before (LZ77). */
export interface Token {
  /** 0: a letter. */
  readonly length: number;
  readonly distance: number;
  readonly letter: number;
}

/**
 * Codes the tokens of a text in turn.
 * @returns codes the next one; `before` is the letter before it
 */
export function tokenCoder(code: CodeBit): (token: Token, before: number) => Token {
  let wasMatch = 0;
  let last = 0;
  return ({ length, distance, letter }, before) => {
    const isMatch = code(SLOTS.isMatch + wasMatch, length > 0 ? 1 : 0);
    if (!isMatch) {
      wasMatch = 0;
      const base = SLOTS.literal + ((before >> (8 - CONTEXT_BITS)) << 8);
      return { length: 0, distance: 0, letter: codeTree(code, base, 8, letter) };
    }
    const isSame = code(SLOTS.isSameDistance + wasMatch, distance === last ? 1 : 0);
    wasMatch = 1;
    const many = codeNumber(code, SLOTS.length + isSame * NUMBER_SLOTS, length);
    const isLong = many > MATCH_LEAST ? 1 : 0;
    if (!isSame) last = codeNumber(code, SLOTS.distance + isLong * NUMBER_SLOTS, distance);
    return { length: many, distance: last, letter: 0 };
  };
}

const ANY: Token = { length: 0, distance: 0, letter: 0 };

/** A text of `length` bytes, token by token. Zero bytes fill the coded ones up to one for 64 letters. */
export function readText(bytes: Uint8Array, length: number, where: string, check: Expect): Uint8Array {
  let x = 0;
  let from = 0;
  const next = (): void => {
    x = ((x << 8) | (bytes[from++] ?? 0)) >>> 0;
  };
  for (let i = 0; i < 4; i++) next();
  const { code } = createBitCoder((middle) => (x <= middle ? 1 : 0), next);
  const nextToken = tokenCoder(code);
  const text = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const token = nextToken(ANY, text[at - 1] ?? 0);
    if (token.length === 0) {
      text[at++] = token.letter;
      continue;
    }
    const fits = token.distance >= 1 && token.distance <= at && token.length <= length - at;
    check(fits, where, `a distance in 1..${at} and a length in 1..${length - at}`, [token.distance, token.length]);
    for (const end = at + token.length; at < end; at++) text[at] = text[at - token.distance];
  }
  const used = Math.max(from, Math.ceil(length / LETTERS_A_BYTE));
  const isWhole = bytes.length === used && bytes.subarray(from).every((byte) => byte === 0);
  check(isWhole, where, `${used} bytes`, bytes.length);
  return text;
}
