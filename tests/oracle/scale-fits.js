// scale-fits.js: scale and table of rows by plain sums over intervals, anew for each table and scale: what src/quantize/scale-fits.ts is held to.
const STEPS_PER_OCTAVE = 12;
const OCTAVES = 4;
const SMALLEST_SCALE = 2 ** -126;
const SMALLEST_WEIGHT = 2 ** -118;
const BINS = 4096;

export function fitScales(weights, importance, tables, price = 0) {
  const n = importance.length;
  const rows = weights.length / n;
  const fits = { scales: new Float64Array(rows), of: new Uint8Array(rows) };
  const errorOf = createRowError();
  // a row of zeros, or next to nothing, which has any scale where 0 is a level, and otherwise nearly none
  const idle = tables[0].levels.includes(0) ? 1 : SMALLEST_SCALE;
  for (let r = 0; r < rows; r++) {
    const row = weights.subarray(r * n, (r + 1) * n);
    let largest = 0;
    for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(row[i]));
    fits.scales[r] = idle;
    if (largest < SMALLEST_WEIGHT) continue;
    const error = errorOf(row, importance, largest, price);
    let least = Number.POSITIVE_INFINITY;
    const withZero = tables.filter(({ levels }) => levels.includes(0));
    for (const [t, table] of tables.entries()) {
      const { levels } = table;
      // a weight of 0 stays 0
      if (row.includes(0) && withZero.length > 0 && !withZero.includes(table)) continue;
      // what comes to the end of the shorter side
      const top = Math.min(-levels[0], levels[levels.length - 1]);
      const end = top > 0 ? top : Math.max(-levels[0], levels[levels.length - 1]);
      // the largest weight may also lie above the top level
      for (let step = -STEPS_PER_OCTAVE / 4; step <= STEPS_PER_OCTAVE * OCTAVES; step++) {
        const scale = (largest / end) * 2 ** (-step / STEPS_PER_OCTAVE);
        const found = error(table, scale / largest);
        if (found >= least) continue;
        least = found;
        fits.scales[r] = scale;
        fits.of[r] = t;
      }
    }
  }
  return fits;
}
function pricedMidpoints({ levels, midpoints }, price) {
  const zero = levels.indexOf(0);
  if (zero < 0 || price === 0) return midpoints;
  // the least |w| that leaves 0, on the side that the levels from `first` on lie on
  const leastOf = (first, step) => {
    for (let j = first; ; j += step) {
      const size = Math.abs(levels[j]);
      const least = (size + price / size) / 2;
      const [inner, outer] = step === 1 ? [j - 1, j] : [j, j - 1];
      if (least < Math.abs(midpoints[outer] ?? Infinity)) return Math.max(least, Math.abs(midpoints[inner]));
    }
  };
  const above = zero + 1 < levels.length ? leastOf(zero + 1, 1) : 0;
  const below = zero > 0 ? leastOf(zero - 1, -1) : 0;
  return midpoints.map((middle, k) => (k >= zero ? Math.max(middle, above) : Math.min(middle, -below)));
}
/** Makes the error of a row as a function of its table and scale; both are in units of the row's largest magnitude. */
function createRowError() {
  // sums over all weights below an interval's end: importance times w^0, w^1, and their number
  const mass = new Float64Array(BINS + 1);
  const moment = new Float64Array(BINS + 1);
  const counts = new Float64Array(BINS + 1);
  return (row, importance, largest, price) => {
    mass.fill(0);
    moment.fill(0);
    counts.fill(0);
    for (let i = 0; i < row.length; i++) {
      const w = row[i] / largest;
      const bin = 1 + Math.min(Math.floor((w + 1) * (BINS / 2)), BINS - 1);
      mass[bin] += importance[i];
      moment[bin] += importance[i] * w;
      counts[bin]++;
    }
    for (let bin = 1; bin <= BINS; bin++) {
      mass[bin] += mass[bin - 1];
      moment[bin] += moment[bin - 1];
      counts[bin] += counts[bin - 1];
    }
    const relative = price / largest ** 2;
    const usual = mass[BINS] / row.length;
    // the sum of importance (s level)^2 - 2 w s level; that of importance w^2 is the same for all scales
    return (table, scale) => {
      const { levels } = table;
      const midpoints = usual > 0 ? pricedMidpoints(table, relative / (usual * scale ** 2)) : table.midpoints;
      let sum = 0;
      let from = 0;
      for (let j = 0; j < levels.length; j++) {
        const end = j < midpoints.length ? (midpoints[j] * scale + 1) * (BINS / 2) : BINS;
        const to = Math.min(Math.max(Math.round(end), from), BINS);
        const level = levels[j] * scale;
        sum += level * (level * (mass[to] - mass[from]) - 2 * (moment[to] - moment[from]));
        if (level !== 0) sum += relative * (counts[to] - counts[from]);
        from = to;
      }
      return sum;
    };
  };
}
