// deal.ts: one choice for each of several things, by what it costs and what noise it leaves.

/**
 * A choice: a cost of any unit, and the noise that it leaves, which adds up over all things.
 * @internal
 */
export interface Choice {
  readonly cost: number;
  readonly noise: number;
}

/** A bound of the sum of all costs, or the sum of noise that is little enough. */
export type DealLimit = { readonly cost: number } | { readonly noise: number };

/**
 * Starts every thing at its cheapest choice, then again and again takes the step whose noise falls most for what it costs, as
 * long as all costs stay within the limit, or until the noise is little enough.
 * @returns index of the choice of each thing. The cheapest choices may be above a limit of cost, and the best above one of noise.
 * @internal
 */
export function deal(things: readonly (readonly Choice[])[], limit: DealLimit): number[] {
  const chosen = things.map(cheapest);
  let cost = chosen.reduce((sum, choice, i) => sum + things[i][choice].cost, 0);
  let noise = chosen.reduce((sum, choice, i) => sum + things[i][choice].noise, 0);
  const enough = "noise" in limit ? limit.noise : Number.NEGATIVE_INFINITY;
  const most = "cost" in limit ? limit.cost : Number.POSITIVE_INFINITY;
  while (noise > enough) {
    let best: { readonly i: number; readonly to: number; readonly worth: number } | null = null;
    for (const [i, choices] of things.entries()) {
      const now = choices[chosen[i]];
      // a step may also skip a choice that is worth little by itself
      for (const [to, next] of choices.entries()) {
        const [more, less] = [next.cost - now.cost, now.noise - next.noise];
        if (more <= 0 || less <= 0 || cost + more > most) continue;
        if (less / more > (best?.worth ?? 0)) best = { i, to, worth: less / more };
      }
    }
    if (!best) return chosen;
    const { i, to } = best;
    cost += things[i][to].cost - things[i][chosen[i]].cost;
    noise += things[i][to].noise - things[i][chosen[i]].noise;
    chosen[i] = to;
  }
  return chosen;
}

/** The choice of least cost; of several the one of least noise. */
function cheapest(choices: readonly Choice[]): number {
  let best = 0;
  for (const [i, { cost, noise }] of choices.entries()) {
    const { cost: least, noise: there } = choices[best];
    if (cost < least || (cost === least && noise < there)) best = i;
  }
  return best;
}
