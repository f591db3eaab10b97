// epilogue.ts: what every layer ends with: totals to real units, residual, clamp, encode. One rounding an operation.
//
//   z = f32(total) * scale[c] + offset[c]     two roundings, no fused multiply-add
//   z = z + f32(residual) * residualScale     only with a residual operand
//   z = z < low ? low : z > high ? high : z
//   linear: round half to even;  levels: levels[count of thresholds <= z];  float32: z itself
//
// The descriptor is 17 words of 4 bytes, written by src/runtime/epilogue.ts:
//
//    0 scale*   4 offset*   8 low   12 high   16 out*   20 out plane bytes   24 kind (LINEAR, LEVELS, FLOAT32)
//   28 thresholds*   32 level steps*   36 thresholds   40 residual* or 0   44 residual plane bytes
//   48 residual is float32   52 residual scale
//   56 plain: LINEAR, no float32 residual, |z| < 2^15   60 u8 low, high: what low and high round to   64 ROUND
//
// Planes start at multiples of 16 elements, so whole vectors may be stored past the last pixel.

import { evens, joined_high, joined_low, PART_BYTES } from "./lanes";

const LINEAR: u32 = 0;
const FLOAT32: u32 = 2;
// Adding 2^23 to a float32 in 0..2^22 leaves its value, rounded half to even, in the low bits.
const TWO_23: f32 = 8388608.0;
const TWO_23_BITS: i32 = 0x4b000000;
// ROUND, in the descriptor because engines make a constant anew wherever it is used, is 1.5 * 2^23: it serves for
// -2^22..2^22. Of a number in -2^15..2^15 - 1 the low 16 bits are the signed integer.

function clamped(z: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(z, low), high);
}

function rounded(z: v128): v128 {
  return i32x4.sub(f32x4.add(z, f32x4.splat(TWO_23)), i32x4.splat(TWO_23_BITS));
}

/** The level of each lane: the sum of the steps whose threshold the lane has reached. */
function leveled(z: v128, thresholds: usize, steps: usize, count: u32): v128 {
  let level = i32x4.splat(0);
  for (let i: u32 = 0; i < count; i++, thresholds += 4, steps += 4) {
    level = i32x4.add(level, v128.and(f32x4.ge(z, v128.load32_splat(thresholds)), v128.load32_splat(steps)));
  }
  return level;
}

/** A tile that only encode_px16 may end. */
export const GENERAL: i32 = 0;
/** One that encode_plain_px16 may end as well. */
const PLAIN: i32 = 1;
/** One whose channels encode_lone_px64 may end, too, if they are of one part. */
export const WHOLE: i32 = 2;

/** How the channels of a tile of `pixels` pixels may be ended. */
export function form_of(epilogue: usize, pixels: i32): i32 {
  if (load<u32>(epilogue, 56) == 0) return GENERAL;
  return pixels == 64 && load<u32>(epilogue, 40) == 0 ? WHOLE : PLAIN;
}

/**
 * encode_px16 for descriptors marked plain: what most layers are. Rounding is monotone, so clamping the rounded integer
 * to the rounded bounds gives what rounding the clamped number would, sixteen bytes at a time instead of four lanes.
 */
export function encode_plain_px16(
  epilogue: usize,
  channel: i32,
  parts: usize,
  factors: usize,
  pixel: i32,
  pixels: i32,
): void {
  let scale = v128.load32_splat(<usize>load<u32>(epilogue) + ((<usize>channel) << 2));
  const offset = v128.load32_splat(<usize>load<u32>(epilogue, 4) + ((<usize>channel) << 2));
  const low = v128.load8_splat(epilogue, 60),
    high = v128.load8_splat(epilogue, 61),
    round = v128.load32_splat(epilogue, 64);
  const residual = <usize>load<u32>(epilogue, 40);
  const residualScale = v128.load32_splat(epilogue, 52);
  let out = <usize>load<u32>(epilogue, 16) + <usize>channel * <usize>load<u32>(epilogue, 20) + <usize>pixel;
  let operand = residual + <usize>channel * <usize>load<u32>(epilogue, 44) + <usize>pixel;
  const count = <usize>load<u16>(factors);
  // a power of two may move into the scale without another rounding
  if (count == 1) scale = f32x4.mul(scale, f32x4.splat(<f32>load<i16>(factors, 2)));
  const last = factors + 2 + (count << 1);
  for (const stop = out + <usize>pixels; out < stop; out += 16, parts += 32) {
    const odds = v128.load(parts, 16);
    const even = evens(v128.load(parts), odds);
    let z0: v128, z1: v128, z2: v128, z3: v128;
    if (count == 1) {
      z0 = i32x4.extend_low_i16x8_s(even);
      z1 = i32x4.extend_high_i16x8_s(even);
      z2 = i32x4.extend_low_i16x8_s(odds);
      z3 = i32x4.extend_high_i16x8_s(odds);
    } else {
      let pair = v128.load32_splat(factors, 2);
      let odds2 = v128.load(parts, PART_BYTES + 16);
      let even2 = evens(v128.load(parts, PART_BYTES), odds2);
      z0 = joined_low(even, even2, pair);
      z1 = joined_high(even, even2, pair);
      z2 = joined_low(odds, odds2, pair);
      z3 = joined_high(odds, odds2, pair);
      for (let at = factors + 6, next = parts + 2 * PART_BYTES; at < last; at += 4, next += 2 * PART_BYTES) {
        pair = v128.load32_splat(at);
        const odds1 = v128.load(next, 16);
        const even1 = evens(v128.load(next), odds1);
        odds2 = v128.load(next, PART_BYTES + 16);
        even2 = evens(v128.load(next, PART_BYTES), odds2);
        z0 = i32x4.add(z0, joined_low(even1, even2, pair));
        z1 = i32x4.add(z1, joined_high(even1, even2, pair));
        z2 = i32x4.add(z2, joined_low(odds1, odds2, pair));
        z3 = i32x4.add(z3, joined_high(odds1, odds2, pair));
      }
    }
    z0 = scaled(z0, scale, offset);
    z1 = scaled(z1, scale, offset);
    z2 = scaled(z2, scale, offset);
    z3 = scaled(z3, scale, offset);
    if (residual) {
      const bytes = v128.load(operand);
      const r0 = v128.and(bytes, i16x8.splat(0xff));
      const r1 = i16x8.shr_u(bytes, 8);
      z0 = f32x4.add(z0, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(r0)), residualScale));
      z1 = f32x4.add(z1, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(r0)), residualScale));
      z2 = f32x4.add(z2, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(r1)), residualScale));
      z3 = f32x4.add(z3, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(r1)), residualScale));
      operand += 16;
    }
    v128.store(out, i8x16.min_u(i8x16.max_u(rounded_bytes(z0, z1, z2, z3, round), low), high));
  }
}

/**
 * encode_plain_px16 for 64 pixels of one part without a residual, without a loop. A check that never fails parts the
 * blocks: engines move the loads of a basic block to its front, where eight at once would not fit the registers.
 */
export function encode_lone_px64(epilogue: usize, channel: i32, parts: usize, factors: usize, pixel: i32): void {
  const factor = f32x4.splat(<f32>load<i16>(factors, 2));
  const scale = f32x4.mul(v128.load32_splat(<usize>load<u32>(epilogue) + ((<usize>channel) << 2)), factor);
  const offset = v128.load32_splat(<usize>load<u32>(epilogue, 4) + ((<usize>channel) << 2));
  const low = v128.load8_splat(epilogue, 60),
    high = v128.load8_splat(epilogue, 61),
    round = v128.load32_splat(epilogue, 64);
  const out = <usize>load<u32>(epilogue, 16) + <usize>channel * <usize>load<u32>(epilogue, 20) + <usize>pixel;
  encode_lone_px16(out, parts, scale, offset, round, low, high);
  if (out == 0) unreachable();
  encode_lone_px16(out + 16, parts + 32, scale, offset, round, low, high);
  if (out == 0) unreachable();
  encode_lone_px16(out + 32, parts + 64, scale, offset, round, low, high);
  if (out == 0) unreachable();
  encode_lone_px16(out + 48, parts + 96, scale, offset, round, low, high);
}

function encode_lone_px16(
  out: usize,
  part: usize,
  scale: v128,
  offset: v128,
  round: v128,
  low: v128,
  high: v128,
): void {
  const odds = v128.load(part, 16);
  const even = evens(v128.load(part), odds);
  const z0 = scaled(i32x4.extend_low_i16x8_s(even), scale, offset);
  const z1 = scaled(i32x4.extend_high_i16x8_s(even), scale, offset);
  const z2 = scaled(i32x4.extend_low_i16x8_s(odds), scale, offset);
  const z3 = scaled(i32x4.extend_high_i16x8_s(odds), scale, offset);
  v128.store(out, i8x16.min_u(i8x16.max_u(rounded_bytes(z0, z1, z2, z3, round), low), high));
}

/** sum * scale + offset: f32. */
function scaled(sum: v128, scale: v128, offset: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(sum), scale), offset);
}

/** Pixels 0 2 4 6 | 8 10 12 14 | 1 3 5 7 | 9 11 13 15, each below 2^15, rounded to bytes in order, saturated. */
function rounded_bytes(z0: v128, z1: v128, z2: v128, z3: v128, round: v128): v128 {
  const first = interleaved(f32x4.add(z0, round), f32x4.add(z2, round));
  return i8x16.narrow_i16x8_u(first, interleaved(f32x4.add(z1, round), f32x4.add(z3, round)));
}

/** The low 16 bits of four even and four odd lanes, in order. */
function interleaved(even: v128, odd: v128): v128 {
  return i8x16.shuffle(even, i32x4.shl(odd, 16), 0, 1, 18, 19, 4, 5, 22, 23, 8, 9, 26, 27, 12, 13, 30, 31);
}

/**
 * Ends `pixels` pixels of one channel, from `pixel` on: the sum of its parts, which lanes.ts lays out. It is added up in
 * 32 bits and rounded to float32 once.
 */
export function encode_px16(
  epilogue: usize,
  channel: i32,
  parts: usize,
  factors: usize,
  pixel: i32,
  pixels: i32,
): void {
  const scale = v128.load32_splat(<usize>load<u32>(epilogue) + ((<usize>channel) << 2));
  const offset = v128.load32_splat(<usize>load<u32>(epilogue, 4) + ((<usize>channel) << 2));
  const low = v128.load32_splat(epilogue, 8),
    high = v128.load32_splat(epilogue, 12);
  const kind = load<u32>(epilogue, 24);
  const residual = <usize>load<u32>(epilogue, 40);
  const residualFloat = load<u32>(epilogue, 48) != 0;
  const residualScale = v128.load32_splat(epilogue, 52);
  let out = <usize>load<u32>(epilogue, 16) + <usize>channel * <usize>load<u32>(epilogue, 20);
  let operand = residual + <usize>channel * <usize>load<u32>(epilogue, 44);
  out += kind == FLOAT32 ? (<usize>pixel) << 2 : <usize>pixel;
  operand += residualFloat ? (<usize>pixel) << 2 : <usize>pixel;
  const last = factors + 2 + ((<usize>load<u16>(factors)) << 1);
  for (const stop = parts + ((<usize>pixels) << 1); parts < stop; parts += 32) {
    let z0 = i32x4.splat(0),
      z1 = z0,
      z2 = z0,
      z3 = z0;
    for (let at = factors + 2, next = parts; at < last; at += 4, next += 2 * PART_BYTES) {
      const pair = v128.load32_splat(at);
      const odds1 = v128.load(next, 16);
      const even1 = evens(v128.load(next), odds1);
      const odds2 = v128.load(next, PART_BYTES + 16);
      const even2 = evens(v128.load(next, PART_BYTES), odds2);
      z0 = i32x4.add(z0, joined_low(even1, even2, pair));
      z1 = i32x4.add(z1, joined_high(even1, even2, pair));
      z2 = i32x4.add(z2, joined_low(odds1, odds2, pair));
      z3 = i32x4.add(z3, joined_high(odds1, odds2, pair));
    }
    z0 = scaled(z0, scale, offset);
    z1 = scaled(z1, scale, offset);
    z2 = scaled(z2, scale, offset);
    z3 = scaled(z3, scale, offset);
    if (residual) {
      let r0: v128, r1: v128, r2: v128, r3: v128;
      if (residualFloat) {
        const f0 = v128.load(operand),
          f1 = v128.load(operand, 16);
        const f2 = v128.load(operand, 32),
          f3 = v128.load(operand, 48);
        r0 = i8x16.shuffle(f0, f1, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        r1 = i8x16.shuffle(f2, f3, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        r2 = i8x16.shuffle(f0, f1, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
        r3 = i8x16.shuffle(f2, f3, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
        operand += 64;
      } else {
        const bytes = v128.load(operand);
        const evens = v128.and(bytes, i16x8.splat(0xff));
        const odds = i16x8.shr_u(bytes, 8);
        r0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(evens));
        r1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(evens));
        r2 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(odds));
        r3 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(odds));
        operand += 16;
      }
      z0 = f32x4.add(z0, f32x4.mul(r0, residualScale));
      z1 = f32x4.add(z1, f32x4.mul(r1, residualScale));
      z2 = f32x4.add(z2, f32x4.mul(r2, residualScale));
      z3 = f32x4.add(z3, f32x4.mul(r3, residualScale));
    }
    z0 = clamped(z0, low, high);
    z1 = clamped(z1, low, high);
    z2 = clamped(z2, low, high);
    z3 = clamped(z3, low, high);
    if (kind == FLOAT32) {
      v128.store(out, i8x16.shuffle(z0, z2, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23));
      v128.store(out, i8x16.shuffle(z0, z2, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31), 16);
      v128.store(out, i8x16.shuffle(z1, z3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23), 32);
      v128.store(out, i8x16.shuffle(z1, z3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31), 48);
      out += 64;
      continue;
    }
    if (kind == LINEAR) {
      z0 = rounded(z0);
      z1 = rounded(z1);
      z2 = rounded(z2);
      z3 = rounded(z3);
    } else {
      const thresholds = <usize>load<u32>(epilogue, 28),
        steps = <usize>load<u32>(epilogue, 32);
      const count = load<u32>(epilogue, 36);
      z0 = leveled(z0, thresholds, steps, count);
      z1 = leveled(z1, thresholds, steps, count);
      z2 = leveled(z2, thresholds, steps, count);
      z3 = leveled(z3, thresholds, steps, count);
    }
    v128.store(out, v128.or(i16x8.narrow_i32x4_s(z0, z1), i16x8.shl(i16x8.narrow_i32x4_s(z2, z3), 8)));
    out += 16;
  }
}

/**
 * As encode_px16 for `count` sums in plain order: the pixels of one channel from `pixel` on (byChannel = false), or one
 * value of every channel from `channel` on (byChannel = true, `pixel` 0). Sums are float32, or i32 with `integer`.
 */
export function encode_lanes(
  epilogue: usize,
  channel: i32,
  sums: usize,
  pixel: i32,
  count: i32,
  byChannel: bool,
  integer: bool,
): void {
  let scales = <usize>load<u32>(epilogue) + ((<usize>channel) << 2);
  let offsets = <usize>load<u32>(epilogue, 4) + ((<usize>channel) << 2);
  let scale = v128.load32_splat(scales),
    offset = v128.load32_splat(offsets);
  const low = v128.load32_splat(epilogue, 8),
    high = v128.load32_splat(epilogue, 12);
  const kind = load<u32>(epilogue, 24);
  const residual = <usize>load<u32>(epilogue, 40);
  const residualFloat = load<u32>(epilogue, 48) != 0;
  const residualScale = v128.load32_splat(epilogue, 52);
  let out = <usize>load<u32>(epilogue, 16) + <usize>channel * <usize>load<u32>(epilogue, 20);
  let operand = residual + <usize>channel * <usize>load<u32>(epilogue, 44);
  out += kind == FLOAT32 ? (<usize>pixel) << 2 : <usize>pixel;
  operand += residualFloat ? (<usize>pixel) << 2 : <usize>pixel;
  for (let i = 0; i < count; i += 4, sums += 16) {
    let z = v128.load(sums);
    if (integer) z = f32x4.convert_i32x4_s(z);
    if (byChannel) {
      scale = v128.load(scales);
      offset = v128.load(offsets);
      scales += 16;
      offsets += 16;
    }
    z = f32x4.add(f32x4.mul(z, scale), offset);
    if (residual) {
      let r: v128;
      if (residualFloat) {
        r = v128.load(operand);
        operand += 16;
      } else {
        r = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(operand))));
        operand += 4;
      }
      z = f32x4.add(z, f32x4.mul(r, residualScale));
    }
    z = clamped(z, low, high);
    if (kind == FLOAT32) {
      v128.store(out, z);
      out += 16;
      continue;
    }
    const levels =
      kind == LINEAR
        ? rounded(z)
        : leveled(z, <usize>load<u32>(epilogue, 28), <usize>load<u32>(epilogue, 32), load<u32>(epilogue, 36));
    const narrow = i16x8.narrow_i32x4_s(levels, levels);
    store<u32>(out, i32x4.extract_lane(i8x16.narrow_i16x8_u(narrow, narrow), 0));
    out += 4;
  }
}
