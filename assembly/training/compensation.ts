// compensation.ts: rounding in which later weights make up for the errors of earlier ones, in float64.
//
// H is the inputs' covariance, [n][n], n = inputs of one output; H = R R^T with R upper triangular. Weights, their errors and
// whatever else is per weight stand in rows of n, a row for each output channel, as many as a call takes.
import { PANEL } from "../../src/rounding/layout";
import { addProduct, packPanel } from "./shared/products";
import { addScaled, dot, errorAt, f64s, RoundingJob, tableOf } from "./shared/rounding";

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

/**
 * The compensated pass over rows, k = 0..n-1:  t = w_k + sum over i < k of errors_i R_ik / R_kk, and what errorAt makes of
 * it. Leaves errors and their slopes. `count`: number of levels of a table. `price`: of a weight that is not 0.
 */
export function compensateRows(job: RoundingJob, rows: i32, count: i32, price: f64): void {
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
        const error = errorAt(job, at, scale, table, t, count, diagonal * diagonal, price);
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
