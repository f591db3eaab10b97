// depthwise.ts: bucket sums of depthwise convolutions, whose taps are read where they lie.
//
//   the plane of one channel    | ... input under tap 0 ... | ...        a tap is one offset for all pixels of the tile
//   row of a tap                plane + offset[tap], 64 bytes, not aligned
//   mask of a tap               masks + 64 tap: ff where the input is inside the plane, 00 where it is padding
//
// Stream, sums and parts are those of buckets.ts, and the loops are repeated for the reasons that stand there.
import { DOUBLE, END, PART_BYTES } from "../../src/runtime/layout";
import { Epilogue } from "./shared/epilogue";
import { end_px64, form_of } from "./shared/short-epilogue";

/**
 * Sums one channel of 64 pixels as bucket_swar_px64 does. The stream's indices are taps: their rows are read where they
 * lie in the plane and masked, since nobody else would read a row of a patch. offsets and masks are those of gather_u8.
 *
 * Engines move the loads of a basic block to its front. Eight at once would drive a sum out of its register, so a check
 * that never fails cuts the block in two.
 */
function bucket_swar_taps_px64(plane: usize, offsets: usize, masks: usize, stream: usize, parts: usize): usize {
  // the sums, as in buckets.ts
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
    // the head of a segment: how many rows to add, how many to subtract, and what follows
    const subs = <usize>load<u16>(s, 2);
    const op = <i32>load<u16>(s, 4);
    let end = s + 6 + ((<usize>load<u16>(s)) << 1);
    s += 6;
    // taps with a weight of +1
    while (s < end) {
      const tap = <usize>load<u16>(s);
      const row = plane + <usize>load<i32>(offsets + (tap << 2));
      const mask = masks + (tap << 6);
      s += 2;
      // the first 32 pixels
      const v0 = v128.and(v128.load(row), v128.load(mask));
      const v1 = v128.and(v128.load(row, 16), v128.load(mask, 16));
      a0 = i16x8.add(a0, v0);
      b0 = i16x8.add(b0, i16x8.shr_u(v0, 8));
      a1 = i16x8.add(a1, v1);
      b1 = i16x8.add(b1, i16x8.shr_u(v1, 8));
      // never true: it keeps the loads of the other 32 pixels behind it
      if (mask == 0) unreachable();
      const v2 = v128.and(v128.load(row, 32), v128.load(mask, 32));
      const v3 = v128.and(v128.load(row, 48), v128.load(mask, 48));
      a2 = i16x8.add(a2, v2);
      b2 = i16x8.add(b2, i16x8.shr_u(v2, 8));
      a3 = i16x8.add(a3, v3);
      b3 = i16x8.add(b3, i16x8.shr_u(v3, 8));
    }
    // taps with a weight of -1: the same, subtracted
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
      // never true: it keeps the loads of the other 32 pixels behind it
      if (mask == 0) unreachable();
      const v2 = v128.and(v128.load(row, 32), v128.load(mask, 32));
      const v3 = v128.and(v128.load(row, 48), v128.load(mask, 48));
      a2 = i16x8.sub(a2, v2);
      b2 = i16x8.sub(b2, i16x8.shr_u(v2, 8));
      a3 = i16x8.sub(a3, v3);
      b3 = i16x8.sub(b3, i16x8.shr_u(v3, 8));
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
    } else {
      // the lanes are a part: PARK and END
      v128.store(parts, a0);
      v128.store(parts, b0, 16);
      v128.store(parts, a1, 32);
      v128.store(parts, b1, 48);
      v128.store(parts, a2, 64);
      v128.store(parts, b2, 80);
      v128.store(parts, a3, 96);
      v128.store(parts, b3, 112);
      // the factors follow the last segment
      if (op == END) return s;
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

/** Sums the first 16 pixels of a tile alone: bucket_swar_taps_px64 with one vector instead of four. */
function bucket_swar_taps_px16(plane: usize, offsets: usize, masks: usize, stream: usize, parts: usize): usize {
  let a = i64x2.splat(0),
    b = a;
  let s = stream;
  while (true) {
    // the head of a segment: how many rows to add, how many to subtract, and what follows
    const subs = <usize>load<u16>(s, 2);
    const op = <i32>load<u16>(s, 4);
    let end = s + 6 + ((<usize>load<u16>(s)) << 1);
    s += 6;
    // taps with a weight of +1
    while (s < end) {
      const tap = <usize>load<u16>(s);
      const v = v128.and(v128.load(plane + <usize>load<i32>(offsets + (tap << 2))), v128.load(masks + (tap << 6)));
      s += 2;
      a = i16x8.add(a, v);
      b = i16x8.add(b, i16x8.shr_u(v, 8));
    }
    // taps with a weight of -1
    end = s + (subs << 1);
    while (s < end) {
      const tap = <usize>load<u16>(s);
      const v = v128.and(v128.load(plane + <usize>load<i32>(offsets + (tap << 2))), v128.load(masks + (tap << 6)));
      s += 2;
      a = i16x8.sub(a, v);
      b = i16x8.sub(b, i16x8.shr_u(v, 8));
    }
    if (op == DOUBLE) {
      a = i16x8.add(a, a);
      b = i16x8.add(b, b);
    } else {
      v128.store(parts, a);
      v128.store(parts, b, 16);
      if (op == END) return s;
      parts += PART_BYTES;
      a = i64x2.splat(0);
      b = a;
    }
  }
}

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
  /** The same as a field of GatherJob. */
  offsets!: usize;
}

/**
 * Computes output channels first..last-1 of one tile of a convolution whose padding holds 0 (`first` is the first of its
 * plane). Rows are read at plane + pixel + offset.
 */
export function conv_codes_depthwise(
  job: DepthwiseJob,
  masks: usize,
  first: i32,
  last: i32,
  parts: usize,
  pixel: i32,
  pixels: i32,
): void {
  const stream = job.stream;
  const starts = job.starts;
  const epilogue = job.epilogue;
  const offsets = job.offsets;
  const form = form_of(epilogue, pixels);
  // output channels that are still to be made of the plane
  let left = job.multiplier;
  let plane = job.planes + <usize>(first / left) * job.planeBytes + <usize>pixel;
  for (let channel = first; channel < last; channel++) {
    // sum the channel into parts, then join and end them
    const at = stream + <usize>load<u32>(starts + ((<usize>channel) << 2));
    const factors =
      pixels <= 16
        ? bucket_swar_taps_px16(plane, offsets, masks, at, parts)
        : bucket_swar_taps_px64(plane, offsets, masks, at, parts);
    end_px64(form, epilogue, channel, parts, factors, pixel, pixels);
    // on to the next input plane
    if (--left == 0) {
      left = job.multiplier;
      plane += job.planeBytes;
    }
  }
}
