// lanes.ts: 16-bit sums of u8 pixels in pairs, and the 32-bit totals that take them in.
//
// Two u8 pixels are read as one 16-bit lane v = even + 256 odd. With A = sum v and B = sum (v >>> 8), both mod 2^16:
// odd = B and even = A - 256 B, exact while the true sums fit a signed 16-bit lane.
//
// Scratch of one tile, for each 16 pixels of 64:
//
//   totals   64 bytes of i32, pixels 0 2 4 6 | 8 10 12 14 | 1 3 5 7 | 9 11 13 15
//   lanes    32 bytes behind all totals: A | B

/** The op that doubles the lanes. */
export const DOUBLE: i32 = 255;
/** Set in an op when it begins a sum: what the totals held does not count. */
export const FIRST: i32 = 32;
/** Set in an op when it ends a sum: the part stays in the lanes. */
export const LAST: i32 = 64;
/** Set in an op whose part is subtracted. */
export const NEGATE: i32 = 256;
/** Set in an op whose part stays in the lanes as well: another flush of it, or the next bucket, follows. */
export const KEEP: i32 = 512;
/** Offset of the lanes. */
export const LANES: usize = 256;

/** totals += lanes << (op & 31), or totals = with FIRST. 16 pixels. */
export function flush_px16(total: usize, a: v128, odd: v128, op: i32): void {
  const even = i16x8.sub(a, i16x8.shl(odd, 8));
  const t0 = i32x4.shl(i32x4.extend_low_i16x8_s(even), op);
  const t1 = i32x4.shl(i32x4.extend_high_i16x8_s(even), op);
  const t2 = i32x4.shl(i32x4.extend_low_i16x8_s(odd), op);
  const t3 = i32x4.shl(i32x4.extend_high_i16x8_s(odd), op);
  if (op & FIRST) {
    v128.store(total, t0);
    v128.store(total, t1, 16);
    v128.store(total, t2, 32);
    v128.store(total, t3, 48);
  } else {
    v128.store(total, i32x4.add(v128.load(total), t0));
    v128.store(total, i32x4.add(v128.load(total, 16), t1), 16);
    v128.store(total, i32x4.add(v128.load(total, 32), t2), 32);
    v128.store(total, i32x4.add(v128.load(total, 48), t3), 48);
  }
}

/** totals -= lanes << (op & 31). 64 pixels. Sums of negated lanes are the negated sums; INQ never comes here. */
export function subtract_px64(
  totals: usize,
  a0: v128,
  a1: v128,
  a2: v128,
  a3: v128,
  b0: v128,
  b1: v128,
  b2: v128,
  b3: v128,
  op: i32,
): void {
  flush_px16(totals, i16x8.neg(a0), i16x8.neg(b0), op);
  flush_px16(totals + 64, i16x8.neg(a1), i16x8.neg(b1), op);
  flush_px16(totals + 128, i16x8.neg(a2), i16x8.neg(b2), op);
  flush_px16(totals + 192, i16x8.neg(a3), i16x8.neg(b3), op);
}
