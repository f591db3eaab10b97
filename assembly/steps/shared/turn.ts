// turn.ts: squares of elements turned: what lies in rows `far` bytes apart comes to lie in columns, in rows `apart` bytes apart.
//
//   from    a0 b0 c0 ..      to    a0 a1 a2 ..
//           a1 b1 c1 ..            b0 b1 b2 ..

/** Turns 8 x 8 bytes: pairs of rows, fours of them, all eight. */
export function turn_bytes(from: usize, far: usize, to: usize, apart: usize): void {
  const far2 = far << 1,
    apart2 = apart << 1;
  let a = v128.load64_lane(from + far, v128.load64_zero(from), 1);
  a = i8x16.shuffle(a, a, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  from += far2;
  let b = v128.load64_lane(from + far, v128.load64_zero(from), 1);
  b = i8x16.shuffle(b, b, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  from += far2;
  let c = v128.load64_lane(from + far, v128.load64_zero(from), 1);
  c = i8x16.shuffle(c, c, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  from += far2;
  let d = v128.load64_lane(from + far, v128.load64_zero(from), 1);
  d = i8x16.shuffle(d, d, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  const ab = i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11),
    cd = i16x8.shuffle(c, d, 0, 8, 1, 9, 2, 10, 3, 11),
    AB = i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15),
    CD = i16x8.shuffle(c, d, 4, 12, 5, 13, 6, 14, 7, 15);
  let two = i32x4.shuffle(ab, cd, 0, 4, 1, 5);
  v128.store64_lane(to, two, 0);
  v128.store64_lane(to + apart, two, 1);
  to += apart2;
  two = i32x4.shuffle(ab, cd, 2, 6, 3, 7);
  v128.store64_lane(to, two, 0);
  v128.store64_lane(to + apart, two, 1);
  to += apart2;
  two = i32x4.shuffle(AB, CD, 0, 4, 1, 5);
  v128.store64_lane(to, two, 0);
  v128.store64_lane(to + apart, two, 1);
  to += apart2;
  two = i32x4.shuffle(AB, CD, 2, 6, 3, 7);
  v128.store64_lane(to, two, 0);
  v128.store64_lane(to + apart, two, 1);
}

/** Turns 4 x 4 words of 32 bits. */
export function turn_words(from: usize, far: usize, to: usize, apart: usize): void {
  const a = v128.load(from),
    b = v128.load(from + far),
    c = v128.load(from + (far << 1)),
    d = v128.load(from + (far << 1) + far);
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5),
    cd = i32x4.shuffle(c, d, 0, 4, 1, 5),
    AB = i32x4.shuffle(a, b, 2, 6, 3, 7),
    CD = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(ab, cd, 0, 2));
  v128.store(to + apart, i64x2.shuffle(ab, cd, 1, 3));
  v128.store(to + (apart << 1), i64x2.shuffle(AB, CD, 0, 2));
  v128.store(to + (apart << 1) + apart, i64x2.shuffle(AB, CD, 1, 3));
}
