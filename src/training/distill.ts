// distill.ts: self-distillation: INQ in compensated portions, the float network teaching between them, in a given time.
import { type Augmentation, type Dataset, type Samples, samplesOf, size } from "../data/memory.js";
import { ShiftwiseError } from "../format/index.js";
import type { Network, WeightGrids } from "../graph/index.js";
import { checkPortions, removeQuantizers } from "../quantize/index.js";
import { copyParameters } from "./checkpoint.js";
import { compensate, type LayerReport } from "./compensate.js";
import { type LevelsOf, portionSteps } from "./layer-plan.js";
import { type Control, inRange, type Progress } from "./options.js";
import { train } from "./train.js";

export interface DistillOptions {
  readonly levels: LevelsOf;
  /** Of the whole run, rounding and training. At least one epoch is trained after each portion, whatever it takes. */
  readonly minutes: number;
  /**
   * Accumulated shares rising to 1. Default 1 alone: all weights are rounded at once, biases and batch norm learn. Other
   * portions let weights learn too, which takes more images and more time before it is better.
   */
  readonly portions?: readonly number[];
  readonly learningRate: number;
  readonly batchSize: number;
  readonly augment?: Augmentation;
  readonly seed?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

export interface DistillControl {
  /** A portion is being rounded: layers done, of how many. */
  readonly onRounding?: (portion: number, done: number, total: number) => void;
  /** A portion is being trained. */
  readonly onTraining?: (portion: number, progress: Progress) => void;
}

export interface DistillResult {
  /** The network with rounded weights; the one given is not changed. */
  readonly network: Network;
  readonly grids: WeightGrids;
  /** Of the last portion's rounding. */
  readonly layers: readonly LayerReport[];
  /** Trained after each portion. */
  readonly epochs: readonly number[];
}

/**
 * For each portion: the next share of every layer is rounded with compensation and frozen, then the rest of the weights,
 * biases and batch norm learn from the logits of the float network, on images whose labels do not matter. After the last
 * portion biases and batch norm alone learn. Batch norm stays on its running statistics throughout.
 *
 * How many epochs there are follows from the time that the first one takes, so two runs need not agree.
 * @param network with its quantize nodes and float weights.
 * @throws BAD_OPTION, BAD_DATA; as `compensate` and `train`.
 */
export async function distill(
  network: Network,
  dataset: Dataset,
  options: DistillOptions,
  control: DistillControl = {},
): Promise<DistillResult> {
  const { levels, minutes, seed = 1, threads = 1, signal } = options;
  inRange("minutes", minutes, 0, Number.POSITIVE_INFINITY);
  const portions = checkPortions(options.portions ?? [1]);
  const start = performance.now();
  const teacher = removeQuantizers(structuredClone(network));
  const student = structuredClone(network);
  const samples = samplesOf(dataset);
  const fewer: Samples = { ...samples, count: Math.min(samples.count, PORTION_SAMPLES) };
  const trainFor = async (epochs: number, portion: number, grids: WeightGrids): Promise<number> => {
    const begin = performance.now();
    const common: Pick<Control, "signal"> = signal ? { signal } : {};
    await train(
      student,
      dataset,
      {
        epochs,
        batchSize: Math.min(options.batchSize, size(dataset)),
        learningRate: options.learningRate,
        schedule: { kind: "cosine", warmUp: Math.min(1, epochs / 4) },
        clip: CLIP,
        batchNorm: "frozen",
        distill: { teacher },
        grids,
        seed: seed + portion,
        threads,
        ...(options.augment && { augment: options.augment }),
      },
      { ...common, onProgress: (progress) => control.onTraining?.(portion, progress) },
    );
    return (performance.now() - begin) / 1000;
  };

  let grids: WeightGrids | null = null;
  let layers: readonly LayerReport[] = [];
  let rounding = 0;
  let perEpoch = 0;
  const done: number[] = [];
  for (const [i, portion] of portions.entries()) {
    const begin = performance.now();
    const rounded = await compensate(
      student,
      portion === 1 ? samples : fewer,
      { levels: portionSteps(student, grids, levels, portion) },
      { ...(signal && { signal }), onProgress: (layer, total) => control.onRounding?.(i, layer, total) },
    );
    copyParameters(rounded.network, student);
    ({ grids, layers } = rounded);
    rounding = (performance.now() - begin) / 1000 / (portion === 1 ? samples : fewer).count;
    // the first portion's first epoch tells how long an epoch is
    let epochs = 0;
    if (i === 0) {
      perEpoch = await trainFor(1, i, grids);
      epochs = 1;
    }
    const left = portions.length - i;
    const spent = (performance.now() - start) / 1000;
    const toRound = rounding * (left > 1 ? (left - 2) * fewer.count + samples.count : 0);
    const share = (60 * minutes - spent - toRound) / (left - 1 + LAST_SHARE);
    const more = Math.floor((left === 1 ? LAST_SHARE * share : share) / perEpoch);
    if (more > 0 || epochs === 0) {
      const seconds = await trainFor(Math.max(more, 1), i, grids);
      perEpoch = seconds / Math.max(more, 1);
      epochs += Math.max(more, 1);
    }
    done.push(epochs);
  }
  if (!grids) throw new ShiftwiseError("BAD_OPTION", "no portions", { where: "portions" });
  return { network: student, grids, layers, epochs: done };
}

/** Largest norm of a step's gradient: folded networks have weights that a long step would throw out. */
const CLIP = 5;
/** Images for rounding all portions but the last: what they lose is trained away. */
const PORTION_SAMPLES = 128;
/** Time for the last portion, of a portion's: only biases and batch norm learn there. */
const LAST_SHARE = 0.5;
