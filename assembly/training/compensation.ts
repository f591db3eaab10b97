// compensation.ts: rounding in which later weights make up for the errors of earlier ones, in float64.
//
// H is the inputs' covariance, [n][n], n = inputs of one output; H = R R^T with R upper triangular. Weights, their errors and
// whatever else is per weight stand in rows of n, a row for each output channel, as many as a call takes.
import { PANEL } from "../../src/rounding/layout";
import { addProduct, packPanel } from "./shared/products";

/** Sum over i < count of a[i] b[i]. */
function dot(a: usize, b: usize, count: i32): f64 {
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
function addScaled(y: usize, x: usize, factor: f64, count: i32): void {
  const f = f64x2.splat(factor);
  let i = 0;
  for (; i + 4 <= count; i += 4, x += 32, y += 32) {
    v128.store(y, f64x2.add(v128.load(y), f64x2.mul(f, v128.load(x))));
    v128.store(y, f64x2.add(v128.load(y, 16), f64x2.mul(f, v128.load(x, 16))), 16);
  }
  for (; i < count; i++, x += 8, y += 8) store<f64>(y, load<f64>(y) + factor * load<f64>(x));
}

/** Bytes of `count` numbers. */
function f64s(count: i32): usize {
  return (<usize>count) << 3;
}

/**
 * H = R R^T in place, by panels of columns from the last; 0 below the diagonal. Of H the upper triangle is read.
 * @param scratch 64 x (n + 3) numbers
 * @returns -1, or a position whose pivot is not positive.
 */
export function factorUpper(h: usize, n: i32, scratch: usize): i32 {
  const row = f64s(n);
  for (let to = n; to > 0; ) {
    const from = max(0, to - PANEL);
    const depth = to - from;
    // the panel's own columns, R_ij = (H_ij - sum over j < k < to of R_ik R_jk) / R_jj
    for (let j = to - 1; j >= from; j--) {
      const hj = h + <usize>j * row + f64s(j);
      const tail = to - 1 - j;
      const pivot = load<f64>(hj) - dot(hj + 8, hj + 8, tail);
      if (!(pivot > 0)) return j;
      const r = Math.sqrt(pivot);
      store<f64>(hj, r);
      let hi = h + f64s(j);
      for (let i = 0; i < j; i++, hi += row) store<f64>(hi, (load<f64>(hi) - dot(hi + 8, hj + 8, tail)) / r);
      memory.fill(h + <usize>j * row, 0, f64s(j));
    }
    // what is left of H: H_ij - sum over the panel's k of R_ik R_jk, for i <= j < from
    packPanel(h + f64s(from), row, 8, from, depth, scratch);
    const tile = f64s(depth) * 4;
    for (let j = 0; j < from; j += PANEL) {
      const columns = min(PANEL, from - j);
      const right = scratch + <usize>(j >> 2) * tile;
      addProduct(scratch, j + columns, right, columns, depth, h + f64s(j), row, -1);
    }
    to = from;
  }
  return -1;
}

/** What becomes of a weight: absorbs errors, is rounded, stays. */
const FREE: u8 = 0;
const ROUND: u8 = 1;

/**
 * Rows of output channels, [rows][n] each, states and codes as bytes, and the levels that a scale of 1 has: tables of as many
 * each, 256 numbers apart, of which every row has one.
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
  /** 64 x (rows + 3) numbers, and 64 x 64 of a panel's right side. */
  left!: usize;
  right!: usize;
}

/**
 * y[r][j] += sign * sum over from <= k < to of x[r][k] m(k, j) for j in first..last, m(k, j) = m[k * down + j * across], strides
 * in bytes.
 */
function addRows(
  job: RoundingJob,
  x: usize,
  from: i32,
  to: i32,
  m: usize,
  down: usize,
  across: usize,
  first: i32,
  last: i32,
  y: usize,
  rows: i32,
  sign: f64,
): void {
  if (first >= last) return;
  const row = f64s(job.n);
  const depth = to - from;
  packPanel(x + f64s(from), row, 8, rows, depth, job.left);
  for (let j = first; j < last; j += PANEL) {
    const columns = min(PANEL, last - j);
    packPanel(m + <usize>from * down + <usize>j * across, across, down, columns, depth, job.right);
    addProduct(job.left, rows, job.right, columns, depth, y + f64s(j), row, sign);
  }
}

/** y = x m for rows of x and y and a matrix m, [n][n]. */
export function multiplyRows(job: RoundingJob, x: usize, m: usize, y: usize, rows: i32): void {
  const n = job.n;
  const row = f64s(n);
  memory.fill(y, 0, <usize>rows * row);
  for (let k = 0; k < n; k += PANEL) addRows(job, x, k, min(k + PANEL, n), m, row, 8, 0, n, y, rows, 1);
}

/** x R R^T = b for rows of b, in place. */
export function solveRows(job: RoundingJob, b: usize, rows: i32): void {
  const n = job.n;
  const row = f64s(n);
  const factor = job.factor;
  // y R^T = b, from the last: y_j = (b_j - sum over k > j of y_k R_jk) / R_jj
  for (let to = n; to > 0; ) {
    const from = max(0, to - PANEL);
    for (let r = 0, y = b; r < rows; r++, y += row) {
      for (let j = to - 1; j >= from; j--) {
        const at = factor + <usize>j * row + f64s(j);
        const sum = load<f64>(y + f64s(j)) - dot(y + f64s(j + 1), at + 8, to - 1 - j);
        store<f64>(y + f64s(j), sum / load<f64>(at));
      }
    }
    addRows(job, b, from, to, factor, 8, row, 0, from, b, rows, -1);
    to = from;
  }
  // x R = y, from the first: x_j = (y_j - sum over k < j of x_k R_kj) / R_jj
  for (let from = 0; from < n; from += PANEL) {
    const to = min(from + PANEL, n);
    for (let r = 0, x = b; r < rows; r++, x += row) {
      for (let j = from; j < to; j++) {
        const at = factor + <usize>j * row + f64s(j);
        const value = load<f64>(x + f64s(j)) / load<f64>(at);
        store<f64>(x + f64s(j), value);
        addScaled(x + f64s(j + 1), at + 8, -value, to - 1 - j);
      }
    }
    addRows(job, b, from, to, factor, row, 8, to, n, b, rows, -1);
  }
}

/** Where a row's levels and midpoints lie behind those of the first table. */
function tableOf(job: RoundingJob, row: i32): usize {
  return f64s((<i32>load<u8>(job.books + row)) << 8);
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
 * one t itself, and another stays as it is.
 */
function errorAt(job: RoundingJob, at: usize, scale: f64, table: usize, t: f64, count: i32): f64 {
  const w = load<f64>(job.weights + (at << 3));
  const state = load<u8>(job.states + at);
  if (state === FREE) return w - t;
  if (state !== ROUND) return load<f64>(job.errors + (at << 3));
  const code = nearest(t / scale, job.midpoints + table, count);
  store<u8>(job.codes + at, <u8>code);
  return w - scale * load<f64>(job.levels + table + f64s(code));
}

/**
 * The compensated pass over rows, k = 0..n-1:  t = w_k + sum over i < k of errors_i R_ik / R_kk, and what errorAt makes of
 * it. Leaves errors and their slopes. `count`: number of levels of a table.
 */
export function compensateRows(job: RoundingJob, rows: i32, count: i32): void {
  const n = job.n;
  const row = f64s(n);
  const factor = job.factor;
  const errors = job.errors;
  // errors R, as far as it has come; the products are made again from what it becomes
  const sums = job.slopes;
  memory.fill(sums, 0, <usize>rows * row);
  for (let from = 0; from < n; from += PANEL) {
    const to = min(from + PANEL, n);
    for (let r = 0; r < rows; r++) {
      const scale = load<f64>(job.scales + f64s(r));
      const table = tableOf(job, r);
      const start = <usize>r * n;
      for (let k = from; k < to; k++) {
        const at = start + k;
        const rk = factor + <usize>k * row + f64s(k);
        const diagonal = load<f64>(rk);
        const sum = load<f64>(sums + (at << 3));
        const t = load<f64>(job.weights + (at << 3)) + sum / diagonal;
        const error = errorAt(job, at, scale, table, t, count);
        store<f64>(errors + (at << 3), error);
        if (error !== 0) addScaled(sums + (at << 3), rk, error, to - k);
      }
    }
    addRows(job, errors, from, to, factor, row, 8, to, n, sums, rows, 1);
  }
  // errors H = (errors R) R^T: column i is sum over k >= i of (errors R)_k R_ik, so that what is read is not yet written
  for (let from = 0; from < n; from += PANEL) {
    const to = min(from + PANEL, n);
    for (let r = 0, s = sums; r < rows; r++, s += row) {
      for (let i = from; i < to; i++) {
        const ri = factor + <usize>i * row + f64s(i);
        store<f64>(s + f64s(i), dot(s + f64s(i), ri, to - i));
      }
    }
    for (let k = to; k < n; k += PANEL) {
      addRows(job, sums, k, min(k + PANEL, n), factor, 8, row, from, to, sums, rows, 1);
    }
  }
}

/** y[i] += f0 x0[i] + .. + f3 x3[i] for i < count, one after the other */
function addFour(y: usize, x0: usize, x1: usize, x2: usize, x3: usize, factors: usize, count: i32): void {
  const f0 = v128.load64_splat(factors);
  const f1 = v128.load64_splat(factors, 8);
  const f2 = v128.load64_splat(factors, 16);
  const f3 = v128.load64_splat(factors, 24);
  let at: usize = 0;
  const end = f64s(count & ~1);
  for (; at < end; at += 16) {
    let sum = f64x2.add(v128.load(y + at), f64x2.mul(f0, v128.load(x0 + at)));
    sum = f64x2.add(sum, f64x2.mul(f1, v128.load(x1 + at)));
    sum = f64x2.add(sum, f64x2.mul(f2, v128.load(x2 + at)));
    v128.store(y + at, f64x2.add(sum, f64x2.mul(f3, v128.load(x3 + at))));
  }
  if ((count & 1) === 0) return;
  const sum = load<f64>(y + at) + load<f64>(factors) * load<f64>(x0 + at);
  const more = sum + load<f64>(factors, 8) * load<f64>(x1 + at) + load<f64>(factors, 16) * load<f64>(x2 + at);
  store<f64>(y + at, more + load<f64>(factors, 24) * load<f64>(x3 + at));
}

/** Columns of H that the changes of one panel are multiplied by while they are in the cache. */
const COLUMNS = 256;

/**
 * slopes[r][j] += sum over i < counts[r] of changes[r][i] H[places[r][i]][j] for j in first..last; 64 changes and places a row
 */
function addChanges(
  job: RoundingJob,
  rows: i32,
  changes: usize,
  places: usize,
  counts: usize,
  first: i32,
  last: i32,
): void {
  const row = f64s(job.n);
  for (let j = first; j < last; j += COLUMNS) {
    const columns = min(COLUMNS, last - j);
    const h = job.covariance + f64s(j);
    let y = job.slopes + f64s(j);
    for (let r = 0; r < rows; r++, y += row) {
      const factors = changes + f64s(r * PANEL);
      const from = places + ((<usize>(r * PANEL)) << 2);
      const count = load<i32>(counts + ((<usize>r) << 2));
      let i = 0;
      for (; i + 4 <= count; i += 4) {
        const at = from + ((<usize>i) << 2);
        const x0 = h + <usize>load<u32>(at) * row;
        const x1 = h + <usize>load<u32>(at, 4) * row;
        const x2 = h + <usize>load<u32>(at, 8) * row;
        const x3 = h + <usize>load<u32>(at, 12) * row;
        addFour(y, x0, x1, x2, x3, factors + f64s(i), columns);
      }
      for (; i < count; i++) {
        const x = h + <usize>load<u32>(from + ((<usize>i) << 2)) * row;
        addScaled(y, x, load<f64>(factors + f64s(i)), columns);
      }
    }
  }
}

/**
 * One sweep of coordinate descent over rows, at most 64: each weight in turn takes what is best beside all others,
 * t = w_k + sum over i other than k of errors_i H_ik / H_kk. Keeps errors and slopes. What a panel of weights changes goes
 * into the slopes of its own at once, and into all others' when the panel is done, for all rows while its rows of H are near.
 */
export function descendRows(job: RoundingJob, rows: i32, count: i32): void {
  const n = job.n;
  const row = f64s(n);
  const changes = job.left;
  const counts = changes + f64s(PANEL * PANEL);
  const places = job.right;
  for (let from = 0; from < n; from += PANEL) {
    const to = min(from + PANEL, n);
    for (let r = 0; r < rows; r++) {
      const scale = load<f64>(job.scales + f64s(r));
      const table = tableOf(job, r);
      const start = <usize>r * n;
      const slopes = job.slopes + (start << 3);
      let changed = r * PANEL;
      for (let k = from; k < to; k++) {
        const at = start + k;
        const hk = job.covariance + <usize>k * row;
        const before = load<f64>(job.errors + (at << 3));
        const t = load<f64>(job.weights + (at << 3)) + load<f64>(slopes + f64s(k)) / load<f64>(hk + f64s(k)) - before;
        const error = errorAt(job, at, scale, table, t, count);
        if (error === before) continue;
        store<f64>(job.errors + (at << 3), error);
        addScaled(slopes + f64s(from), hk + f64s(from), error - before, to - from);
        store<f64>(changes + f64s(changed), error - before);
        store<u32>(places + ((<usize>changed) << 2), k);
        changed++;
      }
      store<i32>(counts + ((<usize>r) << 2), changed - r * PANEL);
    }
    addChanges(job, rows, changes, places, counts, 0, from);
    addChanges(job, rows, changes, places, counts, to, n);
  }
}

/**
 * Rows that are all rounded get the scale of least squares for their levels l, (l H w) / (l H l), by
 * scale * l H = products - slopes. Keeps errors and slopes.
 */
export function rescaleRows(job: RoundingJob, rows: i32): void {
  const n = job.n;
  for (let r = 0; r < rows; r++) {
    const scale = load<f64>(job.scales + f64s(r));
    const levels = job.levels + tableOf(job, r);
    const start = <usize>r * n;
    let product: f64 = 0;
    let square: f64 = 0;
    for (let k = 0; k < n; k++) {
      const at = (start + k) << 3;
      const level = load<f64>(levels + f64s(load<u8>(job.codes + start + k)));
      const whole = load<f64>(job.products + at);
      product += level * whole;
      square += level * (whole - load<f64>(job.slopes + at));
    }
    square /= scale;
    if (!(square > 0 && product > 0)) continue;
    const fitted = product / square;
    store<f64>(job.scales + f64s(r), fitted);
    for (let k = 0; k < n; k++) {
      const at = (start + k) << 3;
      const level = load<f64>(levels + f64s(load<u8>(job.codes + start + k)));
      const whole = load<f64>(job.products + at);
      store<f64>(job.errors + at, load<f64>(job.weights + at) - fitted * level);
      store<f64>(job.slopes + at, whole - (whole - load<f64>(job.slopes + at)) * (fitted / scale));
    }
  }
}
