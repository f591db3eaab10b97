// quantization.ts: a float network to the model that runs in integers: calibration, INQ with retraining, lowering.

import { ShiftwiseError } from "../base/index.js";
import { type Dataset, sampleImages, samplesOf } from "../data/index.js";
import { insertQuantizers, lower, type Network, quantizationPoints } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";
import {
  type ActivationScheme,
  type CalibrationOptions,
  calibrate,
  collectHistograms,
  portionsFor,
} from "../quantize/index.js";
import { percent } from "../report/index.js";
import {
  activations,
  type EpochRecord,
  type Progress,
  type PruneOptions,
  type PruneResult,
  prune,
  type RetrainOptions,
  recoverNorms,
  retrain,
} from "../training/index.js";
import { schemeText } from "./arguments.js";
import type { Context } from "./command.js";
import { showTraining, WEIGHT_DECAY } from "./training.js";

/** What `retrain` takes, and the integers that activations become. */
export interface QuantizationSettings extends RetrainOptions {
  readonly activations: ActivationScheme;
}

export interface QuantizationControl {
  readonly signal: AbortSignal;
  /** Called once calibration is over and retraining begins. */
  readonly onCalibrated: () => void;
  readonly onProgress: (progress: Progress) => void;
}

export interface Quantized {
  readonly model: ModelDef;
  readonly history: readonly EpochRecord[];
  /** See RetrainResult. */
  readonly tests: readonly (number | null)[];
}

/** Training images whose statistics put a folded batch norm back. */
const RECOVERY_IMAGES = 512;
/** Activation ranges are fitted to this many training images. */
const CALIBRATION_IMAGES = 512;
/** Batch norm statistics are measured anew over this many batches when all weights are on the grid. */
const REESTIMATION_BATCHES = 40;

/**
 * Quantizes a trained network; its weights are changed in place.
 * @param dataset training images, normalized as the network expects.
 * @throws what calibrate, retrain and lower throw; ABORTED, with a checkpoint where one was asked for.
 */
export async function quantizeNetwork(
  network: Network,
  dataset: Dataset,
  settings: QuantizationSettings,
  control: QuantizationControl,
): Promise<Quantized> {
  const simulated = await withQuantizers(network, dataset, { activations: settings.activations }, settings.seed ?? 1);
  control.onCalibrated();

  const { grids, history, tests } = await retrain(simulated, dataset, settings, control);
  return { model: { ...lower(simulated, { grids }), notes: notesFor(settings) }, history, tests };
}

/** quantizeNetwork with its two progress lines. */
export async function quantizeShown(
  network: Network,
  dataset: Dataset,
  settings: QuantizationSettings,
  { screen, signal }: Context,
): Promise<Quantized> {
  let line = screen.progress("calibrating");
  const quantized = await quantizeNetwork(network, dataset, settings, {
    signal,
    onCalibrated() {
      line.done();
      line = screen.progress("retraining");
    },
    onProgress: (progress) => showTraining(line)(progress),
  });
  line.done();
  return quantized;
}

/** `prune` with its progress line; a finished pruning is taken from its checkpoint. */
export async function pruneShown(
  network: Network,
  dataset: Dataset,
  options: PruneOptions,
  { screen, signal }: Context,
): Promise<PruneResult> {
  const line = screen.progress("pruning");
  const result = await prune(network, dataset, options, { signal, onProgress: showTraining(line, "stage") });
  line.done();
  return result;
}

/**
 * What the commands retrain with besides what they are told: no epochs after the last portion, when no weight is free, the
 * rate falling to nothing in each portion, batch norm statistics measured anew at the end.
 */
export function commonSettings(portions: readonly number[], epochs: number, images: number, batchSize: number) {
  return {
    portions,
    epochs: portions.map((portion) => (portion < 1 ? epochs : 0)),
    batchSize,
    weightDecay: WEIGHT_DECAY,
    schedule: { kind: "cosine" },
    reestimate: Math.min(REESTIMATION_BATCHES, Math.floor(images / batchSize)),
  } as const;
}

function notesFor(settings: QuantizationSettings): Record<string, string> {
  const { bits, activations: scheme, portions, epochs, partition = "magnitude", learningRate, seed = 1 } = settings;
  const { scale, compensate, distill, pruned } = settings;
  const widths =
    typeof bits === "number" ? `${bits} bits` : [...bits].map(([name, n]) => `${name} ${n} bits`).join(", ");
  const passes = typeof epochs === "number" ? epochs : epochs.join(" ");
  const weights = [
    `INQ, ${widths}, ${partition} order, portions ${(portions ?? portionsFor(bits)).join(" ")}`,
    ...(scale === "channel" ? ["a scale for every channel"] : []),
    ...(compensate ? [`rounded with compensation on ${compensate} images`] : []),
    ...(pruned ? [`${percent(prunedShare(pruned))} of them pruned`] : []),
  ];
  const retraining = [
    `${passes} epochs a portion, rate ${learningRate}, seed ${seed}`,
    ...(distill ? [`${percent(distill.share ?? 1)} of the loss from the float network`] : []),
  ];
  return { weights: weights.join(", "), activations: schemeText(scheme), retraining: retraining.join(", ") };
}

/** Of all weights of the layers that have a mask. */
export function prunedShare(pruned: ReadonlyMap<string, Uint8Array>): number {
  const masks = [...pruned.values()];
  const zeros = masks.reduce((sum, mask) => sum + mask.reduce((count, flag) => count + flag, 0), 0);
  return zeros / masks.reduce((sum, mask) => sum + mask.length, 0);
}

/**
 * Retraining needs batch norm, which most exports have folded away: where a network has none, every convolution gets one,
 * and the function stays. A network that needs none is returned itself.
 */
export function withNorms(network: Network, dataset: Dataset, seed: number): Network {
  const has = (op: string) => network.nodes.some((node) => node.op === op);
  if (has("batchNorm") || !has("conv")) return network;
  return recoverNorms(network, samplesOf(sampleImages(dataset, RECOVERY_IMAGES, seed)));
}

/** The network with quantize nodes, fitted to what it makes of some of the images. Weights are shared with the one given. */
export async function withQuantizers(
  network: Network,
  dataset: Dataset,
  options: CalibrationOptions,
  seed: number,
): Promise<Network> {
  const points = quantizationPoints(network);
  const images = sampleImages(dataset, CALIBRATION_IMAGES, seed);
  const histograms = await collectHistograms(points, activations(network, images, points));
  return insertQuantizers(network, calibrate(network, histograms, options));
}

/**
 * The set normalized as the network expects, which need not be what the set's own images call for.
 * @throws UNSUPPORTED for a network that does not say.
 */
export function normalizedFor(network: Network, dataset: Dataset): Dataset {
  const input = network.nodes.find((node) => node.op === "input");
  if (input?.op === "input" && input.normalization) return { ...dataset, normalization: input.normalization };
  throw new ShiftwiseError("UNSUPPORTED", "the network says nothing about pixels", {
    where: network.name,
    expected: "an input with normalization",
  });
}
