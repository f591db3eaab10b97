// rounding.ts: what the kernels of rounding share: the record of their rows, sums of float64 rows, and a weight's new error.
import { TABLE } from "../../../src/rounding/layout";

/** Sum over i < count of a[i] b[i]. */
export function dot(a: usize, b: usize, count: i32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let i = 0;
  for (; i + 4 <= count; i += 4, a += 32, b += 32) {
    s0 = f64x2.add(s0, f64x2.mul(v128.load(a), v128.load(b)));
    s1 = f64x2.add(s1, f64x2.mul(v128.load(a, 16), v128.load(b, 16)));
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; i < count; i++, a += 8, b += 8) sum += load<f64>(a) * load<f64>(b);
  return sum;
}

/** y[i] += factor x[i] for i < count */
export function addScaled(y: usize, x: usize, factor: f64, count: i32): void {
  const f = f64x2.splat(factor);
  let i = 0;
  for (; i + 4 <= count; i += 4, x += 32, y += 32) {
    v128.store(y, f64x2.add(v128.load(y), f64x2.mul(f, v128.load(x))));
    v128.store(y, f64x2.add(v128.load(y, 16), f64x2.mul(f, v128.load(x, 16))), 16);
  }
  for (; i < count; i++, x += 8, y += 8) store<f64>(y, load<f64>(y) + factor * load<f64>(x));
}

/** Bytes of `count` numbers. */
export function f64s(count: i32): usize {
  return (<usize>count) << 3;
}

/** What becomes of a weight: absorbs errors, is rounded, stays. */
const FREE: u8 = 0;
const ROUND: u8 = 1;

/**
 * Rows of output channels, [rows][n] each, states and codes as bytes, and the levels that a scale of 1 has: tables of as many
 * each, TABLE numbers apart, of which every row has one.
 */
@unmanaged
export class RoundingJob {
  n!: i32;
  /** H, and R as factorUpper leaves it. */
  covariance!: usize;
  factor!: usize;
  weights!: usize;
  /** What the new weights lack: weights - new weights. */
  errors!: usize;
  /** errors H, damping included. */
  slopes!: usize;
  /** weights H */
  products!: usize;
  states!: usize;
  codes!: usize;
  /** A number for each row, and its table as a byte. */
  scales!: usize;
  books!: usize;
  levels!: usize;
  /** Between neighbouring levels. */
  midpoints!: usize;
  /** PANEL x (ROWS or n, whichever is more, + 3) numbers; PANEL x PANEL of a panel's right side, or ROWS x PANEL places. */
  left!: usize;
  right!: usize;
}

/** Where a row's levels and midpoints lie behind those of the first table. */
export function tableOf(job: RoundingJob, row: i32): usize {
  return f64s(<i32>load<u8>(job.books + row) * TABLE);
}

/** Index of the level nearest to z, given the midpoints between neighbouring levels. */
function nearest(z: f64, midpoints: usize, levels: i32): i32 {
  let low = 0;
  let high = levels - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (z >= load<f64>(midpoints + f64s(middle))) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * What a weight w lacks if its place is best served by t: a rounded one takes the level of a table nearest to t / scale, a free
 * one t itself, and another stays as it is. A rounded weight v takes curvature (t^2 - (t - v)^2) from the error that it would
 * leave as 0; where that is less than its price, it is 0.
 */
export function errorAt(
  job: RoundingJob,
  at: usize,
  scale: f64,
  table: usize,
  t: f64,
  count: i32,
  curvature: f64,
  price: f64,
): f64 {
  const w = load<f64>(job.weights + (at << 3));
  const state = load<u8>(job.states + at);
  if (state === FREE) return w - t;
  if (state !== ROUND) return load<f64>(job.errors + (at << 3));
  let code = nearest(t / scale, job.midpoints + table, count);
  let v = scale * load<f64>(job.levels + table + f64s(code));
  if (price > 0 && v !== 0 && curvature * v * (2 * t - v) < price) {
    const zero = nearest(0, job.midpoints + table, count);
    if (load<f64>(job.levels + table + f64s(zero)) === 0) {
      code = zero;
      v = 0;
    }
  }
  store<u8>(job.codes + at, <u8>code);
  return w - v;
}
