// goal.ts: the goals of a conversion, and what an output's noise means for them.
import { given, is, type Kind, noiseOf, ShiftwiseError } from "../../base/index.js";
import type { OutputFidelity } from "../../training/index.js";

/**
 * The goal that levels, bits and zeros of every layer are chosen for.
 * - lossless: the fastest and smallest model that keeps so much at every output on images held out, `snr` in dB (default 24), or
 *   `agreement`, the share of equal answers.
 * - fast: the model that keeps most of those that take at most `time` of what the lossless one of 24 dB takes, both predicted.
 * - small: the model that keeps most of those whose file has at most so many bytes.
 */
export type Goal =
  | { readonly kind: "lossless"; readonly snr?: number; readonly agreement?: number }
  | { readonly kind: "fast"; readonly time: number }
  | { readonly kind: "small"; readonly bytes: number };

/** The dB of the goal lossless unless others are set. */
export const LOSSLESS = 24;

const LOSSLESS_GOAL = is.exactly<Extract<Goal, { kind: "lossless" }>>({
  kind: is.oneOf("lossless"),
  snr: is.optional(is.positive),
  agreement: is.optional(is.within(0, 1)),
});
const KINDS: { readonly [K in Goal["kind"]]: Kind } = {
  lossless: (value, where) => {
    LOSSLESS_GOAL(value, where);
    const { snr, agreement } = value as Extract<Goal, { kind: "lossless" }>;
    if (snr === undefined || agreement === undefined) return;
    throw new ShiftwiseError("BAD_OPTION", "two measures of one goal", {
      where,
      expected: "snr or agreement",
      found: `snr ${snr} and agreement ${agreement}`,
    });
  },
  fast: is.exactly<Extract<Goal, { kind: "fast" }>>({ kind: is.oneOf("fast"), time: is.positive }),
  small: is.exactly<Extract<Goal, { kind: "small" }>>({ kind: is.oneOf("small"), bytes: is.positive }),
};

/** A goal, as a rule for arguments. */
export const GOAL: Kind = (value, where) => {
  given({ kind: (value as Goal | null)?.kind }, { kind: is.oneOf(...(Object.keys(KINDS) as Goal["kind"][])) });
  KINDS[(value as Goal).kind](value, where);
};

/** A goal in words. */
export function goalText(goal: Goal): string {
  switch (goal.kind) {
    case "lossless":
      return goal.agreement === undefined
        ? `lossless, ${goal.snr ?? LOSSLESS} dB`
        : `lossless, ${Number((100 * goal.agreement).toFixed(2))} % equal answers`;
    case "fast":
      return `fast, ${goal.time} of the lossless model's time`;
    case "small":
      return `small, ${goal.bytes} bytes`;
  }
}

/** The share of other answers that stands for 24 dB, of outputs that are nothing but answers. */
const OTHER_ANSWERS = 0.02;

/** Whether an output is numbers that only name something, so that dB say nothing. */
const isNames = ({ kl, agreement }: OutputFidelity): boolean => kl === null && agreement !== null;

/**
 * Whether an output can tell what a model loses: what is the same for all samples says nothing of others.
 * @internal
 */
export const isTelling = ({ differs, lacks }: OutputFidelity): boolean => differs || lacks === "finite values";

/**
 * The noise of the output that has most, as a share of its signal, of those that can tell it. Answers change with the amplitude
 * of noise, the root of its energy: so much stands in for dB where an output has none.
 */
export function worstNoise(outputs: readonly OutputFidelity[]): number {
  return outputs.filter(isTelling).reduce((most, output) => {
    if (output.lacks === "finite values") return Math.max(most, 1);
    const noise = isNames(output)
      ? noiseOf(LOSSLESS) * ((1 - output.agreement!) / OTHER_ANSWERS) ** 2
      : noiseOf(output.snr);
    return Math.max(most, noise);
  }, 0);
}

/** The least share of equal answers of all outputs that can tell it; null where none has answers. */
export function leastAgreement(outputs: readonly OutputFidelity[]): number | null {
  const shares = outputs.filter(isTelling).flatMap(({ agreement }) => (agreement === null ? [] : [agreement]));
  return shares.length === 0 ? null : Math.min(...shares);
}
