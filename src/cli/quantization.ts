// quantization.ts: a float network to the model that runs in integers: calibration, INQ with retraining, lowering.
import { type Augmentation, type Dataset, size, subset } from "../data/index.js";
import { type ModelDef, ShiftwiseError } from "../format/index.js";
import { createRandom, lower, type Network } from "../graph/index.js";
import {
  type ActivationScheme,
  calibrate,
  collectHistograms,
  insertQuantizers,
  type Partition,
  quantizationPoints,
} from "../quantize/index.js";
import { activations, type CheckpointOptions, type EpochRecord, type Progress, retrain } from "../training/index.js";
import { schemeText } from "./arguments.js";
import { WEIGHT_DECAY } from "./training.js";

export interface QuantizationSettings {
  readonly bits: number;
  readonly activations: ActivationScheme;
  readonly portions: readonly number[];
  /** Of each portion but the last, after which no weight is free. */
  readonly epochs: number;
  readonly partition: Partition;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly augment: Augmentation;
  readonly seed: number;
  readonly threads: number;
  readonly checkpoint?: CheckpointOptions;
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
}

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
  const points = quantizationPoints(network);
  const sample = calibrationSample(dataset, settings.seed);
  const histograms = await collectHistograms(points, activations(network, sample, points));
  const encodings = calibrate(network, histograms, { activations: settings.activations });
  const simulated = insertQuantizers(network, encodings);
  control.onCalibrated();

  const { bits, portions, partition, batchSize, learningRate, augment, seed, threads, checkpoint } = settings;
  const batches = Math.floor(size(dataset) / batchSize);
  const { grids, history } = await retrain(
    simulated,
    dataset,
    {
      bits,
      portions,
      epochs: portions.map((portion) => (portion < 1 ? settings.epochs : 0)),
      partition,
      batchSize,
      learningRate,
      weightDecay: WEIGHT_DECAY,
      schedule: { kind: "cosine" },
      augment,
      seed,
      threads,
      reestimate: Math.min(REESTIMATION_BATCHES, batches),
      ...(checkpoint && { checkpoint }),
    },
    { signal: control.signal, onProgress: control.onProgress },
  );
  return { model: { ...lower(simulated, { grids }), notes: notesFor(settings) }, history };
}

function notesFor(settings: QuantizationSettings): Record<string, string> {
  const { bits, activations: scheme, portions, epochs, partition, learningRate, seed } = settings;
  return {
    weights: `INQ, ${bits} bits, ${partition} order, portions ${portions.join(" ")}`,
    activations: schemeText(scheme),
    retraining: `${epochs} epochs a portion, rate ${learningRate}, seed ${seed}`,
  };
}

function calibrationSample(dataset: Dataset, seed: number): Dataset {
  const order = Uint32Array.from({ length: size(dataset) }, (_, i) => i);
  createRandom(seed).shuffle(order);
  return subset(dataset, order.subarray(0, CALIBRATION_IMAGES));
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
