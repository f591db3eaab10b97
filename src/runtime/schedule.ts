// schedule.ts: turns the codes of a layer into the word streams that the bucket-sum kernels walk (assembly/runtime/shared/buckets.ts).

import { ShiftwiseError } from "../base/index.js";
import { DOUBLE, END, PARK, PART_BYTES, RAISED, SHORT } from "./layout.js";
import { type IntegerWeights, levelsOf } from "./levels.js";

/** Largest magnitude sum a signed 16-bit lane holds, and the most that its values can be apart. */
const LANE_MAX = 32767;
const LANE_SPAN = 65535;
/** Row indices are u16. */
const DEPTH_MAX = 65536;
/** Most exponents of a level, and most doublings between two buckets: levels stay below 2^14. */
const EXPONENTS_MAX = 15;
/** Parts that end_bytes joins (assembly/runtime/shared/short-epilogue.ts), and the words that it reads. */
const SHORT_PARTS = 2;
const SHORT_WORDS = 12;
/** About what a row, the end of a list of rows and a part take, in nanoseconds, as a segment takes 1. */
const ROW_TIME = 1.1;
const LIST_TIME = 6;
const PART_TIME = 8;

export interface Schedule {
  readonly stream: Uint16Array;
  /** Byte offset of every output channel's stream. */
  readonly starts: Uint32Array;
  /** Bytes that the parts of any channel take. */
  readonly partsBytes: number;
}

/** The scale and offset of each channel, or of all, of a layer whose results are bytes that only saturation clamps. */
export interface ShortEnding {
  readonly scale: Float32Array;
  readonly offset: Float32Array;
}

/** The wishes for a stream, besides its weights. */
export interface StreamForm {
  readonly ending?: ShortEnding;
  /** The words of rows, by row: byte offsets. */
  readonly rows?: Uint16Array;
  /** Whether a segment is a whole part, and a row's word is followed by 4 bits that say how far it is shifted. */
  readonly shifted?: boolean;
  /** Whether `depth` rows more hold the complements of the rows, max - x, which are added instead of rows subtracted. */
  readonly complements?: boolean;
}

/** The levels of a layer as sums of +- odd * 2^exponent: a way to take them apart. */
interface Digits {
  /** The odd factor and the exponent of each bucket, both falling. */
  readonly odds: readonly number[];
  readonly exponents: readonly number[];
  /** By the low byte of a code: where its terms begin. Those of bucket b are 2 b for plus, 2 b + 1 for minus. */
  readonly begins: Uint16Array;
  readonly terms: Uint16Array;
}

/** The largest odd factor of a level that is not 0. */
function oddOf(level: number): number {
  let odd = Math.abs(level);
  while (odd % 2 === 0) odd /= 2;
  return odd;
}

/**
 * The ways in which a layer's levels are taken apart: every level as one term, or into signed powers of two, no two neighbours of
 * a level (7 = 8 - 1). Where these come to the same there is one.
 */
function waysOf(weights: IntegerWeights): Digits[] {
  const levels = levelsOf(weights);
  const odds = new Set(
    Array.from(
      levels.filter((level) => level !== 0),
      oddOf,
    ),
  );
  const ways = [odds];
  if ([...odds].some((odd) => odd > 1)) ways.push(new Set([1]));
  return ways.map((whole) => {
    // terms as odd, exponent and sign in one number, to be sorted
    const ofCode = Array.from(levels, (level) => {
      const odd = level && oddOf(level);
      if (whole.has(odd)) return [32 * odd + 2 * Math.log2(Math.abs(level) / odd) + Number(level < 0)];
      const terms: number[] = [];
      for (let left = level, exponent = 0; left !== 0; left /= 2, exponent++) {
        const digit = left & 1 && 2 - (left & 3);
        if (digit !== 0) terms.push(32 + 2 * exponent + Number(digit < 0));
        left -= digit;
      }
      return terms;
    });
    const keys = [...new Set(ofCode.flat().map((term) => term >> 1))].sort((a, b) => b - a);
    const begins = new Uint16Array(257);
    const terms = ofCode.flatMap((list, code) => {
      begins[code + 1] = begins[code] + list.length;
      return list.map((term) => 2 * keys.indexOf(term >> 1) + (term & 1));
    });
    return {
      odds: keys.map((key) => key >> 4),
      exponents: keys.map((key) => key & 15),
      begins,
      terms: Uint16Array.from(terms),
    };
  });
}

/**
 * Counting sort of one channel's terms by bucket and sign: rows begin[b] to begin[b + 1] - 1 are those of b. Short and called
 * often: engines compile it early.
 */
function sortChannel(
  codes: Int8Array | Uint8Array,
  first: number,
  depth: number,
  { begins, terms }: Digits,
  begin: Uint32Array,
  cursor: Uint32Array,
  rows: Uint16Array,
): void {
  cursor.set(begin);
  for (let k = 0; k < depth; k++) {
    const code = codes[first + k] & 255;
    for (let i = begins[code]; i < begins[code + 1]; i++) rows[cursor[terms[i]]++] = k;
  }
}

/** Whether a sum is one part that counts a power of two. */
const isLone = ([factor, ...others]: readonly number[]): boolean =>
  others.length === 0 && (factor & (factor - 1)) === 0;

/** The factors of a channel's parts as the kernels read them: how many | factor 0 | factor 1 | ... , filled up with 0. */
export function partFactors(factors: readonly number[]): Uint16Array {
  // a lone part may have a power of two only; others get a second one, times 0
  const even = factors.length + (factors.length % 2);
  const words = new Uint16Array(1 + even);
  words[0] = isLone(factors) ? 1 : even;
  words.set(factors, 1);
  return words;
}

/** Makes each part one segment, whose words say how far a row is shifted; returns how many words are left. */
function shiftRows(words: Uint16Array): number {
  let sides: [number, number][][] = [[], []];
  let doubles = 0;
  let to = 0;
  for (let at = 0; at < words.length; ) {
    const [adds, subs, op] = words.subarray(at, at + 3);
    at += 3;
    for (let i = 0; i < adds + subs; i++) sides[i < adds ? 0 : 1].push([words[at++], doubles]);
    doubles++;
    if (op === DOUBLE) continue;
    words.set([sides[0].length, sides[1].length, op], to);
    to += 3;
    for (const [row, before] of sides.flat()) words[to++] = (row << 4) + doubles - before - 1;
    sides = [[], []];
    doubles = 0;
  }
  return to;
}

/** A channel's parts: what each counts, and how far its sum can be below 0. */
interface Parts {
  readonly factors: number[];
  readonly lows: number[];
}

/** The words that end_bytes reads. */
function shortWords(
  { factors, lows }: Parts,
  { scale, offset }: ShortEnding,
  channel: number,
  complements?: boolean,
): Uint16Array {
  const words = new Uint16Array(SHORT_WORDS);
  // the least sum of a part becomes the least value of a lane
  const [bias, otherBias = 0] = lows.map((low) => low - LANE_MAX - 1);
  const [factor, other = 0] = factors;
  // a lone power of two moves into the scale
  const unit = isLone(factors) ? 1 : factor;
  words.set([SHORT + (isLone(factors) ? 1 : 2), bias, otherBias, 0, factor, other]);
  new Int32Array(words.buffer)[3] = unit * bias + other * otherBias;
  const ofChannel = [(factor / unit) * (scale[channel] ?? scale[0]), offset[channel] ?? offset[0]];
  new Float32Array(words.buffer).set(ofChannel, 4);
  // complements have raised the least sums to 0
  if (complements) words.fill(LANE_MAX + 1, 1, 3);
  return words;
}

/**
 * Takes each output channel's non-zero weights apart into terms +- odd * 2^exponent, sorts these into buckets of one |term|, the
 * largest odd factor and exponent first, and writes the ops between. Of several ways to take them apart the quickest is chosen.
 *
 * Let C be what the lanes hold when a bucket of level L is done, and S the sum of the next bucket, of level L'. The sum
 * owes L C + L' S + ... Where L = m L' with a power of two m that is L' (m C + S): the lanes are doubled log2(m) times and
 * take up the next bucket, which is Horner's rule. Otherwise they end a part, with L for its factor.
 *
 * Lanes cannot overflow: with P and N the sums that a lane holds, positive and negative, for activations of 1, max * P and
 * max * N stay within 32767; longer buckets are cut. Of a channel of one part or two that ends by end_bytes, only
 * max * (P + N) must stay within 65535. Linear in the number of weights.
 *
 * @param channels of the output; codes are (channels, depth)
 * @param max largest activation, 1..255
 * @param where layer, for error messages
 * @throws OVERFLOW when a channel has more than 65,536 inputs
 */
export function compileSchedule(
  weights: IntegerWeights,
  channels: number,
  max: number,
  where?: string,
  { ending, rows: places, shifted, complements }: StreamForm = {},
): Schedule {
  const { codes } = weights;
  const depth = codes.length / channels;
  if (depth > DEPTH_MAX) {
    throw new ShiftwiseError("OVERFLOW", "too many inputs to one output channel", {
      where,
      expected: `at most ${DEPTH_MAX}`,
      found: depth,
    });
  }
  const cap = Math.floor(LANE_MAX / max);
  const span = Math.floor(LANE_SPAN / max);
  const rowTime = shifted ? 2 * ROW_TIME : ROW_TIME;
  const listTime = shifted ? 0 : LIST_TIME;
  const ways = waysOf(weights);
  const buckets = Math.max(...ways.map(({ odds }) => odds.length));
  const digitsMax = Math.ceil(EXPONENTS_MAX / 2);
  // a bucket is one part and one more for each time a lane fills up
  const partsMax = buckets + 2 * Math.ceil((digitsMax * depth) / cap) + 1;
  const channelWords = digitsMax * depth + (3 * EXPONENTS_MAX + 5) * partsMax + SHORT_WORDS;
  let stream = new Uint16Array(codes.length + channels * 3 * Math.min(buckets, depth) + channelWords);
  const starts = new Uint32Array(channels);
  const begin = new Uint32Array(2 * buckets + 1);
  const cursor = new Uint32Array(2 * buckets + 1);
  const counts = new Uint32Array(256);
  const rows = new Uint16Array(digitsMax * depth);
  let most = 0;
  let at = 0;
  const segment = (adds: number, subs: number): number => {
    stream[at] = adds;
    stream[at + 1] = subs;
    at += 3;
    return at - 1;
  };
  /** Lists the rows that begin at `from`. */
  const list = (from: number, count: number, behind = 0): void => {
    for (let i = from; i < from + count; i++) stream[at++] = places ? places[rows[i]] : rows[i] + behind;
  };

  /** Cuts a channel, whose buckets `begin` has, into parts, and writes them if asked to; returns the parts and their time. */
  const cut = ({ odds, exponents }: Digits, isShort: boolean, isWritten: boolean): Parts & { time: number } => {
    const factors: number[] = [];
    const lows: number[] = [];
    let time = 0;
    let plusSum = 0;
    let minusSum = 0;
    let last = -1; // the bucket under way
    let op = 0; // where the open segment's op goes
    const end = (ending: number): void => {
      const low = max * minusSum;
      if (isWritten) {
        stream[op] = ending;
        if (complements && !isShort) {
          stream[op] += RAISED;
          stream[at++] = -low;
        }
      }
      factors.push(last < 0 ? 1 : odds[last] * 2 ** exponents[last]);
      lows.push(low);
      plusSum = 0;
      minusSum = 0;
      time += PART_TIME;
    };
    const holds = (plus: number, minus: number): boolean =>
      isShort ? plus + minus <= span : plus <= cap && minus <= cap;
    for (let b = 0; b < odds.length; b++) {
      let plus = begin[2 * b];
      let minus = begin[2 * b + 1];
      const plusEnd = minus;
      const minusEnd = begin[2 * b + 2];
      if (plus === minusEnd) continue;
      const lists = complements ? 1 : Number(plusEnd > plus) + Number(minusEnd > minus);
      time += rowTime * (minusEnd - plus) + listTime * lists;
      if (last >= 0) {
        const doubles = exponents[last] - exponents[b];
        const times = 2 ** doubles;
        const fits =
          odds[b] === odds[last] && holds(times * plusSum + plusEnd - plus, times * minusSum + minusEnd - minus);
        if (fits) {
          if (isWritten) stream[op] = DOUBLE;
          for (let i = 1; i < doubles; i++) if (isWritten) stream[segment(0, 0)] = DOUBLE;
          time += doubles;
          plusSum *= times;
          minusSum *= times;
        } else {
          end(PARK);
        }
      }
      last = b;
      while (true) {
        const adds = Math.min(plusEnd - plus, isShort ? span - plusSum - minusSum : cap - plusSum);
        plusSum += adds;
        const subs = Math.min(minusEnd - minus, isShort ? span - plusSum - minusSum : cap - minusSum);
        minusSum += subs;
        if (isWritten) {
          op = complements ? segment(adds + subs, 0) : segment(adds, subs);
          list(plus, adds);
          list(minus, subs, complements ? depth : 0);
        }
        plus += adds;
        minus += subs;
        time++;
        if (plus === plusEnd && minus === minusEnd) break;
        end(PARK);
      }
    }
    // all weights zero: a part of nothing
    if (last < 0 && isWritten) op = segment(0, 0);
    end(END);
    return { factors, lows, time };
  };

  /** Counts the terms of each bucket and sign of a channel. */
  const countTerms = ({ odds, begins, terms }: Digits): void => {
    begin.fill(0);
    for (let code = 0; code < 256; code++) {
      for (let i = begins[code]; counts[code] > 0 && i < begins[code + 1]; i++) begin[terms[i] + 1] += counts[code];
    }
    for (let b = 0; b < 2 * odds.length; b++) begin[b + 1] += begin[b];
  };

  for (let channel = 0; channel < channels; channel++) {
    if (at + channelWords > stream.length) {
      const longer = new Uint16Array(2 * stream.length + channelWords);
      longer.set(stream);
      stream = longer;
    }
    const first = channel * depth;
    starts[channel] = at * 2;
    counts.fill(0);
    for (let k = 0; k < depth; k++) counts[codes[first + k] & 255]++;
    let best = ways[0];
    let isShort = false;
    let least = Number.POSITIVE_INFINITY;
    for (const way of ways) {
      countTerms(way);
      const short = ending && cut(way, true, false);
      const isHeld = short !== undefined && short.factors.length <= SHORT_PARTS;
      const { time } = isHeld ? short : cut(way, false, false);
      if (time >= least) continue;
      least = time;
      best = way;
      isShort = isHeld;
    }
    countTerms(best);
    sortChannel(codes, first, depth, best, begin, cursor, rows);
    const start = at;
    const parts = cut(best, isShort, true);
    if (shifted) at = start + shiftRows(stream.subarray(start, at));
    const words = isShort && ending ? shortWords(parts, ending, channel, complements) : partFactors(parts.factors);
    stream.set(words, at);
    at += words.length;
    most = Math.max(most, isShort ? SHORT_PARTS : words.length - 1);
  }
  return { stream: stream.slice(0, at), starts, partsBytes: most * PART_BYTES };
}
