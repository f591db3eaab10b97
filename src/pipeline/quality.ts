// quality.ts: what a model's outputs keep of the float network's, and what would help where that is little.
import { EXACT, noiseOf, shellWord } from "../base/index.js";
import type { ActivationScheme } from "../quantize/index.js";
import type { OutputFidelity } from "../training/index.js";
import { type Goal, LOSSLESS } from "./goal/goal.js";
import { type RoundedLayer, schemeText } from "./notes.js";

/** The outputs of a model against those of the float network. */
export interface Quality {
  readonly images: number;
  /** False where there were too few images to hold some out: then these are the ones that calibrated. */
  readonly heldOut: boolean;
  readonly outputs: readonly OutputFidelity[];
  /** A sentence on what would help; null where the outputs keep enough. */
  readonly advice: string | null;
}

/** The dB that are hardly seen any more: in the answer of a distribution, in other outputs, such as boxes and maps, and in any. */
const ENOUGH = { answers: 20, values: LOSSLESS, all: 30 };
/** The share of equal answers that is enough whatever the dB, of as many as can tell it. */
const ENOUGH_AGREEMENT = 0.98;
const ENOUGH_ANSWERS = 50;
/** Layers that the advice names, at most. */
const NAMED = 3;
/** Share of the layers' noise that a bit more in those has to take away. */
const WORTH = 0.4;
/** dB by which samples that calibrated have to be better for others to be short of them. */
const OVERFITTED = 1;

const enoughFor = ({ kl }: OutputFidelity): number => (kl === null ? ENOUGH.values : ENOUGH.answers);
const answersAlike = ({ agreement, answers }: OutputFidelity): boolean =>
  agreement !== null && agreement >= ENOUGH_AGREEMENT && answers! >= ENOUGH_ANSWERS;

/**
 * Says in a word what an output keeps, by the same thresholds as the advice.
 * @internal
 */
export function verdictOn(
  output: OutputFidelity,
): "" | "not judged" | "exact" | "very close" | "close" | "same answers" | "fair" | "far" {
  const { snr, differs } = output;
  if (!differs) return "not judged";
  if (snr === null) return "";
  if (snr >= EXACT) return "exact";
  if (snr >= ENOUGH.all) return "very close";
  if (snr >= enoughFor(output)) return "close";
  if (answersAlike(output)) return "same answers";
  return snr >= ENOUGH.answers ? "fair" : "far";
}

/** The output that most needs help, of those that differ from sample to sample; null where all keep enough. */
export function neediest(outputs: readonly OutputFidelity[]): OutputFidelity | null {
  const poor = outputs.filter(
    (one) => one.differs && one.snr !== null && one.snr < enoughFor(one) && !answersAlike(one),
  );
  return poor.reduce<OutputFidelity | null>((least, one) => (least && least.snr! <= one.snr! ? least : one), null);
}

/** The limits of an output in dB, with rounded activations and float weights. */
export interface Ceiling {
  /** On the samples that quality is measured on. */
  readonly found: number | null;
  /** On samples that calibrated; null where these are the same ones. */
  readonly calibrated: number | null;
}

/**
 * Says what an output keeps, and what takes most of the noise away.
 * @param layers what each loses by its own rounding, and with one bit more
 * @param others settings that take noise from every layer, as the command spells them; the last one trains
 * @param goal by which the other layers are chosen anew where one is set
 */
export function adviceOn(
  { name, snr, kl, agreement }: OutputFidelity,
  { found, calibrated }: Ceiling,
  layers: readonly RoundedLayer[],
  others: readonly string[],
  activations: ActivationScheme,
  goal: Goal | null = null,
): string {
  // the noise of numbers that only name something says little
  const names = kl === null && agreement !== null;
  const kept = `output "${name}" keeps ${names ? `${Math.round(100 * agreement)} % of its answers` : decibels(snr!)}`;
  if (found !== null && noiseOf(found) > noiseOf(snr) / 2) {
    const float = found > snr! && !names ? `, and would keep ${decibels(found)} with float weights` : "";
    return `${kept}${float}. Rounded activations lose most of it: ${cureOf(found, calibrated, activations, others.at(-1)!)}`;
  }
  const total = layers.reduce((sum, { ownSnr }) => sum + noiseOf(ownSnr), 0);
  const gains = layers
    .flatMap(({ name: layer, bits, ownSnr, more }) => {
      if (ownSnr === null || !more || more.gain === null) return [];
      return [{ layer, bits: bits + 1, share: (noiseOf(ownSnr) - noiseOf(ownSnr + more.gain)) / total }];
    })
    .sort((a, b) => b.share - a.share);
  const few = gains.slice(0, NAMED);
  const shareOf = (count: number) => few.slice(0, count).reduce((sum, { share }) => sum + share, 0);
  const count = few.findIndex((_, i) => shareOf(i + 1) >= WORTH) + 1;
  const named = few.slice(0, count).map(({ layer, bits }) => `--layer ${shellWord(`${layer}=${bits}`)}`);
  const all = others.join(" or ");
  // within a size or a time the other layers would have to pay
  if (named.length > 0 && (goal === null || goal.kind === "lossless")) {
    const most = `${named.join(" ")} takes away ${Math.round(100 * shareOf(count))} % of what the layers' rounding adds${goal ? ", if the goal then leaves the other layers as they are" : ""}`;
    return `${kept}. ${most}; ${all} takes some from every layer`;
  }
  // where only training is left to try, no layer can have more bits
  const why =
    gains.length === 0 && others.length === 1
      ? "All layers have as many bits as there are"
      : "The loss is spread over all layers";
  return `${kept}. ${why}: try ${all}`;
}

/** Says what would help against the noise of activations: more samples only where those that calibrated keep more. */
function cureOf(found: number, calibrated: number | null, scheme: ActivationScheme, training: string): string {
  if (calibrated !== null && calibrated > found + OVERFITTED) {
    return `samples that calibrated would keep ${decibels(calibrated)}, so more of them may give better ranges`;
  }
  const widest = scheme.kind === "linear" && scheme.bits === 8;
  const more = widest ? `${training} may win some of it back` : `--activations 8 keeps more`;
  return `the ${schemeText(scheme)} activations are the limit, and wider weights gain little; ${more}`;
}

const decibels = (value: number): string => `${value.toFixed(1)} dB`;
