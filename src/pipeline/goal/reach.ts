// reach.ts: choices for a goal: dealt out by what they are predicted to cost, tried, and dealt out again by what was found.
import { noiseOf } from "../../base/index.js";
import type { Width } from "../levels.js";
import {
  BYTES,
  type Costs,
  dealt,
  MILLISECONDS,
  NOISE,
  sumOf,
  type Trial,
  type Trials,
  type Tried,
  timeAndSize,
  trialOf,
} from "./deals.js";
import { type Goal, isTelling, LOSSLESS, leastAgreement, worstNoise } from "./goal.js";
import { withinSize, withinTime } from "./limited.js";
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
  /** The predicted milliseconds of the lossless model, of which the goal fast is a share; null for other goals. */
  readonly losslessTime: number | null;
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
/** Trials that the time of the lossless model is predicted from, and the dB between its noise and theirs at which one is enough. */
const REFERENCES = { most: 2, near: 2 };
/** dB from the chosen point at which others are predicted. */
const STEPS = [8, 4, -4, -8];

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
    const known = trialOf(tried, choices);
    if (known) return known;
    const { result, outputs, bytes } = await trial(new Map(found.layers.map(({ name }, i) => [name, choices[i]])));
    const made = { choices, result, outputs, bytes, noise: worstNoise(outputs) };
    tried.push(made);
    return made;
  };
  const end = (chosen: Tried<R>, missed: Reached<R>["missed"], losslessTime: number | null = null): Reached<R> => ({
    result: chosen.result,
    outputs: chosen.outputs,
    bytes: chosen.bytes,
    widths: new Map(found.layers.map(({ name }, i) => [name, chosen.choices[i]])),
    points: pointsAround(found, tried, chosen, limit, both),
    missed,
    losslessTime,
  });
  const tries: Trials<R> = { found, tried, attempt };

  if (goal.kind === "fast") {
    const lossless = await losslessTime(tries, limit, both);
    const { chosen, isWithin } = await withinTime(tries, goal.time * lossless);
    return end(chosen, isWithin ? null : "time", lossless);
  }
  if (goal.kind === "small") {
    const { chosen, isWithin } = await withinSize(tries, goal.bytes, trials);
    return end(chosen, isWithin ? null : "size");
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
  /** The cost by the file's real size. */
  const costOf = ({ choices, bytes }: Tried<R>): number => both({ milliseconds: sumOf(choices, MILLISECONDS), bytes });
  let best: Tried<R> | null = null;
  const losses: Loss[] = [];
  for (let i = 0; i < (best ? trials : 2 * trials); i++) {
    const choices = dealt(found, both, { noise: aim(losses, most, room) });
    if (trialOf(tried, choices)) break;
    const made = await attempt(choices);
    const lost = loss(made);
    losses.push({ predicted: sumOf(choices, NOISE), lost });
    if (lost > most) continue;
    if (!best || costOf(made) < costOf(best)) best = made;
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

/** Whether activations leave room for rounded weights in the noise allowed. */
const leavesRoom = (allowed: number, limit: number): boolean => allowed * (1 - ROOM) >= limit;

/** The noise that weights may make; where activations leave no room, little beside theirs. */
const roomFor = (allowed: number, limit: number): number =>
  leavesRoom(allowed, limit) ? allowed - limit : BESIDE * limit;

/**
 * Predicts the milliseconds of the lossless model from a trial of what it is expected to be: the noise found there says what noise
 * to predict for the one that keeps so much.
 */
async function losslessTime<R>({ found, attempt }: Trials<R>, limit: number, both: Costs): Promise<number> {
  const room = roomFor(noiseOf(LOSSLESS), limit);
  const losses: Loss[] = [];
  for (let i = 0; i < REFERENCES.most; i++) {
    const choices = dealt(found, both, { noise: aim(losses, room, room) });
    const { noise, outputs } = await attempt(choices);
    if (!outputs.some(isTelling)) break;
    losses.push({ predicted: sumOf(choices, NOISE), lost: noise - limit });
    if (Math.abs(10 * Math.log10(noise / (limit + room))) <= REFERENCES.near) break;
  }
  return found.milliseconds + sumOf(dealt(found, both, { noise: aim(losses, room, room) }), MILLISECONDS);
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
