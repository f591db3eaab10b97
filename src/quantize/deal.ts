// deal.ts: one choice for each of several things, by what it costs and what noise it leaves.

/**
 * A choice: a cost of any unit, and the noise that it leaves, which adds up over all things.
 * @internal
 */
export interface Choice {
  readonly cost: number;
  readonly noise: number;
}

/** A bound of the sum of all costs, or of the sum of all noise. */
export type DealLimit = { readonly cost: number } | { readonly noise: number };

/** Parts that what a limit leaves is counted in. */
const PARTS = 8192;

/**
 * Takes one choice of each thing, so that the sum of what is limited stays within its limit and the sum of the other is least: the
 * knapsack problem with groups, by dynamic programming in whole parts of the limit, then by changes of single choices in exact
 * numbers.
 * @returns index of the choice of each thing. Where even the least sum is above the limit, it is that of the least.
 * @internal
 */
export function deal(things: readonly (readonly Choice[])[], limit: DealLimit): number[] {
  const [used, other] = "cost" in limit ? (["cost", "noise"] as const) : (["noise", "cost"] as const);
  const most = "cost" in limit ? limit.cost : limit.noise;
  const groups = things.map((choices) => choices.map((one): Item => ({ use: one[used], value: one[other] })));
  const least = groups.map(cheapest);
  const left = most - sumOf(groups, least);
  if (!(left > 0)) return least;
  return improved(groups, packed(groups, least, left), most);
}

/** A choice by what the limit is of, and by what is to be small. */
interface Item {
  readonly use: number;
  readonly value: number;
}

/**
 * The best choices where uses are rounded up to parts: best[b] is the least sum of values of the things so far that use b parts
 * at most, beyond what the cheapest choices use.
 */
function packed(groups: readonly (readonly Item[])[], least: readonly number[], left: number): number[] {
  let best = new Float64Array(PARTS + 1);
  const picks = groups.map((items, i) => {
    const next = new Float64Array(PARTS + 1).fill(Number.POSITIVE_INFINITY);
    const pick = new Uint32Array(PARTS + 1);
    // by rising use, so that of equal values the one of least use is kept
    const rising = [...items.entries()].sort(([, a], [, b]) => a.use - b.use);
    for (const [at, { use, value }] of rising) {
      const parts = partsOf(use - items[least[i]].use, left);
      for (let b = parts; b <= PARTS; b++) {
        const sum = best[b - parts] + value;
        if (sum >= next[b]) continue;
        next[b] = sum;
        pick[b] = at;
      }
    }
    best = next;
    return pick;
  });
  const chosen = new Array<number>(groups.length);
  let b = PARTS;
  for (let i = groups.length - 1; i >= 0; i--) {
    chosen[i] = picks[i][b];
    b -= partsOf(groups[i][chosen[i]].use - groups[i][least[i]].use, left);
  }
  return chosen;
}

const partsOf = (use: number, left: number): number => Math.ceil((PARTS * use) / left);

/** Changes the choice of one thing at a time, the best one first, as long as the limit allows it. */
function improved(groups: readonly (readonly Item[])[], start: readonly number[], most: number): number[] {
  const chosen = [...start];
  for (;;) {
    const room = most - sumOf(groups, chosen);
    let best: { readonly i: number; readonly to: number; readonly gain: number } | null = null;
    for (const [i, items] of groups.entries()) {
      const now = items[chosen[i]];
      for (const [to, { use, value }] of items.entries()) {
        const gain = now.value - value;
        if (gain > (best?.gain ?? 0) && use - now.use <= room) best = { i, to, gain };
      }
    }
    if (!best) return chosen;
    chosen[best.i] = best.to;
  }
}

const sumOf = (groups: readonly (readonly Item[])[], chosen: readonly number[]): number =>
  chosen.reduce((sum, at, i) => sum + groups[i][at].use, 0);

/** The item of least use; of several the one of least value. */
function cheapest(items: readonly Item[]): number {
  return items.reduce((best, { use, value }, i) => {
    const { use: least, value: there } = items[best];
    return use < least || (use === least && value < there) ? i : best;
  }, 0);
}
