// work.ts: what the kernels have to do for one output channel's weights, counted in the schedule that the runtime makes of them.
import { ShiftwiseError } from "../../base/index.js";
import { compileSchedule, END, type IntegerWeights, PARK, planesOf, RAISED, SHORT } from "../../runtime/inside.js";

/**
 * The counts of an output channel, or their mean over some channels.
 * @internal
 */
export interface ChannelWork {
  /** Rows that are added: one for each weight that is not zero, or for each signed power of two of it. */
  readonly terms: number;
  /** Segments of the stream. */
  readonly segments: number;
  /** Lists of rows in them that are not empty: of each a kernel has to find the end. */
  readonly lists: number;
  /** Runs of rows whose sums fit 8 bits, for activations of few bits; 0 for others. */
  readonly runs: number;
  /** Parts of the sum that are left before the last one. */
  readonly parks: number;
  /** Pairs of parts that the epilogue joins, of channels that do not end the short way. */
  readonly pairs: number;
  /** 1 where such a sum is a single part that needs no pair, else 0. */
  readonly lone: number;
  /** 1 where a sum of one part ends the short way, and 1 where one of two parts does. */
  readonly short: number;
  readonly twin: number;
  /** Walks over the inputs, where the layer is a dense one: one for two planes of bits of its weights. */
  readonly passes: number;
}

/**
 * The things that a layer's streams depend on besides the weights.
 * @internal
 */
export interface WorkForm {
  /** Whether it is a dense layer: it has no stream, and may have more inputs than one. */
  readonly dense?: boolean;
  /** Whether its results are bytes that only saturation clamps: sums of one part or two end the short way. */
  readonly isShort?: boolean;
  /** Whether its rows are shifted one by one, as those of depthwise layers on small maps. */
  readonly shifted?: boolean;
  /** Whether complements of rows are added instead of rows subtracted. */
  readonly complements?: boolean;
}

/** An ending whose numbers do not matter. */
const ENDING = { scale: Float32Array.of(1), offset: Float32Array.of(0) };

/**
 * Counts the work of a layer's channels, or of some of them; returns the mean of a channel.
 * @param weights (channels, depth) of the channels alone
 * @param max largest raw value of the input, 1..255
 * @throws OVERFLOW for more inputs than a channel can have
 * @internal
 */
export function channelWork(
  weights: IntegerWeights,
  channels: number,
  max: number,
  { dense = false, isShort = true, shifted = false, complements = false }: WorkForm = {},
): ChannelWork {
  const passes = planesOf(weights).pairs;
  if (dense) return { ...NO_STREAM, passes };
  const form = { shifted, complements, ending: isShort ? ENDING : undefined };
  const { stream, starts } = compileSchedule(weights, channels, max, undefined, form);
  const run = Math.floor(255 / max);
  const runsOf = (rows: number): number => (run > 1 ? Math.ceil(rows / run) : 0);
  let [terms, segments, lists, runs, parks, pairs, lone, short, twin] = new Array<number>(9).fill(0);
  for (let channel = 0; channel < channels; channel++) {
    let at = starts[channel] / 2;
    for (let op = PARK; !(op & END); ) {
      const [adds, subs] = [stream[at], stream[at + 1]];
      op = stream[at + 2];
      at += 3 + adds + subs + Number(op >= RAISED);
      segments++;
      terms += adds + subs;
      lists += Math.min(adds, 1) + Math.min(subs, 1);
      runs += runsOf(adds) + runsOf(subs);
      if (op & PARK) parks++;
    }
    if (stream[at] === SHORT + 1) short++;
    else if (stream[at] === SHORT + 2) twin++;
    else if (stream[at] === 1) lone++;
    else pairs += stream[at] / 2;
  }
  const mean = (sum: number): number => sum / channels;
  return {
    terms: mean(terms),
    segments: mean(segments),
    lists: mean(lists),
    runs: mean(runs),
    parks: mean(parks),
    pairs: mean(pairs),
    lone: mean(lone),
    short: mean(short),
    twin: mean(twin),
    passes,
  };
}

/** The counts of a channel without a stream. */
const NO_STREAM = { terms: 0, segments: 0, lists: 0, runs: 0, parks: 0, pairs: 0, lone: 0, short: 0, twin: 0 };

/**
 * Counts the work of channels whose weights are given as integers: the levels that they have in the sums.
 * @param levels (channels, depth), at most 256 distinct ones
 * @param max largest raw value of the input, 1..255
 * @throws BAD_OPTION for more levels than codes can tell apart; as channelWork
 * @internal
 */
export function levelWork(levels: ArrayLike<number>, channels: number, max: number, form: WorkForm = {}): ChannelWork {
  const distinct = [...new Set(Array.from(levels))].sort((a, b) => a - b);
  if (distinct.length > 256) {
    throw new ShiftwiseError("BAD_OPTION", "too many levels", { expected: "at most 256", found: distinct.length });
  }
  const codeOf = new Map(distinct.map((level, code) => [level, code]));
  const codes = Uint8Array.from(levels, (level) => codeOf.get(level)!);
  return channelWork({ kind: "codebook", levels: distinct, codes }, channels, max, form);
}
