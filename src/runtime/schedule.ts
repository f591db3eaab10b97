// schedule.ts: turns the codes of a layer into the word streams that the bucket-sum kernels walk (assembly/runtime/buckets.ts).
import { magnitudes, ShiftwiseError, signedDigits, type Weights } from "../format/index.js";
import type { SumBounds } from "./epilogue.js";

/** Op word of a segment that doubles the lanes instead of adding them to the totals. */
const DOUBLE = 255;
/** Added to the op word of a channel's first part, which sets the totals instead of adding to them. */
const FIRST = 32;
/** Added to the op word of a channel's last part, which the epilogue takes from the lanes. */
const LAST = 64;
/** Added to the op word of a part that is subtracted from the totals. */
const NEGATE = 256;
/** Added to the op word of a part that stays in the lanes as well. */
const KEEP = 512;
/** Largest magnitude sum a signed 16-bit lane holds. */
const LANE_MAX = 32767;
/** Row indices are u16. */
const DEPTH_MAX = 65536;
/** What a flush costs, in doublings of the lanes. */
const FLUSH_COST = 4;
/** Most op words between two buckets: a level has up to 8 signed digits, and up to 14 doublings follow. */
const OPS_MAX = 22;

export type IntegerWeights = Exclude<Weights, { kind: "float32" }>;

export interface Schedule extends SumBounds {
  readonly stream: Uint16Array;
  /** Byte offset of every output channel's stream. */
  readonly starts: Uint32Array;
}

/** The levels of a layer by magnitude, and where its codes go. */
interface Buckets {
  /** Distinct |level| > 0, falling. */
  readonly magnitudes: Int32Array;
  /** By the low byte of a code: 2 j + 1 for +magnitudes[j], 2 j + 2 for -magnitudes[j], 0 for zero. */
  readonly of: Uint8Array;
}

function bucketsOf(weights: IntegerWeights): Buckets {
  const of = new Uint8Array(256);
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
  bucketOf: Uint8Array,
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

/**
 * Sorts each output channel's non-zero weights into buckets of one |level|, largest first, and writes the ops between.
 *
 * Let C be what the lanes hold when a bucket of level L is done, and S the sum of the next bucket, of level L'. The sum
 * owes L C + L' S + ... For m = 0, 1, 2, 4, ... that is
 *
 *     (L - m L') C + L' (m C + S)
 *
 * so the lanes, times the signed digits of L - m L', are flushed into the totals, then zeroed (m = 0), kept or doubled, and
 * take up the next bucket. The m with the cheapest flushes is taken: between neighbouring powers of two m = 2 needs none,
 * which is Horner's rule.
 *
 * Lanes cannot overflow: with P and N the sums that a lane holds, positive and negative, for activations of 1, max * P and
 * max * N stay within 32767; longer buckets are cut. Linear in the number of weights.
 *
 * @param channels of the output; codes are (channels, depth)
 * @param max largest activation, 1..255
 * @throws OVERFLOW when a channel has more than 65,536 inputs
 */
export function compileSchedule(weights: IntegerWeights, channels: number, max: number): Schedule {
  const { codes } = weights;
  const depth = codes.length / channels;
  if (depth > DEPTH_MAX) {
    throw new ShiftwiseError("OVERFLOW", "too many inputs to one output channel", {
      expected: `at most ${DEPTH_MAX}`,
      found: depth,
    });
  }
  const cap = Math.floor(LANE_MAX / max);
  const { magnitudes: sizes, of: bucketOf } = bucketsOf(weights);
  const buckets = 2 * sizes.length;
  // a bucket is one part and one more for each time a lane fills up
  const channelWords = depth + 3 * OPS_MAX * (sizes.length + 2 * Math.ceil(depth / cap) + 1);
  let stream = new Uint16Array(codes.length + channels * 3 * sizes.length + channelWords);
  const starts = new Uint32Array(channels);
  const begin = new Uint32Array(buckets + 1);
  const cursor = new Uint32Array(buckets);
  const rows = new Uint16Array(depth);
  let at = 0;
  let largestTotal = 0;
  let largest = 0;
  for (let channel = 0; channel < channels; channel++) {
    if (at + channelWords > stream.length) {
      const longer = new Uint16Array(2 * stream.length + channelWords);
      longer.set(stream);
      stream = longer;
    }
    sortChannel(codes, channel * depth, bucketOf, begin, cursor, rows);
    starts[channel] = at * 2;
    let slot = 0; // where the open segment's op word goes; 0 when no segment is open
    let flushed = false;
    let bound = 0;
    let lastPart = 0;
    let plusSum = 0;
    let minusSum = 0;
    const put = (op: number): void => {
      if (slot === 0) {
        stream[at] = 0;
        stream[at + 1] = 0;
        slot = at + 2;
        at += 3;
      }
      stream[slot] = op;
      slot = 0;
    };
    /** Adds the lanes times `factor` to the totals; the lanes are left as they are with `keep`, else zeroed. */
    const flush = (factor: number, keep: boolean, last: number): void => {
      const size = Math.abs(factor);
      const half = size >> 1;
      const sum = size + half;
      const digits = half ^ sum;
      // smallest first, so that the last one of a positive factor is positive
      for (let shift = 0; digits >> shift > 0; shift++) {
        if (((digits >> shift) & 1) === 0) continue;
        const final = digits >> (shift + 1) === 0;
        const negative = (((half >> shift) & 1) === 1) !== factor < 0;
        const ends = final ? last : 0;
        put(shift | (negative ? NEGATE : 0) | (keep || !final ? KEEP : 0) | (flushed ? 0 : FIRST) | ends);
        flushed = true;
        const part = Math.max(plusSum, minusSum) * 2 ** shift;
        if (ends === 0) bound += part;
        else lastPart = part;
      }
    };
    let j = 0;
    while (j < sizes.length && begin[2 * j] === begin[2 * j + 2]) j++;
    while (j < sizes.length) {
      let plus = begin[2 * j];
      let minus = begin[2 * j + 1];
      const plusEnd = minus;
      const minusEnd = begin[2 * j + 2];
      while (true) {
        const adds = Math.min(plusEnd - plus, cap - plusSum);
        const subs = Math.min(minusEnd - minus, cap - minusSum);
        stream[at] = adds;
        stream[at + 1] = subs;
        slot = at + 2;
        at += 3;
        for (const end = plus + adds; plus < end; ) stream[at++] = rows[plus++];
        for (const end = minus + subs; minus < end; ) stream[at++] = rows[minus++];
        plusSum += adds;
        minusSum += subs;
        if (plus === plusEnd && minus === minusEnd) break;
        flush(sizes[j], false, 0);
        plusSum = 0;
        minusSum = 0;
      }
      let next = j + 1;
      while (next < sizes.length && begin[2 * next] === begin[2 * next + 2]) next++;
      if (next === sizes.length) break;
      const nextPlus = begin[2 * next + 1] - begin[2 * next];
      const nextMinus = begin[2 * next + 2] - begin[2 * next + 1];
      let times = 0;
      let least = FLUSH_COST * signedDigits(sizes[j]);
      for (let m = 1, doubles = 0; m * sizes[next] < 2 * sizes[j]; m *= 2, doubles++) {
        if (m * plusSum + nextPlus > cap || m * minusSum + nextMinus > cap) break;
        const cost = FLUSH_COST * signedDigits(sizes[j] - m * sizes[next]) + doubles;
        if (cost < least) {
          least = cost;
          times = m;
        }
      }
      flush(sizes[j] - times * sizes[next], times > 0, 0);
      for (let m = times; m > 1; m /= 2) put(DOUBLE);
      plusSum *= times;
      minusSum *= times;
      j = next;
    }
    // all weights zero: a part of nothing
    flush(j < sizes.length ? sizes[j] : 1, false, LAST);
    largestTotal = Math.max(largestTotal, bound * max);
    largest = Math.max(largest, (bound + lastPart) * max);
  }
  return { stream: stream.slice(0, at), starts, largestTotal, largest };
}

/**
 * Codes of a dense layer as bytes in blocks of 16 output channels (assembly/runtime/dense.ts): [block][input][16].
 * @param bytes by the low byte of a code
 */
export function packDense(codes: Int8Array | Uint8Array, outputs: number, bytes: Uint8Array): Uint8Array {
  const inputs = codes.length / outputs;
  const blocks = Math.ceil(outputs / 16);
  const packed = new Uint8Array(blocks * inputs * 16).fill(255);
  for (let o = 0; o < outputs; o++) {
    const to = (o >> 4) * inputs * 16 + (o & 15);
    for (let i = 0; i < inputs; i++) packed[to + i * 16] = bytes[codes[o * inputs + i] & 255];
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
