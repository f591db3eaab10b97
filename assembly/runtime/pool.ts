// pool.ts: maximum and sum over windows, from the rows that gather.ts lays out, and sums of whole planes.
import { PART_BYTES, PART_ROWS } from "../../src/runtime/layout";
import { Epilogue, encode_lanes, encode_px16 } from "./epilogue";

/** Maximum over `taps` rows of 64 u8 pixels for each channel. Padding holds 0, which never wins. */
export function pool_max_u8(patch: usize, taps: i32, channels: i32, out: usize, planeBytes: u32, pixels: i32): void {
  for (; channels > 0; channels--, out += planeBytes) {
    for (let j: usize = 0; j < <usize>pixels; j += 16) {
      let row = patch + j;
      let best = v128.load(row);
      for (let tap = 1; tap < taps; tap++) {
        row += 64;
        best = i8x16.max_u(best, v128.load(row));
      }
      v128.store(out + j, best);
    }
    patch += (<usize>taps) << 6;
  }
}

/**
 * As pool_max_u8 for the float32 panels of gather_f32; padding holds -infinity. Of equal values the first stays, so 0 and -0
 * do, and a NaN anywhere in the window makes a NaN, which pmax alone would only let through in some places.
 */
export function pool_max_f32(
  patch: usize,
  panelBytes: u32,
  taps: i32,
  channels: i32,
  out: usize,
  planeBytes: u32,
  pixels: i32,
): void {
  for (; channels > 0; channels--, out += planeBytes) {
    for (let j: usize = 0; j < <usize>pixels; j += 8) {
      let row = patch + (j >> 3) * panelBytes;
      let a = v128.load(row),
        b = v128.load(row, 16);
      let aNaN = f32x4.ne(a, a),
        bNaN = f32x4.ne(b, b);
      for (let tap = 1; tap < taps; tap++) {
        row += 32;
        const v = v128.load(row),
          w = v128.load(row, 16);
        a = f32x4.pmax(a, v);
        b = f32x4.pmax(b, w);
        aNaN = v128.or(aNaN, f32x4.ne(v, v));
        bNaN = v128.or(bNaN, f32x4.ne(w, w));
      }
      // all bits set is a NaN
      v128.store(out + (j << 2), v128.or(a, aNaN));
      v128.store(out + (j << 2), v128.or(b, bNaN), 16);
    }
    patch += (<usize>taps) << 5;
  }
}

/**
 * Sum over `taps` rows of 64 u8 pixels for each channel from `channel` on, ending in the epilogue.
 * factors: 1 for each 128 taps and what is left of them.
 */
export function pool_sum_u8(
  patch: usize,
  taps: i32,
  channel: i32,
  channels: i32,
  parts: usize,
  factors: usize,
  epilogue: Epilogue,
  pixel: i32,
  pixels: i32,
): void {
  for (const last = channel + channels; channel < last; channel++) {
    for (let j: usize = 0; j < 64; j += 16) {
      let part = parts + (j << 1);
      let row = patch + j;
      for (let left = taps; left > 0; left -= PART_ROWS, part += PART_BYTES) {
        let a = i16x8.splat(0);
        let b = a;
        for (const end = row + ((<usize>min(left, PART_ROWS)) << 6); row < end; row += 64) {
          const v = v128.load(row);
          a = i16x8.add(a, v);
          b = i16x8.add(b, i16x8.shr_u(v, 8));
        }
        v128.store(part, a);
        v128.store(part, b, 16);
      }
    }
    encode_px16(epilogue, channel, parts, factors, pixel, pixels);
    patch += (<usize>taps) << 6;
  }
}

/** As pool_sum_u8 for float32 panels; sums in tap order. */
export function pool_sum_f32(
  patch: usize,
  panelBytes: u32,
  taps: i32,
  channel: i32,
  channels: i32,
  sums: usize,
  epilogue: Epilogue,
  pixel: i32,
  pixels: i32,
): void {
  for (const last = channel + channels; channel < last; channel++) {
    for (let j: usize = 0; j < 64; j += 8) {
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
    encode_lanes(epilogue, channel, sums, pixel, pixels, false, false);
    patch += (<usize>taps) << 5;
  }
}

/** i32 sum of every u8 plane of `size` pixels (what lies behind a plane's end is not counted). */
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
    for (; i < <usize>size; i++) sum += <i32>load<u8>(planes + i);
    store<i32>(sums, sum);
  }
}

/** float32 sum of every plane, in pixel order. */
export function plane_sums_f32(planes: usize, planeBytes: u32, size: i32, channels: i32, sums: usize): void {
  for (; channels > 0; channels--, planes += planeBytes, sums += 4) {
    let sum: f32 = 0;
    for (let at = planes, end = planes + ((<usize>size) << 2); at < end; at += 4) sum += load<f32>(at);
    store<f32>(sums, sum);
  }
}
