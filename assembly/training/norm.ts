// norm.ts: batch normalization over (count, channels, plane) tensors, with the clamp of a following ReLU taken in.
// Sums run in float32 lanes inside one plane and in float64 from plane to plane.
//
//   forward    normStatistics (or the running ones) -> normFactors -> normApply
//   backward   normGradientSums -> normGradientFactors -> normBackward
//
// Loops over a plane come in pairs: four pixels a turn, then the one to three that are left.

/** One batch norm and the clamp behind it. */
@unmanaged
export class NormJob {
  channels!: i32;
  /** Pixels of a channel. */
  plane!: i32;
  epsilon!: f64;
  /** float32 for each channel; factor: see normFactors. */
  gamma!: usize;
  beta!: usize;
  factor!: usize;
  low!: f32;
  high!: f32;
}

/** The memory of its gradient: float32 for each channel, and in `sums` 2 float64 for each. */
@unmanaged
export class NormGradient {
  sums!: usize;
  dgamma!: usize;
  dbeta!: usize;
  centre!: usize;
  slope!: usize;
}

/** The sum of four lanes, in float64. */
function sumLanes(v: v128): f64 {
  const a = <f64>f32x4.extract_lane(v, 0) + <f64>f32x4.extract_lane(v, 1);
  return a + (<f64>f32x4.extract_lane(v, 2) + <f64>f32x4.extract_lane(v, 3));
}

/** Sum of a plane. */
function planeSum(x: usize, plane: i32): f64 {
  let lanes = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= plane; i += 4, x += 16) lanes = f32x4.add(lanes, v128.load(x));
  let rest: f64 = 0;
  for (; i < plane; i++, x += 4) rest += load<f32>(x);
  return sumLanes(lanes) + rest;
}

/** Sum of squared distances of a plane from `centre`. */
function planeSquares(x: usize, plane: i32, centre: f32): f64 {
  const c = f32x4.splat(centre);
  let lanes = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= plane; i += 4, x += 16) {
    const d = f32x4.sub(v128.load(x), c);
    lanes = f32x4.add(lanes, f32x4.mul(d, d));
  }
  let rest: f64 = 0;
  for (; i < plane; i++, x += 4) {
    const d = load<f32>(x) - centre;
    rest += d * d;
  }
  return sumLanes(lanes) + rest;
}

/**
 * Mean and biased variance of every channel over the batch, as float32. Each plane is summed around its own mean while it
 * is in the cache; planes are joined by M2 = M2a + M2b + (mb - ma)^2 na nb / (na + nb).
 */
export function normStatistics(job: NormJob, x: usize, count: i32, mean: usize, variance: usize): void {
  const channels = job.channels;
  const plane = job.plane;
  const planeBytes = (<usize>plane) << 2;
  const imageBytes = <usize>channels * planeBytes;
  for (let c = 0; c < channels; c++, x += planeBytes, mean += 4, variance += 4) {
    let m: f64 = 0;
    let squares: f64 = 0;
    let at = x;
    for (let n = 0; n < count; n++, at += imageBytes) {
      // this plane's mean, and its squares around the nearest float32, corrected for the difference
      const here = planeSum(at, plane) / <f64>plane;
      const centre = <f32>here;
      const shift = here - <f64>centre;
      const delta = here - m;
      squares += planeSquares(at, plane, centre) - shift * shift * <f64>plane;
      // joined with the n planes before it
      squares += (delta * delta * <f64>plane * <f64>n) / <f64>(n + 1);
      m += delta / <f64>(n + 1);
    }
    store<f32>(mean, <f32>m);
    store<f32>(variance, <f32>Math.max(squares / <f64>(count * plane), 0));
  }
}

/** factor[c] = gamma[c] / sqrt(variance[c] + epsilon). */
export function normFactors(job: NormJob, variance: usize): void {
  const epsilon = job.epsilon;
  let gamma = job.gamma;
  let factor = job.factor;
  for (let end = gamma + ((<usize>job.channels) << 2); gamma < end; gamma += 4, variance += 4, factor += 4) {
    store<f32>(factor, <f32>(<f64>load<f32>(gamma) / Math.sqrt(<f64>load<f32>(variance) + epsilon)));
  }
}

/** y = min(max((x - mean) factor + beta + residual, low), high); residual 0 for none. */
export function normApply(job: NormJob, x: usize, residual: usize, y: usize, count: i32, mean: usize): void {
  const channels = job.channels;
  const plane = job.plane;
  const factor = job.factor;
  const beta = job.beta;
  const low = job.low;
  const high = job.high;
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (let n = 0; n < count; n++) {
    for (let c: usize = 0; c < (<usize>channels) << 2; c += 4) {
      const m = load<f32>(mean + c);
      const f = load<f32>(factor + c);
      const b = load<f32>(beta + c);
      const ms = f32x4.splat(m);
      const fs = f32x4.splat(f);
      const bs = f32x4.splat(b);
      let i = 0;
      for (; i + 4 <= plane; i += 4, x += 16, y += 16) {
        let v = f32x4.add(f32x4.mul(f32x4.sub(v128.load(x), ms), fs), bs);
        if (residual) {
          v = f32x4.add(v, v128.load(residual));
          residual += 16;
        }
        v128.store(y, f32x4.min(f32x4.max(v, lows), highs));
      }
      for (; i < plane; i++, x += 4, y += 4) {
        let v = (load<f32>(x) - m) * f + b;
        if (residual) {
          v += load<f32>(residual);
          residual += 4;
        }
        store<f32>(y, min<f32>(max<f32>(v, low), high));
      }
    }
  }
}

/** dy where low < y < high, else 0, with y recomputed from x by the very operations of normApply. */
function masked(x: v128, dy: v128, m: v128, f: v128, b: v128, low: v128, high: v128): v128 {
  const y = f32x4.add(f32x4.mul(f32x4.sub(x, m), f), b);
  return v128.and(dy, v128.and(f32x4.gt(y, low), f32x4.lt(y, high)));
}

/**
 * First half of the gradient: sums[c] = (sum of dz, sum of dz (x - mean)) in float64, with dz the gradient behind the clamp.
 */
export function normGradientSums(
  job: NormJob,
  gradient: NormGradient,
  x: usize,
  dy: usize,
  count: i32,
  mean: usize,
): void {
  const channels = job.channels;
  const plane = job.plane;
  const factor = job.factor;
  const beta = job.beta;
  const low = job.low;
  const high = job.high;
  const sums = gradient.sums;
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  memory.fill(sums, 0, (<usize>channels) << 4);
  for (let n = 0; n < count; n++) {
    for (let c: usize = 0; c < (<usize>channels) << 2; c += 4) {
      const m = load<f32>(mean + c);
      const f = load<f32>(factor + c);
      const b = load<f32>(beta + c);
      const ms = f32x4.splat(m);
      const fs = f32x4.splat(f);
      const bs = f32x4.splat(b);
      let s = f32x4.splat(0);
      let t = s;
      let i = 0;
      for (; i + 4 <= plane; i += 4, x += 16, dy += 16) {
        const v = v128.load(x);
        const d = masked(v, v128.load(dy), ms, fs, bs, lows, highs);
        s = f32x4.add(s, d);
        t = f32x4.add(t, f32x4.mul(d, f32x4.sub(v, ms)));
      }
      let rest: f64 = 0;
      let restX: f64 = 0;
      for (; i < plane; i++, x += 4, dy += 4) {
        const v = load<f32>(x);
        const y = (v - m) * f + b;
        if (!(y > low && y < high)) continue;
        rest += load<f32>(dy);
        restX += load<f32>(dy) * (v - m);
      }
      const at = sums + (c << 2);
      store<f64>(at, load<f64>(at) + sumLanes(s) + rest);
      store<f64>(at, load<f64>(at, 8) + sumLanes(t) + restX, 8);
    }
  }
}

/**
 * Parameter gradients, and the three numbers a channel that normBackward needs:
 *   dgamma = sum dz (x - mean) / s,  dbeta = sum dz,  s = sqrt(variance + epsilon)
 *   dx = factor dz - centre - slope (x - mean);  batch statistics: centre = factor dbeta / N,
 *   slope = factor dgamma / (N s);  frozen statistics: both 0. `samples` is N, or 0 for frozen.
 */
export function normGradientFactors(job: NormJob, gradient: NormGradient, variance: usize, samples: f64): void {
  const channels = job.channels;
  const epsilon = job.epsilon;
  const factor = job.factor;
  const sums = gradient.sums;
  const dgamma = gradient.dgamma;
  const dbeta = gradient.dbeta;
  const centre = gradient.centre;
  const slope = gradient.slope;
  for (let c: usize = 0; c < (<usize>channels) << 2; c += 4) {
    const s = Math.sqrt(<f64>load<f32>(variance + c) + epsilon);
    const f = <f64>load<f32>(factor + c);
    const beta = load<f64>(sums + (c << 2));
    const gamma = load<f64>(sums + (c << 2), 8) / s;
    store<f32>(dgamma + c, <f32>gamma);
    store<f32>(dbeta + c, <f32>beta);
    store<f32>(centre + c, samples === 0 ? 0 : <f32>((f * beta) / samples));
    store<f32>(slope + c, samples === 0 ? 0 : <f32>((f * gamma) / (samples * s)));
  }
}

/** dx = factor dz - centre - slope (x - mean); dx may be dy. */
export function normBackward(
  job: NormJob,
  gradient: NormGradient,
  x: usize,
  dy: usize,
  dx: usize,
  count: i32,
  mean: usize,
): void {
  const channels = job.channels;
  const plane = job.plane;
  const factor = job.factor;
  const beta = job.beta;
  const low = job.low;
  const high = job.high;
  const centre = gradient.centre;
  const slope = gradient.slope;
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (let n = 0; n < count; n++) {
    for (let c: usize = 0; c < (<usize>channels) << 2; c += 4) {
      const m = load<f32>(mean + c);
      const f = load<f32>(factor + c);
      const b = load<f32>(beta + c);
      const e = load<f32>(centre + c);
      const g = load<f32>(slope + c);
      const ms = f32x4.splat(m);
      const fs = f32x4.splat(f);
      const bs = f32x4.splat(b);
      const es = f32x4.splat(e);
      const gs = f32x4.splat(g);
      let i = 0;
      for (; i + 4 <= plane; i += 4, x += 16, dy += 16, dx += 16) {
        const v = v128.load(x);
        const d = f32x4.mul(masked(v, v128.load(dy), ms, fs, bs, lows, highs), fs);
        v128.store(dx, f32x4.sub(f32x4.sub(d, es), f32x4.mul(f32x4.sub(v, ms), gs)));
      }
      for (; i < plane; i++, x += 4, dy += 4, dx += 4) {
        const v = load<f32>(x);
        const y = (v - m) * f + b;
        const d: f32 = y > low && y < high ? load<f32>(dy) : 0;
        store<f32>(dx, d * f - e - (v - m) * g);
      }
    }
  }
}
