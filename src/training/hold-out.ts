// hold-out.ts: images set apart, on which results are measured that come from the others.
import {
  countOf,
  eachInput,
  isSamples,
  readSamples,
  type Samples,
  type SamplesByInput,
  size,
  subset,
} from "../data/browser.js";
import { elements } from "../ops/index.js";
import type { LearningSet } from "./lessons.js";

/** One image of so many is held out, and of few images a larger share, since a figure from two or four of them says little. */
const HOLD_OUT = { many: 8, few: 4 };
/** From `many` images on they are many; with fewer than `least`, all are on both sides. */
const IMAGES = { many: 64, least: 8 };

/** Every eighth image apart from the others, of fewer than 64 every fourth; where there are fewer than eight, all are on both sides. */
export function holdOut(set: LearningSet): readonly [learned: LearningSet, held: LearningSet] {
  if (isSamples(set)) return holdOutSamples(set);
  const parts = places(size(set), IMAGES.least);
  return parts ? [subset(set, parts.learned), subset(set, parts.held)] : [set, set];
}

/**
 * The same images of samples as `holdOut` of a set.
 * @param least so many samples or more are parted; default 8
 * @internal
 */
export function holdOutSamples<S extends Samples | SamplesByInput>(
  samples: S,
  least: number = IMAGES.least,
): readonly [learned: S, held: S] {
  const parts = places(countOf(samples), least);
  if (!parts) return [samples, samples];
  const { learned, held } = parts;
  return [samplesAt(samples, learned), samplesAt(samples, held)];
}

/**
 * Picks `count` of the samples, evenly spread.
 * @param count at most as many as there are
 * @internal
 */
export function spreadOf(samples: Samples | SamplesByInput, count: number): Samples | SamplesByInput {
  const all = countOf(samples);
  const which = Array.from({ length: count }, (_, i) => Math.floor((i * all) / count));
  return samplesAt(samples, which);
}

/**
 * The samples at some places.
 * @internal
 */
export function samplesAt<S extends Samples | SamplesByInput>(samples: S, which: readonly number[]): S {
  return eachInput(samples, (one) => picked(one, which));
}

/**
 * The number of samples of which so many are held out.
 * @internal
 */
export const samplesToHold = (held: number): number =>
  held * HOLD_OUT.few < IMAGES.many ? held * HOLD_OUT.few : Math.max(held * HOLD_OUT.many, IMAGES.many);

/** @returns null where there are fewer than `least` */
function places(count: number, least: number): { learned: number[]; held: number[] } | null {
  if (count < least) return null;
  const all = Array.from({ length: count }, (_, i) => i);
  const step = count < IMAGES.many ? HOLD_OUT.few : HOLD_OUT.many;
  return { learned: all.filter((i) => i % step !== 0), held: all.filter((i) => i % step === 0) };
}

function picked(samples: Samples, which: readonly number[]): Samples {
  const { shape } = samples;
  const length = elements(shape);
  return {
    shape,
    count: which.length,
    read(from, count) {
      const values = new Float32Array(count * length);
      for (let i = 0; i < count; i++) values.set(readSamples(samples, which[from + i], 1), i * length);
      return values;
    },
  };
}
