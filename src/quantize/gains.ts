// gains.ts: by which factors channels that share one encoding are best multiplied, so that each uses its range.

/** Channels that share one encoding. */
export interface SharedChannels {
  /** The least and the largest value of each, <= 0 and >= 0. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** The weight of an error in each; 0 where nothing reads it. */
  readonly weight: Float64Array;
  /** 1 or more: how far beyond what was seen other values may reach, so that gains above 1 leave room for them. */
  readonly headroom: number;
}

/** Channels that get one gain. */
export interface Unit {
  readonly channels: readonly number[];
  /** Whether the gain may be negative, which helps where the values reach farther below zero than above. */
  readonly flips: boolean;
}

/** The largest gain; the least is its inverse. */
const GAIN_MOST = 256;
const STEPS_PER_OCTAVE = 2;

/**
 * Gains for units of channels, one for all channels of a unit. With them all channels are to fit into one range, whose
 * width decides the error; a channel with a gain g has 1 / g^2 of it.
 * @param units channels in none of them keep the gain 1.
 * @returns one gain a channel.
 */
export function chooseGains(channels: SharedChannels, units: readonly Unit[]): Float64Array {
  const { low, high, weight, headroom } = channels;
  const count = low.length;
  const free = new Set(units.flatMap((unit) => unit.channels));
  const fixed = Array.from({ length: count }, (_, c) => c).filter((c) => !free.has(c));
  const reach = (list: readonly number[], ends: Float64Array): number =>
    list.reduce((most, c) => Math.max(most, Math.abs(ends[c])), 0);
  const ends = units.map(({ channels: own, flips }) => {
    const [down, up] = [reach(own, low), reach(own, high)];
    return flips && down > up ? { own, sign: -1, down: up, up: down } : { own, sign: 1, down, up };
  });
  const farthest = (side: "down" | "up", of: Float64Array): number =>
    ends.reduce((most, end) => Math.max(most, end[side]), reach(fixed, of));
  const [lowest, highest] = [farthest("down", low), farthest("up", high)];
  const most = Math.max(lowest, highest);
  let best = new Float64Array(count).fill(1);
  let least = errorOf(channels, best);
  if (most === 0) return best;
  const [fixedLow, fixedHigh] = [reach(fixed, low), reach(fixed, high)];
  for (const to of rangesUpTo(fixedHigh, highest, most)) {
    for (const from of rangesUpTo(fixedLow, lowest, most)) {
      const gains = new Float64Array(count).fill(1);
      for (const { own, sign, down, up } of ends) {
        const room = Math.min(up > 0 ? to / up : Infinity, down > 0 ? from / down : Infinity);
        const kept = room < 1 ? room : Math.max(room / headroom, 1);
        const gain = Math.fround(Math.min(Math.max(kept, 1 / GAIN_MOST), GAIN_MOST));
        // what nothing reads, or is always 0, need not change
        const idle = room === Infinity || own.every((c) => weight[c] === 0);
        for (const c of own) gains[c] = idle ? 1 : sign * gain;
      }
      const error = errorOf(channels, gains);
      if (error >= least) continue;
      least = error;
      best = gains;
    }
  }
  return best;
}

/** Ends of ranges to be tried, from what has to fit up to the farthest that any channel reaches. */
function rangesUpTo(fixed: number, own: number, most: number): number[] {
  if (own === 0) return [0];
  // with no channel that keeps its values only the proportions matter
  const from = fixed > 0 ? fixed : own;
  const steps = Math.ceil(Math.log2(most / from) * STEPS_PER_OCTAVE);
  return Array.from({ length: steps + 1 }, (_, i) => from * 2 ** (i / STEPS_PER_OCTAVE));
}

/** Errors of all channels with gains, weighted, in units of a level's square. @param only channels that count; default all */
export function errorOf(
  { low, high, weight }: SharedChannels,
  gains: Float64Array,
  only: readonly number[] | null = null,
): number {
  const range = gains.reduce(
    ([from, to], gain, c) => [
      Math.min(from, gain * low[c], gain * high[c]),
      Math.max(to, gain * low[c], gain * high[c]),
    ],
    [0, 0],
  );
  const list = only ?? Array.from(gains, (_, c) => c);
  return (range[1] - range[0]) ** 2 * list.reduce((sum, c) => sum + weight[c] / gains[c] ** 2, 0);
}
