// bytes.ts: bucket sums of activations of few bits, in u8 lanes: those of assembly/runtime/shared/buckets.ts, which draws stream and sums.
import { DOUBLE, END, PART_BYTES, RAISED } from "../../src/runtime/layout";
import { ConvJob } from "../runtime/conv";
import { oddsOf } from "../runtime/shared/lanes";
import { end_px64 } from "../runtime/shared/short-epilogue";

/**
 * Sums one channel of 64 pixels with activations 0..max, max <= 127: up to `run` = 255 / max rows in u8 lanes, before
 * they are widened as above. runBytes = 2 run.
 */
function bucket_u8_px64(patch: usize, stream: usize, parts: usize, runBytes: usize): usize {
  // the sums: eight registers of the fifteen that an engine has
  let a0 = i64x2.splat(0),
    a1 = a0,
    a2 = a0,
    a3 = a0;
  let b0 = a0,
    b1 = a0,
    b2 = a0,
    b3 = a0;
  let s = stream;
  while (true) {
    // the head of a segment: how many rows to add, how many to subtract, and what follows
    const subs = <usize>load<u16>(s, 2);
    const op = <i32>load<u16>(s, 4);
    let end = s + 6 + ((<usize>load<u16>(s)) << 1);
    s += 6;
    // rows with a weight of +1, in runs
    while (s < end) {
      // the first row of a run, as it is
      const stop = min(s + runBytes, end);
      let row = patch + ((<usize>load<u16>(s)) << 6);
      let v0 = v128.load(row),
        v1 = v128.load(row, 16),
        v2 = v128.load(row, 32),
        v3 = v128.load(row, 48);
      s += 2;
      // the other rows of the run: u8 sums of 16 pixels a vector, none of which can overflow
      while (s < stop) {
        row = patch + ((<usize>load<u16>(s)) << 6);
        v0 = i8x16.add(v0, v128.load(row));
        v1 = i8x16.add(v1, v128.load(row, 16));
        v2 = i8x16.add(v2, v128.load(row, 32));
        v3 = i8x16.add(v3, v128.load(row, 48));
        s += 2;
      }
      // the run's sum is added as one row of larger activations
      a0 = i16x8.add(a0, v0);
      b0 = i16x8.add(b0, oddsOf(v0));
      a1 = i16x8.add(a1, v1);
      b1 = i16x8.add(b1, oddsOf(v1));
      a2 = i16x8.add(a2, v2);
      b2 = i16x8.add(b2, oddsOf(v2));
      a3 = i16x8.add(a3, v3);
      b3 = i16x8.add(b3, oddsOf(v3));
    }
    // rows with a weight of -1: the same runs, subtracted
    end = s + (subs << 1);
    while (s < end) {
      const stop = min(s + runBytes, end);
      let row = patch + ((<usize>load<u16>(s)) << 6);
      let v0 = v128.load(row),
        v1 = v128.load(row, 16),
        v2 = v128.load(row, 32),
        v3 = v128.load(row, 48);
      s += 2;
      while (s < stop) {
        row = patch + ((<usize>load<u16>(s)) << 6);
        v0 = i8x16.add(v0, v128.load(row));
        v1 = i8x16.add(v1, v128.load(row, 16));
        v2 = i8x16.add(v2, v128.load(row, 32));
        v3 = i8x16.add(v3, v128.load(row, 48));
        s += 2;
      }
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
      // on to the next smaller power of two: what has been summed so far counts twice
      a0 = i16x8.add(a0, a0);
      a1 = i16x8.add(a1, a1);
      a2 = i16x8.add(a2, a2);
      a3 = i16x8.add(a3, a3);
      b0 = i16x8.add(b0, b0);
      b1 = i16x8.add(b1, b1);
      b2 = i16x8.add(b2, b2);
      b3 = i16x8.add(b3, b3);
    } else {
      // the lanes are a part: PARK and END
      if (op & RAISED) {
        // complements have raised the lanes: the bias that follows lowers them
        const odd = v128.load16_splat(s);
        const pair = i16x8.add(odd, i16x8.shl(odd, 8));
        s += 2;
        a0 = i16x8.add(a0, pair);
        a1 = i16x8.add(a1, pair);
        a2 = i16x8.add(a2, pair);
        a3 = i16x8.add(a3, pair);
        b0 = i16x8.add(b0, odd);
        b1 = i16x8.add(b1, odd);
        b2 = i16x8.add(b2, odd);
        b3 = i16x8.add(b3, odd);
      }
      v128.store(parts, a0);
      v128.store(parts, b0, 16);
      v128.store(parts, a1, 32);
      v128.store(parts, b1, 48);
      v128.store(parts, a2, 64);
      v128.store(parts, b2, 80);
      v128.store(parts, a3, 96);
      v128.store(parts, b3, 112);
      // the factors follow the last segment
      if (op & END) return s;
      // PARK: the next part starts at 0
      parts += PART_BYTES;
      a0 = i64x2.splat(0);
      a1 = a0;
      a2 = a0;
      a3 = a0;
      b0 = a0;
      b1 = a0;
      b2 = a0;
      b3 = a0;
    }
  }
}

/** Does what conv_codes does, for activations 0..max, max <= 127. */
export function conv_codes_u8(
  job: ConvJob,
  patch: usize,
  first: i32,
  last: i32,
  parts: usize,
  pixel: i32,
  pixels: i32,
): void {
  const stream = job.stream;
  const starts = job.starts;
  const epilogue = job.epilogue;
  const runBytes = (<usize>job.run) << 1;
  // channels that still read this patch
  let left = job.groupChannels;
  for (let channel = first; channel < last; channel++) {
    const at = stream + <usize>load<u32>(starts + ((<usize>channel) << 2));
    const factors = bucket_u8_px64(patch, at, parts, runBytes);
    end_px64(epilogue, channel, parts, factors, pixel, pixels);
    // the next group's rows lie behind
    if (--left == 0) {
      left = job.groupChannels;
      patch += job.groupBytes;
    }
  }
}
