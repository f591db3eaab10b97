// decibels.ts: ratios of signal to noise, where there is one, and sums from which they come.

/** The ratio that stands for no error at all; float32 values that differ give less. */
export const EXACT = 300;
/** The variance that is rounding error alone, as a share of the mean square. */
const NOTHING = 1e-12;

/** @returns at most EXACT; null for a signal that is none, and for what is not finite */
export function decibels(signal: number, noise: number): number | null {
  if (noise === 0 && signal < Number.POSITIVE_INFINITY) return EXACT;
  const ratio = 10 * Math.log10(signal / noise);
  return signal > 0 && Number.isFinite(ratio) ? Math.min(ratio, EXACT) : null;
}

/** The noise of a ratio as a share of the signal; 0 where there is no ratio. */
export const noiseOf = (snr: number | null): number => (snr === null ? 0 : 10 ** (-snr / 10));

/**
 * The sum of squares about the mean; 0 for values that differ by rounding alone.
 * @param origin what was taken off the values before they were summed: the first of them, since a mean far from zero would
 *   leave little of the variance
 * @param sum of the values less the origin
 * @param square of the same, squared
 */
export function squaresAboutMean(count: number, origin: number, sum: number, square: number): number {
  const about = square - sum ** 2 / count;
  const whole = square + 2 * origin * sum + count * origin ** 2;
  return about <= NOTHING * whole ? 0 : about;
}
