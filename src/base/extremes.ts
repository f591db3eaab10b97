// extremes.ts: the greatest and the least of numbers, of which there may be more than a call takes arguments.

/** The greatest of numbers, as Math.max: -Infinity of none. */
export function greatestOf(values: Iterable<number>): number {
  let greatest = Number.NEGATIVE_INFINITY;
  for (const value of values) greatest = Math.max(greatest, value);
  return greatest;
}

/** The least of numbers, as Math.min: Infinity of none. */
export function leastOf(values: Iterable<number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const value of values) least = Math.min(least, value);
  return least;
}
