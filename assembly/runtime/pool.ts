// pool.ts: maximum and sum over windows, from the rows that gather.ts lays out, and sums of whole planes.
import { PANEL, PART_BYTES, PART_ROWS, TILE } from "../../src/runtime/layout";
import { Epilogue, encode_lanes, encode_px16 } from "./shared/epilogue";

/** Maxima over windows of `taps` rows, and the planes that they are written to. */
@unmanaged
export class MaxPoolJob {
  taps!: i32;
  out!: usize;
  outBytes!: u32;
}

/** Sums over windows of `taps` rows, and how they end. */
@unmanaged
export class SumPoolJob {
  taps!: i32;
  /** u8 rows only: the factors of the parts, 1 for each PART_ROWS taps and for the rest of them. */
  factors!: usize;
  epilogue: Epilogue = changetype<Epilogue>(0);
}

/** Takes the maxima of one tile of 64 u8 pixels for each channel of a patch. Padding holds 0, which never wins. */
export function pool_max_u8(job: MaxPoolJob, patch: usize, channel: i32, channels: i32, pixel: i32, pixels: i32): void {
  const taps = job.taps;
  let out = job.out + <usize>channel * job.outBytes + <usize>pixel;
  for (; channels > 0; channels--, out += job.outBytes) {
    // 16 pixels: the largest of their taps, which lie 64 bytes apart
    for (let j: usize = 0; j < <usize>pixels; j += 16) {
      let row = patch + j;
      let best = v128.load(row);
      for (let tap = 1; tap < taps; tap++) {
        row += TILE;
        best = i8x16.max_u(best, v128.load(row));
      }
      v128.store(out + j, best);
    }
    patch += <usize>taps * TILE;
  }
}

/**
 * Does for the float32 panels of gather_f32 what pool_max_u8 does for u8 rows. Padding holds -infinity. The first of equal
 * values stays, so 0 and -0 do. A NaN anywhere in a window makes a NaN: pmax lets it through in some places only, but no
 * sum loses one.
 */
export function pool_max_f32(
  job: MaxPoolJob,
  patch: usize,
  channel: i32,
  channels: i32,
  pixel: i32,
  pixels: i32,
): void {
  const taps = job.taps;
  const panelBytes = (<usize>(channels * taps)) << 5;
  const planeBytes = <usize>job.outBytes;
  const out = job.out + <usize>channel * planeBytes + ((<usize>pixel) << 2);
  // sums of all values seen, which only serve to find a NaN
  let s0 = f32x4.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0;
  let first = patch;
  let to = out;
  for (let left = channels; left > 0; left--, to += planeBytes, first += (<usize>taps) << 5) {
    // two panels a turn: planes are whole vectors of 16 long
    for (let j: usize = 0; j < <usize>pixels; j += 16) {
      let row = first + (j >> 3) * panelBytes,
        next = row + panelBytes;
      let a0 = v128.load(row),
        a1 = v128.load(row, 16),
        a2 = v128.load(next),
        a3 = v128.load(next, 16);
      s0 = f32x4.add(s0, a0);
      s1 = f32x4.add(s1, a1);
      s2 = f32x4.add(s2, a2);
      s3 = f32x4.add(s3, a3);
      for (const end = row + ((<usize>taps) << 5); (row += 32) < end; ) {
        next += 32;
        const v0 = v128.load(row),
          v1 = v128.load(row, 16),
          v2 = v128.load(next),
          v3 = v128.load(next, 16);
        a0 = f32x4.pmax(a0, v0);
        a1 = f32x4.pmax(a1, v1);
        a2 = f32x4.pmax(a2, v2);
        a3 = f32x4.pmax(a3, v3);
        s0 = f32x4.add(s0, v0);
        s1 = f32x4.add(s1, v1);
        s2 = f32x4.add(s2, v2);
        s3 = f32x4.add(s3, v3);
      }
      v128.store(to + (j << 2), a0);
      v128.store(to + (j << 2), a1, 16);
      v128.store(to + (j << 2), a2, 32);
      v128.store(to + (j << 2), a3, 48);
    }
  }
  const sum = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  // infinities of both signs also sum up to a NaN: mark_nans looks at the values themselves
  if (v128.any_true(f32x4.ne(sum, sum))) mark_nans(patch, panelBytes, taps, channels, out, planeBytes, pixels);
}

/** Makes the maximum of every window that holds a NaN one. */
function mark_nans(
  patch: usize,
  panelBytes: usize,
  taps: i32,
  channels: i32,
  out: usize,
  planeBytes: usize,
  pixels: i32,
): void {
  for (; channels > 0; channels--, out += planeBytes, patch += (<usize>taps) << 5) {
    for (let j: usize = 0; j < <usize>pixels; j += 4) {
      // four pixels: is a NaN under any tap?
      let row = patch + (j >> 3) * panelBytes + ((j & 4) << 2);
      let found = f32x4.splat(0);
      for (const end = row + ((<usize>taps) << 5); row < end; row += 32) {
        const v = v128.load(row);
        found = v128.or(found, f32x4.ne(v, v));
      }
      // all bits set are a NaN
      v128.store(out + (j << 2), v128.or(v128.load(out + (j << 2)), found));
    }
  }
}

/** Sums the windows of one tile of 64 u8 pixels for each channel of a patch. */
export function pool_sum_u8(
  job: SumPoolJob,
  patch: usize,
  channel: i32,
  channels: i32,
  parts: usize,
  pixel: i32,
  pixels: i32,
): void {
  const taps = job.taps;
  for (const last = channel + channels; channel < last; channel++) {
    for (let j: usize = 0; j < <usize>TILE; j += 16) {
      // 16 pixels, in parts of PART_ROWS taps, each laid out as lanes.ts says
      let part = parts + (j << 1);
      let row = patch + j;
      for (let left = taps; left > 0; left -= PART_ROWS, part += PART_BYTES) {
        let a = i16x8.splat(0);
        let b = a;
        for (const end = row + <usize>min(left, PART_ROWS) * TILE; row < end; row += TILE) {
          const v = v128.load(row);
          a = i16x8.add(a, v);
          b = i16x8.add(b, i16x8.shr_u(v, 8));
        }
        v128.store(part, a);
        v128.store(part, b, 16);
      }
    }
    encode_px16(job.epilogue, channel, parts, job.factors, pixel, pixels);
    patch += <usize>taps * TILE;
  }
}

/** Does for float32 panels what pool_sum_u8 does for u8 rows; sums in tap order. */
export function pool_sum_f32(
  job: SumPoolJob,
  patch: usize,
  channel: i32,
  channels: i32,
  sums: usize,
  pixel: i32,
  pixels: i32,
): void {
  const taps = job.taps;
  const panelBytes = (<usize>(channels * taps)) << 5;
  for (const last = channel + channels; channel < last; channel++) {
    for (let j: usize = 0; j < <usize>TILE; j += PANEL) {
      let row = patch + (j >> 3) * panelBytes;
      let a = f32x4.splat(0),
        b = a;
      for (let tap = 0; tap < taps; tap++, row += 32) {
        a = f32x4.add(a, v128.load(row));
        b = f32x4.add(b, v128.load(row, 16));
      }
      v128.store(sums + (j << 2), a);
      v128.store(sums + (j << 2), b, 16);
    }
    encode_lanes(job.epilogue, channel, sums, pixel, pixels, false, false);
    patch += (<usize>taps) << 5;
  }
}

/** Sums every u8 plane of `size` pixels in i32; what lies behind a plane's end is not counted. */
export function plane_sums_u8(planes: usize, planeBytes: u32, size: i32, channels: i32, sums: usize): void {
  for (; channels > 0; channels--, planes += planeBytes, sums += 4) {
    let lanes = i32x4.splat(0);
    let i: usize = 0;
    for (const whole = <usize>(size & ~15); i < whole; i += 16) {
      lanes = i32x4.add(lanes, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(v128.load(planes + i))));
    }
    let sum =
      i32x4.extract_lane(lanes, 0) +
      i32x4.extract_lane(lanes, 1) +
      i32x4.extract_lane(lanes, 2) +
      i32x4.extract_lane(lanes, 3);
    // the pixels behind the last whole vector
    for (; i < <usize>size; i++) sum += <i32>load<u8>(planes + i);
    store<i32>(sums, sum);
  }
}

/** Sums every float32 plane in pixel order. */
export function plane_sums_f32(planes: usize, planeBytes: u32, size: i32, channels: i32, sums: usize): void {
  for (; channels > 0; channels--, planes += planeBytes, sums += 4) {
    let sum: f32 = 0;
    for (let at = planes, end = planes + ((<usize>size) << 2); at < end; at += 4) sum += load<f32>(at);
    store<f32>(sums, sum);
  }
}
