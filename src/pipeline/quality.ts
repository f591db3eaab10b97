// quality.ts: what a model's outputs keep of the float network's, and what would help where that is little.
import type { OutputFidelity } from "../training/index.js";
import type { RoundedLayer } from "./notes.js";

/** The outputs of a model against those of the float network. */
export interface Quality {
  readonly images: number;
  /** False where there were too few images to hold some out: then these are the ones that calibrated. */
  readonly heldOut: boolean;
  readonly outputs: readonly OutputFidelity[];
  /** A sentence on what would help; null where the outputs keep enough. */
  readonly advice: string | null;
}

/** The report names outputs that keep less, unless their answers are the same. */
const ENOUGH_DECIBELS = 20;
const ENOUGH_AGREEMENT = 0.98;
/** Layers that the advice names, at most. */
const NAMED = 3;
/** Share of the layers' noise that a bit more in those has to take away. */
const WORTH = 0.4;

/** The output that most needs help; null where all keep enough. */
export function neediest(outputs: readonly OutputFidelity[]): OutputFidelity | null {
  const poor = outputs.filter(
    ({ snr, agreement }) => snr < ENOUGH_DECIBELS && !(agreement !== null && agreement >= ENOUGH_AGREEMENT),
  );
  return poor.reduce<OutputFidelity | null>((least, one) => (least && least.snr <= one.snr ? least : one), null);
}

/**
 * Says what an output keeps, and what takes most of the noise away.
 * @param ceiling dB that the output keeps with the same rounded activations and float weights
 * @param layers what each loses by its own rounding, and with one bit more
 * @param others settings that take noise from every layer, as the command spells them
 */
export function adviceOn(
  { name, snr, kl, agreement }: OutputFidelity,
  ceiling: number,
  layers: readonly RoundedLayer[],
  others: readonly string[],
): string {
  // the noise of numbers that only name something says little
  const names = kl === null && agreement !== null;
  const kept = `output ${name} keeps ${names ? `${Math.round(100 * agreement)} % of its answers` : decibels(snr)}`;
  if (noise(ceiling) > noise(snr) / 2) {
    const float = ceiling > snr && !names ? `, and would keep ${decibels(ceiling)} with float weights` : "";
    return `${kept}${float}. Rounded activations lose most of it: more samples may give better ranges`;
  }
  const total = layers.reduce((sum, { ownSnr }) => sum + noise(ownSnr), 0);
  const gains = layers
    .flatMap(({ name: layer, bits, ownSnr, more }) => {
      return more ? [{ layer, bits: bits + 1, share: (noise(ownSnr) - noise(ownSnr + more.gain)) / total }] : [];
    })
    .sort((a, b) => b.share - a.share);
  const few = gains.slice(0, NAMED);
  const shareOf = (count: number) => few.slice(0, count).reduce((sum, { share }) => sum + share, 0);
  const count = few.findIndex((_, i) => shareOf(i + 1) >= WORTH) + 1;
  const named = few.slice(0, count).map(({ layer, bits }) => `--layer ${layer}=${bits}`);
  const all = others.length > 0 ? others.join(" or ") : "";
  if (named.length > 0) {
    const most = `${named.join(" ")} takes away ${Math.round(100 * shareOf(count))} % of what the layers' rounding adds`;
    return `${kept}. ${most}${all && `; ${all} takes some from every layer`}`;
  }
  return `${kept}. The loss is spread over all layers: try ${all || "--minutes, in which the network learns from the float one"}`;
}

const noise = (snr: number): number => 10 ** (-snr / 10);
const decibels = (value: number): string => `${value.toFixed(1)} dB`;
