// windows.ts: windows of float32 planes: their rows as gather.ts lays them, in panels of 8 pixels, and maxima and sums over them.
// Of u8 planes those that few networks have: rows of pixels that are looked up one by one, and means.
//
// Float rows lie in eight panels of 8 pixels, so that a GEMM tile walks one panel straight through: row k of panel g is at
// patch + g * panelBytes + 32 k, panelBytes = 32 * number of rows.
import { PANEL, PART_BYTES, PART_ROWS, TILE } from "../../src/runtime/layout";
import { GatherJob } from "../runtime/gather";
import { MaxPoolJob, SumPoolJob } from "../runtime/pool";
import { encode_lanes, encode_px16 } from "../runtime/shared/epilogue";

/** Gathers float32 planes as gather_u8 does u8 planes, with any fill. */
export function gather_f32(job: GatherJob, patch: usize, masks: usize, channel: i32, channels: i32, pixel: i32): void {
  const planeBytes = job.planeBytes;
  const taps = job.taps;
  const offsets = job.offsets;
  const panelBytes = (<usize>(channels * taps)) << 5;
  const padding = f32x4.splat(job.fill);
  let planes = <i32>job.planes + channel * planeBytes;
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += 32) {
      // four bytes an element
      let from = <usize>(planes + ((pixel + load<i32>(offsets + ((<usize>tap) << 2))) << 2));
      let mask = masks + <usize>tap * TILE;
      for (let to = patch, end = patch + (panelBytes << 3); to < end; to += panelBytes, from += 32, mask += PANEL) {
        // eight mask bytes become two masks of four float32: the sign fills the lanes
        const words = v128.load8x8_s(mask);
        v128.store(to, v128.bitselect(v128.load(from), padding, i32x4.extend_low_i16x8_s(words)));
        v128.store(to, v128.bitselect(v128.load(from, 16), padding, i32x4.extend_high_i16x8_s(words)), 16);
      }
    }
  }
}

/** Gathers float32 planes as gather_u8_any does u8 planes. */
export function gather_f32_any(
  job: GatherJob,
  patch: usize,
  masks: usize,
  channel: i32,
  channels: i32,
  pixel: i32,
): void {
  const planeBytes = job.planeBytes;
  const taps = job.taps;
  const offsets = job.offsets;
  const places = job.places + ((<usize>pixel) << 2);
  const panelBytes = (<usize>(channels * taps)) << 5;
  const fill = job.fill;
  let planes = <i32>job.planes + channel * planeBytes;
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += 32) {
      const base = planes + (load<i32>(offsets + ((<usize>tap) << 2)) << 2);
      let mask = masks + <usize>tap * TILE;
      let place = places;
      for (let to = patch, end = patch + (panelBytes << 3); to < end; to += panelBytes, mask += PANEL, place += 32) {
        for (let j: usize = 0; j < <usize>PANEL; j++) {
          const from = <usize>(base + (load<i32>(place + (j << 2)) << 2));
          store<f32>(to + (j << 2), load<u8>(mask + j) != 0 ? load<f32>(from) : fill);
        }
      }
    }
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

/** Sums every float32 plane in pixel order. */
export function plane_sums_f32(planes: usize, planeBytes: u32, size: i32, channels: i32, sums: usize): void {
  // four channels at a time, whose sums do not wait for each other
  const step = <usize>planeBytes,
    bytes = (<usize>size) << 2;
  for (; channels >= 4; channels -= 4, planes += 4 * step, sums += 16) {
    let a: f32 = 0,
      b: f32 = 0,
      c: f32 = 0,
      d: f32 = 0;
    for (let at = planes, end = planes + bytes; at < end; at += 4) {
      a += load<f32>(at);
      b += load<f32>(at + step);
      c += load<f32>(at + 2 * step);
      d += load<f32>(at + 3 * step);
    }
    store<f32>(sums, a);
    store<f32>(sums, b, 4);
    store<f32>(sums, c, 8);
    store<f32>(sums, d, 12);
  }
  for (; channels > 0; channels--, planes += step, sums += 4) {
    let sum: f32 = 0;
    for (let at = planes, end = planes + bytes; at < end; at += 4) sum += load<f32>(at);
    store<f32>(sums, sum);
  }
}

/** Gathers as gather_u8 does for any geometry: each pixel is looked up. */
export function gather_u8_any(
  job: GatherJob,
  patch: usize,
  masks: usize,
  channel: i32,
  channels: i32,
  pixel: i32,
): void {
  const planeBytes = job.planeBytes;
  const taps = job.taps;
  const offsets = job.offsets;
  const places = job.places + ((<usize>pixel) << 2);
  const fill = <u8>job.fill;
  let planes = <i32>job.planes + channel * planeBytes;
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += TILE) {
      const base = planes + load<i32>(offsets + ((<usize>tap) << 2));
      const mask = masks + <usize>tap * TILE;
      // one pixel after the other; what the mask hides is not read, so nothing outside the plane is
      for (let j: usize = 0; j < <usize>TILE; j++) {
        const inside = load<u8>(mask + j) != 0;
        store<u8>(patch + j, inside ? load<u8>(<usize>(base + load<i32>(places + (j << 2)))) : fill);
      }
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
