// eval.ts: shiftwise eval: accuracy and time of a model on a test set, or its outputs against those of its float network.
import type { Command } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { openDataset } from "../data/index.js";
import {
  checkFits,
  classesOf,
  createClassifier,
  DEFAULTS,
  type ExecutorName,
  measureOutputs,
  withNormalization,
} from "../pipeline/index.js";
import { count, counted, milliseconds, percent } from "../report/index.js";
import { choice, integer } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { type NetworkArguments, readAnyNetwork, readModelFile } from "./files.js";
import { addPreprocessing, type PreprocessingArguments } from "./preprocessing.js";
import { openSamples } from "./samples.js";
import { measureShown, outputsText } from "./shown.js";

interface EvalArguments extends PreprocessingArguments, NetworkArguments {
  readonly json?: boolean;
  readonly data?: string;
  readonly against?: string;
  readonly calibrate?: string;
  readonly images: number;
  readonly executor: ExecutorName;
}

export function evalCommand(): Command {
  const command = newCommand(
    "eval",
    "measure a model's accuracy on labelled test images, or its outputs against its float network's",
  )
    .argument("<model>", "model file, or a float network file, which is run in float32")
    .option("--data <folder>", "folder of IDX or CIFAR-10 files, or the word generated")
    .option("--against <network>", "float network that the model was made of: compares every output on --calibrate")
    .option("--calibrate <path>", "pictures or arrays without labels, as of quantize; other ones than calibrated")
    .option("--images <n>", "largest number of them to read", integer("--images", 1), DEFAULTS.images.count)
    .option(
      "--executor <name>",
      "program that runs the model: wasm, or reference, the plain executor",
      choice("--executor", ["wasm", "reference"]),
      "wasm",
    );
  addPreprocessing(command);
  return command.action((path: string, options: EvalArguments) =>
    withContext(options, (context) => runEval(path, options, context)),
  );
}

async function runEval(path: string, options: EvalArguments, context: Context): Promise<void> {
  const { data, against, calibrate } = options;
  const { def } = await readModelFile(path);
  if (data !== undefined && against === undefined && calibrate === undefined) {
    const { test } = await openDataset(data, { classes: classesOf(def) });
    checkFits(def, test);
    const executor = await createClassifier(def, options.executor);
    const { accuracy, correct, total, msPerImage } = await measureShown(executor, test, "testing", context);
    executor.dispose();
    context.screen.result(
      { accuracy, correct, total, msPerImage, executor: options.executor },
      `${percent(accuracy / 100)} of ${counted(total, "image")} correct (${count(correct)}), ` +
        `${milliseconds(msPerImage)} an image, ${options.executor} executor`,
    );
    return;
  }
  if (data !== undefined || against === undefined || calibrate === undefined) {
    throw new ShiftwiseError("BAD_OPTION", "what to measure", {
      where: "eval",
      expected: "--data, labelled images, or --against a float network with --calibrate, images without labels",
      found:
        [data && "--data", against && "--against", calibrate && "--calibrate"].filter(Boolean).join(" ") || "neither",
    });
  }
  const { screen, signal } = context;
  const read = await readAnyNetwork(against, options, screen.say);
  // the model says how pixels become values, unless an option does
  const network = def.inputs.reduce(
    (net, { name, normalization }) => (normalization ? withNormalization(net, normalization, name) : net),
    read,
  );
  const prepared = await openSamples(network, calibrate, options.images, options, "to compare on", screen);
  const line = screen.progress("comparing");
  const onProgress = (share: number): void => line.update(share);
  const calibrations = [...prepared.calibrations].map(([name, { samples }]) => [name, samples] as const);
  const found = await measureOutputs(def, prepared.network, Object.fromEntries(calibrations), options.executor, {
    signal,
    onProgress,
  });
  line.done();
  const head = `outputs against the float network's, on ${counted(found.samples, "sample")}, ${milliseconds(found.msPerSample)} each, ${options.executor} executor:`;
  screen.result({ ...found, executor: options.executor }, [head, outputsText(found.outputs)].join("\n"));
}
