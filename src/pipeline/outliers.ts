// outliers.ts: values among samples that lie so far beyond all others that rounding would leave nothing of these.
import { greatestOf, leastOf } from "../base/index.js";
import { countOf, type Samples, type SamplesByInput, samplesReader } from "../data/browser.js";
import { pause } from "../engine/index.js";
import { findChains, inputsOf, type Network, quantizationPoints } from "../graph/index.js";
import { samplesAt } from "../training/index.js";
import { checkSignal } from "./interruptible.js";
import type { Source } from "./source.js";

/** Doublings between outliers and all other values, at least: 8-bit activations make 0 of those then. */
const GAP = 10;
/** The largest share of an input's values other than 0 that are outliers; one value may always be one. */
const FEW_VALUES = 0.25;
/** The largest share of the samples that is left out; one may always be. */
const FEW_SAMPLES = 1 / 8;
/** Values in more samples than that count from here on: marks of missing values are large. */
const MARK = 1000;

/** Samples between two pauses. */
const AT_ONCE = 16;
const EXPONENTS = 256;

/** The values of one input, by their exponents. */
interface Tally {
  /** The number of values other than 0 with each exponent, their least and their largest one; 0 goes with the lowest. */
  readonly counts: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** The largest exponent in each sample. */
  readonly largest: Uint8Array;
}

/** Samples with values far beyond all others. */
interface Outliers {
  readonly input: string;
  /** The places of the samples, and the outermost value of the first one. */
  readonly samples: readonly number[];
  readonly value: number;
  /** The range of all other values. */
  readonly low: number;
  readonly high: number;
}

/**
 * Leaves out samples with values that lie far beyond all others, where they are few, and says so; where many have such values it
 * only says so. Inputs that are not rounded may take any numbers, and pixels have no outliers.
 * @throws ABORTED; BAD_DATA as samplesReader
 */
export async function withoutOutliers(
  source: Source,
  warn: (text: string) => void,
  signal?: AbortSignal,
): Promise<Source> {
  const { network, samples, pictures } = source;
  if (pictures) return source;
  const count = countOf(samples);
  const most = Math.max(1, Math.floor(FEW_SAMPLES * count));
  const left = new Set<number>();
  for (const found of await outliersIn(network, samples, signal)) {
    const isFew = found.samples.length <= most && found.samples.length < count;
    if (!isFew && Math.abs(found.value) < MARK) continue;
    warn(outlierText(found, count, isFew, inputsOf(network).length > 1));
    if (isFew) for (const sample of found.samples) left.add(sample);
  }
  if (left.size === 0 || left.size === count) return source;
  const kept = Array.from({ length: count }, (_, i) => i).filter((i) => !left.has(i));
  return { ...source, samples: samplesAt(samples, kept) };
}

async function outliersIn(
  network: Network,
  samples: Samples | SamplesByInput,
  signal: AbortSignal | undefined,
): Promise<Outliers[]> {
  const inputs = inputsOf(network);
  const { count, read } = samplesReader(inputs, samples, network.name);
  const names = roundedInputs(network);
  const numbers = () => new Float64Array(EXPONENTS);
  const tallies = new Map(
    names.map((name): [string, Tally] => {
      const [low, high] = [numbers().fill(Number.POSITIVE_INFINITY), numbers().fill(Number.NEGATIVE_INFINITY)];
      return [name, { counts: numbers(), low, high, largest: new Uint8Array(count) }];
    }),
  );
  for (let i = 0; i < count; i++) {
    const values = read(i, 1);
    for (const [name, tally] of tallies) addTo(tally, i, values.get(name)!);
    if (i % AT_ONCE > 0) continue;
    await pause();
    checkSignal(signal);
  }
  return [...tallies].flatMap(([name, tally]): Outliers[] => {
    const gap = gapIn(tally.counts);
    if (gap === null) return [];
    const far = [...tally.largest.keys()].filter((i) => tally.largest[i] > gap);
    const first = read(far[0], 1).get(name)!;
    return [
      {
        input: name,
        samples: far,
        value: first.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0),
        low: leastOf(tally.low.subarray(0, gap)),
        high: greatestOf(tally.high.subarray(0, gap)),
      },
    ];
  });
}

/** The inputs whose values are rounded. */
function roundedInputs(network: Network): string[] {
  const points = new Set(quantizationPoints(network));
  const chains = findChains(network).filter(({ nodes }) => nodes.some(({ name }) => points.has(name)));
  const reached = new Set(chains.flatMap(({ nodes }) => nodes.map(({ name }) => name)));
  return inputsOf(network).flatMap(({ name }) => (reached.has(name) ? [name] : []));
}

/** Counts a sample in. */
function addTo({ counts, low, high, largest }: Tally, sample: number, values: Float32Array): void {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const exponent = (bits[i] >>> 23) & (EXPONENTS - 1);
    // what is not finite is refused elsewhere
    if (exponent === EXPONENTS - 1) continue;
    if (values[i] !== 0) counts[exponent]++;
    if (values[i] < low[exponent]) low[exponent] = values[i];
    if (values[i] > high[exponent]) high[exponent] = values[i];
    if (exponent > largest[sample]) largest[sample] = exponent;
  }
}

/**
 * The lowest exponent of a gap below few values.
 * @returns null where there is none
 */
function gapIn(counts: Float64Array): number | null {
  const most = Math.max(1, FEW_VALUES * counts.reduce((sum, n) => sum + n, 0));
  let [above, last, found] = [0, EXPONENTS, null as number | null];
  for (let exponent = EXPONENTS - 1; exponent >= 0; exponent--) {
    if (counts[exponent] === 0) continue;
    if (above > 0 && above <= most && last - exponent > GAP) found = exponent + 1;
    above += counts[exponent];
    last = exponent;
  }
  return found;
}

/** Three digits of a number. */
const short = (value: number): string =>
  Math.abs(value) < 1e6 ? String(Number(value.toPrecision(3))) : value.toExponential(2).replace(/\.?0+e\+/, "e");

function outlierText(
  { input, samples, value, low, high }: Outliers,
  count: number,
  isFew: boolean,
  isNamed: boolean,
): string {
  const of = isNamed ? ` of input "${input}"` : "";
  const one = samples.length === 1;
  const which = one
    ? `sample ${samples[0]}${of} (counted from 0) has`
    : `${samples.length} of ${count} samples${of}, the first of them ${samples[0]} (counted from 0), have`;
  const what = `${which} values such as ${short(value)} where all others lie from ${short(low)} to ${short(high)}: rounded activations would leave nothing of these`;
  return isFew
    ? `${what}, so ${one ? "this sample is" : "these samples are"} left out. Mend or remove ${one ? "it" : "them"} in the data`
    : `${what}. Are they marks of missing values, or in another unit? Scale or replace them in the data`;
}
