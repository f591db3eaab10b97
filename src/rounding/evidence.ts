// evidence.ts: how far a measured covariance is to be trusted, by shrinkage (Ledoit and Wolf 2004, section 3.3) over blocks of
// images, since pixels of one image depend on one another and images do not.
//
//   S_b, S   the covariance of block b of B, and their mean, n x n;   mu = trace S / n
//   b^2 = (mean of |S_b|^2 - |S|^2) / (B - 1)     the variance of S, |.| the root of the sum of squares
//   d^2 = |S - mu I|^2                            what S says beside its mean variance, b^2 included
//   r = min(b^2 / d^2, 1)                         (1 - r) S + r mu I errs least: that is S damped by r / (1 - r) times mu

/** Sums over blocks of images. */
export interface Evidence {
  blocks: number;
  /** The sums of |S_b|^2, and of trace S_b. */
  squares: number;
  traces: number;
}

export const noEvidence = (): Evidence => ({ blocks: 0, squares: 0, traces: 0 });

/** Damping is at least and at most so much. */
const LEAST = 0.01;
const MOST = 10;

/**
 * Adds row m of a block's covariance to its sums.
 * @param sums of x_m x_k over the block's samples for k <= m, every eighth value from `at` on
 * @param means of x over them
 */
export function addRow(
  evidence: Evidence,
  sums: Float32Array,
  at: number,
  m: number,
  means: Float64Array,
  samples: number,
): void {
  let squares = 0;
  const mean = means[m];
  for (let k = 0; k < m; k++, at += 8) {
    const value = sums[at] / samples - mean * means[k];
    squares += value * value;
  }
  const variance = sums[at] / samples - mean * mean;
  evidence.squares += 2 * squares + variance * variance;
  evidence.traces += variance;
}

/**
 * Returns the damping that suits a covariance of all samples, n x n, as a share of its mean diagonal.
 * @param evidence on a covariance in the same unit
 */
export function dampingBy({ blocks, squares, traces }: Evidence, covariance: Float64Array, n: number): number {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += covariance[i * n + i];
  if (blocks < 2 || !(trace > 0)) return LEAST;
  const whole = covariance.reduce((sum, value) => sum + value * value, 0);
  // within blocks inputs vary about the blocks' means, less than about the mean of all, and with as many degrees of freedom less
  const within = traces / blocks / trace;
  const variance = Math.max(squares / blocks - within ** 2 * whole, 0) / (blocks - 1);
  const distance = within ** 2 * (whole - trace ** 2 / n);
  // blocks of one sample each say nothing: 0 / 0
  const share = Math.min((within * variance) / distance, 1) || 0;
  return Math.min(Math.max(share / (1 - share), LEAST), MOST);
}
