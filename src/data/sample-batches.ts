// sample-batches.ts: samples of all inputs of a network as batches, in the order that seed and epoch alone decide.
import { type BatchOptions, drawn } from "./batches.js";
import type { SamplesReader } from "./samples.js";

/** Values for every input of a network; the arrays are used again for the next batch. */
export interface SampleBatch {
  /** By input, (count, channels, height, width). */
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly count: number;
}

/**
 * Yields one epoch of samples in the order in which `batches` yields as many images without augmentation.
 * @internal
 */
export function* sampleBatches(
  samples: SamplesReader,
  options: Omit<BatchOptions, "augment">,
  skip = 0,
): Generator<SampleBatch, void, undefined> {
  const kept = new Map<string, Float32Array>();
  for (const items of drawn(samples.count, options, skip, () => null)) {
    const values = new Map<string, Float32Array>();
    for (const [i, { item }] of items.entries()) {
      for (const [name, one] of samples.read(item, 1)) {
        const { length } = one;
        if (!kept.has(name)) kept.set(name, new Float32Array(items.length * length));
        const all = kept.get(name)!;
        all.set(one, i * length);
        values.set(name, all.subarray(0, items.length * length));
      }
    }
    yield { values, count: items.length };
  }
}
