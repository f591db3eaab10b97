// fidelity.ts: how far a quantized network is from its float network, by what they make of the same images.
import { decibels, squaresAboutMean } from "../base/index.js";
import { countOf, type Samples, type SamplesByInput } from "../data/browser.js";
import { inferShapes, type Network } from "../graph/index.js";
import { elements, nodeKind, type Shape, softmax, stridesOf } from "../ops/index.js";
import { imagesAtOnce, sampleActivations } from "./activations.js";
import { createDifference } from "./difference.js";

/** The difference of an output from the float network's. */
export interface OutputFidelity {
  readonly name: string;
  /**
   * Whether the float network's values differ from sample to sample. Where they do not, as of one sample, the figures say nothing of
   * other samples.
   */
  readonly differs: boolean;
  /**
   * The share of the values' variance that lies between samples, 0..1, estimated on up to 4,096 values; the rest is the same for all
   * of them. Null where nothing varies.
   */
  readonly between: number | null;
  /**
   * Signal to noise in dB: variance of all the float network's values over the mean squared error. 300 for no error; null where
   * there is no ratio.
   */
  readonly snr: number | null;
  /** Why there is no ratio: the float network's values are all the same, or some values are not finite. Null where there is one. */
  readonly lacks: "variation" | "finite values" | null;
  /**
   * Mean of KL(float || quantized) in nats, of what is a distribution: a softmax, or the softmax of a single vector. Null for
   * other outputs; infinite where values are not finite.
   */
  readonly kl: number | null;
  /**
   * Share of the distributions, 0..1, whose largest value is at the same place; of whole numbers, such as classes, the share that
   * is the same. Null for other outputs.
   */
  readonly agreement: number | null;
  /** The number of distributions, or of whole numbers, that `agreement` is a share of. Null for other outputs. */
  readonly answers: number | null;
}

/** The distance of a quantized network from its float network on some images. */
export interface Divergence {
  /** The mean over all outputs of what training brings down: `kl`, or else mean squared error over variance, 1 for none. */
  readonly distance: number;
  /** Figures of the one output, as OutputFidelity has them; null where there are several, or it is no distribution. */
  readonly kl: number | null;
  readonly agreement: number | null;
  readonly outputs: readonly OutputFidelity[];
}

/** Values of outputs that are kept from one measurement to the next: 64 MB. */
const KEPT = 2 ** 24;

/**
 * Measures networks against `float`. Outputs are compared batch by batch, since they may be large; those of the float network
 * are kept where they are not.
 * @param others samples that a single one of `samples` has to differ from
 * @returns a function that runs both networks on all samples
 * @internal
 */
export function fidelityTo(
  float: Network,
  samples: Samples | SamplesByInput,
  others: Samples | SamplesByInput | null = null,
): (network: Network) => Divergence {
  const shapes = inferShapes(float);
  const sizes = float.outputs.map((name) => elements(shapes.get(name)!));
  const keeps = sizes.reduce((sum, size) => sum + size, 0) * countOf(samples) <= KEPT;
  let kept: readonly Float32Array[] | null = null;
  function* expectedIn(batch: number): Generator<ReadonlyMap<string, Float32Array>, void, undefined> {
    if (!keeps) return yield* sampleActivations(float, samples, float.outputs, batch);
    if (!kept) {
      const all = sizes.map((size) => new Float32Array(size * countOf(samples)));
      let from = 0;
      for (const values of sampleActivations(float, samples, float.outputs, batch)) {
        for (const [i, name] of float.outputs.entries()) all[i].set(values.get(name)!, from * sizes[i]);
        from += batch;
      }
      kept = all;
    }
    for (let from = 0; from < countOf(samples); from += batch) {
      const values = kept.map((all, i) => all.subarray(from * sizes[i], (from + batch) * sizes[i]));
      yield new Map(float.outputs.map((name, i) => [name, values[i]]));
    }
  }
  return (network) => {
    const { add, read, see } = createFidelity(float);
    if (others && countOf(samples) === 1) seeOthers(float, others, see);
    // one of them may have room for fewer images at a time
    const batch = imagesAtOnce([float, network], countOf(samples));
    const found = sampleActivations(network, samples, network.outputs, batch);
    for (const expected of expectedIn(batch)) add(expected, found.next().value!, network.outputs);
    return read();
  };
}

/** Shows a float network's outputs for samples that are not compared, until each differs. */
function seeOthers(float: Network, others: Samples | SamplesByInput, see: Fidelity["see"]): void {
  for (const values of sampleActivations(float, others, float.outputs)) if (see(values)) return;
}

/**
 * Sums of what differs between a float network's outputs and others'.
 * @internal
 */
export interface Fidelity {
  /**
   * Counts a batch in.
   * @param names the outputs of what is compared, in the order of the float network's
   */
  add(
    expected: ReadonlyMap<string, Float32Array>,
    found: ReadonlyMap<string, Float32Array>,
    names: readonly string[],
  ): void;
  /** Looks at more of the float network's outputs for what differs from sample to sample alone; returns whether all do. */
  see(expected: ReadonlyMap<string, Float32Array>): boolean;
  read(): Divergence;
}

/**
 * Makes empty sums.
 * @internal
 */
export function createFidelity(float: Network): Fidelity {
  const shapes = inferShapes(float);
  return createFidelityOf(
    float.outputs.map((name) => ({ name, shape: shapes.get(name)!, lines: linesOf(float, name, shapes.get(name)!) })),
  );
}

/** An output that is compared: its shape, and the lines along which it is a distribution; null where it is none. */
export interface Compared {
  readonly name: string;
  readonly shape: Shape;
  readonly lines: Lines | null;
}

/**
 * Makes empty sums for outputs of anything.
 * @internal
 */
export function createFidelityOf(compared: readonly Compared[]): Fidelity {
  const meters = compared.map(createMeter);
  return {
    add(expected, found, names) {
      for (const [i, { add }] of meters.entries()) add(expected.get(compared[i].name)!, found.get(names[i])!);
    },
    see(expected) {
      return meters.map(({ see }, i) => see(expected.get(compared[i].name)!)).every(Boolean);
    },
    read() {
      const outputs = meters.map(({ read }) => read());
      const distances = meters.map(({ distance }) => distance());
      const [{ kl, agreement }] = outputs.length === 1 ? outputs : [{ kl: null, agreement: null }];
      return { distance: distances.reduce((sum, d) => sum + d, 0) / distances.length, kl, agreement, outputs };
    },
  };
}

/**
 * The lines of an output along which it is a distribution.
 * @internal
 */
export interface Lines {
  readonly axis: 0 | 1 | 2;
  /** Whether the values are logits, whose softmax is the distribution. */
  readonly logits: boolean;
}

/** Says along which lines an output is a distribution: a softmax, or one vector that no function makes. Null for other outputs. */
export function linesOf(network: Network, output: string, shape: Shape): Lines | null {
  const node = network.nodes.find(({ name }) => name === output)!;
  if (node.op === "softmax") return { axis: node.axis, logits: false };
  const isFunction = nodeKind(node).role(node) === "float" && node.op !== "binary";
  const isVector = network.outputs.length === 1 && shape[0] > 1 && shape[1] * shape[2] === 1;
  return isVector && !isFunction ? { axis: 0, logits: true } : null;
}

interface Meter {
  /** Counts a batch in, both (count, channels, height, width). */
  add(expected: Float32Array, found: Float32Array): void;
  /** Returns whether samples differ, these among them. */
  see(expected: Float32Array): boolean;
  read(): OutputFidelity;
  /** Returns what training brings down: `kl`, or the mean squared error over the variance, which counts as 1 where there is none. */
  distance(): number;
}

function createMeter({ name, shape, lines }: Compared): Meter {
  const size = elements(shape);
  const length = lines ? shape[lines.axis] : size;
  const step = lines ? stridesOf(shape)[lines.axis] : 1;
  const [p, q] = [0, 1].map(() => new Float64Array(length));
  let [count, sum, square, error, kl, agreeing, equal] = [0, 0, 0, 0, 0, 0, 0];
  let whole = true;
  const difference = createDifference(size);
  let origin = 0;
  const compareLine = (expected: Float32Array, found: Float32Array, first: number): void => {
    for (let k = 0; k < length; k++) {
      p[k] = expected[first + k * step];
      q[k] = found[first + k * step];
    }
    if (largest(p) === largest(q)) agreeing++;
    if (lines?.logits) for (const line of [p, q]) softmax(line);
    for (let k = 0; k < length; k++) if (!(p[k] <= 0)) kl += p[k] * Math.log(p[k] / Math.max(q[k], LEAST));
  };
  const signal = () => squaresAboutMean(count, origin, sum, square);
  const divergence = (): number => {
    const mean = (kl * length) / count;
    return Number.isFinite(mean) ? mean : Number.POSITIVE_INFINITY;
  };
  return {
    add(expected, found) {
      if (count === 0) origin = expected[0];
      difference.add(expected);
      for (let i = 0; i < expected.length; i++) {
        sum += expected[i] - origin;
        square += (expected[i] - origin) ** 2;
        error += (expected[i] - found[i]) ** 2;
        if (expected[i] === found[i]) equal++;
        whole &&= Number.isInteger(expected[i]);
        if (lines && Math.floor(i / step) % length === 0) compareLine(expected, found, i);
      }
      count += expected.length;
    },
    see(expected) {
      difference.add(expected);
      return difference.isSeen();
    },
    read() {
      const snr = decibels(signal(), error);
      const distributions = count / length;
      return {
        name,
        differs: difference.isSeen() && signal() > 0,
        between: difference.share(),
        snr,
        lacks: snr !== null ? null : Number.isFinite(error + square) ? "variation" : "finite values",
        kl: lines && divergence(),
        agreement: lines ? agreeing / distributions : whole ? equal / count : null,
        answers: lines ? distributions : whole ? count : null,
      };
    },
    distance() {
      if (lines) return divergence();
      const found = error / (signal() || count);
      return Number.isFinite(found) ? found : Number.POSITIVE_INFINITY;
    },
  };
}

/** Keeps logarithms finite. */
const LEAST = 1e-300;

/** The place of the largest value, of equal ones the first; -1 for one that is no number. */
function largest(values: Float64Array): number {
  let best = 0;
  for (let k = 0; k < values.length; k++) {
    if (Number.isNaN(values[k])) return -1;
    if (values[k] > values[best]) best = k;
  }
  return best;
}
