// compensation.ts: rounding in which later weights make up for the errors of earlier ones, in float64.
//
// Matrices are [n][n] row-major. Weights, their errors and whatever else is per weight stand in blocks of 8 output
// channels, [n][8], n = inputs of one output.

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

/**
 * H = R R^T with R upper triangular, in place: h[i][j] = R_ij for i <= j, and below the diagonal what compensation reads
 * row by row, h[k][i] = R_ik / R_kk for i < k. Of H the upper triangle is read.
 * @returns -1, or the position whose pivot is not positive.
 */
export function factorUpper(h: usize, n: i32): i32 {
  const row = (<usize>n) << 3;
  for (let j = n - 1; j >= 0; j--) {
    const hj = h + <usize>j * row + ((<usize>j) << 3);
    const tail = n - 1 - j;
    const pivot = load<f64>(hj) - dot(hj + 8, hj + 8, tail);
    if (!(pivot > 0)) return j;
    const r = Math.sqrt(pivot);
    store<f64>(hj, r);
    let hi = h + ((<usize>j) << 3);
    let below = h + <usize>j * row;
    for (let i = 0; i < j; i++, hi += row, below += 8) {
      const v = (load<f64>(hi) - dot(hi + 8, hj + 8, tail)) / r;
      store<f64>(hi, v);
      store<f64>(below, v / r);
    }
  }
  return -1;
}

/** x R R^T = b for 8 rows of b at once, in place; `h` as factorUpper leaves it. */
export function solveBlock(h: usize, n: i32, b: usize): void {
  const row = (<usize>n) << 3;
  // y R^T = b, from the last: y_i = (b_i - sum over j > i of R_ij y_j) / R_ii
  for (let i = n - 1; i >= 0; i--) {
    const at = b + ((<usize>i) << 6);
    const diagonal = h + <usize>i * row + ((<usize>i) << 3);
    const r = f64x2.splat(load<f64>(diagonal));
    let s0 = v128.load(at);
    let s1 = v128.load(at, 16);
    let s2 = v128.load(at, 32);
    let s3 = v128.load(at, 48);
    let y = at + 64;
    for (let j = i + 1, f = diagonal + 8; j < n; j++, f += 8, y += 64) {
      const w = v128.load64_splat(f);
      s0 = f64x2.sub(s0, f64x2.mul(w, v128.load(y)));
      s1 = f64x2.sub(s1, f64x2.mul(w, v128.load(y, 16)));
      s2 = f64x2.sub(s2, f64x2.mul(w, v128.load(y, 32)));
      s3 = f64x2.sub(s3, f64x2.mul(w, v128.load(y, 48)));
    }
    v128.store(at, f64x2.div(s0, r));
    v128.store(at, f64x2.div(s1, r), 16);
    v128.store(at, f64x2.div(s2, r), 32);
    v128.store(at, f64x2.div(s3, r), 48);
  }
  // x R = y, from the first: x_j = y_j / R_jj - sum over i < j of x_i R_ij / R_jj
  for (let j = 0; j < n; j++) {
    const at = b + ((<usize>j) << 6);
    const start = h + <usize>j * row;
    const r = f64x2.splat(load<f64>(start + ((<usize>j) << 3)));
    let s0 = f64x2.div(v128.load(at), r);
    let s1 = f64x2.div(v128.load(at, 16), r);
    let s2 = f64x2.div(v128.load(at, 32), r);
    let s3 = f64x2.div(v128.load(at, 48), r);
    let x = b;
    for (let i = 0, f = start; i < j; i++, f += 8, x += 64) {
      const w = v128.load64_splat(f);
      s0 = f64x2.sub(s0, f64x2.mul(w, v128.load(x)));
      s1 = f64x2.sub(s1, f64x2.mul(w, v128.load(x, 16)));
      s2 = f64x2.sub(s2, f64x2.mul(w, v128.load(x, 32)));
      s3 = f64x2.sub(s3, f64x2.mul(w, v128.load(x, 48)));
    }
    v128.store(at, s0);
    v128.store(at, s1, 16);
    v128.store(at, s2, 32);
    v128.store(at, s3, 48);
  }
}

/** y += sum over i < count of m[i] x[i], one row of a block of 8 channels. */
function addProducts(m: usize, x: usize, count: i32, y: usize): void {
  let s0 = v128.load(y);
  let s1 = v128.load(y, 16);
  let s2 = v128.load(y, 32);
  let s3 = v128.load(y, 48);
  for (let i = 0; i < count; i++, m += 8, x += 64) {
    const w = v128.load64_splat(m);
    s0 = f64x2.add(s0, f64x2.mul(w, v128.load(x)));
    s1 = f64x2.add(s1, f64x2.mul(w, v128.load(x, 16)));
    s2 = f64x2.add(s2, f64x2.mul(w, v128.load(x, 32)));
    s3 = f64x2.add(s3, f64x2.mul(w, v128.load(x, 48)));
  }
  v128.store(y, s0);
  v128.store(y, s1, 16);
  v128.store(y, s2, 32);
  v128.store(y, s3, 48);
}

/** y[k] = sum over i of m[k][i] x[i] for a block of 8 channels. */
export function multiplyBlock(m: usize, n: i32, x: usize, y: usize): void {
  const row = (<usize>n) << 3;
  memory.fill(y, 0, (<usize>n) << 6);
  for (let k = 0; k < n; k++, m += row, y += 64) addProducts(m, x, n, y);
}

/** Index of the level nearest to z, given the midpoints between neighbouring levels. */
function nearest(z: f64, midpoints: usize, levels: i32): i32 {
  let low = 0;
  let high = levels - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (z >= load<f64>(midpoints + ((<usize>middle) << 3))) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What becomes of a weight: absorbs errors, is rounded, stays. */
const FREE: u8 = 0;
const ROUND: u8 = 1;

/** A block of 8 channels, states and codes as bytes [n][8], its `scales`, and the levels that a scale of 1 has. */
@unmanaged
export class RoundingJob {
  n!: i32;
  weights!: usize;
  errors!: usize;
  states!: usize;
  codes!: usize;
  scales!: usize;
  levels!: usize;
  /** Between neighbouring levels. */
  midpoints!: usize;
  /** 64 bytes. */
  room!: usize;
}

/**
 * One pass over the weights of 8 channels, k = 0..n-1:  t = w_k + sum over i of feedback[k][i] errors[i]; a weight that is
 * rounded takes the level nearest to t / scale, a free one t itself, and errors[k] = w_k - the new value.
 * feedback = the lower triangle of factorUpper, over i < k: compensation. With `whole`, H_ki / H_kk and 0 on the
 * diagonal, over all i: one sweep of coordinate descent. `count`: number of levels.
 */
export function roundBlock(job: RoundingJob, feedback: usize, whole: bool, count: i32): void {
  const n = job.n;
  const weights = job.weights;
  const errors = job.errors;
  const states = job.states;
  const codes = job.codes;
  const scales = job.scales;
  const room = job.room;
  const row = (<usize>n) << 3;
  for (let k = 0; k < n; k++, feedback += row) {
    const at = (<usize>k) << 6;
    memory.copy(room, weights + at, 64);
    addProducts(feedback, errors, whole ? n : k, room);
    for (let c: usize = 0; c < 8; c++) {
      const state = load<u8>(states + ((<usize>k) << 3) + c);
      const w = load<f64>(weights + at + (c << 3));
      const t = load<f64>(room + (c << 3));
      if (state === FREE) store<f64>(errors + at + (c << 3), w - t);
      else if (state === ROUND) {
        const scale = load<f64>(scales + (c << 3));
        const code = nearest(t / scale, job.midpoints, count);
        store<u8>(codes + ((<usize>k) << 3) + c, <u8>code);
        store<f64>(errors + at + (c << 3), w - scale * load<f64>(job.levels + ((<usize>code) << 3)));
      }
    }
  }
}
