// schedule.ts: turns the codes of a layer into the word streams that the bucket-sum kernels walk (assembly/runtime/buckets.ts).
import { ShiftwiseError } from "../format/index.js";

/** Op word of a segment that doubles the lanes instead of adding them to the totals. */
const DOUBLE = 255;
/** Added to the op word of a channel's first part, which sets the totals instead of adding to them. */
const FIRST = 32;
/** Added to the op word of a channel's last part, which the epilogue takes from the lanes. */
const LAST = 64;
/** Largest magnitude sum a signed 16-bit lane holds. */
const LANE_MAX = 32767;
/** Row indices are u16. */
const DEPTH_MAX = 65536;

export interface Schedule {
  readonly stream: Uint16Array;
  /** Byte offset of every output channel's stream. */
  readonly starts: Uint32Array;
  /** No sum can be larger than this, either sign. */
  readonly largest: number;
}

/**
 * Sorts each output channel's non-zero weights by (exponent, sign), largest exponent first, and cuts them into segments
 * whose lanes cannot overflow: with P and N the sums of 2^(e - lowest e) over the positive and negative weights that a
 * lane has taken since its last flush, max * P and max * N stay within 32767. Neighbouring exponents share a flush while
 * that holds, the lanes being doubled between them. Linear in the number of weights.
 *
 * @param codes signed digits (channels, depth), |digit| <= magnitudes
 * @param magnitudes number of exponents, 2^(bits - 2)
 * @param max largest activation, 1..255
 * @throws OVERFLOW when a channel has more than 65,536 inputs
 */
export function compileSchedule(codes: Int8Array, channels: number, magnitudes: number, max: number): Schedule {
  const depth = codes.length / channels;
  if (depth > DEPTH_MAX) {
    throw new ShiftwiseError("OVERFLOW", "too many inputs to one output channel", {
      expected: `at most ${DEPTH_MAX}`,
      found: depth,
    });
  }
  const cap = Math.floor(LANE_MAX / max);
  // every segment but the cut ones belongs to one exponent: 3 words, plus one word a weight
  let stream = new Uint16Array(codes.length + channels * 3 * magnitudes + 3 * Math.ceil(codes.length / cap));
  const starts = new Uint32Array(channels);
  // Weights of one channel, bucket by bucket: bucket 2m - 2 holds the rows with digit +m, 2m - 1 those with -m.
  const buckets = 2 * magnitudes;
  const begin = new Uint32Array(buckets + 1);
  const cursor = new Uint32Array(buckets);
  const rows = new Uint16Array(depth);
  // digit + 16 -> bucket + 1, or 0 for zero
  const bucketOf = new Uint8Array(32);
  for (let m = 1; m <= magnitudes; m++) {
    bucketOf[16 + m] = 2 * m - 1;
    bucketOf[16 - m] = 2 * m;
  }
  const counts = new Uint32Array(buckets + 1);
  let at = 0;
  let largest = 0;
  for (let channel = 0; channel < channels; channel++) {
    const first = channel * depth;
    counts.fill(0);
    for (let k = 0; k < depth; k++) counts[bucketOf[codes[first + k] + 16]]++;
    begin[0] = 0;
    for (let b = 0; b < buckets; b++) {
      cursor[b] = begin[b];
      begin[b + 1] = begin[b] + counts[b + 1];
    }
    for (let k = 0; k < depth; k++) {
      const bucket = bucketOf[codes[first + k] + 16];
      if (bucket !== 0) rows[cursor[bucket - 1]++] = k;
    }

    starts[channel] = at * 2;
    const begun = at;
    let open = false; // whether the lanes hold a sum that may go on
    let lastOp = 0; // index of the newest op word
    let low = 1; // smallest exponent that occurs, plus 1
    while (low <= magnitudes && begin[2 * low - 2] === begin[2 * low]) low++;
    let bound = 0;
    let plusSum = 0;
    let minusSum = 0;
    for (let m = magnitudes; m >= low; m--) {
      let plus = begin[2 * m - 2];
      let minus = begin[2 * m - 1];
      const plusEnd = minus;
      const minusEnd = begin[2 * m];
      const fits = 2 * plusSum + (plusEnd - plus) <= cap && 2 * minusSum + (minusEnd - minus) <= cap;
      bound += (minusEnd - plus) * 2 ** (m - 1);
      if (open && fits) {
        stream[lastOp] = DOUBLE;
        plusSum *= 2;
        minusSum *= 2;
      } else {
        open = false;
        plusSum = 0;
        minusSum = 0;
        if (plus === plusEnd && minus === minusEnd) continue;
      }
      do {
        const adds = Math.min(plusEnd - plus, cap - plusSum);
        const subs = Math.min(minusEnd - minus, cap - minusSum);
        stream[at] = adds;
        stream[at + 1] = subs;
        stream[at + 2] = m - 1;
        lastOp = at + 2;
        open = true;
        at += 3;
        for (const end = plus + adds; plus < end; ) stream[at++] = rows[plus++];
        for (const end = minus + subs; minus < end; ) stream[at++] = rows[minus++];
        plusSum += adds;
        minusSum += subs;
        if (plus < plusEnd || minus < minusEnd) {
          plusSum = 0;
          minusSum = 0;
        }
      } while (plus < plusEnd || minus < minusEnd);
    }
    if (at === begun) {
      stream.fill(0, at, at + 3);
      lastOp = at + 2;
      at += 3;
    }
    stream[lastOp] |= LAST;
    let flush = begun;
    while (stream[flush + 2] === DOUBLE) flush += 3 + stream[flush] + stream[flush + 1];
    stream[flush + 2] |= FIRST;
    largest = Math.max(largest, bound * max);
  }
  stream = stream.slice(0, at);
  return { stream, starts, largest };
}

/**
 * Codes of a dense layer as bytes in blocks of 16 output channels (assembly/runtime/dense.ts):
 * [block][input][16], byte = exponent, +8 when negative, 255 for zero.
 */
export function packDense(codes: Int8Array, outputs: number): Uint8Array {
  const inputs = codes.length / outputs;
  const blocks = Math.ceil(outputs / 16);
  const packed = new Uint8Array(blocks * inputs * 16).fill(255);
  for (let o = 0; o < outputs; o++) {
    const to = (o >> 4) * inputs * 16 + (o & 15);
    for (let i = 0; i < inputs; i++) {
      const m = codes[o * inputs + i];
      if (m !== 0) packed[to + i * 16] = m > 0 ? m - 1 : 7 - m;
    }
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
