// post-training.ts: a float network to the model that runs in integers, without labels: rounding that compensates, and a
// float network that teaches.

import { ShiftwiseError } from "../base/index.js";
import { type Augmentation, type Calibration, unlabelled } from "../data/index.js";
import { inferShapes, insertQuantizers, lower, type Network, quantizationPoints } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";
import type { ConvNode, DenseNode } from "../ops/index.js";
import {
  type ActivationScheme,
  allocateBits,
  calibrate,
  collectHistograms,
  type LayerLevels,
  levelBits,
  twoTermLevels,
} from "../quantize/index.js";
import { compensate, type LayerReport } from "../rounding/index.js";
import { type DistillResult, distill, recoverNorms, sampleActivations } from "../training/index.js";
import { schemeText } from "./arguments.js";

export const LEVEL_KINDS = ["powers", "two-term"] as const;
export type LevelKind = (typeof LEVEL_KINDS)[number];

export interface PostTrainingSettings {
  readonly activations: ActivationScheme;
  /** Of the weights, 2 to 5. */
  readonly bits: number;
  /** Powers of two; or sums of two of them, from 4 bits on. */
  readonly levels: LevelKind;
  /** Bits of two-term levels for the first convolution and depthwise ones; null: they are as the others. */
  readonly twoTerm: number | null;
  /** Bits of single layers: 2 to 5, or 6, which are two-term levels in any case. */
  readonly layers: ReadonlyMap<string, number>;
  /** Bits on average over all weights, to be dealt out among the layers; null: `bits` for all. */
  readonly budget: number | null;
  /** Of self-distillation; 0: none. */
  readonly minutes: number;
  /** Shares of the weights that are rounded before each part of it. */
  readonly portions: readonly number[];
  readonly learningRate: number;
  readonly batchSize: number;
  readonly augment: Augmentation;
  readonly seed: number;
  readonly threads: number;
}

export interface PostTrainingControl {
  readonly signal: AbortSignal;
  /** A step with a progress of its own begins. */
  readonly onStep: (step: "calibrating" | "dealing out bits" | "rounding" | "distilling") => void;
  /** Share of the step done, 0..1. */
  readonly onProgress: (share: number, detail: string) => void;
}

/** A layer's report, and what one more bit a weight would do. */
export interface LayerOutcome extends Omit<LayerReport, "explored"> {
  readonly bits: number;
  /** Null where there are no more bits to be had. */
  readonly more: { readonly bits: number; readonly bytes: number; readonly gain: number } | null;
}

export interface PostTrainingResult {
  readonly model: ModelDef;
  readonly layers: readonly LayerOutcome[];
  /** Bits of a weight, on average over all. */
  readonly averageBits: number;
  /** Null without self-distillation. */
  readonly distillation: Distillation | null;
}

/** What self-distillation has done: see DistillResult. */
export type Distillation = Pick<DistillResult, "epochs" | "heldOut" | "before" | "after" | "attempts">;

type Weighted = ConvNode | DenseNode;

const FEWEST_BITS = 2;
/** The most that single powers have; one more means sums of two powers. */
const POWER_BITS = 5;
/** The fewest that sums of two powers have. */
const TWO_TERM_BITS = 4;
const MOST_BITS = 6;
/** Images on which layers are compared before bits are dealt out. */
const COMPARED_IMAGES = 64;

/**
 * Quantizes a network that is not changed.
 * @throws BAD_OPTION for bits of a layer that is none, or a budget that cannot be met; UNSUPPORTED for self-distillation on
 *   arrays of floats; what its parts throw.
 */
export async function quantizeCalibrated(
  network: Network,
  calibration: Calibration,
  settings: PostTrainingSettings,
  control: PostTrainingControl,
): Promise<PostTrainingResult> {
  const { samples, pictures } = calibration;
  const { minutes, seed, threads, signal } = { ...settings, signal: control.signal };
  if (minutes > 0 && !pictures) {
    throw new ShiftwiseError("UNSUPPORTED", "self-distillation needs pixels", {
      where: "--minutes",
      expected: "images, or an array of uint8",
      found: "an array of floats",
    });
  }
  checkLayers(network, settings.layers);
  const { bits: wanted, levels: kind, budget } = settings;
  if (kind === "two-term" && wanted < TWO_TERM_BITS && budget === null) {
    throw new ShiftwiseError("BAD_OPTION", "too few bits for sums of two powers", {
      where: "--bits",
      expected: `${TWO_TERM_BITS} or more`,
      found: wanted,
    });
  }
  control.onStep("calibrating");
  const float = minutes > 0 ? recoverNorms(network, samples) : network;
  const points = quantizationPoints(float);
  const histograms = await collectHistograms(points, sampleActivations(float, samples, points));
  const encodings = calibrate(float, histograms, { activations: settings.activations });
  const simulated = insertQuantizers(float, encodings);

  const levelsOf =
    budget === null ? levelsBy(network, settings) : await dealOut(simulated, calibration, settings, control);
  const explore = (node: Weighted): LayerLevels[] => {
    const bits = levelBits(levelsOf(node));
    return bits < MOST_BITS ? [levelsWith(bits + 1, kind)] : [];
  };
  const onProgress = (done: number, total: number, layer: string) => control.onProgress(done / total, layer);
  if (minutes === 0) control.onStep("rounding");
  const taught = minutes > 0 ? await distilled() : null;
  const rounded =
    taught ?? (await compensate(simulated, samples, { levels: levelsOf, explore }, { signal, onProgress }));
  return {
    model: { ...lower(rounded.network, { grids: rounded.grids }), notes: notesFor(settings, taught) },
    ...outcome(network, levelsOf, rounded.layers),
    distillation: taught && {
      epochs: taught.epochs,
      heldOut: taught.heldOut,
      before: taught.before,
      after: taught.after,
      attempts: taught.attempts,
    },
  };

  async function distilled() {
    control.onStep("distilling");
    const [output] = network.outputs;
    const [classes] = inferShapes(network).get(output)!;
    const { portions, learningRate, batchSize, augment } = settings;
    const start = performance.now();
    const share = () => Math.min((performance.now() - start) / 60_000 / minutes, 0.99);
    return distill(
      simulated,
      unlabelled(pictures!, classes),
      { levels: levelsOf, minutes, portions, learningRate, batchSize, augment, seed, threads, signal },
      {
        onRounding: (portion, done, total) =>
          control.onProgress(share(), `portion ${portion + 1}, layer ${done}/${total}`),
        onTraining: (portion, { epoch, epochs, loss }) =>
          control.onProgress(share(), `portion ${portion + 1}, epoch ${epoch + 1}/${epochs}, loss ${loss.toFixed(3)}`),
      },
    );
  }
}

function checkLayers(network: Network, layers: ReadonlyMap<string, number>): void {
  const known = network.nodes.filter((node) => node.op === "conv" || node.op === "dense").map((node) => node.name);
  for (const name of layers.keys()) {
    if (known.includes(name)) continue;
    throw new ShiftwiseError("BAD_OPTION", "bits for a layer that has no weights", {
      where: "--layer",
      expected: known.join(", "),
      found: name,
    });
  }
}

/** So many bits: powers of two with a scale a channel, or sums of two of them. */
function levelsWith(bits: number, kind: LevelKind): LayerLevels {
  const most = kind === "two-term" ? TWO_TERM_BITS - 1 : POWER_BITS;
  return bits <= most ? { kind: "powers", bits, scale: "channel" } : twoTerms(bits);
}

const twoTerms = (bits: number): LayerLevels => ({ kind: "codebook", levels: twoTermLevels(bits) });

/** Levels as the settings name them. */
function levelsBy(
  network: Network,
  { bits, levels, twoTerm, layers }: PostTrainingSettings,
): (node: Weighted) => LayerLevels {
  const first = network.nodes.find((node) => node.op === "conv");
  return (node) => {
    const given = layers.get(node.name);
    if (given !== undefined) return levelsWith(given, levels);
    const few = node.name === first?.name || (node.op === "conv" && node.groups > 1);
    return few && twoTerm !== null ? twoTerms(twoTerm) : levelsWith(bits, levels);
  };
}

/** Levels for a budget, from what each number of bits costs each layer; layers that were given bits keep them. */
async function dealOut(
  simulated: Network,
  { samples }: Calibration,
  settings: PostTrainingSettings,
  { signal, onStep, onProgress }: PostTrainingControl,
): Promise<(node: Weighted) => LayerLevels> {
  onStep("dealing out bits");
  const { layers, budget, levels: kind } = settings;
  const all = Array.from({ length: MOST_BITS - FEWEST_BITS + 1 }, (_, i) => FEWEST_BITS + i);
  const choicesOf = (name: string) => (layers.has(name) ? [layers.get(name)!] : all);
  const few = { ...samples, count: Math.min(samples.count, COMPARED_IMAGES) };
  const compared = await compensate(
    simulated,
    few,
    {
      levels: () => levelsWith(POWER_BITS, kind),
      explore: ({ name }) => choicesOf(name).map((bits) => levelsWith(bits, kind)),
    },
    { signal, onProgress: (done, total, layer) => onProgress(done / total, layer) },
  );
  const candidates = compared.layers.map(({ name, weights, explored }) => ({
    name,
    weights,
    choices: choicesOf(name).map((bits, i) => ({ bits, noise: 10 ** (-explored[i] / 10) })),
  }));
  const chosen = allocateBits(candidates, budget!);
  return ({ name }) => levelsWith(choicesOf(name)[chosen.get(name)!], kind);
}

function outcome(network: Network, levelsOf: (node: Weighted) => LayerLevels, reports: readonly LayerReport[]) {
  const nodes = new Map(
    network.nodes.flatMap((node) => (node.op === "conv" || node.op === "dense" ? [[node.name, node]] : [])),
  );
  const layers = reports.map(({ explored, ...report }): LayerOutcome => {
    const bits = levelBits(levelsOf(nodes.get(report.name)!));
    const more =
      explored.length > 0
        ? { bits: bits + 1, bytes: Math.ceil(report.weights / 8), gain: explored[0] - report.ownSnr }
        : null;
    return { ...report, bits, more };
  });
  const total = layers.reduce((sum, { weights }) => sum + weights, 0);
  return { layers, averageBits: layers.reduce((sum, { weights, bits }) => sum + (weights * bits) / total, 0) };
}

function notesFor(
  { activations, bits, levels, budget, seed }: PostTrainingSettings,
  distillation: Distillation | null,
): Record<string, string> {
  return {
    weights: `compensated rounding, ${budget === null ? `${bits} bits` : `${budget} bits on average`}, ${levels}`,
    activations: schemeText(activations),
    ...(distillation && { distillation: `${distillation.epochs.join(" ")} epochs a portion, seed ${seed}` }),
  };
}
