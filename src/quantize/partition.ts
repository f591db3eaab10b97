// partition.ts: which weights of a layer are put on the grid next (INQ section 2.2, weight partition).
import type { Random } from "../base/index.js";

/**
 * The order in which weights are put on the grid. magnitude: largest |w| first ("pruning-inspired"). random: every
 * remaining weight is as likely as any other.
 */
export type Partition = "magnitude" | "random";

/**
 * Number of weights of a layer that are on the grid at an accumulated portion: round(portion * count).
 * @internal
 */
export function frozenCount(count: number, portion: number): number {
  return portion === 1 ? count : Math.round(portion * count);
}

/**
 * The `count` largest magnitudes among the weights not yet frozen; of equal ones the lower index first. By rank: a
 * plain threshold would take all of a run of equal magnitudes, and one over all weights would set frozen ones free
 * again, since rounding lowers a magnitude by up to a third.
 * @returns rising indices. `count` must not exceed the number of weights left.
 * @internal
 */
export function selectLargest(values: Float32Array, frozen: Uint8Array, count: number): Uint32Array {
  const free = freeIndices(frozen);
  const magnitudes = Float32Array.from(free, (index) => Math.abs(values[index])).sort();
  const limit = magnitudes[magnitudes.length - count];
  let ties = count;
  for (const magnitude of magnitudes) if (magnitude > limit) ties--;
  let taken = 0;
  const chosen = new Uint32Array(count);
  for (const index of free) {
    const magnitude = Math.abs(values[index]);
    if (magnitude > limit || (magnitude === limit && ties-- > 0)) chosen[taken++] = index;
  }
  return chosen;
}

/**
 * `count` of the weights not yet frozen, each subset as likely as any other.
 * @returns rising indices. `count` must not exceed the number of weights left.
 */
export function selectRandom(frozen: Uint8Array, count: number, random: Random): Uint32Array {
  const free = freeIndices(frozen);
  random.shuffle(free);
  return free.slice(0, count).sort();
}

function freeIndices(frozen: Uint8Array): Uint32Array {
  let count = 0;
  for (const flag of frozen) if (flag === 0) count++;
  const free = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < frozen.length; i++) if (frozen[i] === 0) free[at++] = i;
  return free;
}
