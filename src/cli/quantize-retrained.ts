// quantize-retrained.ts: shiftwise quantize --data: INQ with retraining on labelled images.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { writeAtomically } from "../base/index.js";
import { openDataset, size, type TrainTest } from "../data/index.js";
import { lower, type Network } from "../graph/index.js";
import { encodeModel, type ModelDef } from "../model/index.js";
import { type ActivationScheme, type Partition, weightNodes } from "../quantize/index.js";
import { bytes, type Column, count, duration, milliseconds, percent, ratio, table } from "../report/index.js";
import { type EpochRecord, pruningFor, type RecipeName, type RetrainOptions, recipeFor } from "../training/index.js";
import { schemeName } from "./arguments.js";
import type { Context } from "./command.js";
import {
  checkCheckpoint,
  checkOutputs,
  checkpointPath,
  type NetworkArguments,
  readAnyNetwork,
  removeCheckpoint,
} from "./files.js";
import { checkFits, classesOf, createExecutor, type Measurement, measureShown } from "./measure.js";
import { type PreprocessingArguments, preprocessingFrom, withPreprocessing } from "./preprocessing.js";
import { commonSettings, normalizedFor, prunedShare, pruneShown, quantizeShown, withNorms } from "./quantization.js";
import { resumable, type TrainingArguments } from "./training.js";

export interface RetrainedArguments extends PreprocessingArguments, NetworkArguments, Omit<TrainingArguments, "lr"> {
  readonly json?: boolean;
  readonly data: string;
  readonly out: string;
  readonly bits: number;
  readonly layer?: ReadonlyMap<string, number>;
  readonly activations: ActivationScheme;
  readonly recipe?: RecipeName;
  readonly portions?: readonly number[];
  /** One number for all portions but the last, or one for each. */
  readonly epochs?: readonly number[];
  readonly lr?: number;
  readonly partition?: Partition;
  readonly ranking?: NonNullable<RetrainOptions["ranking"]>;
  readonly scale?: NonNullable<RetrainOptions["scale"]>;
  readonly compensate?: number;
  readonly anneal?: NonNullable<RetrainOptions["anneal"]>;
  readonly distill?: number;
  readonly batchNorm?: NonNullable<RetrainOptions["batchNorm"]>;
  readonly clip?: number;
  readonly prune: number;
  readonly pruneEpochs: number;
}

/** After each portion but the last, where portions are told and epochs are not. */
const EPOCHS = 2;

export async function runRetrained(path: string, options: RetrainedArguments, context: Context): Promise<void> {
  const { out, bits } = options;
  const start = performance.now();
  const checkpoints = { pruning: `${checkpointPath(out)}.pruning`, retraining: checkpointPath(out) };
  const read = await labelledNetwork(path, options, context.screen.say);
  const prunes = options.prune > 0;
  await checkOutputs([out, checkpoints.retraining, ...(prunes ? [checkpoints.pruning] : [])], [path]);
  const first = prunes ? checkpoints.pruning : checkpoints.retraining;
  if (options.resume) await checkCheckpoint(first);
  // one that an earlier run left would be taken for this run's when its pruning is resumed
  else if (prunes) await removeCheckpoint(checkpoints.retraining);
  const floatModel = lower(read, { grids: null });
  const data = await openDataset(options.data, { classes: classesOf(floatModel) });
  checkFits(floatModel, data.test);
  const settings = settingsOf(read, options, size(data.train));

  const { float, shift, model, history, tests, pruned } = await resumable(first, async () => {
    const before = await test(floatModel, data, "testing float", context);
    const train = normalizedFor(read, data.train);
    const network = withNorms(read, train, options.seed);
    if (network !== read) {
      const what = "put behind every convolution for retraining, gone again in the model";
      context.screen.say(`the network has no batch norm: ${what}`);
    }
    const teacher = structuredClone(network);
    const resume = options.resume === true;
    const distill = settings.share > 0 && { distill: { teacher, share: settings.share } };
    const pruning = {
      ...settings,
      ...distill,
      ...pruningFor(options.prune, options.pruneEpochs, settings.learningRate),
    };
    const saved = { path: checkpoints.pruning, resume };
    const cut = prunes ? await pruneShown(network, train, { ...pruning, checkpoint: saved }, context) : null;
    const quantized = await quantizeShown(
      network,
      train,
      {
        ...settings,
        ...distill,
        ...(cut && { pruned: cut.pruned }),
        test: normalizedFor(network, data.test),
        checkpoint: { path: checkpoints.retraining, resume },
      },
      context,
    );
    const after = await test(quantized.model, data, "testing", context);
    return { float: before, shift: after, pruned: cut?.pruned ?? null, ...quantized };
  });

  const file = encodeModel({ ...model, notes: { ...model.notes, ...notesFor(float, shift) } });
  await writeAtomically(out, file);
  await Promise.all(Object.values(checkpoints).map(removeCheckpoint));
  const result = {
    ...shift,
    weightBits: bits,
    activations: schemeName(options.activations),
    pruned: pruned ? prunedShare(pruned) : 0,
    portions: settings.portions.map((portion, i) => ({
      portion,
      trainingAccuracy: lastAccuracy(history, i),
      testAccuracy: percentOf(tests[i]),
    })),
    float: { accuracy: float.accuracy, msPerImage: float.msPerImage },
    bytes: file.length,
    gzipBytes: (await promisify(gzip)(file, { level: 9 })).length,
    seconds: (performance.now() - start) / 1000,
    out,
  };
  context.screen.result(result, describe(result));
}

/**
 * What retrain is told, but for the networks: the recipe's settings where the command line gives none.
 * @throws BAD_OPTION
 */
function settingsOf(network: Network, options: RetrainedArguments, images: number) {
  const { bits, layer, activations, partition, ranking, batch, augment, seed, threads } = options;
  const recipe = recipeFor(options.recipe ?? "tuned", Math.min(bits, ...(layer?.values() ?? [])));
  const portions = options.portions ?? recipe.portions;
  const clip = options.clip ?? recipe.clip;
  const compensate = options.compensate ?? Math.min(recipe.compensate, images);
  const epochs = options.epochs ?? (options.portions ? [EPOCHS] : recipe.epochs);
  const common = commonSettings(portions, epochs[0], images, batch);
  return {
    ...common,
    // compensated rounding keeps the means itself
    reestimate: compensate > 0 ? 0 : common.reestimate,
    ...(epochs.length > 1 && { epochs }),
    bits: layer ? new Map([...weightNodes(network).map(({ name }) => [name, bits] as const), ...layer]) : bits,
    activations,
    ...(partition && { partition }),
    ...(ranking && { ranking }),
    ...(recipe.rule && { rule: recipe.rule }),
    scale: options.scale ?? recipe.scale,
    compensate,
    anneal: options.anneal ?? recipe.anneal,
    share: options.distill ?? recipe.share,
    batchNorm: options.batchNorm ?? recipe.batchNorm,
    learningRate: options.lr ?? recipe.learningRate,
    ...(clip !== undefined && { clip }),
    augment,
    seed,
    threads,
  };
}

/** The network, which must say what its pixels are. */
async function labelledNetwork(
  path: string,
  options: RetrainedArguments,
  say: (line: string) => void,
): Promise<Network> {
  const network = await readAnyNetwork(path, options, say);
  const preprocessing = await preprocessingFrom(options);
  return preprocessing ? withPreprocessing(network, preprocessing) : network;
}

/** Accuracies in percent, after the portion's retraining. */
interface PortionResult {
  readonly portion: number;
  /** On training images, in the last epoch; null where there was none. */
  readonly trainingAccuracy: number | null;
  readonly testAccuracy: number | null;
}

interface RetrainedResult extends Measurement {
  /** Share of the weights, 0..1. */
  readonly pruned: number;
  readonly portions: readonly PortionResult[];
  readonly float: { readonly accuracy: number; readonly msPerImage: number };
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly seconds: number;
  readonly out: string;
}

function describe(result: RetrainedResult): string {
  const { portions, pruned, float, accuracy, total, msPerImage, gzipBytes, seconds, out } = result;
  const rows = portions.map(({ portion, trainingAccuracy, testAccuracy }) => [
    percent(portion),
    trainingAccuracy === null ? "no retraining" : percent(trainingAccuracy / 100),
    testAccuracy === null ? "" : percent(testAccuracy / 100),
  ]);
  const columns: readonly Column[] = [
    ["portion", "right"],
    ["training accuracy", "right"],
    ["test accuracy", "right"],
  ];
  const faster = ratio(float.msPerImage / msPerImage);
  return [
    table(columns, rows),
    `float32: ${percent(float.accuracy / 100)} of ${count(total)} test images, ${milliseconds(float.msPerImage)} an image`,
    `shift:   ${percent(accuracy / 100)}, ${milliseconds(msPerImage)} an image, ${faster} faster`,
    ...(pruned > 0 ? [`${percent(pruned)} of the weights pruned`] : []),
    `${out}: ${bytes(result.bytes)}, gzip ${bytes(gzipBytes)}, in ${duration(seconds)}`,
  ].join("\n");
}

async function test(def: ModelDef, data: TrainTest, label: string, context: Context): Promise<Measurement> {
  const executor = await createExecutor(def);
  const result = await measureShown(executor, data.test, label, context);
  executor.dispose();
  return result;
}

/** In percent; 1e-4 of one are the noise of the product. */
const percentOf = (share: number | null): number | null => (share === null ? null : Math.round(1e6 * share) / 1e4);

/** Accuracy in the last epoch of a portion's retraining, on training images, in percent; null where there was none. */
function lastAccuracy(history: readonly EpochRecord[], stage: number): number | null {
  const epochs = history.filter((record) => record.stage === stage);
  return percentOf(epochs.at(-1)?.accuracy ?? null);
}

/** How the model came to be. Nothing that differs between two equal runs: the same command gives the same file. */
function notesFor(float: Measurement, shift: Measurement): Record<string, string> {
  const of = (result: Measurement) => `${percent(result.accuracy / 100)} of ${result.total} test images`;
  return { accuracy: of(shift), "accuracy in float32": of(float) };
}
