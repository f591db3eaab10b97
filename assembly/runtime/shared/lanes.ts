// lanes.ts: 16-bit sums of u8 pixels in pairs, and the parts that a channel's sum is made of.
//
// Two u8 pixels are read as one 16-bit lane v = even + 256 odd. With A = sum v and B = sum (v >>> 8), both mod 2^16:
// odd = B and even = A - 256 B, exact while the true sums fit a signed 16-bit lane.
//
// A sum too large for the lanes is cut into parts, each with a factor: sum = factor 0 * part 0 + factor 1 * part 1 + ...
// Kernels leave the parts of a tile in its scratch, and the epilogue joins them two at a time:
//
//   part k     128 bytes, k * 128 bytes in: for each 16 pixels of 64 the lanes A | B, 32 bytes
//   factors    u16 words: number of parts | factor 0 | factor 1 | ...   as i16; an odd number is filled up with 0
//
// A factor is at most 2^14 either way. A lone part has a power of two; what it lacks is filled up with a part times 0.

/** The odd pixels of 8 lanes, v >>> 8. JavaScriptCore wants it so; for other engines src/runtime/kernels.ts makes a shift of it. */
export function oddsOf(v: v128): v128 {
  return i8x16.swizzle(v, i8x16(1, -1, 3, -1, 5, -1, 7, -1, 9, -1, 11, -1, 13, -1, 15, -1));
}

/** The even pixels of 8 lanes. */
export function evens(a: v128, odds: v128): v128 {
  return i16x8.sub(a, i16x8.shl(odds, 8));
}

/** first * factors[0] + second * factors[1] in 32 bits, lanes 0..3. */
export function joined_low(first: v128, second: v128, factors: v128): v128 {
  const pairs = i8x16.shuffle(first, second, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
  return i32x4.dot_i16x8_s(pairs, factors);
}

/** first * factors[0] + second * factors[1] in 32 bits, lanes 4..7. */
export function joined_high(first: v128, second: v128, factors: v128): v128 {
  const pairs = i8x16.shuffle(first, second, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
  return i32x4.dot_i16x8_s(pairs, factors);
}
