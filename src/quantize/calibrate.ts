// calibrate.ts: activation encodings for a whole network, from the activations of some images.

import { given, is, type Kind, ShiftwiseError } from "../base/index.js";
import { encodingGroups, NETWORK, type Network } from "../graph/index.js";
import type { Encoding } from "../ops/index.js";
import { fitLinear, LINEAR_OPTIONS, type LinearOptions } from "./activations.js";
import { addToHistogram, createHistogram, HISTOGRAM, type Histogram, mergeHistograms } from "./histogram.js";
import { fitLog, fitWeightedEntropy, LOG_OPTIONS, type LogOptions, type LogShape } from "./log-encoding.js";

/** The values of named tensors for one batch of images, in any layout. */
export type NamedActivations = ReadonlyMap<string, Float32Array>;

/** The kind of encodings that activations get. */
export type ActivationScheme =
  | ({ readonly kind: "linear" } & LinearOptions)
  /** LogQuant where a tensor has no negative values, linear with as many bits where it has some. */
  | ({ readonly kind: "log" } & LogOptions)
  /** LogQuant's form, with levels chosen by weighted entropy instead of squared error (WEQ). */
  | ({ readonly kind: "weq" } & LogShape);

/**
 * Checks that a value is a scheme of encodings for activations.
 * @internal
 */
export const SCHEME: Kind = is.either(
  (value) => (value as ActivationScheme | undefined)?.kind === "linear",
  LINEAR_OPTIONS,
  is.both(is.record<Pick<ActivationScheme, "kind">>({ kind: is.oneOf("linear", "log", "weq") }), LOG_OPTIONS),
);

/** Options of `calibrate`. */
export interface CalibrationOptions {
  readonly activations: ActivationScheme;
  /** The encoding of network inputs, which hold pixels, may be negative and are always linear. Default: 8 bits. */
  readonly input?: LinearOptions;
  /**
   * The encoding of tensors that no ReLU makes: the second operand of an add, the mean of a pool. No convolution sums
   * over the former and few inputs are the latter's, so more bits cost nothing there. Default: as `activations`.
   */
  readonly others?: LinearOptions;
}

const OPTIONS = is.record<CalibrationOptions>({
  activations: SCHEME,
  input: is.optional(LINEAR_OPTIONS),
  others: is.optional(LINEAR_OPTIONS),
});

/**
 * Counts what the named tensors hold over all batches.
 * @param batches what a float forward pass makes, batch after batch; tensors that are not in `names` are passed over.
 * @throws BAD_GRAPH for a batch without one of the tensors, BAD_DATA for a value that is not finite or if there was no
 *   batch.
 */
export async function collectHistograms(
  names: readonly string[],
  batches: Iterable<NamedActivations> | AsyncIterable<NamedActivations>,
): Promise<Map<string, Histogram>> {
  given({ names, batches }, { names: is.list(is.text), batches: is.iterable });
  const histograms = new Map(names.map((name) => [name, createHistogram()]));
  let count = 0;
  for await (const batch of batches) {
    given({ batch }, { batch: is.map(is.floats) });
    for (const [name, histogram] of histograms) {
      const values = batch.get(name);
      if (!values) throw new ShiftwiseError("BAD_GRAPH", "the forward pass gave no such tensor", { where: name });
      addToHistogram(histogram, values, name);
    }
    count++;
  }
  if (count === 0) throw new ShiftwiseError("BAD_DATA", "no activations to calibrate on", { found: "no batches" });
  return histograms;
}

/**
 * An encoding for each quantization point, ready for insertQuantizers. Points that a concatenation joins are fitted
 * together and share theirs.
 * @param histograms one for each of quantizationPoints(network).
 * @throws BAD_GRAPH for a point without histogram; what fitLinear and fitLog throw.
 */
export function calibrate(
  network: Network,
  histograms: ReadonlyMap<string, Histogram>,
  options: CalibrationOptions,
): Map<string, Encoding> {
  given({ network, histograms, options }, { network: NETWORK, histograms: is.map(HISTOGRAM), options: OPTIONS });
  const relus = new Set(network.nodes.filter((node) => node.op === "relu").map((node) => node.name));
  const inputs = new Set(network.nodes.filter((node) => node.op === "input").map((node) => node.name));
  const encodings = new Map<string, Encoding>();
  for (const names of encodingGroups(network)) {
    const parts = names.map((name) => {
      const histogram = histograms.get(name);
      if (!histogram) throw new ShiftwiseError("BAD_GRAPH", "no histogram for a quantization point", { where: name });
      return histogram;
    });
    const histogram = mergeHistograms(parts);
    let encoding: Encoding;
    if (names.some((name) => inputs.has(name))) encoding = fitLinear(histogram, options.input ?? { bits: 8 });
    else if (options.others && !names.every((name) => relus.has(name))) encoding = fitLinear(histogram, options.others);
    else encoding = fitScheme(histogram, options.activations);
    for (const name of names) encodings.set(name, encoding);
  }
  return encodings;
}

function fitScheme(histogram: Histogram, scheme: ActivationScheme): Encoding {
  if (scheme.kind === "linear") return fitLinear(histogram, scheme);
  if (histogram.min < 0) return fitLinear(histogram, { bits: scheme.bits });
  return scheme.kind === "log" ? fitLog(histogram, scheme) : fitWeightedEntropy(histogram, scheme);
}
