// memory.ts: as many samples as weights can be rounded on within the memory that is allowed.
import { ShiftwiseError } from "../base/index.js";
import { countOf, type Samples, type SamplesByInput } from "../data/browser.js";
import type { Network } from "../graph/index.js";
import { roundingMemory } from "../rounding/index.js";
import { spreadOf } from "../training/index.js";

/** Samples that weights are rounded on at least, where there are as many. */
const LEAST = 8;

/** Bytes as a person reads them. */
function gigabytes(bytes: number): string {
  const [unit, size] = (
    [
      ["GB", 1e9],
      ["MB", 1e6],
      ["KB", 1e3],
    ] as const
  ).find(([, one]) => bytes >= one) ?? ["B", 1];
  return `${(bytes / size).toFixed(size === 1 ? 0 : 1)} ${unit}`;
}

/**
 * Takes some of the samples, evenly spread, where all would take more memory than is allowed.
 * @param simulated the network with its quantize nodes
 * @param memory bytes
 * @param isStrict whether the network is refused that has no room for a few samples; else it takes what they need
 * @throws OVERFLOW
 */
export function withinMemory(
  simulated: Network,
  samples: Samples | SamplesByInput,
  memory: number,
  isStrict: boolean,
  warn: (text: string) => void,
): Samples | SamplesByInput {
  const { sample, fixed } = roundingMemory(simulated);
  const count = countOf(samples);
  const least = Math.min(count, LEAST);
  const room = Math.floor((memory - fixed) / sample);
  if (room >= count) return samples;
  if (room < least && isStrict) {
    throw new ShiftwiseError("OVERFLOW", `rounding this network on ${least} images takes more memory than is allowed`, {
      where: "memory",
      expected: `at least ${gigabytes(fixed + least * sample)}`,
      found: gigabytes(memory),
    });
  }
  const used = Math.max(room, least);
  if (used === count) return samples;
  warn(
    `weights are rounded on ${used} of ${count} images, evenly spread: all would take ${gigabytes(fixed + count * sample)} of memory, and ${gigabytes(memory)} are allowed by the setting memory`,
  );
  return spreadOf(samples, used);
}
