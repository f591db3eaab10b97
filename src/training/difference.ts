// difference.ts: whether the values of a tensor differ from sample to sample, told without keeping them.

/** Parts of a sample's values at most, each of which has a sum that is kept. */
const PARTS = 4096;
/** The share of a part's magnitude that is rounding error. */
const NOTHING = 1e-6;
/** Steps of weights that lie everywhere between 1 and 2, so that values which change places change their sum. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Compares each sample with the first one, by sums over parts of its values.
 * @param size values of a sample
 */
export function createDifference(size: number) {
  const length = Math.ceil(size / PARTS);
  const parts = Math.ceil(size / length);
  const first = new Float64Array(parts);
  let seen = 0;
  let differs = false;
  /** Compares the part from..to with that of the first sample. */
  const look = (values: Float32Array, from: number, to: number, part: number): void => {
    let [sum, magnitude, weight] = [0, 0, 1];
    for (let i = from; i < to; i++) {
      sum += weight * values[i];
      magnitude += Math.abs(values[i]);
      weight += weight + GOLDEN < 2 ? GOLDEN : GOLDEN - 1;
    }
    if (seen === 0) first[part] = sum;
    else if (Math.abs(sum - first[part]) > NOTHING * Math.max(magnitude, Math.abs(first[part]))) differs = true;
  };
  return {
    /** Looks at whole samples, one after the other. */
    add(values: Float32Array): void {
      for (let at = 0; at < values.length && !differs; at += size, seen++) {
        for (let part = 0; part < parts && !differs; part++) {
          look(values, at + part * length, at + Math.min((part + 1) * length, size), part);
        }
      }
    },
    isSeen: (): boolean => differs,
  };
}
