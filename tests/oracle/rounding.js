// rounding.js: compensated rounding as it is defined, in plain float64 loops.
/** Lower triangular L with L L^T = a. */
function cholesky(a) {
  const n = a.length;
  const l = Array.from({ length: n }, () => new Float64Array(n));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i][j];
      for (let k = 0; k < j; k++) sum -= l[i][k] * l[j][k];
      l[i][j] = i === j ? Math.sqrt(sum) : sum / l[j][j];
    }
  }
  return l;
}
/** Gauss-Jordan elimination. */
function inverse(a) {
  const n = a.length;
  const rows = a.map((row, i) =>
    Float64Array.from({ length: 2 * n }, (_, j) => (j < n ? row[j] : j - n === i ? 1 : 0)),
  );
  for (let i = 0; i < n; i++) {
    const pivot = rows[i][i];
    for (let j = 0; j < 2 * n; j++) rows[i][j] /= pivot;
    for (let k = 0; k < n; k++) {
      if (k === i) continue;
      const factor = rows[k][i];
      for (let j = 0; j < 2 * n; j++) rows[k][j] -= factor * rows[i][j];
    }
  }
  return rows.map((row) => row.slice(n));
}
/**
 * U = upper Cholesky factor of (H + damping mean(diag H))^-1 with positions in order of falling diag(H); for k = 1..n,
 * all rows at once: q_k = nearest level to w_k, e = (w_k - q_k) / U_kk, w_j <- w_j - e U_kj for every j > k.
 * @param weights rows of n values.
 * A q_k that takes less than `price` from the error, (w_k^2 - (w_k - q_k)^2) / U_kk^2, becomes 0, which has to be a level.
 * @param weights rows of n values.
 * @param rounded which weights are rounded; the others take errors up.
 */
export function roundCompensated(weights, covariance, damping, levels, scales, rounded = () => true, price = 0) {
  const n = covariance.length;
  const added = (damping * covariance.reduce((sum, row, i) => sum + row[i], 0)) / n;
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => covariance[b][b] - covariance[a][a]);
  const h = order.map((i, a) => Float64Array.from(order, (j, b) => covariance[i][j] + (a === b ? added : 0)));
  const lower = cholesky(inverse(h));
  return weights.map((row, r) => {
    const w = Float64Array.from(order, (i) => row[i]);
    const result = new Float64Array(n);
    for (let k = 0; k < n; k++) {
      let best = w[k];
      if (rounded(r, order[k])) {
        best = Number.POSITIVE_INFINITY;
        for (const level of Array.from(levels)) {
          if (Math.abs(scales[r] * level - w[k]) <= Math.abs(best - w[k])) best = scales[r] * level;
        }
        if ((w[k] ** 2 - (w[k] - best) ** 2) / lower[k][k] ** 2 < price) best = 0;
      }
      // U = L^T
      const e = (w[k] - best) / lower[k][k];
      for (let j = k + 1; j < n; j++) w[j] -= e * lower[j][k];
      result[order[k]] = best;
    }
    return result;
  });
}
/** Sum over rows of (w - v) H (w - v)^T. */
export function outputError(weights, values, h) {
  let sum = 0;
  for (const [r, row] of weights.entries()) {
    for (let i = 0; i < h.length; i++) {
      for (let j = 0; j < h.length; j++) sum += (row[i] - values[r][i]) * h[i][j] * (row[j] - values[r][j]);
    }
  }
  return sum;
}
