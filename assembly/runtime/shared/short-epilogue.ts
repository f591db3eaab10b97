// short-epilogue.ts: how most layers end: encode_px16 (epilogue.ts) in fewer instructions, where the record is marked plain:
// its results are linear and lie within 16 bits.
//
//   encode_px16          z float32 -> clamp 4 lanes -> round -> 32-bit integers -> narrow twice -> 16 bytes
//   encode_plain_px16    z float32 -> round -> 16-bit integers -> narrow once -> clamp 16 bytes
//   end_bytes            the same without a clamp, from the lanes of one part or two
//
// Adding 1.5 * 2^23 rounds numbers in -2^22..2^22. The low 16 bits of the sum are the signed integer, if that is in
// -2^15..2^15 - 1. The constant is in the record because engines make a constant anew wherever it is used.
import { PART_BYTES, SHORT } from "../../../src/runtime/layout";
import { Epilogue, encode_px16, scaled } from "./epilogue";
import { evens, joined_high, joined_low } from "./lanes";

/** Ends `pixels` pixels of one channel, whose parts and factors are those of lanes.ts, or whose stream says how it ends. */
export function end_px64(
  epilogue: Epilogue,
  channel: i32,
  parts: usize,
  factors: usize,
  pixel: i32,
  pixels: i32,
): void {
  if (load<u16>(factors) >= <u16>SHORT) end_bytes(epilogue, channel, parts, factors, pixel, pixels);
  else if (epilogue.plain) encode_plain_px16(epilogue, channel, parts, factors, pixel, pixels);
  else encode_px16(epilogue, channel, parts, factors, pixel, pixels);
}

/**
 * Does what encode_px16 does, for records marked plain. Rounding is monotone, so clamping the rounded integer to the
 * rounded bounds gives what rounding the clamped number would, sixteen bytes at a time instead of four lanes.
 */
function encode_plain_px16(
  epilogue: Epilogue,
  channel: i32,
  parts: usize,
  factors: usize,
  pixel: i32,
  pixels: i32,
): void {
  let scale = v128.load32_splat(epilogue.scale + ((<usize>channel) << 2));
  const offset = v128.load32_splat(epilogue.offset + ((<usize>channel) << 2));
  const low = i8x16.splat(epilogue.lowByte),
    high = i8x16.splat(epilogue.highByte),
    round = f32x4.splat(epilogue.round);
  const residual = epilogue.residual;
  const residualScale = f32x4.splat(epilogue.residualScale);
  let out = epilogue.out + <usize>channel * epilogue.outBytes + <usize>pixel;
  let operand = residual + <usize>channel * epilogue.residualBytes + <usize>pixel;
  const count = <usize>load<u16>(factors);
  // a power of two may move into the scale without another rounding
  if (count == 1) scale = f32x4.mul(scale, f32x4.splat(<f32>load<i16>(factors, 2)));
  const last = factors + 2 + (count << 1);
  // 16 pixels a turn, in the registers that epilogue.ts draws
  for (const stop = out + <usize>pixels; out < stop; out += 16, parts += 32) {
    const odds = v128.load(parts, 16);
    const even = evens(v128.load(parts), odds);
    let z0: v128, z1: v128, z2: v128, z3: v128;
    if (count == 1) {
      // a lone part is the sum
      z0 = i32x4.extend_low_i16x8_s(even);
      z1 = i32x4.extend_high_i16x8_s(even);
      z2 = i32x4.extend_low_i16x8_s(odds);
      z3 = i32x4.extend_high_i16x8_s(odds);
    } else {
      // the first two parts, then two more a turn
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
    // a u8 operand, taken apart into even and odd pixels
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
    const bytes = i8x16.narrow_i16x8_u(
      interleaved(f32x4.add(z0, round), f32x4.add(z2, round)),
      interleaved(f32x4.add(z1, round), f32x4.add(z3, round)),
    );
    v128.store(out, i8x16.min_u(i8x16.max_u(bytes, low), high));
  }
}

/**
 * Ends `pixels` pixels of a channel of one part or two into bytes that only saturation clamps. The lanes of a part are exact mod
 * 2^16, and a bias moves its range, of at most 2^16 values, to that of a signed lane. With `back` the biases times their factors
 *
 *   sum = factor 0 (part 0 + bias 0) + factor 1 (part 1 + bias 1) - back          scale has the factor of a lone part
 *
 *   head   SHORT + parts | bias 0 | bias 1 | - | factor 0 | factor 1 | back, 2 words | scale, 2 | offset, 2
 */
function end_bytes(epilogue: Epilogue, channel: i32, parts: usize, head: usize, pixel: i32, pixels: i32): void {
  const bias0 = v128.load16_splat(head, 2),
    back = v128.load32_splat(head, 12),
    scale = v128.load32_splat(head, 16),
    offset = v128.load32_splat(head, 20),
    round = f32x4.splat(epilogue.round);
  let out = epilogue.out + <usize>channel * epilogue.outBytes + <usize>pixel;
  const stop = out + <usize>pixels;
  if (load<u16>(head) == <u16>SHORT + 1) {
    for (; out < stop; out += 16, parts += 32) {
      const b = v128.load(parts, 16);
      const odds = i16x8.add(b, bias0),
        even = i16x8.add(evens(v128.load(parts), b), bias0);
      const z0 = scaled(i32x4.sub(i32x4.extend_low_i16x8_s(even), back), scale, offset);
      const z1 = scaled(i32x4.sub(i32x4.extend_high_i16x8_s(even), back), scale, offset);
      const z2 = scaled(i32x4.sub(i32x4.extend_low_i16x8_s(odds), back), scale, offset);
      const z3 = scaled(i32x4.sub(i32x4.extend_high_i16x8_s(odds), back), scale, offset);
      v128.store(
        out,
        i8x16.narrow_i16x8_u(
          interleaved(f32x4.add(z0, round), f32x4.add(z2, round)),
          interleaved(f32x4.add(z1, round), f32x4.add(z3, round)),
        ),
      );
    }
    return;
  }
  const bias1 = v128.load16_splat(head, 4),
    pair = v128.load32_splat(head, 8);
  for (; out < stop; out += 16, parts += 32) {
    const b0 = v128.load(parts, 16),
      b1 = v128.load(parts, PART_BYTES + 16);
    const odds0 = i16x8.add(b0, bias0),
      even0 = i16x8.add(evens(v128.load(parts), b0), bias0);
    const odds1 = i16x8.add(b1, bias1),
      even1 = i16x8.add(evens(v128.load(parts, PART_BYTES), b1), bias1);
    const z0 = scaled(i32x4.sub(joined_low(even0, even1, pair), back), scale, offset);
    const z1 = scaled(i32x4.sub(joined_high(even0, even1, pair), back), scale, offset);
    const z2 = scaled(i32x4.sub(joined_low(odds0, odds1, pair), back), scale, offset);
    const z3 = scaled(i32x4.sub(joined_high(odds0, odds1, pair), back), scale, offset);
    v128.store(
      out,
      i8x16.narrow_i16x8_u(
        interleaved(f32x4.add(z0, round), f32x4.add(z2, round)),
        interleaved(f32x4.add(z1, round), f32x4.add(z3, round)),
      ),
    );
  }
}

/** The low 16 bits of four even and four odd lanes, in order: pixels 0 2 4 6 and 1 3 5 7 of 8. */
function interleaved(even: v128, odd: v128): v128 {
  return i8x16.shuffle(even, i32x4.shl(odd, 16), 0, 1, 18, 19, 4, 5, 22, 23, 8, 9, 26, 27, 12, 13, 30, 31);
}
