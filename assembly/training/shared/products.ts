// products.ts: products of float64 matrices, a panel of 64 of their inner index at a time.
//
// Matrices are row-major. A panel of a left matrix is packed as [rows / 4][depth][4], one of a right matrix as
// [columns / 4][depth][4], so that a tile of 4 x 4 sums reads both in order:
//
//     a  |r0 r1 r2 r3|r0 r1 r2 r3| ...   k = 0, 1, ...
//     b  |c0 c1 c2 c3|c0 c1 c2 c3| ...
//
// What lies beyond the last row or column is packed as 0.

/**
 * to[i / 4][k][i % 4] = x[i * outer + k * inner], strides in bytes, for i < count and k < depth.
 * @returns the end of what was packed
 */
export function packPanel(x: usize, outer: usize, inner: usize, count: i32, depth: i32, to: usize): usize {
  for (let i = 0; i < count; i += 4, x += 4 * outer) {
    const left = count - i;
    const x1 = x + outer;
    const x2 = x1 + outer;
    const x3 = x2 + outer;
    let at: usize = 0;
    for (let k = 0; k < depth; k++, at += inner, to += 32) {
      store<f64>(to, load<f64>(x + at));
      store<f64>(to, left > 1 ? load<f64>(x1 + at) : 0, 8);
      store<f64>(to, left > 2 ? load<f64>(x2 + at) : 0, 16);
      store<f64>(to, left > 3 ? load<f64>(x3 + at) : 0, 24);
    }
  }
  return to;
}

/** y[0..1] += sign * s */
function addPair(y: usize, s: v128, sign: v128): void {
  v128.store(y, f64x2.add(v128.load(y), f64x2.mul(s, sign)));
}

/** y[i] += sign * s[i] for i < count, at most 4. */
function addSome(y: usize, count: i32, s0: v128, s1: v128, sign: v128): void {
  if (count >= 2) addPair(y, s0, sign);
  else store<f64>(y, load<f64>(y) + f64x2.extract_lane(f64x2.mul(s0, sign), 0));
  if (count === 4) addPair(y + 16, s1, sign);
  else if (count === 3) store<f64>(y, load<f64>(y, 16) + f64x2.extract_lane(f64x2.mul(s1, sign), 0), 16);
}

/** y[i][j] += sign * sum over k < depth of a[k][i] b[k][j] for a tile of at most 4 x 4; `row`: bytes of a row of y. */
function addTile(a: usize, b: usize, depth: i32, y: usize, row: usize, rows: i32, columns: i32, sign: f64): void {
  let s00 = f64x2.splat(0);
  let s01 = s00;
  let s10 = s00;
  let s11 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  for (let k = 0; k < depth; k++, a += 32, b += 32) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load64_splat(a);
    s00 = f64x2.add(s00, f64x2.mul(a0, b0));
    s01 = f64x2.add(s01, f64x2.mul(a0, b1));
    const a1 = v128.load64_splat(a, 8);
    s10 = f64x2.add(s10, f64x2.mul(a1, b0));
    s11 = f64x2.add(s11, f64x2.mul(a1, b1));
    const a2 = v128.load64_splat(a, 16);
    s20 = f64x2.add(s20, f64x2.mul(a2, b0));
    s21 = f64x2.add(s21, f64x2.mul(a2, b1));
    const a3 = v128.load64_splat(a, 24);
    s30 = f64x2.add(s30, f64x2.mul(a3, b0));
    s31 = f64x2.add(s31, f64x2.mul(a3, b1));
  }
  const s = f64x2.splat(sign);
  addSome(y, columns, s00, s01, s);
  if (rows > 1) addSome(y + row, columns, s10, s11, s);
  if (rows > 2) addSome(y + 2 * row, columns, s20, s21, s);
  if (rows > 3) addSome(y + 3 * row, columns, s30, s31, s);
}

/** y += sign * a b for packed panels a and b; `row`: bytes of a row of y. */
export function addProduct(
  a: usize,
  rows: i32,
  b: usize,
  columns: i32,
  depth: i32,
  y: usize,
  row: usize,
  sign: f64,
): void {
  const tile = (<usize>depth) << 5;
  for (let i = 0; i < rows; i += 4, a += tile, y += 4 * row) {
    const height = min(4, rows - i);
    for (let j = 0, bj = b, yj = y; j < columns; j += 4, bj += tile, yj += 32) {
      addTile(a, bj, depth, yj, row, height, min(4, columns - j), sign);
    }
  }
}
