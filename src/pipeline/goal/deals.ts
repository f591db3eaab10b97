// deals.ts: choices for all layers by their costs, and the trials that have shown what such choices come to.
import { type Choice, deal } from "../../quantize/index.js";
import type { OutputFidelity } from "../../training/index.js";
import type { LayerChoice, Survey } from "./survey.js";

/** The result of a trial, and what it keeps. */
export interface Trial<R> {
  readonly result: R;
  readonly outputs: readonly OutputFidelity[];
  /** Bytes of the model's file. */
  readonly bytes: number;
}

/** A trial of some choices, and the noise at its worst output. */
export interface Tried<R> extends Trial<R> {
  readonly choices: readonly LayerChoice[];
  readonly noise: number;
}

/** The trials so far, and a way to make another. */
export interface Trials<R> {
  readonly found: Survey;
  readonly tried: readonly Tried<R>[];
  /** Tries choices, unless they were tried: then that trial is returned. */
  readonly attempt: (choices: readonly LayerChoice[]) => Promise<Tried<R>>;
}

export type Costs = (choice: Pick<LayerChoice, "milliseconds" | "bytes">) => number;
export const MILLISECONDS: Costs = ({ milliseconds }) => milliseconds;
export const BYTES: Costs = ({ bytes }) => bytes;
export const NOISE = ({ noise }: LayerChoice): number => noise;

export const sumOf = (choices: readonly LayerChoice[], of: (choice: LayerChoice) => number): number =>
  choices.reduce((sum, one) => sum + of(one), 0);

/** The trial of these very choices, if there was one. */
export const trialOf = <R>(tried: readonly Tried<R>[], choices: readonly LayerChoice[]): Tried<R> | undefined =>
  tried.find((one) => one.choices.every((choice, at) => choice === choices[at]));

/** The choices for a limit of the costs, or of noise. */
export function dealt(
  { layers }: Survey,
  cost: Costs,
  limit: { readonly cost: number } | { readonly noise: number },
): LayerChoice[] {
  const things = layers.map(({ choices }) => choices.map((one): Choice => ({ cost: cost(one), noise: one.noise })));
  return deal(things, limit).map((choice, i) => layers[i].choices[choice]);
}

/** Time and size in one unit: shares of what all layers take with their widest choices. Time counts three times. */
export function timeAndSize({ layers }: Survey): Costs {
  const widest = layers.map(({ choices }) => choices.reduce((most, one) => (one.bits > most.bits ? one : most)));
  const [time, size] = [sumOf(widest, MILLISECONDS) || 1, sumOf(widest, BYTES) || 1];
  return ({ milliseconds, bytes }) => (3 * milliseconds) / time + bytes / size;
}
