// pack.ts: writes a packed file: a file's header and codes, entropy-coded (packed.ts).

import { joined } from "../base/index.js";
import { type FileKind, type OpenedFile, sealFile, storeBytes } from "./container.js";
import { DIGIT_FORMS, type DigitForm, digitsIn, FREQUENCY_BITS, leastBytes, STATE_LOW, tablesIn } from "./digits.js";
import { expect } from "./fields.js";
import { createBitCoder, LETTERS_A_BYTE, LETTERS_MOST, MATCH_LEAST, type Token, tokenCoder } from "./index-text.js";
import { readHeader, type StoredTensor } from "./safetensors.js";

/** The share of the bytes, 1 / 32, that a stream has to save to be worth the time of reading it. */
const WORTH = 32;
/** Bytes by which the form of a tensor's digits is chosen. */
const SAMPLE = 65536;
/** The share of the smallest stream, 1 / 64, by which one of fewer digits may be longer: it is read in less time. */
const HASTE = 64;
/** Tensors of so many bytes or less are read in no time, whatever their form. */
const SHORT = 16384;

const KIND: FileKind = "packed";

/**
 * Packs an opened file.
 * @returns null where its header has more letters than a packed one may
 * @throws BAD_FILE for a tensor that is neither float32 nor bytes of one dimension
 */
export function packFile({ version, graph, tensors }: OpenedFile): Uint8Array | null {
  const floats: Uint8Array[] = [];
  const packed: Uint8Array[] = [];
  const list: (string | number | readonly number[])[][] = [];
  let newest = 1;
  for (const [name, { dtype, shape, bytes }] of tablesFirst(tensors)) {
    if (dtype === "F32") {
      floats.push(bytes);
      list.push([name, shape]);
      continue;
    }
    expect(dtype === "U8" && shape.length === 1, `tensor ${name}`, "F32, or U8 of one dimension", [dtype, shape]);
    const chooser = tablesOf(name);
    const stream = streamOf(bytes, tensors.get(chooser)?.bytes);
    packed.push(stream?.bytes ?? bytes);
    const place = stream?.isChosen ? [list.findIndex(([other]) => other === chooser)] : [];
    if (place.length > 0) newest = 2;
    list.push([name, bytes.length, ...(stream ? [stream.bytes.length, stream.form, ...place] : [])]);
  }
  const json = new TextEncoder().encode(JSON.stringify({ version, graph, tensors: list }));
  if (json.length > LETTERS_MOST) return null;
  const index = writeText(json);
  const all = joined(Uint8Array, floats);
  return sealFile(
    KIND,
    { index: [json.length, index.length] },
    new Map([
      ["floats", { dtype: "F32", shape: [all.length / 4], bytes: all }],
      ["packed", storeBytes(joined(Uint8Array, [index, ...packed]))],
    ]),
    newest,
  );
}

/** The name of the tensor with the tables of levels of a layer's channels; a name of no tensor for what are no codes. */
const tablesOf = (name: string): string => (name.endsWith(".codes") ? name.replace(/codes$/, "books") : "");

/** Tensors in the order of a packed file: what chooses among tables of frequencies goes before the digits. */
function tablesFirst(tensors: OpenedFile["tensors"]): [string, StoredTensor][] {
  const isChooser = ([name]: [string, StoredTensor]): boolean => name.endsWith(".books");
  const list = [...tensors];
  return [...list.filter(isChooser), ...list.filter((entry) => !isChooser(entry))];
}

/**
 * Counts the bytes of a file's header, and of the index that has most of it in a packed file.
 * @throws as readHeader
 */
export function headerSize(file: Uint8Array): number {
  const { metadata, start } = readHeader(file);
  if (metadata.kind !== KIND) return start;
  const { index } = JSON.parse(metadata.graph) as { index: [letters: number, bytes: number] };
  return start + index[1];
}

/**
 * A small stream of digits for some bytes, if one saves enough. The first bytes say which form is the best.
 * @param tables the table of levels of each channel, if channels have some: a table of frequencies each is tried, too
 */
function streamOf(
  bytes: Uint8Array,
  tables?: Uint8Array,
): { form: number; isChosen: boolean; bytes: Uint8Array } | null {
  const found = DIGIT_FORMS.flatMap((kind, form) => {
    const digits = digitsOf(bytes.subarray(0, SAMPLE), kind, bytes.length > SAMPLE);
    if (!digits) return [];
    const count = digitsIn(bytes.length, kind);
    const isFit = tables && tables.length > 0 && tables.length <= count;
    return [undefined, ...(isFit ? [tables] : [])].map((chooser) => {
      return { form, chooser, steps: count, size: sizeOf(digits, kind.base, count, chooser) };
    });
  });
  const most = Math.min(...found.map(({ size }) => size)) * (bytes.length > SHORT ? 1 + 1 / HASTE : 1);
  const small = found.filter(({ size }) => size <= most).sort((a, b) => a.steps - b.steps || a.size - b.size);
  const others = found.filter(({ size }) => size > most).sort((a, b) => a.size - b.size);
  for (const { form, chooser } of [...small, ...others]) {
    const digits = digitsOf(bytes, DIGIT_FORMS[form]);
    if (!digits) continue;
    const stream = writeDigits(digits, DIGIT_FORMS[form].base, chooser);
    const isWorth = stream.length <= bytes.length - bytes.length / WORTH;
    return isWorth ? { form, isChosen: chooser !== undefined, bytes: stream } : null;
  }
  return null;
}

/**
 * Counts the bytes that those of a tensor take in a packed file.
 * @param tables the table of levels of each channel, if they are codes of channels that have some
 */
export function packedSize(bytes: Uint8Array, tables?: Uint8Array): number {
  return streamOf(bytes, tables)?.bytes.length ?? bytes.length;
}

/** The digits in some bytes; null where the bytes hold something else as well. More bytes may follow those that are `open`. */
function digitsOf(bytes: Uint8Array, form: DigitForm, open = false): Uint8Array | null {
  const { base, per } = form;
  const digits = new Uint8Array(digitsIn(bytes.length, form));
  if (per) {
    for (const [i, byte] of bytes.entries()) {
      let rest = byte;
      for (let j = 0; j < per; j++, rest = Math.floor(rest / base)) digits[per * i + j] = rest % base;
      if (rest > 0) return null;
    }
    return digits;
  }
  const width = Math.log2(base);
  for (let i = 0; i < digits.length; i++) {
    const bit = i * width;
    const two = bytes[Math.floor(bit / 8)] | ((bytes[Math.floor(bit / 8) + 1] ?? 0) << 8);
    digits[i] = (two >> (bit % 8)) & (base - 1);
  }
  const used = digits.length * width;
  const rest =
    used % 8 === 0 || 8 * bytes.length === used ? 0 : bytes[bytes.length - 1] >> (used - 8 * (bytes.length - 1));
  return rest === 0 || open ? digits : null;
}

/**
 * Counts the bytes that digits take when each has a code by how often it comes: their entropy.
 * @param digits integers from 0 to 255
 */
export function entropyBytes(digits: Uint8Array): number {
  const bits = countsOf(digits, 256).reduce((sum, n) => (n > 0 ? sum - n * Math.log2(n / digits.length) : sum), 0);
  return bits / 8;
}

function countsOf(digits: Uint8Array, base: number): number[] {
  const counts = new Array<number>(base).fill(0);
  for (const digit of digits) counts[digit]++;
  return counts;
}

/** Frequencies with the sum 4096, none of which is 0 for a digit that comes. */
function frequenciesOf(counts: readonly number[]): number[] {
  const size = 1 << FREQUENCY_BITS;
  const all = Math.max(
    1,
    counts.reduce((sum, n) => sum + n, 0),
  );
  const frequencies = counts.map((n) => (n > 0 ? Math.max(1, Math.round((n * size) / all)) : 0));
  // the largest bears what rounding has left over
  for (;;) {
    const over = frequencies.reduce((sum, n) => sum + n, 0) - size;
    if (over === 0) return frequencies;
    const largest = frequencies.indexOf(Math.max(...frequencies));
    frequencies[largest] -= Math.min(over, frequencies[largest] - 1);
  }
}

/** The bytes of frequencies. */
const headOf = (frequencies: readonly number[]): number[] =>
  frequencies.flatMap((n) => (n > 127 ? [128 | (n >> 8), n & 255] : [n]));

/** The digits by their table of frequencies. `count` digits are cut into parts, whatever of them are given. */
function byTable(digits: Uint8Array, base: number, count: number, tables: Uint8Array): number[][] {
  const aPart = Math.floor(count / tables.length);
  const counts = Array.from({ length: tablesIn(tables) }, () => new Array<number>(base).fill(0));
  for (const [part, table] of tables.entries()) {
    const end = part === tables.length - 1 ? digits.length : (part + 1) * aPart;
    for (const digit of digits.subarray(part * aPart, end)) counts[table][digit]++;
  }
  return counts;
}

/** About the bytes of a stream of `count` digits, the first of which are given. */
function sizeOf(digits: Uint8Array, base: number, count: number, tables?: Uint8Array): number {
  const all = byTable(digits, base, count, tables ?? new Uint8Array(1));
  const times = digits.length > 0 ? count / digits.length : 1;
  const bytes = all.map((counts) => {
    const frequencies = frequenciesOf(counts);
    const bits = counts.reduce(
      (sum, n, i) => (n > 0 ? sum + n * (FREQUENCY_BITS - Math.log2(frequencies[i])) : sum),
      0,
    );
    return headOf(frequencies).length + (times * bits) / 8;
  });
  return Math.max(
    bytes.reduce((sum, n) => sum + n, 0),
    leastBytes(count, tables ? all.length : 0),
  );
}

/**
 * Writes what `readDigits` reads. The last digit goes first: the reader undoes one step after the other.
 * @param tables of each part, the number of its table of frequencies
 */
export function writeDigits(digits: Uint8Array, base: number, tables?: Uint8Array): Uint8Array {
  const tableOf = tables ?? new Uint8Array(1);
  const all = byTable(digits, base, digits.length, tableOf).map(frequenciesOf);
  const starts = all.map((frequencies) => {
    let sum = 0;
    return frequencies.map((frequency) => (sum += frequency) - frequency);
  });
  const head = all.flatMap(headOf);
  const aPart = Math.floor(digits.length / tableOf.length);
  // a digit takes at most the bits of a frequency of 1; filled from the end
  const tail = new Uint8Array(Math.ceil((digits.length * FREQUENCY_BITS) / 8) + 4);
  let from = tail.length;
  let x = STATE_LOW;
  for (let i = digits.length - 1; i >= 0; i--) {
    const table = tableOf[Math.min(tableOf.length - 1, Math.floor(i / aPart))];
    const frequency = all[table][digits[i]];
    const most = (STATE_LOW / (1 << FREQUENCY_BITS)) * 256 * frequency;
    for (; x >= most; x >>>= 8) tail[--from] = x;
    x = Math.floor(x / frequency) * (1 << FREQUENCY_BITS) + starts[table][digits[i]] + (x % frequency);
  }
  for (let shift = 24; shift >= 0; shift -= 8) tail[--from] = x >>> shift;
  const used = head.length + tail.length - from;
  const stream = new Uint8Array(Math.max(used, leastBytes(digits.length, tables ? all.length : 0)));
  stream.set(head);
  stream.set(tail.subarray(from), head.length);
  return stream;
}

/** Bits that tokens cost about, by which a text is cut into them. */
const COST = {
  letter: 5.5,
  match: (length: number, distance: number) => 9 + Math.log2(distance) + Math.log2(length),
  same: (length: number) => 3 + 1.4 * Math.log2(length),
};
/** Earlier places with the same three letters that are looked at: most, and letters at which there are as many as that. */
const CANDIDATES = { most: 256, letters: 2 ** 17 };
/** Longest match: what is longer comes in several. */
const MATCH_MOST = 1024;
/** A match of so many letters is taken as it is: no shorter one and no other is looked at. */
const MATCH_ENOUGH = 64;

/** The cheapest tokens of a text: the least cost of each of its beginnings, one letter after the other. */
function tokensOf(text: Uint8Array): Token[] {
  const cost = new Float64Array(text.length + 1).fill(Number.POSITIVE_INFINITY);
  const lengths = new Int32Array(text.length + 1);
  const distances = new Int32Array(text.length + 1);
  // the distance of the last match on the way to a place
  const lastAt = new Int32Array(text.length + 1);
  const newest = new Map<number, number>();
  const older = new Int32Array(text.length).fill(-1);
  cost[0] = 0;
  const candidates = Math.ceil(CANDIDATES.most * Math.min(1, CANDIDATES.letters / text.length));
  const offer = (at: number, length: number, distance: number, price: number): void => {
    const to = at + Math.max(1, length);
    if (cost[at] + price >= cost[to]) return;
    cost[to] = cost[at] + price;
    lengths[to] = length;
    distances[to] = distance;
    lastAt[to] = length > 0 ? distance : lastAt[at];
  };
  const common = (at: number, from: number): number => {
    const most = Math.min(MATCH_MOST, text.length - at);
    let length = 0;
    while (length < most && text[at + length] === text[from + length]) length++;
    return length;
  };
  for (let at = 0; at < text.length; at++) {
    offer(at, 0, 0, COST.letter);
    const last = lastAt[at];
    if (last > 0) {
      const n = common(at, at - last);
      for (let i = n < MATCH_ENOUGH ? 1 : n; i <= n; i++) offer(at, i, last, COST.same(i));
    }
    if (at + MATCH_LEAST > text.length) continue;
    const key = text[at] | (text[at + 1] << 8) | (text[at + 2] << 16);
    let longest = MATCH_LEAST - 1;
    for (let from = newest.get(key) ?? -1, n = 0; from >= 0 && n < candidates; from = older[from], n++) {
      if (text[from + longest] !== text[at + longest]) continue;
      const length = common(at, from);
      for (let i = length < MATCH_ENOUGH ? longest + 1 : length; i <= length; i++) {
        offer(at, i, at - from, COST.match(i, at - from));
      }
      longest = Math.max(longest, length);
      if (longest >= MATCH_ENOUGH) break;
    }
    older[at] = newest.get(key) ?? -1;
    newest.set(key, at);
  }
  const tokens: Token[] = [];
  for (let at = text.length; at > 0; at -= Math.max(1, lengths[at])) {
    tokens.push({ length: lengths[at], distance: distances[at], letter: text[at - 1] });
  }
  return tokens.reverse();
}

/** Writes what `readText` reads. */
export function writeText(text: Uint8Array): Uint8Array {
  const bytes: number[] = [];
  const { code, low } = createBitCoder(
    (_, bit) => bit,
    (byte) => bytes.push(byte),
  );
  const write = tokenCoder(code);
  let at = 0;
  for (const token of tokensOf(text)) {
    write(token, text[at - 1] ?? 0);
    at += Math.max(1, token.length);
  }
  for (let i = 24; i >= 0; i -= 8) bytes.push((low() >>> i) & 255);
  while (bytes.length * LETTERS_A_BYTE < text.length) bytes.push(0);
  return Uint8Array.from(bytes);
}
