// moments.ts: sums of products of a layer's inputs over pixels, what second-order compensation is made of.
import { gemmTaps } from "./shared/gemm";
import { transpose4 } from "./shared/panels";

/** to[pixel][i] = x[taps[i] + pixel] for 8 taps and the pixels of all runs (see gemmRuns). */
function gatherTaps(x: usize, taps: usize, runs: usize, pixels: i32, to: usize): void {
  const x0 = x + <usize>load<u32>(taps);
  const x1 = x + <usize>load<u32>(taps, 4);
  const x2 = x + <usize>load<u32>(taps, 8);
  const x3 = x + <usize>load<u32>(taps, 12);
  const x4 = x + <usize>load<u32>(taps, 16);
  const x5 = x + <usize>load<u32>(taps, 20);
  const x6 = x + <usize>load<u32>(taps, 24);
  const x7 = x + <usize>load<u32>(taps, 28);
  while (pixels > 0) {
    let at = <usize>load<u32>(runs);
    let count = min<i32>(load<i32>(runs, 4), pixels);
    const step = <usize>load<u32>(runs, 8);
    runs += 12;
    pixels -= count;
    if (step === 4) {
      for (; count >= 4; count -= 4, at += 16, to += 128) {
        transpose4(v128.load(x0 + at), v128.load(x1 + at), v128.load(x2 + at), v128.load(x3 + at), to);
        transpose4(v128.load(x4 + at), v128.load(x5 + at), v128.load(x6 + at), v128.load(x7 + at), to + 16);
      }
    }
    for (; count > 0; count--, at += step, to += 32) {
      store<f32>(to, load<f32>(x0 + at));
      store<f32>(to, load<f32>(x1 + at), 4);
      store<f32>(to, load<f32>(x2 + at), 8);
      store<f32>(to, load<f32>(x3 + at), 12);
      store<f32>(to, load<f32>(x4 + at), 16);
      store<f32>(to, load<f32>(x5 + at), 20);
      store<f32>(to, load<f32>(x6 + at), 24);
      store<f32>(to, load<f32>(x7 + at), 28);
    }
  }
}

/** Planes whose values are summed, of one group. */
@unmanaged
export class MomentJob {
  /** u32 byte offsets, rounded up to 8 by repeating the last. */
  taps!: usize;
  depth!: i32;
  /** 32 bytes for each pixel. */
  scratch!: usize;
}

/**
 * sums[m / 8][k][m % 8] += sum over pixels of x[taps[k] + pixel] x[taps[m] + pixel]
 * Only k < 8 (m / 8 + 1) is computed. runs: see gemmRuns.
 */
export function productSums(job: MomentJob, x: usize, runs: usize, pixels: i32, sums: usize): void {
  const taps = job.taps;
  const scratch = job.scratch;
  const depthRounded = (job.depth + 7) & ~7;
  const block = (<usize>depthRounded) << 5;
  for (let m = 0; m < depthRounded; m += 8, sums += block) {
    gatherTaps(x, taps + ((<usize>m) << 2), runs, pixels, scratch);
    gemmTaps(x, taps, m + 8, runs, pixels, scratch, sums);
  }
}

/**
 * sums[m / 8][k][m % 8] += sum over pixels of x[taps[k] + pixel] y[taps of y[m] + pixel], the pixels of y being those of
 * runsY. The scratch is that of y.
 */
export function crossSums(
  job: MomentJob,
  x: usize,
  runs: usize,
  jobY: MomentJob,
  y: usize,
  runsY: usize,
  pixels: i32,
  sums: usize,
): void {
  const scratch = jobY.scratch;
  const depthRounded = (job.depth + 7) & ~7;
  const block = (<usize>depthRounded) << 5;
  const end = jobY.taps + ((<usize>((jobY.depth + 7) & ~7)) << 2);
  for (let taps = jobY.taps; taps < end; taps += 32, sums += block) {
    gatherTaps(y, taps, runsY, pixels, scratch);
    gemmTaps(x, job.taps, depthRounded, runs, pixels, scratch, sums);
  }
}

/** sums[k] += sum over pixels of x[taps[k] + pixel], sums in float64. */
export function tapSums(job: MomentJob, x: usize, runs: usize, pixels: i32, sums: usize): void {
  const taps = job.taps;
  const depth = job.depth;
  for (let k = 0; k < depth; k++, sums += 8) {
    const from = x + <usize>load<u32>(taps + ((<usize>k) << 2));
    let total = load<f64>(sums);
    let left = pixels;
    for (let run = runs; left > 0; run += 12) {
      let at = from + <usize>load<u32>(run);
      let count = min<i32>(load<i32>(run, 4), left);
      const step = <usize>load<u32>(run, 8);
      left -= count;
      if (step === 4 && count >= 4) {
        let four = f32x4.splat(0);
        for (; count >= 4; count -= 4, at += 16) four = f32x4.add(four, v128.load(at));
        total += <f64>(
          (f32x4.extract_lane(four, 0) +
            f32x4.extract_lane(four, 1) +
            f32x4.extract_lane(four, 2) +
            f32x4.extract_lane(four, 3))
        );
      }
      for (; count > 0; count--, at += step) total += <f64>load<f32>(at);
    }
    store<f64>(sums, total);
  }
}
