// descent.ts: each rounded weight anew given all others, in float64, and scales fitted to the levels found.
import { PANEL, ROWS } from "../../src/rounding/layout";
import { addScaled, errorAt, f64s, RoundingJob, tableOf } from "./shared/rounding";

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
 * One sweep of coordinate descent over rows, at most ROWS: each weight in turn takes what is best beside all others,
 * t = w_k + sum over i other than k of errors_i H_ik / H_kk. Keeps errors and slopes. What a panel of weights changes goes
 * into the slopes of its own at once, and into all others' when the panel is done, for all rows while its rows of H are near.
 * `count` and `price` are those of the compensated pass.
 */
export function descendRows(job: RoundingJob, rows: i32, count: i32, price: f64): void {
  const n = job.n;
  const row = f64s(n);
  const changes = job.left;
  const counts = changes + f64s(ROWS * PANEL);
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
        const diagonal = load<f64>(hk + f64s(k));
        const t = load<f64>(job.weights + (at << 3)) + load<f64>(slopes + f64s(k)) / diagonal - before;
        const error = errorAt(job, at, scale, table, t, count, diagonal, price);
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
