// retraining.ts: a float network to the model that runs in integers, on labelled images: batch norm put back, pruning,
// calibration, INQ, lowering.
import { given, is } from "../base/index.js";
import { DATASET, type Dataset, size } from "../data/browser.js";
import { lower, type Network } from "../graph/index.js";
import {
  averageBits,
  PORTION_FIELDS,
  paperBits,
  portionsFor,
  quantizerNamed,
  SCHEME,
  weightNodes,
} from "../quantize/index.js";
import {
  type CheckpointOptions,
  COMMON,
  type EpochRecord,
  type Progress,
  type PruneResult,
  prune,
  retrain,
} from "../training/index.js";
import { DEFAULTS } from "./defaults.js";
import { checkFloat, logitsOf, normalizedFor, taking, withNorms, withoutTiny, withQuantizers } from "./network.js";
import { type ConversionResult, createWarnings, percentText, schemeText } from "./notes.js";
import { pruningFor, type RetrainingRecipe, recipeFor } from "./recipes.js";
import { CONTROL, checkBits, checkLayers, TRAINING } from "./settings.js";

/** Callbacks of quantizeByRetraining, the signal that stops it, and what it measures and keeps on the way. */
export interface RetrainingControl {
  /** Stops before the next step of training; a checkpoint is written where one was asked for. */
  readonly signal?: AbortSignal;
  /** A step begins. */
  readonly onStep?: (step: "pruning" | "calibrating" | "retraining") => void | Promise<void>;
  /** After every step of pruning and of retraining. A promise that it returns is waited for: that is how to pause. */
  readonly onProgress?: (progress: Progress) => void | Promise<void>;
  /** Something was assumed or added; `warnings` of the result has the same. */
  readonly onWarning?: (text: string) => void | Promise<void>;
  /** Images whose accuracy is measured after every portion. */
  readonly test?: Dataset;
  /** Files to go on from after an interruption, in Node. */
  readonly checkpoints?: { readonly pruning?: CheckpointOptions; readonly retraining?: CheckpointOptions };
}

/** The result of quantizeByRetraining. */
export interface RetrainingConversion extends ConversionResult {
  /** Every epoch of the retraining. */
  readonly history: readonly EpochRecord[];
  /** Accuracy on the test images after each portion, 0..1; null where there are none. */
  readonly tests: readonly (number | null)[];
  /** Share of the weights that was pruned before. */
  readonly pruned: number;
  /** Every epoch of pruning; empty without it. */
  readonly pruningHistory: readonly EpochRecord[];
}

// the teacher, the masks and the checkpoints are the conversion's own
const { distill: _, checkpoint: CHECKPOINT, ...OPTIONS } = COMMON;
const { pruned: __, ...PORTIONS } = PORTION_FIELDS;

const RECIPE = is.exactly<RetrainingRecipe>({
  ...OPTIONS,
  ...PORTIONS,
  ...TRAINING,
  bits: is.integer(1),
  layers: is.optional(is.map(is.number)),
  activations: is.optional(SCHEME),
  portions: is.optional(is.list(is.number)),
  epochs: is.either((value) => typeof value === "number", is.number, is.list(is.number)),
  anneal: is.optional(is.oneOf("portion", "run")),
  reestimate: is.optional(is.integer(0)),
  compensate: is.optional(is.integer(0)),
  share: is.optional(is.within(0, 1)),
  sparsity: is.optional(is.kind("a share from 0 to below 1", (value) => Number(value) >= 0 && Number(value) < 1)),
  pruneEpochs: is.optional(is.integer(1)),
  weightDecay: is.optional(is.within(0)),
});

const CONTROLS = is.exactly<RetrainingControl>({
  ...CONTROL,
  test: is.optional(DATASET),
  checkpoints: is.optional(is.record({ pruning: CHECKPOINT, retraining: CHECKPOINT })),
});

/** Batch norm statistics are measured anew over this many batches when all weights are on the grid. */
const REESTIMATION_BATCHES = 40;

/** Batches that measure batch norm statistics anew behind plain rounding; of a smaller set all. */
export const reestimationBatches = (dataset: Dataset, batchSize: number): number =>
  Math.min(REESTIMATION_BATCHES, Math.floor(size(dataset) / batchSize));

/**
 * Turns a float network into a model, by retraining (INQ) on labelled images. The network is not changed.
 * @param network of one input; importOnnx of shiftwise/onnx or a training makes it.
 * @param dataset training images; they are normalized as the network's input says, or as they say where it says nothing.
 * @param recipe recipeFor gives one for each width, any part of which may be replaced.
 * @throws BAD_OPTION for a setting out of range; BAD_DATA for images or classes that the network does not take; BAD_GRAPH
 *   for a network that is quantized already; DIVERGED; ABORTED; what calibrate, prune, retrain and lower throw.
 */
export async function quantizeByRetraining(
  network: Network,
  dataset: Dataset,
  recipe: RetrainingRecipe = recipeFor(DEFAULTS.retraining.bits),
  control: RetrainingControl = {},
): Promise<RetrainingConversion> {
  given({ options: recipe, control }, { options: RECIPE, control: CONTROLS });
  checkFloat(network);
  const { warnings, warn, heard } = createWarnings(control.onWarning);
  const { network: ending, whole } = logitsOf(withoutTiny(network, warn));
  const float = taking(ending, dataset);
  const images = normalizedFor(float, dataset);
  const { layers, share = 0, sparsity = 0, pruneEpochs = DEFAULTS.retraining.pruneEpochs, ...rest } = recipe;
  const { activations = DEFAULTS.activations, seed = DEFAULTS.seed } = recipe;
  const quantizer = recipe.quantizer ?? quantizerNamed(DEFAULTS.retraining.levels);
  checkBits(recipe.bits, quantizer);
  checkLayers(network, layers ?? new Map(), quantizer.bits);
  const nodes = weightNodes(network);
  const widths = new Map([...nodes.map(({ name }) => [name, recipe.bits] as const), ...(layers ?? [])]);
  const compensate = Math.min(recipe.compensate ?? 0, size(dataset));
  // compensated rounding keeps the means itself
  const reestimate = recipe.reestimate ?? (compensate > 0 ? 0 : reestimationBatches(dataset, recipe.batchSize));
  const { signal, onStep, onProgress, checkpoints = {} } = control;

  const teacher = withNorms(float, dataset, seed);
  if (teacher !== float) {
    warn("the network has no batch norm: put behind every convolution for retraining, gone again in the model");
  }
  await heard();
  const student = structuredClone(teacher);
  const options = {
    ...rest,
    bits: layers ? widths : recipe.bits,
    compensate,
    reestimate,
    seed,
    ...(share > 0 && { distill: { teacher, share } }),
  };
  let cut: PruneResult | null = null;
  if (sparsity > 0) {
    await onStep?.("pruning");
    const pruning = { ...options, ...pruningFor(sparsity, pruneEpochs, recipe.learningRate) };
    cut = await prune(student, images, { ...pruning, checkpoint: checkpoints.pruning }, { signal, onProgress });
  }
  await onStep?.("calibrating");
  const simulated = await withQuantizers(student, images, { activations }, seed, signal);
  await onStep?.("retraining");
  const settings = {
    ...options,
    ...(cut && { pruned: cut.pruned }),
    ...(control.test && { test: normalizedFor(float, control.test) }),
    ...(checkpoints.retraining && { checkpoint: checkpoints.retraining }),
  };
  const { grids, history, tests } = await retrain(simulated, images, settings, { signal, onProgress });
  const rounded = whole(simulated);
  const counts = nodes.map(({ name, weight }) => ({ name, count: weight.data.length }));
  return {
    model: { ...lower(rounded, { grids }), notes: notesFor({ ...recipe, compensate, seed }, widths, cut) },
    network: rounded,
    grids,
    layers: counts.map(({ name, count }) => ({ name, weights: count, bits: widths.get(name)! })),
    averageBits: averageBits(counts, widths),
    warnings,
    history,
    tests,
    pruned: cut ? prunedShare(cut) : 0,
    pruningHistory: cut?.history ?? [],
  };
}

function notesFor(
  recipe: RetrainingRecipe,
  widths: ReadonlyMap<string, number>,
  cut: PruneResult | null,
): Record<string, string> {
  const {
    bits,
    layers,
    activations = DEFAULTS.activations,
    epochs,
    partition = "magnitude",
    learningRate,
    seed,
  } = recipe;
  const { scale, compensate, share = 0 } = recipe;
  const quantizer = recipe.quantizer ?? quantizerNamed(DEFAULTS.retraining.levels);
  const portions = recipe.portions ?? portionsFor(paperBits(widths));
  const each = layers ? [...widths].map(([name, n]) => `${name} ${n} bits`).join(", ") : `${bits} bits`;
  const passes = typeof epochs === "number" ? epochs : epochs.join(" ");
  const weights = [
    `INQ, ${each}${quantizer.exponents ? "" : ` of ${quantizer.name}`}, ${partition} order, portions ${portions.join(" ")}`,
    ...(scale === "channel" ? ["a scale for every channel"] : []),
    ...(compensate ? [`rounded with compensation on ${compensate} images`] : []),
    ...(cut ? [`${percentText(prunedShare(cut))} of them pruned`] : []),
  ];
  const retraining = [
    `${passes} epochs a portion, rate ${learningRate}, seed ${seed}`,
    ...(share > 0 ? [`${percentText(share)} of the loss from the float network`] : []),
  ];
  return { weights: weights.join(", "), activations: schemeText(activations), retraining: retraining.join(", ") };
}

/** Returns the share of zeros among all weights of the layers that have a mask. */
function prunedShare({ pruned }: PruneResult): number {
  const masks = [...pruned.values()];
  const zeros = masks.reduce((sum, mask) => sum + mask.reduce((count, flag) => count + flag, 0), 0);
  return zeros / masks.reduce((sum, mask) => sum + mask.length, 0);
}
