// settings.ts: what settings, callbacks and networks of several conversions have in common.
import { alternatives, is, ShiftwiseError } from "../base/index.js";
import type { Network } from "../graph/index.js";
import { type Quantizer, weightNodes } from "../quantize/index.js";
import { COMMON } from "../training/index.js";

/** Settings of training that every conversion has, in the ranges that make sense there. */
export const TRAINING = {
  batchSize: is.integer(1),
  learningRate: is.positive,
  seed: is.optional(is.integer(0)),
  threads: COMMON.threads,
} as const;

/** Callbacks that every conversion has, and the signal. */
export const CONTROL = {
  signal: is.optional(is.signal),
  onStep: is.optional(is.callback),
  onProgress: is.optional(is.callback),
  onWarning: is.optional(is.callback),
} as const;

/** @throws BAD_OPTION for bits that a quantizer has not */
export function checkBits(bits: number, quantizer: Quantizer): void {
  if (!quantizer.bits.includes(bits)) {
    throw is.refused("bits", `${alternatives(quantizer.bits)} for ${quantizer.name}`, bits);
  }
}

/** @throws BAD_OPTION for bits of a layer that the network has not, or another width than the known ones */
export function checkLayers(network: Network, layers: ReadonlyMap<string, number>, widths: readonly number[]): void {
  const known = weightNodes(network).map((node) => node.name);
  const unknown = [...layers.keys()].filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new ShiftwiseError("BAD_OPTION", "bits for a layer that has no weights", {
      where: "layers",
      expected: known.join(", "),
      found: unknown.join(", "),
    });
  }
  for (const [name, width] of layers) {
    if (!widths.includes(width)) throw is.refused(`layers ${name}`, `one of ${widths.join(", ")}`, width);
  }
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/**
 * The fields that are given, so that a spread replaces no default by undefined.
 * @internal
 */
export function defined<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
}
