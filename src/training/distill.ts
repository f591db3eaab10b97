// distill.ts: self-distillation: rounding with compensation, the float network teaching, in a given time, never for the worse.

import { given, is, ShiftwiseError } from "../base/index.js";
import { AUGMENTATION, type Augmentation } from "../data/browser.js";
import { NETWORK, type Network, removeQuantizers } from "../graph/index.js";
import { GRIDS, type WeightGrids } from "../ops/index.js";
import { checkPortions } from "../quantize/index.js";
import {
  type CompensateResult,
  compensate,
  LAYER_RECORDS,
  type LayerRecords,
  type LayerReport,
  type LevelsOf,
  portionSteps,
} from "../rounding/index.js";
import { endsInLogits } from "./aims.js";
import { copyParameters } from "./checkpoint.js";
import { type Divergence, fidelityTo } from "./fidelity.js";
import { THREADS } from "./given.js";
import { holdOut } from "./hold-out.js";
import { firstOf, LEARNING_SET, type LearningSet, lessonCount, valuesOf } from "./lessons.js";
import { inRange, type Progress } from "./options.js";
import { train } from "./train.js";

/** Options of `distill`. */
export interface DistillOptions {
  readonly levels: LevelsOf;
  /** Grids of layers whose weights lie on them already and stay as they are; `levels` gives null for these. */
  readonly ready?: WeightGrids;
  /**
   * Minutes of the whole run, rounding and training. At least one epoch is trained after each portion, whatever it
   * takes.
   */
  readonly minutes: number;
  /**
   * Accumulated shares rising to 1. Default 1 alone: all weights are rounded at once, biases and batch norm learn. Other
   * portions let weights learn too, which takes more images and more time before it is better.
   */
  readonly portions?: readonly number[];
  /** The learning rate of the first attempt. */
  readonly learningRate: number;
  readonly batchSize: number;
  readonly augment?: Augmentation;
  readonly seed?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/** Progress of `distill`. */
export interface DistillControl {
  /** A portion is being rounded, and before the first of several the last: layers done, of how many. */
  readonly onRounding?: (portion: number, done: number, total: number) => void | Promise<void>;
  /** A portion is being trained; the last in several attempts. */
  readonly onTraining?: (portion: number, progress: Progress) => void | Promise<void>;
  /**
   * The records of the rounding of all weights, which comes first; see CompensateControl.
   * @internal
   */
  readonly records?: LayerRecords;
}

const OPTIONS = is.record<DistillOptions>({
  levels: is.callback,
  ready: is.optional(GRIDS),
  minutes: is.number,
  portions: is.optional(is.list(is.number)),
  learningRate: is.number,
  batchSize: is.integer(1),
  augment: is.optional(AUGMENTATION),
  seed: is.optional(is.integer(0)),
  threads: THREADS,
  signal: is.optional(is.signal),
});
const STEERING = is.record<DistillControl>({
  onRounding: is.optional(is.callback),
  onTraining: is.optional(is.callback),
  records: is.optional(LAYER_RECORDS),
});

/** Training from the best state so far, all weights rounded. */
export interface Attempt {
  readonly epochs: number;
  readonly learningRate: number;
  /** Against the float network on the images held out; null where training has diverged. */
  readonly found: Divergence | null;
  /** Whether it has come nearer to the float network; it is undone otherwise. */
  readonly kept: boolean;
}

/** The result of `distill`. */
export interface DistillResult {
  /** The network with rounded weights; the one given is not changed. */
  readonly network: Network;
  readonly grids: WeightGrids;
  /** The reports of the rounding that the network comes from. */
  readonly layers: readonly LayerReport[];
  /** Trained after each portion, undone attempts included. */
  readonly epochs: readonly number[];
  /** Images on which states were compared: neither rounded nor trained on, or where there are fewer than eight, all. */
  readonly heldOut: number;
  /** Against the float network: all weights rounded at once without training; the result. */
  readonly before: Divergence;
  readonly after: Divergence;
  readonly attempts: readonly Attempt[];
}

/**
 * All weights are rounded with compensation, or portion by portion, with training of what is still free in between. Then
 * biases and batch norm learn from the outputs of the float network, on images whose labels do not matter, in attempts: each
 * starts from the best state, its rate falls along a cosine, and it is undone, and the next one slower, where it has not come
 * nearer to the float network on images that are held out; where outputs are no logits, the next one is faster until then. So the result is no worse there than rounding alone. Batch norm stays
 * on its running statistics throughout.
 *
 * How many epochs there are follows from the time that the first one takes, so two runs need not agree.
 * @param network with its quantize nodes and float weights.
 * @throws BAD_OPTION, BAD_DATA; as `compensate` and `train`.
 */
export async function distill(
  network: Network,
  set: LearningSet,
  options: DistillOptions,
  control: DistillControl = {},
): Promise<DistillResult> {
  given(
    { network, set, options, control },
    { network: NETWORK, set: LEARNING_SET, options: OPTIONS, control: STEERING },
  );
  const { levels, minutes, seed = 1, threads = 1, signal } = options;
  inRange("minutes", minutes, 0, Number.POSITIVE_INFINITY);
  const portions = checkPortions(options.portions ?? [1]);
  const withReady = (grids: WeightGrids): WeightGrids => new Map([...(options.ready ?? []), ...grids]);
  const end = performance.now() + 60_000 * minutes;
  const secondsLeft = () => (end - performance.now()) / 1000;
  const teacher = removeQuantizers(structuredClone(network));
  const [learned, held] = holdOut(set);
  const measure = fidelityTo(teacher, valuesOf(held));
  const samples = valuesOf(learned);
  const fewer = firstOf(samples, PORTION_SAMPLES);
  const last = portions.length - 1;

  const round = (
    student: Network,
    grids: WeightGrids | null,
    i: number,
    records?: LayerRecords,
  ): Promise<CompensateResult> =>
    compensate(
      student,
      portions[i] === 1 ? samples : fewer,
      { levels: portionSteps(student, grids, levels, portions[i]), adapted: grids !== null },
      { ...(signal && { signal }), records, onProgress: (layer, total) => control.onRounding?.(i, layer, total) },
    );
  let runs = 0;
  /** Seconds that an epoch took. */
  const trainFor = async (student: Network, grids: WeightGrids, epochs: number, rate: number, portion: number) => {
    const begin = performance.now();
    await train(
      student,
      learned,
      {
        epochs,
        batchSize: Math.min(options.batchSize, lessonCount(learned)),
        learningRate: rate,
        schedule: { kind: "cosine", warmUp: Math.min(1, epochs / 4) },
        clip: CLIP,
        batchNorm: "frozen",
        distill: { teacher },
        grids: withReady(grids),
        seed: seed + runs++,
        threads,
        ...(options.augment && { augment: options.augment }),
      },
      { ...(signal && { signal }), onProgress: (progress) => control.onTraining?.(portion, progress) },
    );
    return (performance.now() - begin) / 1000 / epochs;
  };

  let rounded = await round(network, null, last, control.records);
  const before = measure(rounded.network);
  let best = rounded;
  let after = before;
  const epochs: number[] = [];
  let perEpoch: number | null = null;
  if (last > 0) {
    const student = structuredClone(network);
    let grids: WeightGrids | null = null;
    for (const i of portions.keys()) {
      rounded = await round(student, grids, i);
      copyParameters(rounded.network, student);
      grids = rounded.grids;
      if (i === last) break;
      const share = secondsLeft() / (last - i + LAST_SHARE);
      const count: number = perEpoch ? Math.max(1, Math.floor(share / perEpoch)) : 1;
      perEpoch = await trainFor(student, grids, count, options.learningRate, i);
      epochs.push(count);
    }
    const found = measure(student);
    if (found.distance < after.distance) {
      best = { ...rounded, network: student };
      after = found;
    }
  }

  const attempts: Attempt[] = [];
  const length = secondsLeft() / ATTEMPTS;
  let rate = options.learningRate;
  // gradients of squared errors have no usual size: the rate rises until it is too high
  let rises = !endsInLogits(teacher);
  while (rate > options.learningRate * LEAST_RATE && (attempts.length === 0 || secondsLeft() > (perEpoch ?? 0))) {
    const student = structuredClone(best.network);
    const count: number = perEpoch ? Math.max(1, Math.floor(Math.min(length, secondsLeft()) / perEpoch)) : 1;
    let found: Divergence | null = null;
    try {
      perEpoch = await trainFor(student, best.grids, count, rate, last);
      found = measure(student);
    } catch (error) {
      if (!(error instanceof ShiftwiseError) || error.code !== "DIVERGED") throw error;
    }
    const kept = found !== null && found.distance < after.distance;
    attempts.push({ epochs: count, learningRate: rate, found, kept });
    if (kept) {
      best = { ...best, network: student };
      after = found!;
      if (rises) rate /= RATE_FALL;
    } else {
      rate *= RATE_FALL;
      rises = false;
    }
  }
  return {
    ...best,
    grids: withReady(best.grids),
    epochs: [...epochs, attempts.reduce((sum, attempt) => sum + attempt.epochs, 0)],
    heldOut: lessonCount(held),
    before,
    after,
    attempts,
  };
}

/** Largest norm of a step's gradient: folded networks have weights that a long step would throw out. */
const CLIP = 5;
/** Images for rounding all portions but the last: what they lose is trained away. */
const PORTION_SAMPLES = 128;
/** Time for the attempts after the last portion, of a portion's. */
const LAST_SHARE = 0.5;
/** Attempts that the time is for, as long as they take one epoch or more. */
const ATTEMPTS = 6;
/** The rate of an attempt after one that was undone, and the one at which there is no point in going on. */
const RATE_FALL = 1 / 3;
const LEAST_RATE = 1 / 100;
