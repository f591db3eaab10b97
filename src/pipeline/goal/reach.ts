// reach.ts: choices for a goal: dealt out by what they are predicted to cost, tried, and dealt out again by what was found.
import { noiseOf } from "../../base/index.js";
import { type Choice, deal } from "../../quantize/index.js";
import type { OutputFidelity } from "../../training/index.js";
import type { Width } from "../levels.js";
import { type Goal, LOSSLESS, leastAgreement, worstNoise } from "./goal.js";
import type { LayerChoice, Survey } from "./survey.js";

/** A way to quantize a network, with what it costs and keeps. */
export interface Point {
  /** Predicted, on one thread. */
  readonly milliseconds: number;
  /** Bytes of the file. */
  readonly bytes: number;
  /** Bits of a weight, on average over all. */
  readonly averageBits: number;
  /** Signal to noise of the worst output in dB, measured or predicted; null where no output has one. */
  readonly snr: number | null;
  /** The least share of equal answers; null where it was not measured, or no output has answers. */
  readonly agreement: number | null;
  readonly measured: boolean;
  /** Whether the model is this one. */
  readonly chosen: boolean;
}

/** The model that a goal has led to. */
export interface Reached<R> extends Trial<R> {
  readonly widths: ReadonlyMap<string, Width>;
  /** By rising time. */
  readonly points: readonly Point[];
  /** Null where the goal is reached; else what stood in the way. */
  readonly missed: "activations" | "weights" | "time" | "size" | null;
  /** The predicted milliseconds of the lossless model, of which the goal fast is a share. */
  readonly losslessTime: number;
}

/** The result of a trial, and what it keeps. */
export interface Trial<R> {
  readonly result: R;
  readonly outputs: readonly OutputFidelity[];
  /** Bytes of the model's file without notes. */
  readonly bytes: number;
}

/** Roundings of the whole network, at most; twice as many where none reaches the goal. */
const TRIALS = 3;
/** dB above what a goal asks for that is near enough. */
const NEAR = 0.3;
/** Share of the noise allowed that rounded weights need at least: where activations leave less, the goal is out of reach. */
const ROOM = 0.15;
/** Noise of the weights of a model whose goal is out of reach, as a share of that of the activations. */
const BESIDE = 0.6;
/** The largest factor by which a trial changes what the next one aims at. */
const CORRECTION = 8;
/** Share of the cost of the cheapest model by which the nearest one may lie above it, where a goal is out of reach: it keeps far more. */
const SLACK = 0.02;
/** Bytes of a file that are left for notes, at most and as a share of all. */
const NOTES = { most: 512, share: 1 / 8 };
/** dB from the chosen point at which others are predicted. */
const STEPS = [8, 4, -4, -8];

type Costs = (choice: LayerChoice) => number;
const MILLISECONDS: Costs = ({ milliseconds }) => milliseconds;
const BYTES: Costs = ({ bytes }) => bytes;
const NOISE: Costs = ({ noise }) => noise;

/**
 * Chooses for a goal.
 * @param limit noise at the worst output with rounded activations and float weights
 * @param trial rounds the network
 * @param trials roundings at most, or half of them; a later one uses what the ones before have shown
 */
export async function reach<R>(
  found: Survey,
  goal: Goal,
  limit: number,
  trial: (widths: ReadonlyMap<string, Width>) => Promise<Trial<R>>,
  trials = TRIALS,
): Promise<Reached<R>> {
  const both = timeAndSize(found);
  const tried: Tried<R>[] = [];
  const attempt = async (choices: readonly LayerChoice[]): Promise<Tried<R>> => {
    const { result, outputs, bytes } = await trial(new Map(found.layers.map(({ name }, i) => [name, choices[i]])));
    const made = { choices, result, outputs, bytes, noise: worstNoise(outputs) };
    tried.push(made);
    return made;
  };
  const end = (chosen: Tried<R>, missed: Reached<R>["missed"]): Reached<R> => ({
    result: chosen.result,
    outputs: chosen.outputs,
    bytes: chosen.bytes,
    widths: new Map(found.layers.map(({ name }, i) => [name, chosen.choices[i]])),
    points: pointsAround(found, tried, chosen, limit, both),
    missed,
    losslessTime: lossless,
  });
  const lossless = losslessTime(found, limit, both);
  /** The cost that a goal which is out of reach may have all the same. */
  const nearest = (cost: Costs, others: number): number => {
    const least = sumOf(dealt(found, cost, { cost: 0 }), cost);
    return least + SLACK * (others + least);
  };

  if (goal.kind === "fast") {
    const most = goal.time * lossless - found.milliseconds;
    const choices = dealt(found, MILLISECONDS, { cost: most });
    if (sumOf(choices, MILLISECONDS) <= most * (1 + 1e-9)) return end(await attempt(choices), null);
    return end(await attempt(dealt(found, MILLISECONDS, { cost: nearest(MILLISECONDS, found.milliseconds) })), "time");
  }
  if (goal.kind === "small") {
    const notes = Math.min(NOTES.most, NOTES.share * goal.bytes);
    let room = goal.bytes - notes - found.bytes;
    for (let i = 0; ; i++) {
      const made = await attempt(dealt(found, BYTES, { cost: room }));
      const over = made.bytes + notes - goal.bytes;
      if (over <= 0) return end(made, null);
      // tables of levels take bytes, too, which depend on the choices
      room = Math.min(room, sumOf(made.choices, BYTES)) - over;
      const isLeast = sumOf(dealt(found, BYTES, { cost: room }), BYTES) >= sumOf(made.choices, BYTES);
      if (isLeast) return end(await attempt(dealt(found, BYTES, { cost: nearest(BYTES, found.bytes) })), "size");
      if (i + 1 >= trials) return end(made, "size");
    }
  }

  const allowed = goal.agreement === undefined ? noiseOf(goal.snr ?? LOSSLESS) : noiseOf(START);
  if (goal.agreement === undefined && !leavesRoom(allowed, limit)) {
    return end(await attempt(dealt(found, both, { noise: roomFor(allowed, limit) })), "activations");
  }
  const room = Math.max(allowed - limit, ROOM * allowed);
  const most = goal.agreement === undefined ? room : otherAnswers(goal.agreement);
  /** The part of a trial that the goal limits: the noise of its weights, or the square of its other answers. */
  const loss = ({ outputs, noise }: Tried<R>): number =>
    goal.agreement === undefined ? noise - limit : otherAnswers(leastAgreement(outputs) ?? 1);
  let best: Tried<R> | null = null;
  const losses: Loss[] = [];
  for (let i = 0; i < (best ? trials : 2 * trials); i++) {
    const choices = dealt(found, both, { noise: aim(losses, most, room) });
    if (tried.some((one) => one.choices.every((choice, at) => choice === choices[at]))) break;
    const made = await attempt(choices);
    const lost = loss(made);
    losses.push({ predicted: sumOf(choices, NOISE), lost });
    if (lost > most) continue;
    if (!best || sumOf(choices, both) < sumOf(best.choices, both)) best = made;
    if (made.noise >= (limit + room) / 10 ** (NEAR / 10) && goal.agreement === undefined) break;
  }
  if (best) return end(best, null);
  const quietest = tried.reduce((least, one) => (one.noise < least.noise ? one : least));
  return end(quietest, goal.agreement === undefined && limit >= allowed / 2 ? "activations" : "weights");
}

/** dB that the search for a share of equal answers starts at. */
const START = 20;
/** Share of the noise allowed that is aimed at once a trial has corrected the prediction. */
const MARGIN = 0.97;

/** A factor of the margin for each trial but the first that did not keep enough. */
const STRICTER = 0.8;

/** The noise predicted of a trial, and the part of it that the goal limits. */
interface Loss {
  readonly predicted: number;
  readonly lost: number;
}

/** The square of the share of other answers, which grows as noise does, as far as few answers can show it. */
const otherAnswers = (agreement: number): number => Math.max(1 - agreement, 1e-3) ** 2;

/**
 * The predicted noise to try next.
 * @param most of what the goal limits
 * @param first what to predict before anything was tried
 */
function aim(losses: readonly Loss[], most: number, first: number): number {
  const [within, beyond] = [true, false].map((isIn) => losses.filter(({ lost }) => lost <= most === isIn));
  // the trials to either side of the limit that come nearest
  const low = within.reduce<Loss | null>((best, one) => (best && best.predicted >= one.predicted ? best : one), null);
  const high = beyond.reduce<Loss | null>((best, one) => (best && best.predicted <= one.predicted ? best : one), null);
  if (low && high && low.predicted < high.predicted && low.lost > 0) {
    // a straight line through both in logarithms, where it meets the limit
    const share = Math.log(most / low.lost) / Math.log(high.lost / low.lost);
    return low.predicted * (high.predicted / low.predicted) ** (MARGIN * share);
  }
  const near = high ?? low;
  if (!near || near.predicted === 0) return first;
  const change = near.lost > 0 ? most / near.lost : CORRECTION;
  const margin = MARGIN * STRICTER ** Math.max(beyond.length - 1, 0);
  return margin * near.predicted * Math.min(Math.max(change, 1 / CORRECTION), CORRECTION);
}

interface Tried<R> extends Trial<R> {
  readonly choices: readonly LayerChoice[];
  readonly noise: number;
}

/** Whether activations leave room for rounded weights in the noise allowed. */
const leavesRoom = (allowed: number, limit: number): boolean => allowed * (1 - ROOM) >= limit;

/** The noise that weights may make; where activations leave no room, little beside theirs. */
const roomFor = (allowed: number, limit: number): number =>
  leavesRoom(allowed, limit) ? allowed - limit : BESIDE * limit;

const sumOf = (choices: readonly LayerChoice[], of: Costs): number => choices.reduce((sum, one) => sum + of(one), 0);

/** The choices for a limit of the costs, or of noise. */
function dealt({ layers }: Survey, cost: Costs, limit: { cost: number } | { noise: number }): LayerChoice[] {
  const things = layers.map(({ choices }) => choices.map((one): Choice => ({ cost: cost(one), noise: one.noise })));
  return deal(things, limit).map((choice, i) => layers[i].choices[choice]);
}

/** Time and size in one unit: shares of what all layers take with their widest choices. Time counts three times. */
function timeAndSize({ layers }: Survey): Costs {
  const widest = layers.map(({ choices }) => choices.reduce((most, one) => (one.bits > most.bits ? one : most)));
  const [time, size] = [sumOf(widest, MILLISECONDS) || 1, sumOf(widest, BYTES) || 1];
  return ({ milliseconds, bytes }) => (3 * milliseconds) / time + bytes / size;
}

/** Predicts the milliseconds of the lossless model. */
function losslessTime(found: Survey, limit: number, both: Costs): number {
  const room = roomFor(noiseOf(LOSSLESS), limit);
  return found.milliseconds + sumOf(dealt(found, both, { noise: room }), MILLISECONDS);
}

/** The points that were tried, and what is predicted around the chosen one. */
function pointsAround<R>(
  found: Survey,
  tried: readonly Tried<R>[],
  chosen: Tried<R>,
  limit: number,
  both: Costs,
): Point[] {
  const predicted = sumOf(chosen.choices, NOISE);
  /** Noise found for so much predicted. */
  const factor = predicted > 0 && chosen.noise > limit ? (chosen.noise - limit) / predicted : 1;
  const weights = found.layers.reduce((sum, layer) => sum + layer.weights, 0);
  const costs = (choices: readonly LayerChoice[]) => ({
    milliseconds: found.milliseconds + sumOf(choices, MILLISECONDS),
    bytes: Math.round(found.bytes + sumOf(choices, BYTES)),
    averageBits: choices.reduce((sum, { bits }, i) => sum + (found.layers[i].weights * bits) / weights, 0),
  });
  const measured = tried.map((one): Point => {
    const snr = one.noise > 0 ? -10 * Math.log10(one.noise) : null;
    const agreement = leastAgreement(one.outputs);
    return { ...costs(one.choices), bytes: one.bytes, snr, agreement, measured: true, chosen: one === chosen };
  });
  const others = STEPS.flatMap((step): Point[] => {
    const noise = chosen.noise * 10 ** (-step / 10);
    if (!(noise > limit * (1 + ROOM))) return [];
    const choices = dealt(found, both, { noise: (noise - limit) / factor });
    const expected = limit + factor * sumOf(choices, NOISE);
    if (!(expected > 0) || Math.abs(10 * Math.log10(expected / noise)) > 1) return [];
    return [{ ...costs(choices), snr: -10 * Math.log10(expected), agreement: null, measured: false, chosen: false }];
  });
  return [...measured, ...others].sort((a, b) => a.milliseconds - b.milliseconds);
}
