// turn.ts: squares of elements turned: what lies in rows `far` bytes apart comes to lie in columns, in rows `apart` bytes apart.
//
//   from    a0 b0 c0 ..      to    a0 a1 a2 ..
//           a1 b1 c1 ..            b0 b1 b2 ..
//
// Every second element, or third or fourth, is picked out of a row. Rows that are fewer than a square has are woven: their columns lie one behind the other.
//
//   from    a0 a1 a2 ..      to    a0 b0 a1 b1 a2 b2 ..
//           b0 b1 b2 ..

/** Rows of two vectors, byte by byte. */
function bytes_of(first: usize, second: usize): v128 {
  const both = v128.load64_lane(second, v128.load64_zero(first), 1);
  return i8x16.shuffle(both, both, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** Turns 8 rows of bytes and more, of which 8 columns are read and the first `count` written. The last square overlaps the one before. */
export function turn_bytes(from: usize, far: usize, rows: i32, to: usize, apart: usize, count: i32): void {
  for (let row = 0; ; row = min(row + 8, rows - 8)) {
    turn_8x8(from + <usize>row * far, far, to + <usize>row, apart, count);
    if (row == rows - 8) break;
  }
}

/** Does with 4 rows of words of 32 bits and more, of which 4 columns are read, what turn_bytes does. */
export function turn_words(from: usize, far: usize, rows: i32, to: usize, apart: usize, count: i32): void {
  for (let row = 0; ; row = min(row + 4, rows - 4)) {
    turn_4x4(from + <usize>row * far, far, to + ((<usize>row) << 2), apart, count);
    if (row == rows - 4) break;
  }
}

/** Turns 8 x 8 bytes: pairs of rows, fours of them, all eight. */
function turn_8x8(from: usize, far: usize, to: usize, apart: usize, count: i32): void {
  const far2 = far << 1;
  const a = bytes_of(from, from + far);
  from += far2;
  const b = bytes_of(from, from + far);
  from += far2;
  const c = bytes_of(from, from + far);
  from += far2;
  const d = bytes_of(from, from + far);
  const ab = i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11),
    cd = i16x8.shuffle(c, d, 0, 8, 1, 9, 2, 10, 3, 11),
    AB = i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15),
    CD = i16x8.shuffle(c, d, 4, 12, 5, 13, 6, 14, 7, 15);
  to = put_two(i32x4.shuffle(ab, cd, 0, 4, 1, 5), to, apart, count);
  if (count > 2) to = put_two(i32x4.shuffle(ab, cd, 2, 6, 3, 7), to, apart, count - 2);
  if (count > 4) to = put_two(i32x4.shuffle(AB, CD, 0, 4, 1, 5), to, apart, count - 4);
  if (count > 6) put_two(i32x4.shuffle(AB, CD, 2, 6, 3, 7), to, apart, count - 6);
}

/** Writes the halves of a vector, or the first one. */
function put_two(two: v128, to: usize, apart: usize, count: i32): usize {
  v128.store64_lane(to, two, 0);
  if (count > 1) v128.store64_lane(to + apart, two, 1);
  return to + (apart << 1);
}

/** Turns 4 x 4 words. */
function turn_4x4(from: usize, far: usize, to: usize, apart: usize, count: i32): void {
  const a = v128.load(from),
    b = v128.load(from + far),
    c = v128.load(from + (far << 1)),
    d = v128.load(from + (far << 1) + far);
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5),
    cd = i32x4.shuffle(c, d, 0, 4, 1, 5),
    AB = i32x4.shuffle(a, b, 2, 6, 3, 7),
    CD = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(ab, cd, 0, 2));
  if (count > 1) v128.store(to + apart, i64x2.shuffle(ab, cd, 1, 3));
  if (count > 2) v128.store(to + (apart << 1), i64x2.shuffle(AB, CD, 0, 2));
  if (count > 3) v128.store(to + (apart << 1) + apart, i64x2.shuffle(AB, CD, 1, 3));
}

/** Weaves 2 to 7 rows of 8 bytes; their columns come to lie `apart` bytes apart, those of 3 rows one behind the other. */
export function weave_bytes(from: usize, far: usize, rows: i32, to: usize, apart: usize): void {
  const ab = bytes_of(from, from + far);
  if (rows == 2) {
    if (apart == 2) v128.store(to, ab);
    else put_pairs(ab, to, apart);
    return;
  }
  if (rows == 3) {
    const c = v128.load64_zero(from + (far << 1));
    v128.store(to, i8x16.shuffle(ab, c, 0, 1, 16, 2, 3, 17, 4, 5, 18, 6, 7, 19, 8, 9, 20, 10));
    const rest = i8x16.shuffle(ab, c, 11, 21, 12, 13, 22, 14, 15, 23, 0, 0, 0, 0, 0, 0, 0, 0);
    v128.store64_lane(to + 16, rest, 0);
    return;
  }
  weave_four(from, far, ab, to, apart);
  // the last four rows
  if (rows == 4) return;
  const skipped = <usize>(rows - 4);
  from += skipped * far;
  weave_four(from, far, bytes_of(from, from + far), to + skipped, apart);
}

/** Writes the eight pairs of bytes of a vector. */
function put_pairs(pairs: v128, to: usize, apart: usize): void {
  v128.store16_lane(to, pairs, 0);
  v128.store16_lane(to + apart, pairs, 1);
  v128.store16_lane(to + 2 * apart, pairs, 2);
  v128.store16_lane(to + 3 * apart, pairs, 3);
  to += apart << 2;
  v128.store16_lane(to, pairs, 4);
  v128.store16_lane(to + apart, pairs, 5);
  v128.store16_lane(to + 2 * apart, pairs, 6);
  v128.store16_lane(to + 3 * apart, pairs, 7);
}

/** Weaves four rows of 8 bytes, of which the first two are woven. */
function weave_four(from: usize, far: usize, ab: v128, to: usize, apart: usize): void {
  from += far << 1;
  const cd = bytes_of(from, from + far);
  let four = i16x8.shuffle(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11);
  v128.store32_lane(to, four, 0);
  v128.store32_lane(to + apart, four, 1);
  v128.store32_lane(to + 2 * apart, four, 2);
  v128.store32_lane(to + 3 * apart, four, 3);
  to += apart << 2;
  four = i16x8.shuffle(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15);
  v128.store32_lane(to, four, 0);
  v128.store32_lane(to + apart, four, 1);
  v128.store32_lane(to + 2 * apart, four, 2);
  v128.store32_lane(to + 3 * apart, four, 3);
}

/** Weaves 2 or 3 rows of 4 words of 32 bits, as weave_bytes does. */
export function weave_words(from: usize, far: usize, rows: i32, to: usize, apart: usize): void {
  const a = v128.load(from),
    b = v128.load(from + far);
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5),
    AB = i32x4.shuffle(a, b, 2, 6, 3, 7);
  if (rows == 2 && apart == 8) {
    v128.store(to, ab);
    v128.store(to, AB, 16);
    return;
  }
  if (rows == 2) {
    v128.store64_lane(to, ab, 0);
    v128.store64_lane(to + apart, ab, 1);
    v128.store64_lane(to + 2 * apart, AB, 0);
    v128.store64_lane(to + 3 * apart, AB, 1);
    return;
  }
  const c = v128.load(from + (far << 1));
  v128.store(to, i32x4.shuffle(ab, c, 0, 1, 4, 2));
  v128.store(to, i64x2.shuffle(i32x4.shuffle(ab, c, 3, 5, 0, 0), AB, 0, 2), 16);
  v128.store(to, i32x4.shuffle(c, AB, 2, 6, 7, 3), 32);
}

/** Every second, third or fourth byte, 16 of them. */
export function pick_bytes(from: usize, step: i32): v128 {
  const a = v128.load(from),
    b = v128.load(from, 16);
  if (step == 2) return i8x16.shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const c = v128.load(from, 32);
  if (step == 3) {
    const ab = i8x16.shuffle(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
    return i8x16.shuffle(ab, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29);
  }
  const d = v128.load(from, 48);
  const ab = i8x16.shuffle(a, b, 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0),
    cd = i8x16.shuffle(c, d, 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
  return i64x2.shuffle(ab, cd, 0, 2);
}

/** Every second, third or fourth word of 32 bits, 4 of them. */
export function pick_words(from: usize, step: i32): v128 {
  const a = v128.load(from),
    b = v128.load(from, 16);
  if (step == 2) return i32x4.shuffle(a, b, 0, 2, 4, 6);
  const c = v128.load(from, 32);
  if (step == 3) return i32x4.shuffle(i32x4.shuffle(a, b, 0, 3, 6, 0), c, 0, 1, 2, 5);
  const d = v128.load(from, 48);
  return i32x4.shuffle(i32x4.shuffle(a, b, 0, 4, 0, 0), i32x4.shuffle(c, d, 0, 4, 0, 0), 0, 1, 4, 5);
}
