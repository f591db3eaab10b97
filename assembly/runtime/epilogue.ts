// epilogue.ts: what every layer ends with: totals to real units, residual, clamp, encode. One rounding an operation.
//
//   z = f32(total) * scale[c] + offset[c]     two roundings, no fused multiply-add
//   z = z + f32(residual) * residualScale     only with a residual operand
//   z = z < low ? low : z > high ? high : z
//   linear: round half to even;  levels: levels[count of thresholds <= z];  float32: z itself
//
// The descriptor is 18 words of 4 bytes, written by src/runtime/epilogue.ts:
//
//    0 scale*   4 offset*   8 low   12 high   16 out*   20 out plane bytes   24 kind (LINEAR, LEVELS, FLOAT32)
//   28 thresholds*   32 level steps*   36 thresholds   40 residual* or 0   44 residual plane bytes
//   48 residual is float32   52 residual scale   56 totals may pass 2^24
//   60 plain: LINEAR, no residual, |z| < 2^23, totals within 2^24   64 u8 low, high: what low and high round to   68 ROUND
//
// Planes start at multiples of 16 elements, so whole vectors may be stored past the last pixel.

import { FIRST, LANES } from "./lanes";

const LINEAR: u32 = 0;
const FLOAT32: u32 = 2;
// Adding 2^23 to a float32 in 0..2^22 leaves its value, rounded half to even, in the low bits.
const TWO_23: f32 = 8388608.0;
const TWO_23_BITS: i32 = 0x4b000000;
// ROUND, in the descriptor because engines make a constant anew wherever it is used, is 1.5 * 2^23: it serves for
// -2^22..2^22. Further out, down to -1.5 * 2^23, the difference of the bits is beyond 2^22 on the same side, so the
// saturation to 16 bits is right.

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

/** Whether encode_plain_px16 may take the place of encode_px16. */
export function is_plain(epilogue: usize): bool {
  return load<u32>(epilogue, 60) != 0;
}

/**
 * encode_px16 for descriptors marked plain: what most layers are. Rounding is monotone, so clamping the rounded integer
 * to the rounded bounds gives what rounding the clamped number would, four lanes at a time instead of one.
 */
export function encode_plain_px16(
  epilogue: usize,
  channel: i32,
  totals: usize,
  pixel: i32,
  pixels: i32,
  op: i32,
): void {
  let scale = v128.load32_splat(<usize>load<u32>(epilogue) + ((<usize>channel) << 2));
  const offset = v128.load32_splat(<usize>load<u32>(epilogue, 4) + ((<usize>channel) << 2));
  const low = v128.load8_splat(epilogue, 64),
    high = v128.load8_splat(epilogue, 65),
    round = v128.load32_splat(epilogue, 68);
  let out = <usize>load<u32>(epilogue, 16) + <usize>channel * <usize>load<u32>(epilogue, 20) + <usize>pixel;
  // 2^e as a float32; a power of two may move into the scale without another rounding
  const unit = i32x4.splat(((op & 31) + 127) << 23);
  let lanes = totals + LANES;
  const end = totals + ((<usize>pixels) << 2);
  if (op & FIRST) {
    scale = f32x4.mul(scale, unit);
    for (const stop = out + <usize>pixels; out < stop; out += 16, lanes += 32) {
      const odd = v128.load(lanes, 16);
      const even = i16x8.sub(v128.load(lanes), i16x8.shl(odd, 8));
      const z0 = scaled(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(even)), scale, offset, round);
      const z1 = scaled(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(even)), scale, offset, round);
      const z2 = scaled(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(odd)), scale, offset, round);
      const z3 = scaled(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(odd)), scale, offset, round);
      v128.store(out, i8x16.min_u(i8x16.max_u(packed(z0, z1, z2, z3), low), high));
    }
    return;
  }
  for (; totals < end; totals += 64, lanes += 32, out += 16) {
    const odd = v128.load(lanes, 16);
    const even = i16x8.sub(v128.load(lanes), i16x8.shl(odd, 8));
    const s0 = together(i32x4.extend_low_i16x8_s(even), unit, v128.load(totals));
    const s1 = together(i32x4.extend_high_i16x8_s(even), unit, v128.load(totals, 16));
    const s2 = together(i32x4.extend_low_i16x8_s(odd), unit, v128.load(totals, 32));
    const s3 = together(i32x4.extend_high_i16x8_s(odd), unit, v128.load(totals, 48));
    const z0 = scaled(s0, scale, offset, round);
    const z1 = scaled(s1, scale, offset, round);
    const z2 = scaled(s2, scale, offset, round);
    const z3 = scaled(s3, scale, offset, round);
    v128.store(out, i8x16.min_u(i8x16.max_u(packed(z0, z1, z2, z3), low), high));
  }
}

/** sum * scale + offset, rounded to an integer: i32. */
function scaled(sum: v128, scale: v128, offset: v128, round: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.add(f32x4.mul(sum, scale), offset), round), round);
}

/** The last part of a sum in units of `unit`, and the totals of its other parts: f32. */
function together(part: v128, unit: v128, total: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(part), unit), f32x4.convert_i32x4_s(total));
}

/** i32 of pixels 0 2 4 6 | 8 10 12 14 | 1 3 5 7 | 9 11 13 15 to bytes in order, saturated. */
function packed(z0: v128, z1: v128, z2: v128, z3: v128): v128 {
  const even = i16x8.narrow_i32x4_s(z0, z1),
    odd = i16x8.narrow_i32x4_s(z2, z3);
  const low = i8x16.narrow_i16x8_u(even, even),
    high = i8x16.narrow_i16x8_u(odd, odd);
  return i8x16.shuffle(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/**
 * Ends `pixels` pixels of one channel, from `pixel` on. The sum is the totals (i32; absent when op has FIRST) and the last
 * part, lanes << (op & 31), both as lanes.ts lays them out. Both parts are exact in float32 while the totals stay within
 * 2^24, and their sum is rounded once, as the integer sum would be; beyond that the integers are added.
 */
export function encode_px16(epilogue: usize, channel: i32, totals: usize, pixel: i32, pixels: i32, op: i32): void {
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
  const alone = (op & FIRST) != 0;
  const wide = load<u32>(epilogue, 56) != 0;
  // 2^e as a float32; a power of two may move into the scale without another rounding
  const unit = i32x4.splat(((op & 31) + 127) << 23);
  const factor = alone ? f32x4.mul(scale, unit) : scale;
  let lanes = totals + LANES;
  for (let end = totals + ((<usize>pixels) << 2); totals < end; totals += 64, lanes += 32) {
    const odd = v128.load(lanes, 16);
    const even = i16x8.sub(v128.load(lanes), i16x8.shl(odd, 8));
    let z0 = i32x4.extend_low_i16x8_s(even);
    let z1 = i32x4.extend_high_i16x8_s(even);
    let z2 = i32x4.extend_low_i16x8_s(odd);
    let z3 = i32x4.extend_high_i16x8_s(odd);
    if (wide && !alone) {
      z0 = i32x4.add(i32x4.shl(z0, op), v128.load(totals));
      z1 = i32x4.add(i32x4.shl(z1, op), v128.load(totals, 16));
      z2 = i32x4.add(i32x4.shl(z2, op), v128.load(totals, 32));
      z3 = i32x4.add(i32x4.shl(z3, op), v128.load(totals, 48));
    }
    z0 = f32x4.convert_i32x4_s(z0);
    z1 = f32x4.convert_i32x4_s(z1);
    z2 = f32x4.convert_i32x4_s(z2);
    z3 = f32x4.convert_i32x4_s(z3);
    if (!wide && !alone) {
      z0 = f32x4.add(f32x4.mul(z0, unit), f32x4.convert_i32x4_s(v128.load(totals)));
      z1 = f32x4.add(f32x4.mul(z1, unit), f32x4.convert_i32x4_s(v128.load(totals, 16)));
      z2 = f32x4.add(f32x4.mul(z2, unit), f32x4.convert_i32x4_s(v128.load(totals, 32)));
      z3 = f32x4.add(f32x4.mul(z3, unit), f32x4.convert_i32x4_s(v128.load(totals, 48)));
    }
    z0 = f32x4.add(f32x4.mul(z0, factor), offset);
    z1 = f32x4.add(f32x4.mul(z1, factor), offset);
    z2 = f32x4.add(f32x4.mul(z2, factor), offset);
    z3 = f32x4.add(f32x4.mul(z3, factor), offset);
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
