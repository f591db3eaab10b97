// conv.ts: bucket-sum convolution over power-of-two weights: one load and one add per non-zero weight.
//
// patch   depth rows of 64 u8 activations (gather.ts), 64 bytes apart: row k, lane j = activation k of output pixel j
// stream  u16 words; an output channel is segments up to and with the one marked LAST:
//
//           segment = adds | subs | op | adds x row index | subs x row index
//
//         Rows under `adds` count +1, rows under `subs` -1. Then op = DOUBLE doubles the lanes: the next segment belongs
//         to the next smaller power of two (Horner's rule). Any other op ends a part of the sum, lanes << (op & 31):
//         it is flushed into the totals (set by the FIRST part, added to by the others) and the lanes are zeroed; the
//         LAST part is left in lanes for the epilogue. The host cuts parts so that no lane can leave its range.
// totals  and lanes: lanes.ts
//
// No function here multiplies: a test reads the compiled text.
import { encode_px16 } from "./epilogue";
import { flush_px16, LANES, LAST } from "./lanes";

const DOUBLE: i32 = 255;

/** One channel of 64 pixels, activations 0..255; returns the last op. Lanes exact while 255 * sum of each sign <= 32767. */
function bucket_swar_px64(patch: usize, stream: usize, totals: usize): i32 {
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
    const subs = <usize>load<u16>(s, 2);
    const op = <i32>load<u16>(s, 4);
    let end = s + 6 + ((<usize>load<u16>(s)) << 1);
    s += 6;
    while (s < end) {
      const row = patch + ((<usize>load<u16>(s)) << 6);
      const v0 = v128.load(row),
        v1 = v128.load(row, 16),
        v2 = v128.load(row, 32),
        v3 = v128.load(row, 48);
      s += 2;
      a0 = i16x8.add(a0, v0);
      b0 = i16x8.add(b0, i16x8.shr_u(v0, 8));
      a1 = i16x8.add(a1, v1);
      b1 = i16x8.add(b1, i16x8.shr_u(v1, 8));
      a2 = i16x8.add(a2, v2);
      b2 = i16x8.add(b2, i16x8.shr_u(v2, 8));
      a3 = i16x8.add(a3, v3);
      b3 = i16x8.add(b3, i16x8.shr_u(v3, 8));
    }
    end = s + (subs << 1);
    while (s < end) {
      const row = patch + ((<usize>load<u16>(s)) << 6);
      const v0 = v128.load(row),
        v1 = v128.load(row, 16),
        v2 = v128.load(row, 32),
        v3 = v128.load(row, 48);
      s += 2;
      a0 = i16x8.sub(a0, v0);
      b0 = i16x8.sub(b0, i16x8.shr_u(v0, 8));
      a1 = i16x8.sub(a1, v1);
      b1 = i16x8.sub(b1, i16x8.shr_u(v1, 8));
      a2 = i16x8.sub(a2, v2);
      b2 = i16x8.sub(b2, i16x8.shr_u(v2, 8));
      a3 = i16x8.sub(a3, v3);
      b3 = i16x8.sub(b3, i16x8.shr_u(v3, 8));
    }
    if (op == DOUBLE) {
      a0 = i16x8.add(a0, a0);
      a1 = i16x8.add(a1, a1);
      a2 = i16x8.add(a2, a2);
      a3 = i16x8.add(a3, a3);
      b0 = i16x8.add(b0, b0);
      b1 = i16x8.add(b1, b1);
      b2 = i16x8.add(b2, b2);
      b3 = i16x8.add(b3, b3);
    } else if (op & LAST) {
      const lanes = totals + LANES;
      v128.store(lanes, a0, 0);
      v128.store(lanes, b0, 16);
      v128.store(lanes, a1, 32);
      v128.store(lanes, b1, 48);
      v128.store(lanes, a2, 64);
      v128.store(lanes, b2, 80);
      v128.store(lanes, a3, 96);
      v128.store(lanes, b3, 112);
      return op;
    } else {
      flush_px16(totals, a0, b0, op);
      flush_px16(totals + 64, a1, b1, op);
      flush_px16(totals + 128, a2, b2, op);
      flush_px16(totals + 192, a3, b3, op);
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

/** As bucket_swar_px64, the first 16 pixels of the tile only. */
function bucket_swar_px16(patch: usize, stream: usize, totals: usize): i32 {
  let a = i64x2.splat(0),
    b = a;
  let s = stream;
  while (true) {
    const subs = <usize>load<u16>(s, 2);
    const op = <i32>load<u16>(s, 4);
    let end = s + 6 + ((<usize>load<u16>(s)) << 1);
    s += 6;
    while (s < end) {
      const v = v128.load(patch + ((<usize>load<u16>(s)) << 6));
      s += 2;
      a = i16x8.add(a, v);
      b = i16x8.add(b, i16x8.shr_u(v, 8));
    }
    end = s + (subs << 1);
    while (s < end) {
      const v = v128.load(patch + ((<usize>load<u16>(s)) << 6));
      s += 2;
      a = i16x8.sub(a, v);
      b = i16x8.sub(b, i16x8.shr_u(v, 8));
    }
    if (op == DOUBLE) {
      a = i16x8.add(a, a);
      b = i16x8.add(b, b);
    } else if (op & LAST) {
      v128.store(totals + LANES, a);
      v128.store(totals + LANES, b, 16);
      return op;
    } else {
      flush_px16(totals, a, b, op);
      a = i64x2.splat(0);
      b = a;
    }
  }
}

/**
 * One channel of 64 pixels, activations 0..max with max <= 127: up to `run` = 255 / max rows are summed in u8 lanes
 * before they are widened as above. runBytes = 2 run.
 */
function bucket_u8_px64(patch: usize, stream: usize, totals: usize, runBytes: usize): i32 {
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
    const subs = <usize>load<u16>(s, 2);
    const op = <i32>load<u16>(s, 4);
    let end = s + 6 + ((<usize>load<u16>(s)) << 1);
    s += 6;
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
      a0 = i16x8.add(a0, v0);
      b0 = i16x8.add(b0, i16x8.shr_u(v0, 8));
      a1 = i16x8.add(a1, v1);
      b1 = i16x8.add(b1, i16x8.shr_u(v1, 8));
      a2 = i16x8.add(a2, v2);
      b2 = i16x8.add(b2, i16x8.shr_u(v2, 8));
      a3 = i16x8.add(a3, v3);
      b3 = i16x8.add(b3, i16x8.shr_u(v3, 8));
    }
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
      b0 = i16x8.sub(b0, i16x8.shr_u(v0, 8));
      a1 = i16x8.sub(a1, v1);
      b1 = i16x8.sub(b1, i16x8.shr_u(v1, 8));
      a2 = i16x8.sub(a2, v2);
      b2 = i16x8.sub(b2, i16x8.shr_u(v2, 8));
      a3 = i16x8.sub(a3, v3);
      b3 = i16x8.sub(b3, i16x8.shr_u(v3, 8));
    }
    if (op == DOUBLE) {
      a0 = i16x8.add(a0, a0);
      a1 = i16x8.add(a1, a1);
      a2 = i16x8.add(a2, a2);
      a3 = i16x8.add(a3, a3);
      b0 = i16x8.add(b0, b0);
      b1 = i16x8.add(b1, b1);
      b2 = i16x8.add(b2, b2);
      b3 = i16x8.add(b3, b3);
    } else if (op & LAST) {
      const lanes = totals + LANES;
      v128.store(lanes, a0, 0);
      v128.store(lanes, b0, 16);
      v128.store(lanes, a1, 32);
      v128.store(lanes, b1, 48);
      v128.store(lanes, a2, 64);
      v128.store(lanes, b2, 80);
      v128.store(lanes, a3, 96);
      v128.store(lanes, b3, 112);
      return op;
    } else {
      flush_px16(totals, a0, b0, op);
      flush_px16(totals + 64, a1, b1, op);
      flush_px16(totals + 128, a2, b2, op);
      flush_px16(totals + 192, a3, b3, op);
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

/**
 * As bucket_swar_px64 for one input channel: the stream's indices are taps, read where they lie in the plane and masked,
 * instead of rows of a patch that nobody else would read. offsets and masks as for gather_u8.
 *
 * Engines move the loads of a basic block to its front. Eight at once would drive an accumulator out of its register,
 * so a check that never fails parts them.
 */
function bucket_swar_taps_px64(plane: usize, offsets: usize, masks: usize, stream: usize, totals: usize): i32 {
  let a0 = i64x2.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  let s = stream;
  while (true) {
    const subs = <usize>load<u16>(s, 2);
    const op = <i32>load<u16>(s, 4);
    let end = s + 6 + ((<usize>load<u16>(s)) << 1);
    s += 6;
    while (s < end) {
      const tap = <usize>load<u16>(s);
      const row = plane + <usize>load<i32>(offsets + (tap << 2));
      const mask = masks + (tap << 6);
      s += 2;
      const v0 = v128.and(v128.load(row), v128.load(mask));
      const v1 = v128.and(v128.load(row, 16), v128.load(mask, 16));
      a0 = i16x8.add(a0, v0);
      b0 = i16x8.add(b0, i16x8.shr_u(v0, 8));
      a1 = i16x8.add(a1, v1);
      b1 = i16x8.add(b1, i16x8.shr_u(v1, 8));
      if (mask == 0) unreachable();
      const v2 = v128.and(v128.load(row, 32), v128.load(mask, 32));
      const v3 = v128.and(v128.load(row, 48), v128.load(mask, 48));
      a2 = i16x8.add(a2, v2);
      b2 = i16x8.add(b2, i16x8.shr_u(v2, 8));
      a3 = i16x8.add(a3, v3);
      b3 = i16x8.add(b3, i16x8.shr_u(v3, 8));
    }
    end = s + (subs << 1);
    while (s < end) {
      const tap = <usize>load<u16>(s);
      const row = plane + <usize>load<i32>(offsets + (tap << 2));
      const mask = masks + (tap << 6);
      s += 2;
      const v0 = v128.and(v128.load(row), v128.load(mask));
      const v1 = v128.and(v128.load(row, 16), v128.load(mask, 16));
      a0 = i16x8.sub(a0, v0);
      b0 = i16x8.sub(b0, i16x8.shr_u(v0, 8));
      a1 = i16x8.sub(a1, v1);
      b1 = i16x8.sub(b1, i16x8.shr_u(v1, 8));
      if (mask == 0) unreachable();
      const v2 = v128.and(v128.load(row, 32), v128.load(mask, 32));
      const v3 = v128.and(v128.load(row, 48), v128.load(mask, 48));
      a2 = i16x8.sub(a2, v2);
      b2 = i16x8.sub(b2, i16x8.shr_u(v2, 8));
      a3 = i16x8.sub(a3, v3);
      b3 = i16x8.sub(b3, i16x8.shr_u(v3, 8));
    }
    if (op == DOUBLE) {
      a0 = i16x8.add(a0, a0);
      a1 = i16x8.add(a1, a1);
      a2 = i16x8.add(a2, a2);
      a3 = i16x8.add(a3, a3);
      b0 = i16x8.add(b0, b0);
      b1 = i16x8.add(b1, b1);
      b2 = i16x8.add(b2, b2);
      b3 = i16x8.add(b3, b3);
    } else if (op & LAST) {
      const lanes = totals + LANES;
      v128.store(lanes, a0);
      v128.store(lanes, b0, 16);
      v128.store(lanes, a1, 32);
      v128.store(lanes, b1, 48);
      v128.store(lanes, a2, 64);
      v128.store(lanes, b2, 80);
      v128.store(lanes, a3, 96);
      v128.store(lanes, b3, 112);
      return op;
    } else {
      flush_px16(totals, a0, b0, op);
      flush_px16(totals + 64, a1, b1, op);
      flush_px16(totals + 128, a2, b2, op);
      flush_px16(totals + 192, a3, b3, op);
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

/**
 * Depthwise convolution of one tile whose padding holds 0: channels 0..channels-1 of the output, `multiplier` for each
 * plane of the input. Rows are read at plane + pixel + offset.
 */
export function conv_swar_depthwise(
  planes: usize,
  planeBytes: usize,
  multiplier: i32,
  offsets: usize,
  masks: usize,
  stream: usize,
  starts: usize,
  channels: i32,
  totals: usize,
  epilogue: usize,
  pixel: i32,
  pixels: i32,
): void {
  let left = multiplier;
  let plane = planes + <usize>pixel;
  for (let channel = 0; channel < channels; channel++, starts += 4) {
    const op = bucket_swar_taps_px64(plane, offsets, masks, stream + <usize>load<u32>(starts), totals);
    encode_px16(epilogue, channel, totals, pixel, pixels, op);
    if (--left == 0) {
      left = multiplier;
      plane += planeBytes;
    }
  }
}

/**
 * Channels first..last-1 of one tile of `pixels` <= 64 output pixels from `pixel` on, ending in the epilogue.
 * starts: u32 per channel, byte offset of its stream. groupChannels output channels share a patch; the next group's lies
 * patchStep bytes further (`first` is the first channel of its group).
 */
export function conv_swar(
  patch: usize,
  patchStep: usize,
  groupChannels: i32,
  stream: usize,
  starts: usize,
  first: i32,
  last: i32,
  totals: usize,
  epilogue: usize,
  pixel: i32,
  pixels: i32,
): void {
  let left = groupChannels;
  for (let channel = first; channel < last; channel++) {
    const at = stream + <usize>load<u32>(starts + ((<usize>channel) << 2));
    const op = pixels <= 16 ? bucket_swar_px16(patch, at, totals) : bucket_swar_px64(patch, at, totals);
    encode_px16(epilogue, channel, totals, pixel, pixels, op);
    if (--left == 0) {
      left = groupChannels;
      patch += patchStep;
    }
  }
}

/** As conv_swar for activations 0..max, max <= 127: run = 255 / max rows fit a u8 lane. */
export function conv_u8(
  patch: usize,
  patchStep: usize,
  groupChannels: i32,
  stream: usize,
  starts: usize,
  first: i32,
  last: i32,
  totals: usize,
  epilogue: usize,
  pixel: i32,
  pixels: i32,
  run: i32,
): void {
  let left = groupChannels;
  for (let channel = first; channel < last; channel++) {
    const at = stream + <usize>load<u32>(starts + ((<usize>channel) << 2));
    const op =
      pixels <= 16 ? bucket_swar_px16(patch, at, totals) : bucket_u8_px64(patch, at, totals, (<usize>run) << 1);
    encode_px16(epilogue, channel, totals, pixel, pixels, op);
    if (--left == 0) {
      left = groupChannels;
      patch += patchStep;
    }
  }
}
