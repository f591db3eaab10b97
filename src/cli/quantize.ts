// quantize.ts: shiftwise quantize: a float network to a model file of powers of two.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Command } from "commander";
import { type Augmentation, CHANNELS, openDataset, size, type TrainTest } from "../data/index.js";
import { encodeModel, type ModelDef, ShiftwiseError } from "../format/index.js";
import { lower, type Network } from "../graph/index.js";
import { type ActivationScheme, type Partition, portionsFor } from "../quantize/index.js";
import { bytes, type Column, count, duration, milliseconds, percent, ratio, table } from "../report/index.js";
import { type EpochRecord, writeAtomically } from "../training/index.js";
import {
  activationsOption,
  choice,
  integer,
  layerBits,
  numberList,
  portionList,
  positive,
  schemeName,
  shapeOption,
  weightBits,
} from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { checkCheckpoint, checkpointPath, checkWritable, readAnyNetwork, removeCheckpoint } from "./files.js";
import { checkFits, classesOf, createExecutor, type Measurement, measureShown } from "./measure.js";
import { type PreprocessingArguments, preprocessingFrom, withPreprocessing } from "./preprocessing.js";
import { commonSettings, normalizedFor, type Quantized, quantizeNetwork } from "./quantization.js";
import { type CalibratedArguments, runCalibrated } from "./quantize-calibrated.js";
import { addRate, addTrainingOptions, resumable, showTraining } from "./training.js";

interface QuantizeArguments extends PreprocessingArguments {
  readonly json?: boolean;
  readonly data: string;
  readonly out: string;
  readonly bits: number;
  readonly activations: ActivationScheme;
  readonly portions?: readonly number[];
  readonly partition: Partition;
  readonly epochs: number;
  readonly batch: number;
  readonly lr: number;
  readonly augment: Augmentation;
  readonly seed: number;
  readonly threads: number;
  readonly resume?: boolean;
}

export function quantizeCommand(): Command {
  const command = newCommand("quantize", "turn a float network's weights into powers of two and write the model")
    .argument("<network>", "an ONNX file, or a network file that train wrote")
    .option("--data <folder>", "retrain (INQ) on labelled images: a folder, or the word generated")
    .option("--calibrate <path>", "no labels, no retraining: a folder of images, or an .npy or .npz file")
    .requiredOption("--out <file>", "model file to write")
    .option("--bits <n>", "of the weights: 2 to 5", weightBits, 5)
    .addOption(activationsOption());
  addPreprocessing(command);
  command
    .optionsGroup("With --calibrate:")
    .option("--images <n>", "at most so many", integer("--images", 1), 512)
    .option("--minutes <n>", "let the float network teach the quantized one for so long", positive("--minutes"), 0)
    .option("--two-term <n>", "bits of the first and depthwise layers, sums of two powers: 4 to 6, or none", twoTerm, 6)
    .option("--layer <name=bits>", "bits of one layer, 2 to 6; may be given again and again", layerBits)
    .option("--budget <bits>", "bits on average, dealt out among the layers in place of --bits", positive("--budget"))
    .optionsGroup("With --data; portions, rate, batch, augmentation, seed and threads with --minutes too:")
    .option(
      "--portions <list>",
      "shares of the weights quantized step by step (default: the paper's; with --minutes all at once)",
      portionList,
    )
    .option(
      "--partition <rule>",
      "which weights go first: magnitude or random",
      choice("--partition", ["magnitude", "random"]),
      "magnitude",
    )
    .option("--epochs <n>", "of retraining after each portion", integer("--epochs", 0), 2);
  addRate(command, 0.01, "learning rate at the start of each portion");
  addTrainingOptions(command);
  return command.action((path: string, options: QuantizeArguments & CalibratedArguments) =>
    withContext(options, (context) => {
      if ((options.data === undefined) === (options.calibrate === undefined)) {
        throw new ShiftwiseError("BAD_OPTION", "which images", {
          where: "quantize",
          expected: "--data, labelled images to retrain on, or --calibrate, images without labels",
          found: options.data === undefined ? "neither" : "both",
        });
      }
      if (options.data !== undefined) return runQuantize(path, options, context);
      // defaults of retraining mean nothing here
      const given = <T>(name: "batch" | "lr" | "augment", value: T) =>
        command.getOptionValueSource(name) === "cli" ? { [name]: value } : {};
      const { batch, lr, augment, ...rest } = options;
      const told = { ...given("batch", batch), ...given("lr", lr), ...given("augment", augment) };
      return runCalibrated(path, { ...rest, ...told }, context);
    }),
  );
}

/** How images become a network's input. */
function addPreprocessing(command: Command): void {
  command
    .optionsGroup("How images become the input of an ONNX file:")
    .option("--preprocess <file>", "JSON with the fields resize, channels, range, mean and std")
    .option("--range <n>", "what a pixel of 255 is before --mean is taken off: 1 or 255", pixelRange)
    .option("--mean <list>", "one number, or one a channel", numberList("--mean"))
    .option("--std <list>", "what is divided by then", numberList("--std"))
    .option("--channels <order>", "rgb, bgr or grey", choice("--channels", CHANNELS))
    .option("--resize <n>", "length of the shorter side, before the middle is cut out", integer("--resize", 1, 4096))
    .option("--input-shape <CxHxW>", "of a file that leaves it open", shapeOption);
}

const pixelRange = (text: string): number => Number(choice("--range", ["1", "255"])(text));

/** 0 for none: commander makes nothing of null. */
const twoTerm = (text: string): number => (text === "none" ? 0 : integer("--two-term", 4, 6)(text));

async function runQuantize(path: string, options: QuantizeArguments, context: Context): Promise<void> {
  const { out, bits } = options;
  const start = performance.now();
  const checkpoint = checkpointPath(out);
  const network = await labelledNetwork(path, options);
  await checkWritable(out);
  if (options.resume) await checkCheckpoint(checkpoint);
  const portions = options.portions ?? portionsFor(bits);
  const floatModel = lower(network, { grids: null });
  const data = await openDataset(options.data, { classes: classesOf(floatModel) });
  checkFits(floatModel, data.test);

  const { float, shift, model, history, tests } = await resumable(checkpoint, async () => {
    const before = await test(floatModel, data, "testing float", context);
    const quantized = await quantizeShown(network, data, portions, options, context);
    const after = await test(quantized.model, data, "testing", context);
    return { float: before, shift: after, ...quantized };
  });

  const file = encodeModel({ ...model, notes: { ...model.notes, ...notesFor(float, shift) } });
  await writeAtomically(out, file);
  await removeCheckpoint(checkpoint);
  const result = {
    ...shift,
    weightBits: bits,
    activations: schemeName(options.activations),
    portions: portions.map((portion, i) => ({
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

/** The network, which must say what its pixels are. */
async function labelledNetwork(path: string, { inputShape, ...options }: QuantizeArguments): Promise<Network> {
  const network = await readAnyNetwork(path, inputShape);
  const preprocessing = await preprocessingFrom(options);
  return preprocessing ? withPreprocessing(network, preprocessing) : network;
}

/** Quantization with its two progress lines. */
async function quantizeShown(
  network: Network,
  data: TrainTest,
  portions: readonly number[],
  options: QuantizeArguments,
  { screen, signal }: Context,
): Promise<Quantized> {
  let line = screen.progress("calibrating");
  const { bits, activations, epochs, partition, batch, lr, augment, seed, threads, resume, out } = options;
  const quantized = await quantizeNetwork(
    network,
    normalizedFor(network, data.train),
    {
      ...commonSettings(portions, epochs, size(data.train), batch),
      bits,
      activations,
      partition,
      test: normalizedFor(network, data.test),
      learningRate: lr,
      augment,
      seed,
      threads,
      checkpoint: { path: checkpointPath(out), resume: resume === true },
    },
    {
      signal,
      onCalibrated() {
        line.done();
        line = screen.progress("retraining");
      },
      onProgress: (progress) => showTraining(line)(progress),
    },
  );
  line.done();
  return quantized;
}

/** Accuracies in percent, after the portion's retraining. */
interface PortionResult {
  readonly portion: number;
  /** On training images, in the last epoch; null where there was none. */
  readonly trainingAccuracy: number | null;
  readonly testAccuracy: number | null;
}

interface QuantizeResult extends Measurement {
  readonly portions: readonly PortionResult[];
  readonly float: { readonly accuracy: number; readonly msPerImage: number };
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly seconds: number;
  readonly out: string;
}

function describe(result: QuantizeResult): string {
  const { portions, float, accuracy, total, msPerImage, gzipBytes, seconds, out } = result;
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
    `${out}: ${bytes(result.bytes)}, gzip ${bytes(gzipBytes)}, in ${duration(seconds)}`,
  ].join("\n");
}

async function test(def: ModelDef, data: TrainTest, label: string, context: Context): Promise<Measurement> {
  const executor = await createExecutor(def);
  const result = await measureShown(executor, data.test, label, context);
  executor.dispose();
  return result;
}

const percentOf = (share: number | null): number | null => (share === null ? null : 100 * share);

/** Accuracy in the last epoch of a portion's retraining, on training images, in percent; null where there was none. */
function lastAccuracy(history: readonly EpochRecord[], stage: number): number | null {
  const epochs = history.filter((record) => record.stage === stage);
  return epochs.length > 0 ? 100 * epochs[epochs.length - 1].accuracy : null;
}

/** How the model came to be. Nothing that differs between two equal runs: the same command gives the same file. */
function notesFor(float: Measurement, shift: Measurement): Record<string, string> {
  const of = (result: Measurement) => `${percent(result.accuracy / 100)} of ${result.total} test images`;
  return { accuracy: of(shift), "accuracy in float32": of(float) };
}
