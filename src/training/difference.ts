// difference.ts: whether the values of a tensor differ from sample to sample, and how much of their variance that is.
import { squaresAboutMean } from "../base/index.js";

/** Parts of a sample's values at most, each of which has a sum that is kept; and values that are looked at one by one. */
const PARTS = 4096;
/** The difference that is rounding error, which grows over the layers of a deep network, as a share of the largest value. */
const NOTHING = 1e-5;
/** Steps of weights that lie everywhere between 1 and 2, so that values which change places change their sum. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Compares each sample with the first one, by sums over parts of its values, and takes the variance of some of them.
 * @param size values of a sample
 */
export function createDifference(size: number) {
  const length = Math.ceil(size / PARTS);
  const parts = Math.ceil(size / length);
  const [first, origins, sums, squares] = [0, 1, 2, 3].map(() => new Float64Array(parts));
  let [seen, largest, sum, square] = [0, 0, 0, 0];
  let differs = false;
  /** Returns whether the part from..to is another than that of the first sample. */
  const look = (values: Float32Array, from: number, to: number, part: number): boolean => {
    let [total, weight] = [0, 1];
    for (let i = from; i < to; i++) {
      total += weight * values[i];
      largest = Math.max(largest, Math.abs(values[i]));
      weight += weight + GOLDEN < 2 ? GOLDEN : GOLDEN - 1;
    }
    if (seen === 0) first[part] = total;
    return Math.abs(total - first[part]) > NOTHING * largest * (to - from);
  };
  /** Adds a value to the sums of its place, and to those of all. */
  const count = (value: number, part: number): void => {
    if (seen === 0) origins[part] = value;
    const own = value - origins[part];
    sums[part] += own;
    squares[part] += own * own;
    const all = value - origins[0];
    sum += all;
    square += all * all;
  };
  return {
    /** Looks at whole samples, one after the other. */
    add(values: Float32Array): void {
      for (let at = 0; at < values.length; at += size, seen++) {
        for (let part = 0; part < parts; part++) {
          count(values[at + part * length], part);
          if (!differs) differs = look(values, at + part * length, at + Math.min((part + 1) * length, size), part);
        }
      }
    },
    isSeen: (): boolean => differs,
    /** The share of the variance of all values that lies between samples, estimated on some values; null where there is none. */
    share(): number | null {
      const between = sums.reduce(
        (all, own, part) => all + squaresAboutMean(seen, origins[part], own, squares[part]),
        0,
      );
      const all = squaresAboutMean(seen * parts, origins[0], sum, square);
      return all > 0 ? Math.min(between / all, 1) : null;
    },
  };
}
