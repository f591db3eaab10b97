// timing.js: repeated calls and their statistics.

/** Milliseconds of one call, from `count` in a row. */
export function repeatSync(count, call) {
  const start = performance.now();
  for (let i = 0; i < count; i++) call();
  return (performance.now() - start) / count;
}

/** As repeatSync, for calls that return promises. */
export async function repeatAsync(count, call) {
  const start = performance.now();
  for (let i = 0; i < count; i++) await call();
  return (performance.now() - start) / count;
}

/** Linear interpolation between the two nearest of some numbers; share in 0..1. */
export function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

export const median = (numbers) => quantile(numbers, 0.5);

/** Geometric mean; null of nothing. */
export function geometricMean(numbers) {
  if (numbers.length === 0) return null;
  return Math.exp(numbers.reduce((sum, x) => sum + Math.log(x), 0) / numbers.length);
}
