// auto.ts: how many threads a model is worth, by what its layers are predicted to cost; loaded where nobody has chosen.
export { coresHere } from "../../base/thread.js";

import type { ModelDef } from "../../model/index.js";
import type { elements } from "../../ops/index.js";

/** More threads than that wait for the same memory. */
const MOST = 4;
/** Milliseconds that threads lose at each layer until the last of them is done. */
const MEETING = 0.02;
/** A thread more has to make a run this many times as fast: others may want the core, too. */
const WORTH = 1.25;
/** Nanoseconds on one thread: of a product with an integer weight, with a float32 weight, in a short sum, and of any other element. */
const COSTS = { code: 0.025, float: 0.07, shallow: 0.12, element: 1 };
/** Products of a sum from which on it is no short one. */
const DEEP = 32;

/**
 * Chooses the number of threads.
 * @param def a valid model
 * @param cores of the machine
 * @param sizeOf elements of a shape, from the entry
 */
export function threadsWorth(def: ModelDef, cores: number, sizeOf: typeof elements): number {
  const costs = def.layers.map((layer) => costOf(layer, def, sizeOf));
  const timeOf = (threads: number): number =>
    costs.reduce((sum, cost) => sum + cost / threads + (threads > 1 ? MEETING : 0), 0);
  let best = 1;
  for (let threads = 2; threads <= Math.min(cores, MOST); threads++) {
    // from one thread to several, and then with each further one
    const least = best === 1 ? WORTH : WORTH ** (1 / 2);
    if (timeOf(best) / timeOf(threads) >= least) best = threads;
  }
  return best;
}

/** Milliseconds of a layer on one thread. */
function costOf(layer: ModelDef["layers"][number], { tensors }: ModelDef, sizeOf: typeof elements): number {
  const { shape } = tensors[layer.output];
  const size = sizeOf(shape);
  if (!("weights" in layer)) return (COSTS.element * size) / 1e6;
  const { weights } = layer;
  const isFloat = weights.kind === "float32";
  const count = (isFloat ? weights.values : weights.codes).length;
  const depth = count / shape[0];
  const price = isFloat ? COSTS.float : depth < DEEP ? COSTS.shallow : COSTS.code;
  return (price * count * (size / shape[0]) + COSTS.element * size) / 1e6;
}
