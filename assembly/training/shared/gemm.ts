// gemm.ts: the float32 matrix product every convolution and dense layer is made of, in tiles of 4 rows by 8 columns.
//
//   a   rows packed in fours,   [ceil(rows / 4)][depth][4]      a splat of one weight, reused for 8 columns
//   b   one panel of 8 columns, [depth][8]                      two vectors, reused for 4 rows
//   c   row-major, `stride` bytes from row to row
//
// 4x8 keeps 8 sums, 2 columns and 1 splat in the 15 registers V8 hands out; every larger tile tried spilled and was slower.

/** Adds or writes 8 sums. */
function put(c: usize, low: v128, high: v128, accumulate: bool): void {
  if (accumulate) {
    low = f32x4.add(low, v128.load(c));
    high = f32x4.add(high, v128.load(c, 16));
  }
  v128.store(c, low);
  v128.store(c, high, 16);
}

/**
 * c[m][0..7] = bias[m] + sum over k of a[m][k] b[k][0..7], for m < rows; with `accumulate` the sum is added to c.
 * `bias` holds rows rounded up to 4 floats. Rows beyond `rows` are computed and not written.
 */
export function gemmPanel(
  a: usize,
  b: usize,
  c: usize,
  stride: usize,
  depth: i32,
  rows: i32,
  bias: usize,
  accumulate: bool,
): void {
  const end = b + ((<usize>depth) << 5);
  for (let m = 0; m < rows; m += 4) {
    let c0 = v128.load32_splat(bias);
    let c1 = v128.load32_splat(bias, 4);
    let c2 = v128.load32_splat(bias, 8);
    let c3 = v128.load32_splat(bias, 12);
    let d0 = c0;
    let d1 = c1;
    let d2 = c2;
    let d3 = c3;
    for (let x = b; x < end; x += 32) {
      const p = v128.load(x);
      const q = v128.load(x, 16);
      let w = v128.load32_splat(a);
      c0 = f32x4.add(c0, f32x4.mul(w, p));
      d0 = f32x4.add(d0, f32x4.mul(w, q));
      w = v128.load32_splat(a, 4);
      c1 = f32x4.add(c1, f32x4.mul(w, p));
      d1 = f32x4.add(d1, f32x4.mul(w, q));
      w = v128.load32_splat(a, 8);
      c2 = f32x4.add(c2, f32x4.mul(w, p));
      d2 = f32x4.add(d2, f32x4.mul(w, q));
      w = v128.load32_splat(a, 12);
      c3 = f32x4.add(c3, f32x4.mul(w, p));
      d3 = f32x4.add(d3, f32x4.mul(w, q));
      a += 16;
    }
    const left = rows - m;
    put(c, c0, d0, accumulate);
    if (left > 1) put(c + stride, c1, d1, accumulate);
    if (left > 2) put(c + 2 * stride, c2, d2, accumulate);
    if (left > 3) put(c + 3 * stride, c3, d3, accumulate);
    c += stride << 2;
    bias += 16;
  }
}

/**
 * The product whose depth is pixels: c[k][0..7] += sum over pixels of x[offset k][pixel] d[pixel][0..7] for four k at
 * once. `runs` lists the pixels as (u32 byte offset into x, u32 count, u32 step in bytes); d follows them in order.
 * At most `pixels` of them are taken. c is [4][8] floats.
 */
export function gemmRuns(
  x0: usize,
  x1: usize,
  x2: usize,
  x3: usize,
  runs: usize,
  pixels: i32,
  d: usize,
  c: usize,
): void {
  let c0 = f32x4.splat(0);
  let c1 = c0;
  let c2 = c0;
  let c3 = c0;
  let d0 = c0;
  let d1 = c0;
  let d2 = c0;
  let d3 = c0;
  while (pixels > 0) {
    const offset = <usize>load<u32>(runs);
    const count = min<i32>(load<i32>(runs, 4), pixels);
    const step = <usize>load<u32>(runs, 8);
    runs += 12;
    pixels -= count;
    let a0 = x0 + offset;
    let a1 = x1 + offset;
    let a2 = x2 + offset;
    let a3 = x3 + offset;
    const end = d + ((<usize>count) << 5);
    for (; d < end; d += 32) {
      const p = v128.load(d);
      const q = v128.load(d, 16);
      let w = v128.load32_splat(a0);
      c0 = f32x4.add(c0, f32x4.mul(w, p));
      d0 = f32x4.add(d0, f32x4.mul(w, q));
      a0 += step;
      w = v128.load32_splat(a1);
      c1 = f32x4.add(c1, f32x4.mul(w, p));
      d1 = f32x4.add(d1, f32x4.mul(w, q));
      a1 += step;
      w = v128.load32_splat(a2);
      c2 = f32x4.add(c2, f32x4.mul(w, p));
      d2 = f32x4.add(d2, f32x4.mul(w, q));
      a2 += step;
      w = v128.load32_splat(a3);
      c3 = f32x4.add(c3, f32x4.mul(w, p));
      d3 = f32x4.add(d3, f32x4.mul(w, q));
      a3 += step;
    }
  }
  put(c, c0, d0, true);
  put(c + 32, c1, d1, true);
  put(c + 64, c2, d2, true);
  put(c + 96, c3, d3, true);
}

/** gemmRuns for x + taps[k], k < depth in fours: c is [depth][8]. `depth` is a multiple of 4. */
export function gemmTaps(x: usize, taps: usize, depth: i32, runs: usize, pixels: i32, d: usize, c: usize): void {
  for (const end = taps + ((<usize>depth) << 2); taps < end; taps += 16, c += 128) {
    gemmRuns(
      x + <usize>load<u32>(taps),
      x + <usize>load<u32>(taps, 4),
      x + <usize>load<u32>(taps, 8),
      x + <usize>load<u32>(taps, 12),
      runs,
      pixels,
      d,
      c,
    );
  }
}
