// epilogue.ts: what every layer ends with: totals to real units, residual, clamp, encode. One rounding an operation.
//
//   z = f32(total) * scale[c] + offset[c]     two roundings, no fused multiply-add
//   z = z + f32(residual) * residualScale     only with a residual operand
//   z = z < low ? low : z > high ? high : z                                  float32; a NaN stays one
//   z = z > low ? (z > high ? high : z) : low                                linear and levels; a NaN becomes low
//   linear: round half to even;  levels: levels[count of thresholds <= z];  float32: z itself
//
//   16 pixels in registers   z0 = pixels 0 2 4 6 | z1 = 8 10 12 14 | z2 = 1 3 5 7 | z3 = 9 11 13 15
//
// Even and odd pixels are apart because the bucket sums leave them so (lanes.ts). They are put in order when they are stored.
// Every step stands four times, once for each register, since only locals stay in registers. Planes start at multiples of 16
// elements, so whole vectors may be stored past the last pixel.
import { FLOAT32, LINEAR, PART_BYTES } from "../../../src/runtime/layout";
import { evens, joined_high, joined_low } from "./lanes";

// Adding 2^23 to a float32 in 0..2^22 leaves its value, rounded half to even, in the low bits.
const TWO_23: f32 = 8388608.0;
const TWO_23_BITS: i32 = 0x4b000000;

/** How a layer ends. */
@unmanaged
export class Epilogue {
  /** float32 for each channel. */
  scale!: usize;
  offset!: usize;
  /** Bounds of z. */
  low!: f32;
  high!: f32;
  /** The planes to be written, outBytes apart: LINEAR, LEVELS or FLOAT32. */
  out!: usize;
  outBytes!: u32;
  kind!: u32;
  /** LEVELS only: `count` thresholds in float32, and the i32 steps from each level to the next. */
  thresholds!: usize;
  steps!: usize;
  count!: u32;
  /** Planes of the second operand, residualBytes apart, u8 or float32; or 0. */
  residual!: usize;
  residualBytes!: u32;
  residualFloat!: bool;
  residualScale!: f32;
  /** LINEAR, no float32 residual and |z| < 2^15, so that short-epilogue.ts may end the layer. */
  plain!: bool;
  /** What low and high round to. */
  lowByte!: u8;
  highByte!: u8;
  /** 1.5 * 2^23: see short-epilogue.ts. */
  round!: f32;
}

// pmax(a, b) is a < b ? b : a: where a NaN is compared, the first operand stays.

/** Clamps z; a NaN stays one. */
function clamped(z: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(z, low), high);
}

/** Clamps z; a NaN becomes low. */
function clampedNumber(z: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(low, z), high);
}

/** The integers of lanes in 0..2^22, rounded half to even. */
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

/** sum * scale + offset, each operation rounded to float32. */
export function scaled(sum: v128, scale: v128, offset: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(sum), scale), offset);
}

/**
 * Ends `pixels` pixels of one channel, from `pixel` on: the sum of its parts, which lanes.ts lays out. It is added up in
 * 32 bits and rounded to float32 once.
 */
export function encode_px16(
  epilogue: Epilogue,
  channel: i32,
  parts: usize,
  factors: usize,
  pixel: i32,
  pixels: i32,
): void {
  // what the whole channel shares
  const scale = v128.load32_splat(epilogue.scale + ((<usize>channel) << 2));
  const offset = v128.load32_splat(epilogue.offset + ((<usize>channel) << 2));
  const low = f32x4.splat(epilogue.low),
    high = f32x4.splat(epilogue.high);
  const kind = epilogue.kind;
  const residual = epilogue.residual;
  const residualFloat = epilogue.residualFloat;
  const residualScale = f32x4.splat(epilogue.residualScale);
  // where its first pixel lies in the output and in the second operand
  let out = epilogue.out + <usize>channel * epilogue.outBytes;
  let operand = residual + <usize>channel * epilogue.residualBytes;
  out += kind == FLOAT32 ? (<usize>pixel) << 2 : <usize>pixel;
  operand += residualFloat ? (<usize>pixel) << 2 : <usize>pixel;
  const last = factors + 2 + ((<usize>load<u16>(factors)) << 1);
  // 16 pixels a turn: 32 bytes of each part
  for (const stop = parts + ((<usize>pixels) << 1); parts < stop; parts += 32) {
    let z0 = i32x4.splat(0),
      z1 = z0,
      z2 = z0,
      z3 = z0;
    // total = sum of factor * part, two parts at a time in 32 bits
    for (let at = factors + 2, next = parts; at < last; at += 4, next += 2 * PART_BYTES) {
      const pair = v128.load32_splat(at);
      // the lanes A | B of two parts, even and odd pixels separated
      const odds1 = v128.load(next, 16);
      const even1 = evens(v128.load(next), odds1);
      const odds2 = v128.load(next, PART_BYTES + 16);
      const even2 = evens(v128.load(next, PART_BYTES), odds2);
      z0 = i32x4.add(z0, joined_low(even1, even2, pair));
      z1 = i32x4.add(z1, joined_high(even1, even2, pair));
      z2 = i32x4.add(z2, joined_low(odds1, odds2, pair));
      z3 = i32x4.add(z3, joined_high(odds1, odds2, pair));
    }
    // totals to the output's units
    z0 = scaled(z0, scale, offset);
    z1 = scaled(z1, scale, offset);
    z2 = scaled(z2, scale, offset);
    z3 = scaled(z3, scale, offset);
    if (residual) {
      let r0: v128, r1: v128, r2: v128, r3: v128;
      if (residualFloat) {
        // 16 float32 in order, taken apart into even and odd pixels
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
        // 16 bytes in order: the low and the high byte of each 16-bit lane are even and odd pixels
        const bytes = v128.load(operand);
        const evens = v128.and(bytes, i16x8.splat(0xff));
        const odds = i16x8.shr_u(bytes, 8);
        r0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(evens));
        r1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(evens));
        r2 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(odds));
        r3 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(odds));
        operand += 16;
      }
      // z + residual * residualScale
      z0 = f32x4.add(z0, f32x4.mul(r0, residualScale));
      z1 = f32x4.add(z1, f32x4.mul(r1, residualScale));
      z2 = f32x4.add(z2, f32x4.mul(r2, residualScale));
      z3 = f32x4.add(z3, f32x4.mul(r3, residualScale));
    }
    if (kind == FLOAT32) {
      // clamp, then store even and odd pixels in turn: 16 float32
      z0 = clamped(z0, low, high);
      z1 = clamped(z1, low, high);
      z2 = clamped(z2, low, high);
      z3 = clamped(z3, low, high);
      v128.store(out, i8x16.shuffle(z0, z2, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23));
      v128.store(out, i8x16.shuffle(z0, z2, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31), 16);
      v128.store(out, i8x16.shuffle(z1, z3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23), 32);
      v128.store(out, i8x16.shuffle(z1, z3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31), 48);
      out += 64;
      continue;
    }
    // integers have no NaN: it becomes low
    z0 = clampedNumber(z0, low, high);
    z1 = clampedNumber(z1, low, high);
    z2 = clampedNumber(z2, low, high);
    z3 = clampedNumber(z3, low, high);
    if (kind == LINEAR) {
      // to the nearest integer
      z0 = rounded(z0);
      z1 = rounded(z1);
      z2 = rounded(z2);
      z3 = rounded(z3);
    } else {
      // to the last level whose threshold is reached
      const thresholds = epilogue.thresholds,
        steps = epilogue.steps;
      const count = epilogue.count;
      z0 = leveled(z0, thresholds, steps, count);
      z1 = leveled(z1, thresholds, steps, count);
      z2 = leveled(z2, thresholds, steps, count);
      z3 = leveled(z3, thresholds, steps, count);
    }
    // even pixels in the low bytes, odd ones in the high bytes: 16 bytes in order
    v128.store(out, v128.or(i16x8.narrow_i32x4_s(z0, z1), i16x8.shl(i16x8.narrow_i32x4_s(z2, z3), 8)));
    out += 16;
  }
}

/**
 * Ends `count` sums in plain order: the pixels of one channel from `pixel` on (byChannel = false), or one value of every
 * channel from `channel` on (byChannel = true, `pixel` 0). Sums are float32, or i32 with `integer`. The steps are those of
 * encode_px16, four values at a time.
 */
export function encode_lanes(
  epilogue: Epilogue,
  channel: i32,
  sums: usize,
  pixel: i32,
  count: i32,
  byChannel: bool,
  integer: bool,
): void {
  let scales = epilogue.scale + ((<usize>channel) << 2);
  let offsets = epilogue.offset + ((<usize>channel) << 2);
  let scale = v128.load32_splat(scales),
    offset = v128.load32_splat(offsets);
  const low = f32x4.splat(epilogue.low),
    high = f32x4.splat(epilogue.high);
  const kind = epilogue.kind;
  const residual = epilogue.residual;
  const residualFloat = epilogue.residualFloat;
  const residualScale = f32x4.splat(epilogue.residualScale);
  // where its first pixel lies in the output and in the second operand
  let out = epilogue.out + <usize>channel * epilogue.outBytes;
  let operand = residual + <usize>channel * epilogue.residualBytes;
  out += kind == FLOAT32 ? (<usize>pixel) << 2 : <usize>pixel;
  operand += residualFloat ? (<usize>pixel) << 2 : <usize>pixel;
  for (let i = 0; i < count; i += 4, sums += 16) {
    // four sums as float32
    let z = v128.load(sums);
    if (integer) z = f32x4.convert_i32x4_s(z);
    // four channels have four scales and offsets
    if (byChannel) {
      scale = v128.load(scales);
      offset = v128.load(offsets);
      scales += 16;
      offsets += 16;
    }
    // scale, offset, second operand
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
    // a NaN is still one here and becomes low; all others are at least low
    z = f32x4.pmax(low, z);
    // four integers, narrowed to four bytes
    const levels = kind == LINEAR ? rounded(z) : leveled(z, epilogue.thresholds, epilogue.steps, epilogue.count);
    const narrow = i16x8.narrow_i32x4_s(levels, levels);
    store<u32>(out, i32x4.extract_lane(i8x16.narrow_i16x8_u(narrow, narrow), 0));
    out += 4;
  }
}
