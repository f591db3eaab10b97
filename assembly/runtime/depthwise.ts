// depthwise.ts: depthwise convolutions: one channel after the other over its tiles, tile by tile.
//
// The taps of a channel are read from copies of its plane: one for each column of the window, and for each phase of stride 2.
// In a copy a row is as wide as the output's, and what lies outside of the plane holds what padding holds. So a tap is one byte
// offset for all pixels, without a mask. The next channel's copies are made before this one is summed: a load of bytes that were
// stored a moment ago would wait for them.
//
//   a copy     | rows above | plane row 0 | plane row 1 | ... | rows below |        under the taps of one column
//   the room   | copies of channel c | copies of channel c + 1 |                    written and read in turn
//
// A channel's stream is that of buckets.ts, but the words of its rows are byte offsets. On small maps the ends of its short lists
// would cost more than the sums. There a segment is a whole part, and the low 4 bits of a row's word say how far it is shifted. A
// shift takes its count mod 16, so it takes the word as it is.
//
//   segment    adds | subs | op | adds x offset | subs x offset                       of one exponent
//              adds | subs | op | adds x (16 offset + shift) | subs x (...)           of all exponents of a part
import { DOUBLE, END, PART_BYTES, TILE } from "../../src/runtime/layout";
import { Epilogue } from "./shared/epilogue";
import { oddsOf } from "./shared/lanes";
import { end_px64 } from "./shared/short-epilogue";

/** The weights of a depthwise convolution, and how it ends: stream, starts and epilogue as in a ConvJob. */
@unmanaged
export class DepthwiseJob {
  stream!: usize;
  starts!: usize;
  epilogue: Epilogue = changetype<Epilogue>(0);
  /** The planes that are read, planeBytes apart, and the output channels made of each. */
  planes!: usize;
  planeBytes!: u32;
  multiplier!: i32;
  /** Records of 8 bytes, one for each copy; copies lie copyBytes apart in the room. */
  copies!: usize;
  count!: i32;
  copyBytes!: u32;
  /** Bytes that taps reach behind a pixel's own place in a copy. */
  reach!: i32;
  /** Padding. */
  fill!: u8;
  /** Whether the words of the stream have exponents. */
  shifted!: bool;
}

/**
 * Lays out what pixels `pixel`..`stop` - 1 need of a plane's copies. A copy's record says where pixel 0 of the copy lies from the
 * first of the plane, i32, and where its mask is: a byte for each of its pixels, 255 where the plane has one.
 */
function lay_out(job: DepthwiseJob, plane: usize, pixel: i32, stop: i32, room: usize): void {
  const length = <usize>(((stop - pixel + TILE - 1) & -TILE) + job.reach);
  const fill = i8x16.splat(job.fill);
  let copy = job.copies;
  for (let left = job.count; left > 0; left--, copy += 8, room += job.copyBytes) {
    const from = plane + <usize>(load<i32>(copy) + pixel);
    const mask = <usize>load<u32>(copy, 4) + <usize>pixel;
    if (job.fill == 0) {
      for (let i: usize = 0; i < length; i += 32) {
        v128.store(room + i, v128.and(v128.load(from + i), v128.load(mask + i)));
        v128.store(room + i, v128.and(v128.load(from + i, 16), v128.load(mask + i, 16)), 16);
      }
    } else {
      for (let i: usize = 0; i < length; i += 16) {
        v128.store(room + i, v128.bitselect(v128.load(from + i), fill, v128.load(mask + i)));
      }
    }
  }
}

/** Computes pixels `pixel`..`stop` - 1 of a channel, 64 at a time. */
function channel_px64(
  epilogue: Epilogue,
  channel: i32,
  rows: usize,
  stream: usize,
  parts: usize,
  pixel: i32,
  stop: i32,
): void {
  for (; pixel < stop; pixel += TILE, rows += TILE) {
    let a0 = i64x2.splat(0),
      a1 = a0,
      a2 = a0,
      a3 = a0,
      b0 = a0,
      b1 = a0,
      b2 = a0,
      b3 = a0;
    let s = stream;
    let part = parts;
    while (true) {
      // the head of a segment: how many rows to add, how many to subtract, and what follows
      const subs = <usize>load<u16>(s, 2);
      const op = <i32>load<u16>(s, 4);
      let end = s + 6 + ((<usize>load<u16>(s)) << 1);
      s += 6;
      // taps that count +1
      while (s < end) {
        const row = rows + <usize>load<u16>(s);
        s += 2;
        const v0 = v128.load(row),
          v1 = v128.load(row, 16),
          v2 = v128.load(row, 32),
          v3 = v128.load(row, 48);
        a0 = i16x8.add(a0, v0);
        b0 = i16x8.add(b0, oddsOf(v0));
        a1 = i16x8.add(a1, v1);
        b1 = i16x8.add(b1, oddsOf(v1));
        a2 = i16x8.add(a2, v2);
        b2 = i16x8.add(b2, oddsOf(v2));
        a3 = i16x8.add(a3, v3);
        b3 = i16x8.add(b3, oddsOf(v3));
      }
      // taps that count -1
      end = s + (subs << 1);
      while (s < end) {
        const row = rows + <usize>load<u16>(s);
        s += 2;
        const v0 = v128.load(row),
          v1 = v128.load(row, 16),
          v2 = v128.load(row, 32),
          v3 = v128.load(row, 48);
        a0 = i16x8.sub(a0, v0);
        b0 = i16x8.sub(b0, oddsOf(v0));
        a1 = i16x8.sub(a1, v1);
        b1 = i16x8.sub(b1, oddsOf(v1));
        a2 = i16x8.sub(a2, v2);
        b2 = i16x8.sub(b2, oddsOf(v2));
        a3 = i16x8.sub(a3, v3);
        b3 = i16x8.sub(b3, oddsOf(v3));
      }
      if (op == DOUBLE) {
        // on to the next smaller power of two
        a0 = i16x8.add(a0, a0);
        a1 = i16x8.add(a1, a1);
        a2 = i16x8.add(a2, a2);
        a3 = i16x8.add(a3, a3);
        b0 = i16x8.add(b0, b0);
        b1 = i16x8.add(b1, b1);
        b2 = i16x8.add(b2, b2);
        b3 = i16x8.add(b3, b3);
        continue;
      }
      // the lanes are a part: PARK and END
      v128.store(part, a0);
      v128.store(part, b0, 16);
      v128.store(part, a1, 32);
      v128.store(part, b1, 48);
      v128.store(part, a2, 64);
      v128.store(part, b2, 80);
      v128.store(part, a3, 96);
      v128.store(part, b3, 112);
      if (op == END) break;
      part += PART_BYTES;
      a0 = i64x2.splat(0);
      a1 = a0;
      a2 = a0;
      a3 = a0;
      b0 = a0;
      b1 = a0;
      b2 = a0;
      b3 = a0;
    }
    const pixels = min(64, stop - pixel);
    end_px64(epilogue, channel, parts, s, pixel, pixels);
  }
}

/** Does what channel_px64 does, 32 pixels at a time, from a stream whose words have exponents. */
function channel_px32(
  epilogue: Epilogue,
  channel: i32,
  rows: usize,
  stream: usize,
  parts: usize,
  pixel: i32,
  stop: i32,
): void {
  for (; pixel < stop; pixel += 32, rows += 32) {
    let a0 = i64x2.splat(0),
      a1 = a0,
      b0 = a0,
      b1 = a0;
    let s = stream;
    let part = parts;
    while (true) {
      // the head of a part: how many taps to add, how many to subtract, and what follows
      const subs = <usize>load<u16>(s, 2);
      const op = <i32>load<u16>(s, 4);
      let end = s + 6 + ((<usize>load<u16>(s)) << 1);
      s += 6;
      // taps that count +2^exponent
      while (s < end) {
        const word = <i32>load<u16>(s);
        const row = rows + (<usize>word >> 4);
        s += 2;
        const v0 = v128.load(row),
          v1 = v128.load(row, 16);
        a0 = i16x8.add(a0, i16x8.shl(v0, word));
        b0 = i16x8.add(b0, i16x8.shl(oddsOf(v0), word));
        a1 = i16x8.add(a1, i16x8.shl(v1, word));
        b1 = i16x8.add(b1, i16x8.shl(oddsOf(v1), word));
      }
      end = s + (subs << 1);
      // taps that count -2^exponent
      while (s < end) {
        const word = <i32>load<u16>(s);
        const row = rows + (<usize>word >> 4);
        s += 2;
        const v0 = v128.load(row),
          v1 = v128.load(row, 16);
        a0 = i16x8.sub(a0, i16x8.shl(v0, word));
        b0 = i16x8.sub(b0, i16x8.shl(oddsOf(v0), word));
        a1 = i16x8.sub(a1, i16x8.shl(v1, word));
        b1 = i16x8.sub(b1, i16x8.shl(oddsOf(v1), word));
      }
      v128.store(part, a0);
      v128.store(part, b0, 16);
      v128.store(part, a1, 32);
      v128.store(part, b1, 48);
      if (op == END) break;
      part += PART_BYTES;
      a0 = i64x2.splat(0);
      a1 = a0;
      b0 = a0;
      b1 = a0;
    }
    const pixels = min(32, stop - pixel);
    end_px64(epilogue, channel, parts, s, pixel, pixels);
  }
}

/**
 * Computes pixels `pixel`..`stop` - 1 of output channels first..last-1. `first` is the first of its plane, and `pixel` begins a
 * tile. The room has the copies of two planes.
 */
export function conv_codes_depthwise(
  job: DepthwiseJob,
  room: usize,
  first: i32,
  last: i32,
  parts: usize,
  pixel: i32,
  stop: i32,
): void {
  const multiplier = job.multiplier;
  let other = room + <usize>job.count * job.copyBytes;
  let plane = job.planes + <usize>(first / multiplier) * job.planeBytes;
  lay_out(job, plane, pixel, stop, room);
  for (let channel = first; channel < last; ) {
    plane += job.planeBytes;
    if (channel + multiplier < last) lay_out(job, plane, pixel, stop, other);
    for (const end = channel + multiplier; channel < end; channel++) {
      const at = job.stream + <usize>load<u32>(job.starts + ((<usize>channel) << 2));
      if (job.shifted) channel_px32(job.epilogue, channel, room, at, parts, pixel, stop);
      else channel_px64(job.epilogue, channel, room, at, parts, pixel, stop);
    }
    const next = other;
    other = room;
    room = next;
  }
}
