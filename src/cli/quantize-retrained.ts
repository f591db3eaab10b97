// quantize-retrained.ts: shiftwise quantize --data: INQ with retraining on labelled images.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ShiftwiseError } from "../base/index.js";
import { writeAtomically } from "../base/system.js";
import { type LabelledImages, size, type TrainTest } from "../data/index.js";
import { lower, type Network } from "../graph/index.js";
import { type ModelDef, packModel } from "../model/index.js";
import type { Shape } from "../ops/index.js";
import {
  checkFits,
  classesOf,
  DEFAULTS,
  defined,
  epochsOver,
  inputOf,
  type Measurement,
  quantizeByRetraining,
  type RecipeName,
  type RetrainingRecipe,
  recipeFor,
} from "../pipeline/index.js";
import { type ActivationScheme, type Partition, paperBits, type Quantizer, quantizerNamed } from "../quantize/index.js";
import { bytes, type Column, count, counted, duration, milliseconds, percent, ratio, table } from "../report/index.js";
import type { EpochRecord } from "../training/index.js";
import { answersShown, comparedText, openAnswers } from "./answers.js";
import { schemeName } from "./arguments.js";
import type { Context } from "./command.js";
import { checkCheckpoint, checkpointPath, type NetworkArguments, readAnyNetwork, removeCheckpoint } from "./files.js";
import { openLabelledSet, picturesOf } from "./labelled-set.js";
import { type NamingArguments, withNames } from "./naming.js";
import { checkOutputs } from "./outputs.js";
import { type PreprocessingArguments, preprocessingFrom, withOwnScaling, withPreprocessing } from "./preprocessing.js";
import { answersSections, fileFact, type ReportArguments, writeReport } from "./report.js";
import { measureModel, sayDoubts, showSteps, showTraining } from "./shown.js";
import { batchFor, resumable, type TrainingArguments } from "./training.js";

export interface RetrainedArguments
  extends PreprocessingArguments,
    NetworkArguments,
    NamingArguments,
    ReportArguments,
    Omit<TrainingArguments, "lr"> {
  readonly json?: boolean;
  readonly val?: string;
  readonly data: string;
  readonly out: string;
  readonly levels: string;
  readonly bits: number;
  readonly layer?: ReadonlyMap<string, number>;
  readonly activations: ActivationScheme;
  readonly recipe?: RecipeName;
  readonly portions?: readonly number[];
  /** One number for all portions but the last, or one for each. */
  readonly epochs?: readonly number[];
  readonly lr?: number;
  readonly partition?: Partition;
  readonly ranking?: NonNullable<RetrainingRecipe["ranking"]>;
  readonly scale?: NonNullable<RetrainingRecipe["scale"]>;
  readonly compensate?: number;
  readonly anneal?: NonNullable<RetrainingRecipe["anneal"]>;
  readonly distill?: number;
  readonly batchNorm?: NonNullable<RetrainingRecipe["batchNorm"]>;
  readonly clip?: number;
  readonly prune: number;
  readonly pruneEpochs: number;
}

export async function runRetrained(path: string, options: RetrainedArguments, context: Context): Promise<void> {
  const { out, bits } = options;
  const start = performance.now();
  const checkpoints = { pruning: `${checkpointPath(out)}.pruning`, retraining: checkpointPath(out) };
  const prunes = options.prune > 0;
  const written = [out, checkpoints.retraining, ...(prunes ? [checkpoints.pruning] : []), options.report];
  await checkOutputs(written, options, [path]);
  const first = prunes ? checkpoints.pruning : checkpoints.retraining;
  if (options.resume) await checkCheckpoint(first);
  const read = await labelledNetwork(path, options, context.screen.say);
  // one that an earlier run left would be taken for this run's when its pruning is resumed
  if (!options.resume && prunes) await removeCheckpoint(checkpoints.retraining);
  const floatModel = lower(read, { grids: null });
  const data = await openLabelledSet(options.data, classesOf(floatModel), read.labels, context.screen.say);
  checkFits(floatModel, data.test);
  const { classNames } = data.train;
  const named = read.labels || !classNames ? read : { ...read, labels: classNames };
  checkCompensation(options, size(data.train));
  const shown = await picturesToShow(options, { ...floatModel, labels: named.labels }, data, context);
  const recipe = settingsOf(options, size(data.train));

  const { float, shift, quantized } = await resumable(first, async () => {
    const before = await measureModel(floatModel, data.test, "testing float", context, (executor, tested) =>
      sayDoubts(executor, data, tested, context),
    );
    const { screen, signal } = context;
    const resume = options.resume === true;
    const steps = showSteps(screen);
    let step = "";
    const quantized = await quantizeByRetraining(named, data.train, recipe, {
      signal,
      onStep(next) {
        steps.begin(next);
        step = next;
      },
      onProgress: (progress) => showTraining(steps, step === "pruning" ? "stage" : "portion")(progress),
      onWarning: (text) => screen.say(`warning: ${text}`),
      test: data.test,
      checkpoints: {
        pruning: { path: checkpoints.pruning, resume },
        retraining: { path: checkpoints.retraining, resume },
      },
    });
    steps.done();
    const after = await measureModel(quantized.model, data.test, "testing", context);
    return { float: before, shift: after, quantized };
  });

  const { model, history, tests, pruned } = quantized;
  const file = packModel({ ...model, notes: { ...model.notes, ...notesFor(float, shift) } });
  await writeAtomically(out, file);
  await Promise.all(Object.values(checkpoints).map(removeCheckpoint));
  const result = {
    ...shift,
    weightBits: bits,
    activations: schemeName(options.activations),
    pruned,
    portions: recipe.portions.map((portion, i) => ({
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
  const answers = shown && (await answersShown([floatModel, model], shown, "wasm", "comparing answers", context));
  if (answers && options.report !== undefined) {
    await writeReport(
      options.report,
      `${model.name}, quantized`,
      [
        ["network", path],
        ["retrained on", `${counted(size(data.train), "image")} of ${options.data}`],
        ["answers on", options.val ?? `the test part of ${options.data}`],
        ["model", fileFact(out, file.length)],
        ...Object.entries(model.notes ?? {}).map(([key, value]) => [key, value] as const),
      ],
      [
        ...answersSections(["float32", "model"], answers, shown, inputShape(floatModel)),
        { title: "Portions of the weights", columns: PORTION_COLUMNS, rows: portionRows(result) },
      ],
    );
  }
  const val = answers &&
    options.val !== undefined && {
      total: answers.total,
      float: answers.models[0].accuracy,
      model: answers.models[1].accuracy,
      changes: answers.changes,
    };
  const words = val && answers ? comparedText(["float32", "model"], answers) : [];
  context.screen.result({ ...result, ...(val && { val }) }, [describe(result), ...words].join("\n"));
}

/** Pictures on which both networks are to answer: those of --val, or for a report the set's test part; null where neither is asked for. */
async function picturesToShow(
  { val, report }: RetrainedArguments,
  float: ModelDef,
  data: TrainTest,
  context: Context,
): Promise<LabelledImages | null> {
  if (val === undefined) return report === undefined ? null : picturesOf(data.test);
  const found = await openAnswers(val, float, {}, undefined, context);
  if (found) return found;
  throw new ShiftwiseError("BAD_DATA", "nothing to measure accuracy with", {
    where: `--val ${val}`,
    expected: "labelled pictures, as eval --data takes them",
    found: "pictures or arrays without labels",
  });
}

const inputShape = ({ inputs, tensors }: ModelDef): Shape => tensors[inputs[0].tensor].shape;

type RecipeArguments = Pick<RetrainedArguments, "bits" | "layer" | "recipe">;

/** The recipe of the narrowest layer, of the widths that recipes are for. */
export const recipeOf = ({ bits, layer, recipe }: RecipeArguments): ReturnType<typeof recipeFor> =>
  recipeFor(paperBits(Math.min(bits, ...(layer?.values() ?? []))), recipe);

/** The recipe, with what the command line gives in place of its own. */
function settingsOf(
  options: RetrainedArguments,
  images: number,
): RetrainingRecipe & { readonly portions: readonly number[] } {
  const { bits, layer, partition, ranking, scale, anneal, batchNorm, clip, augment, seed, threads } = options;
  const recipe = recipeOf(options);
  const quantizer = quantizerNamed(options.levels);
  checkScale(scale, quantizer);
  const portions = options.portions ?? recipe.portions;
  const epochs = options.epochs ?? (options.portions ? [DEFAULTS.retraining.epochs] : recipe.epochs);
  return {
    ...recipe,
    ...defined({ partition, ranking, scale, anneal, batchNorm, clip, augment, seed, threads }),
    ...defined({ compensate: options.compensate, share: options.distill, learningRate: options.lr }),
    bits,
    layers: layer,
    quantizer,
    activations: options.activations,
    portions,
    epochs: epochs.length > 1 ? epochs : epochsOver(portions, epochs[0]),
    batchSize: batchFor(options, images),
    sparsity: options.prune,
    pruneEpochs: options.pruneEpochs,
  };
}

/** @throws BAD_OPTION for one scale a layer where tables have one for every channel. */
function checkScale(scale: RetrainedArguments["scale"], { name, exponents }: Quantizer): void {
  if (scale !== "layer" || exponents) return;
  throw new ShiftwiseError("BAD_OPTION", "levels that have a scale for every channel", {
    where: "--scale",
    expected: "channel, or --levels powers-paper beside it",
    found: `layer, with --levels ${name}`,
  });
}

/** @throws BAD_OPTION for more images than there are, which the library would take as all. */
function checkCompensation({ compensate = 0 }: RetrainedArguments, images: number): void {
  if (compensate <= images) return;
  throw new ShiftwiseError("BAD_OPTION", "option out of range", {
    where: "compensate",
    expected: `a number from 0 to below ${images + 1}`,
    found: compensate,
  });
}

/** The network. @throws UNSUPPORTED where neither it, nor its first nodes, nor options say how its pixels become values */
async function labelledNetwork(
  path: string,
  options: RetrainedArguments,
  say: (line: string) => void,
): Promise<Network> {
  const read = await withNames(await readAnyNetwork(path, options, say), options);
  const preprocessing = await preprocessingFrom(options, inputOf(read).name);
  const network = preprocessing ? withPreprocessing(read, preprocessing) : withOwnScaling(read, say);
  if (inputOf(network).normalization) return network;
  throw new ShiftwiseError("UNSUPPORTED", "nothing says how pixels become values", {
    where: path,
    expected: "--range, or --mean and --std, as in training",
    found: "neither in the file nor among the options",
  });
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

const PORTION_COLUMNS: readonly Column[] = [
  ["portion", "right"],
  ["training accuracy", "right"],
  ["test accuracy", "right"],
];

function portionRows({ portions }: Pick<RetrainedResult, "portions">): string[][] {
  return portions.map(({ portion, trainingAccuracy, testAccuracy }) => [
    percent(portion),
    trainingAccuracy === null ? "no retraining" : percent(trainingAccuracy / 100),
    testAccuracy === null ? "" : percent(testAccuracy / 100),
  ]);
}

function describe(result: RetrainedResult): string {
  const { pruned, float, accuracy, total, msPerImage, gzipBytes, seconds, out } = result;
  const faster = ratio(float.msPerImage / msPerImage);
  return [
    table(PORTION_COLUMNS, portionRows(result)),
    `float32: ${percent(float.accuracy / 100)} of ${count(total)} test images, ${milliseconds(float.msPerImage)} an image`,
    `model:   ${percent(accuracy / 100)}, ${milliseconds(msPerImage)} an image, ${faster} faster`,
    ...(pruned > 0 ? [`${percent(pruned)} of the weights pruned`] : []),
    `${out}: ${bytes(result.bytes)}, gzip ${bytes(gzipBytes)}, in ${duration(seconds)}`,
  ].join("\n");
}

/** Returns a share in percent; 1e-4 of one are the noise of the product. */
const percentOf = (share: number | null): number | null => (share === null ? null : Math.round(1e6 * share) / 1e4);

/** Accuracy in the last epoch of a portion's retraining, on training images, in percent; null where there was none. */
function lastAccuracy(history: readonly EpochRecord[], stage: number): number | null {
  const epochs = history.filter((record) => record.stage === stage);
  return percentOf(epochs.at(-1)?.accuracy ?? null);
}

/**
 * Returns notes on how the model came to be. Nothing that differs between two equal runs: the same command gives the
 * same file.
 */
function notesFor(float: Measurement, shift: Measurement): Record<string, string> {
  const of = (result: Measurement) => `${percent(result.accuracy / 100)} of ${result.total} test images`;
  return { accuracy: of(shift), "accuracy in float32": of(float) };
}
