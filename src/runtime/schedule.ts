// schedule.ts: turns the codes of a layer into the word streams that the bucket-sum kernels walk (assembly/runtime/shared/buckets.ts).

import { ShiftwiseError } from "../base/index.js";
import { magnitudes } from "../format/index.js";
import type { Weights } from "../ops/index.js";
import { BLOCK, DOUBLE, END, PARK, PART_BYTES } from "./layout.js";

/** Largest magnitude sum a signed 16-bit lane holds. */
const LANE_MAX = 32767;
/** Row indices are u16. */
const DEPTH_MAX = 65536;
/** The cost of another part, in doublings of the lanes. */
const PART_COST = 4;
/** Most doublings between two buckets: levels stay below 2^14. */
const DOUBLES_MAX = 14;

export type IntegerWeights = Exclude<Weights, { kind: "float32" }>;

export interface Schedule {
  readonly stream: Uint16Array;
  /** Byte offset of every output channel's stream. */
  readonly starts: Uint32Array;
  /** Bounds by channel: no sum can be larger than this, either sign. */
  readonly largest: Float64Array;
  /** Bytes that the parts of any channel take. */
  readonly partsBytes: number;
}

/** The levels of a layer by magnitude, and where its codes go. */
interface Buckets {
  /** Distinct |level| > 0, falling. */
  readonly magnitudes: Int32Array;
  /**
   * Buckets by the low byte of a code: 2 j + 1 for +magnitudes[j], 2 j + 2 for -magnitudes[j], 0 for zero. 128 make 257
   * of them.
   */
  readonly of: Uint16Array;
}

function bucketsOf(weights: IntegerWeights): Buckets {
  const of = new Uint16Array(256);
  if (weights.kind === "codes") {
    const count = magnitudes(weights.bits);
    for (let m = 1; m <= count; m++) {
      of[m] = 2 * (count - m) + 1;
      of[-m & 255] = 2 * (count - m) + 2;
    }
    return { magnitudes: Int32Array.from({ length: count }, (_, j) => 1 << (count - 1 - j)), of };
  }
  const { levels } = weights;
  const sizes = [...new Set(levels.map(Math.abs))].filter((size) => size > 0).sort((a, b) => b - a);
  levels.forEach((level, code) => {
    if (level !== 0) of[code] = 2 * sizes.indexOf(Math.abs(level)) + (level > 0 ? 1 : 2);
  });
  return { magnitudes: Int32Array.from(sizes), of };
}

/** Bytes that the stream of a layer takes at least. */
export function leastStreamBytes(weights: IntegerWeights): number {
  const { of } = bucketsOf(weights);
  let words = 0;
  const { codes } = weights;
  for (let i = 0; i < codes.length; i++) if (of[codes[i] & 255] !== 0) words++;
  return 2 * words;
}

/**
 * Counting sort of one channel's inputs by bucket: rows begin[b] to begin[b + 1] - 1 are those of bucket b. Short and called
 * often: engines compile it early.
 */
function sortChannel(
  codes: Int8Array | Uint8Array,
  first: number,
  bucketOf: Uint16Array,
  begin: Uint32Array,
  cursor: Uint32Array,
  rows: Uint16Array,
): void {
  begin.fill(0);
  for (let k = 0; k < rows.length; k++) begin[bucketOf[codes[first + k] & 255]]++;
  begin[0] = 0;
  for (let b = 0; b < cursor.length; b++) {
    cursor[b] = begin[b];
    begin[b + 1] += begin[b];
  }
  for (let k = 0; k < rows.length; k++) {
    const bucket = bucketOf[codes[first + k] & 255];
    if (bucket !== 0) rows[cursor[bucket - 1]++] = k;
  }
}

/** The factors of a channel's parts as the kernels read them: how many | factor 0 | factor 1 | ... , filled up with 0. */
export function partFactors(factors: readonly number[]): Uint16Array {
  // a lone part may have a power of two only; others get a second one, times 0
  const lone = factors.length === 1 && (factors[0] & (factors[0] - 1)) === 0;
  const even = factors.length + (factors.length % 2);
  const words = new Uint16Array(1 + even);
  words[0] = lone ? 1 : even;
  words.set(factors, 1);
  return words;
}

/**
 * Sorts each output channel's non-zero weights into buckets of one |level|, largest first, and writes the ops between.
 *
 * Let C be what the lanes hold when a bucket of level L is done, and S the sum of the next bucket, of level L'. The sum
 * owes L C + L' S + ... Where L = m L' with a power of two m that is L' (m C + S): the lanes are doubled log2(m) times and
 * take up the next bucket, which is Horner's rule. Otherwise they end a part, with L for its factor.
 *
 * Lanes cannot overflow: with P and N the sums that a lane holds, positive and negative, for activations of 1, max * P and
 * max * N stay within 32767; longer buckets are cut. Linear in the number of weights.
 *
 * @param channels of the output; codes are (channels, depth)
 * @param max largest activation, 1..255
 * @param where layer, for error messages
 * @throws OVERFLOW when a channel has more than 65,536 inputs
 */
export function compileSchedule(weights: IntegerWeights, channels: number, max: number, where?: string): Schedule {
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
  const { magnitudes: sizes, of: bucketOf } = bucketsOf(weights);
  const buckets = 2 * sizes.length;
  // a bucket is one part and one more for each time a lane fills up
  const kinds = Math.min(sizes.length, depth);
  const partsMax = kinds + 2 * Math.ceil(depth / cap) + 1;
  const channelWords = depth + (3 * DOUBLES_MAX + 4) * partsMax + 2;
  let stream = new Uint16Array(codes.length + channels * 3 * kinds + channelWords);
  const starts = new Uint32Array(channels);
  const largest = new Float64Array(channels);
  const begin = new Uint32Array(buckets + 1);
  const cursor = new Uint32Array(buckets);
  const rows = new Uint16Array(depth);
  const factors: number[] = [];
  let most = 0;
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    if (at + channelWords > stream.length) {
      const longer = new Uint16Array(2 * stream.length + channelWords);
      longer.set(stream);
      stream = longer;
    }
    sortChannel(codes, channel * depth, bucketOf, begin, cursor, rows);
    starts[channel] = at * 2;
    factors.length = 0;
    let plusSum = 0;
    let minusSum = 0;
    let plusTotal = 0;
    let minusTotal = 0;
    let last = 0; // the level under way
    let op = at; // where the open segment's op goes
    const segment = (adds: number, subs: number): void => {
      stream[at] = adds;
      stream[at + 1] = subs;
      op = at + 2;
      at += 3;
    };
    const end = (ending: number, factor: number): void => {
      stream[op] = ending;
      factors.push(factor);
      plusSum = 0;
      minusSum = 0;
    };
    for (let j = 0; j < sizes.length; j++) {
      let plus = begin[2 * j];
      let minus = begin[2 * j + 1];
      const plusEnd = minus;
      const minusEnd = begin[2 * j + 2];
      if (plus === minusEnd) continue;
      plusTotal += sizes[j] * (plusEnd - plus);
      minusTotal += sizes[j] * (minusEnd - minus);
      if (last > 0) {
        const times = last / sizes[j];
        const doubles = Math.log2(times);
        const fits =
          times * plusSum + plusEnd - plus <= cap && times * minusSum + minusEnd - minus <= cap && doubles < PART_COST;
        if (fits && Number.isInteger(doubles)) {
          stream[op] = DOUBLE;
          for (let i = 1; i < doubles; i++) {
            segment(0, 0);
            stream[op] = DOUBLE;
          }
          plusSum *= times;
          minusSum *= times;
        } else {
          end(PARK, last);
        }
      }
      last = sizes[j];
      while (true) {
        const adds = Math.min(plusEnd - plus, cap - plusSum);
        const subs = Math.min(minusEnd - minus, cap - minusSum);
        segment(adds, subs);
        for (const stop = plus + adds; plus < stop; ) stream[at++] = rows[plus++];
        for (const stop = minus + subs; minus < stop; ) stream[at++] = rows[minus++];
        plusSum += adds;
        minusSum += subs;
        if (plus === plusEnd && minus === minusEnd) break;
        end(PARK, last);
      }
    }
    // all weights zero: a part of nothing
    if (last === 0) segment(0, 0);
    end(END, Math.max(last, 1));
    const words = partFactors(factors);
    stream.set(words, at);
    at += words.length;
    most = Math.max(most, words.length - 1);
    largest[channel] = Math.max(plusTotal, minusTotal) * max;
  }
  return { stream: stream.slice(0, at), starts, largest, partsBytes: most * PART_BYTES };
}

/**
 * Codes of a dense layer as bytes in blocks of 16 output channels (assembly/runtime/dense.ts): [block][input][16].
 * @param bytes by the low byte of a code
 */
export function packDense(codes: Int8Array | Uint8Array, outputs: number, bytes: Uint8Array): Uint8Array {
  const inputs = codes.length / outputs;
  const blocks = Math.ceil(outputs / BLOCK);
  const packed = new Uint8Array(blocks * inputs * BLOCK).fill(255);
  for (let o = 0; o < outputs; o++) {
    const to = Math.floor(o / BLOCK) * inputs * BLOCK + (o % BLOCK);
    for (let i = 0; i < inputs; i++) packed[to + i * BLOCK] = bytes[codes[o * inputs + i] & 255];
  }
  return packed;
}

/** float32 weights (outputs, inputs) in blocks of `lanes` outputs: [block][input][lanes], zeros behind the last. */
export function packFloat(values: Float32Array, outputs: number, lanes: number): Float32Array {
  const inputs = values.length / outputs;
  const packed = new Float32Array(Math.ceil(outputs / lanes) * inputs * lanes);
  for (let o = 0; o < outputs; o++) {
    const to = Math.floor(o / lanes) * inputs * lanes + (o % lanes);
    for (let i = 0; i < inputs; i++) packed[to + i * lanes] = values[o * inputs + i];
  }
  return packed;
}
