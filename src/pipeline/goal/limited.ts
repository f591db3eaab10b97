// limited.ts: the goals that limit a cost: the best of the models tried that keep within so many bytes, or within a time.
import { BYTES, type Costs, dealt, MILLISECONDS, NOISE, sumOf, type Trials, type Tried, trialOf } from "./deals.js";
import type { LayerChoice } from "./survey.js";

/** Share of the cheapest model's cost by which the nearest one may lie above it, where a limit is out of reach: it keeps far more. */
const SLACK = 0.02;
/** Share of a limit that may be left over. */
const NEAR = 0.01;
/** The share by which sums of the same costs may differ. */
const EXACT = 1e-9;
/** Real bytes for each predicted one that two trials may tell, at most, and its inverse the least. */
const STEEP = 2;

/** The trial that a limit leads to, and whether it is within. */
export interface Limited<R> {
  readonly chosen: Tried<R>;
  readonly isWithin: boolean;
}

/**
 * Tries what is predicted to fill a file of so many bytes, and aims anew by what files had.
 * @param trials at most, or twice as many where none is small enough, and the smallest and the nearest ones beside
 */
export async function withinSize<R>(tries: Trials<R>, most: number, trials: number): Promise<Limited<R>> {
  const { found, tried, attempt } = tries;
  const fitting = (): Tried<R>[] => tried.filter(({ bytes }) => bytes <= most);
  const predicted = ({ choices }: Tried<R>): number => sumOf(choices, BYTES);
  /** The predicted bytes of the layers to deal out next, best first. */
  const rooms = (): number[] => {
    if (tried.length === 0) return [most - found.bytes];
    const [nearest, next] = [...tried].sort((a, b) => Math.abs(a.bytes - most) - Math.abs(b.bytes - most));
    const slope = next ? (nearest.bytes - next.bytes) / (predicted(nearest) - predicted(next)) : 1;
    const left = most - nearest.bytes;
    // by a line through the nearest two, as if predictions were off by so many bytes, and between those to either side
    const [low, high] = [fitting(), tried.filter(({ bytes }) => bytes > most)].map((side) => side.map(predicted));
    return [
      ...(slope > 1 / STEEP && slope < STEEP ? [predicted(nearest) + left / slope] : []),
      predicted(nearest) + left,
      ...(low.length > 0 && high.length > 0 ? [(Math.max(...low) + Math.min(...high)) / 2] : []),
    ];
  };
  for (let i = 0; i < (fitting().length > 0 ? trials : 2 * trials); i++) {
    const choices = rooms()
      .map((room) => dealt(found, BYTES, { cost: room }))
      .find((deal) => !trialOf(tried, deal));
    if (!choices) break;
    const made = await attempt(choices);
    if (made.bytes <= most && made.bytes > most * (1 - NEAR)) break;
  }
  if (fitting().length === 0) {
    await attempt(dealt(found, BYTES, { cost: 0 }));
    await attempt(nearest(tries, BYTES, found.bytes));
  }
  const sizeOf = ({ bytes }: Tried<R>): number => bytes;
  return chosenOf(tries, most, sizeOf, Math.min(...tried.map(sizeOf)));
}

/** Tries what takes most of a time, which is predicted. */
export async function withinTime<R>(tries: Trials<R>, most: number): Promise<Limited<R>> {
  const { found, attempt } = tries;
  const timeOf = ({ choices }: Pick<Tried<R>, "choices">): number => found.milliseconds + sumOf(choices, MILLISECONDS);
  const choices = dealt(found, MILLISECONDS, { cost: most - found.milliseconds });
  await attempt(timeOf({ choices }) <= most * (1 + EXACT) ? choices : nearest(tries, MILLISECONDS, found.milliseconds));
  return chosenOf(tries, most * (1 + EXACT), timeOf, timeOf({ choices: dealt(found, MILLISECONDS, { cost: 0 }) }));
}

/** The best choices that are predicted to cost hardly more than the cheapest ones. @param others the cost of all else */
function nearest<R>({ found }: Trials<R>, cost: Costs, others: number): LayerChoice[] {
  const least = sumOf(dealt(found, cost, { cost: 0 }), cost);
  return dealt(found, cost, { cost: least + SLACK * (others + least) });
}

/**
 * The trial with the least noise within a limit; where there is none, of those that cost hardly more than the cheapest.
 * @param least the cost of the cheapest
 */
function chosenOf<R>({ tried }: Trials<R>, most: number, costOf: (one: Tried<R>) => number, least: number): Limited<R> {
  const isWithin = tried.some((one) => costOf(one) <= most);
  const limit = isWithin ? most : (1 + SLACK) * least;
  // outputs that say nothing leave what is predicted
  const [chosen] = tried
    .filter((one) => costOf(one) <= limit * (1 + EXACT))
    .sort((a, b) => a.noise - b.noise || sumOf(a.choices, NOISE) - sumOf(b.choices, NOISE) || costOf(a) - costOf(b));
  return { chosen, isWithin };
}
