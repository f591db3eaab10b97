// fit.ts: prices that explain measured times: least squares without negative prices, on relative errors.

/** The units that a measured step took, and its time. */
export interface Sample {
  readonly counts: Readonly<Record<string, number | undefined>>;
  /** Nanoseconds. */
  readonly time: number;
}

/** A time that is as uncertain as it is long: what is shorter counts less. */
const SMALL = 1000;
const SWEEPS = 20_000;
/** The sweep that changes no price by more than this part of it is the last. */
const STILL = 1e-9;
/** Times are fitted again this often with less weight on outliers; a residual this many times the median one has half the weight. */
const REFITS = 3;
const OUTLIER = 3;

/**
 * Fits a price of 0 or more to each name: the prices with which the samples' predicted times err least, relative to the
 * times. A name of which no sample has any gets 0.
 */
export function fitPrices(samples: readonly Sample[], names: readonly string[]): Map<string, number> {
  const rows = samples.map(({ counts, time }) => {
    const scale = 1 / (time + SMALL);
    return { values: Float64Array.from(names, (name) => (counts[name] ?? 0) * scale), wanted: time * scale };
  });
  let weights = new Float64Array(rows.length).fill(1);
  let prices = leastSquares(rows, weights, names.length);
  for (let refit = 0; refit < REFITS; refit++) {
    const errors = rows.map(({ values, wanted }) => Math.abs(dot(values, prices) - wanted));
    const typical = [...errors].sort((a, b) => a - b)[errors.length >> 1] || 1;
    weights = Float64Array.from(errors, (error) => 1 / (1 + (error / (OUTLIER * typical)) ** 2));
    prices = leastSquares(rows, weights, names.length);
  }
  return new Map(names.map((name, i) => [name, prices[i]]));
}

interface Row {
  readonly values: Float64Array;
  readonly wanted: number;
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, i) => sum + x * b[i], 0);
}

/** Coordinate descent on the normal equations: each price in turn goes where the error is least, but not below 0. */
function leastSquares(rows: readonly Row[], weights: Float64Array, size: number): Float64Array {
  const gram = Array.from({ length: size }, () => new Float64Array(size));
  const target = new Float64Array(size);
  for (const [r, { values, wanted }] of rows.entries()) {
    for (let i = 0; i < size; i++) {
      if (values[i] === 0) continue;
      target[i] += weights[r] * values[i] * wanted;
      for (let j = 0; j < size; j++) gram[i][j] += weights[r] * values[i] * values[j];
    }
  }
  const prices = new Float64Array(size);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let moved = 0;
    for (let i = 0; i < size; i++) {
      if (gram[i][i] === 0) continue;
      const next = Math.max(0, prices[i] + (target[i] - dot(gram[i], prices)) / gram[i][i]);
      moved = Math.max(moved, Math.abs(next - prices[i]) / (next + prices[i] || 1));
      prices[i] = next;
    }
    if (moved < STILL) break;
  }
  return prices;
}
