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
}

/** The result of a trial, and what it keeps. */
export interface Trial<R> {
  readonly result: R;
  readonly outputs: readonly OutputFidelity[];
  /** Bytes of the model's file without notes. */
  readonly bytes: number;
}

/** Roundings of the whole network, at most. */
const TRIALS = 3;
/** dB above what a goal asks for that is near enough. */
const NEAR = 0.3;
/** Share of the noise allowed that rounded weights need at least: where activations leave less, the goal is out of reach. */
const ROOM = 0.15;
/** Noise of the weights of a model whose goal is out of reach, as a share of that of the activations. */
const BESIDE = 0.6;
/** The largest factor by which a trial corrects predictions. */
const CORRECTION = 8;
/** Bytes of a file that are left for notes. */
const NOTES = 512;
/** dB from the chosen point at which others are predicted. */
const STEPS = [8, 4, -4, -8];

type Costs = (choice: LayerChoice) => number;
const MILLISECONDS: Costs = ({ milliseconds }) => milliseconds;
const BYTES: Costs = ({ bytes }) => bytes;

/**
 * Chooses for a goal.
 * @param limit noise at the worst output with rounded activations and float weights
 * @param trial rounds the network
 * @param trials roundings at most; a later one uses what the ones before have shown
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
  let factor = 1;
  const attempt = async (choices: readonly LayerChoice[]): Promise<Tried<R>> => {
    const { result, outputs, bytes } = await trial(new Map(found.layers.map(({ name }, i) => [name, choices[i]])));
    const noise = worstNoise(outputs);
    const made = { choices, result, outputs, bytes, noise };
    tried.push(made);
    const predicted = factor * sumOf(choices, ({ noise: one }) => one);
    const ratio = predicted > 0 ? Math.max(noise - limit, 0) / predicted : 1;
    factor *= Math.min(Math.max(ratio, 1 / CORRECTION), CORRECTION);
    return made;
  };
  const end = (chosen: Tried<R>, missed: Reached<R>["missed"]): Reached<R> => ({
    result: chosen.result,
    outputs: chosen.outputs,
    bytes: chosen.bytes,
    widths: new Map(found.layers.map(({ name }, i) => [name, chosen.choices[i]])),
    points: pointsAround(found, tried, chosen, limit, factor, both),
    missed,
  });

  if (goal.kind === "fast") {
    const most = goal.time * losslessTime(found, limit, both) - found.milliseconds;
    const choices = dealt(found, MILLISECONDS, { cost: most });
    return end(await attempt(choices), sumOf(choices, MILLISECONDS) > most * (1 + 1e-9) ? "time" : null);
  }
  if (goal.kind === "small") {
    let room = goal.bytes - NOTES - found.bytes;
    for (let i = 0; ; i++) {
      const made = await attempt(dealt(found, BYTES, { cost: room }));
      const over = made.bytes + NOTES - goal.bytes;
      if (over <= 0) return end(made, null);
      // tables of levels take bytes, too, which depend on the choices
      room = Math.min(room, sumOf(made.choices, BYTES)) - over;
      const isLeast = sumOf(dealt(found, BYTES, { cost: room }), BYTES) >= sumOf(made.choices, BYTES);
      if (isLeast || i + 1 >= trials) return end(made, "size");
    }
  }

  let allowed = noiseOf(goal.snr ?? LOSSLESS);
  const isIn = ({ outputs, noise }: Tried<R>): boolean =>
    goal.agreement === undefined ? noise <= allowed : (leastAgreement(outputs) ?? 1) >= goal.agreement;
  // shares of answers are no unit of noise: the first trial shows how they go together
  if (goal.agreement !== undefined) allowed = Math.max(noiseOf(START), limit / (1 - ROOM));
  if (!leavesRoom(allowed, limit)) {
    return end(await attempt(dealt(found, both, { noise: roomFor(allowed, limit) })), "activations");
  }
  let best: Tried<R> | null = null;
  for (let i = 0; i < trials; i++) {
    const margin = i === 0 ? 1 : MARGIN;
    const choices = dealt(found, both, { noise: (margin * Math.max(allowed - limit, ROOM * allowed)) / factor });
    if (tried.some((one) => one.choices.every((choice, at) => choice === choices[at]))) break;
    const made = await attempt(choices);
    if (isIn(made) && (!best || sumOf(choices, both) < sumOf(best.choices, both))) best = made;
    if (goal.agreement !== undefined) {
      const others = Math.max(1 - (leastAgreement(made.outputs) ?? 1), 1e-3);
      allowed = made.noise * Math.min(Math.max((1 - goal.agreement) / others, 0.2), 2) ** 2;
    } else if (isIn(made) && made.noise >= allowed / 10 ** (NEAR / 10)) break;
  }
  if (best) return end(best, null);
  const nearest = tried.reduce((least, one) => (one.noise < least.noise ? one : least));
  return end(nearest, limit >= allowed / 2 ? "activations" : "weights");
}

/** dB that the search for a share of equal answers starts at. */
const START = 20;
/** Share of the noise allowed that is aimed at once a trial has corrected the prediction. */
const MARGIN = 0.97;

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
  factor: number,
  both: Costs,
): Point[] {
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
    const expected = limit + factor * sumOf(choices, (one) => one.noise);
    if (!(expected > 0) || Math.abs(10 * Math.log10(expected / noise)) > 1) return [];
    return [{ ...costs(choices), snr: -10 * Math.log10(expected), agreement: null, measured: false, chosen: false }];
  });
  return [...measured, ...others].sort((a, b) => a.milliseconds - b.milliseconds);
}
