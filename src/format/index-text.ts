// index-text.ts: the coder of a packed file's index: matches in the text before (LZ77), and an adaptive chance for every bit.
import type { Expect } from "./fields.js";

/** Most letters for each byte, and at all. So a short file cannot cost much. */
export const LETTERS_A_BYTE = 64;
export const LETTERS_MOST = 2 ** 24;
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
