// quantize.ts: shiftwise quantize: its options, and which of its two ways they ask for.
import type { Command } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { CHANNELS } from "../data/index.js";
import { RECIPES } from "../training/index.js";
import {
  activationsOption,
  choice,
  constantOption,
  epochList,
  inputShapeOption,
  integer,
  layerBits,
  nameList,
  numberList,
  portionList,
  positive,
  share,
  weightBits,
} from "./arguments.js";
import { newCommand, withContext } from "./command.js";
import { LEVEL_KINDS } from "./post-training.js";
import { type CalibratedArguments, runCalibrated } from "./quantize-calibrated.js";
import { type RetrainedArguments, runRetrained } from "./quantize-retrained.js";
import { addTrainingOptions } from "./training.js";

/** Options that mean something on one of the two ways alone. */
const CALIBRATED = ["images", "minutes", "levels", "twoTerm", "budget"];
const RETRAINED = [
  "recipe",
  "epochs",
  "partition",
  "ranking",
  "scale",
  "compensate",
  "anneal",
  "distill",
  "batchNorm",
  "clip",
  "prune",
  "pruneEpochs",
  "resume",
];

export function quantizeCommand(): Command {
  const command = newCommand("quantize", "turn a float network's weights into powers of two and write the model")
    .argument("<network>", "an ONNX file, or a network file that train wrote")
    .option("--data <folder>", "retrain (INQ) on labelled images: a folder, or the word generated")
    .option(
      "--calibrate <path>",
      "no labels, no retraining: a folder of pictures or arrays, a picture, or arrays: .npy, .npz, .npz#name, IDX",
    )
    .requiredOption("--out <file>", "model file to write")
    .option("--bits <n>", "of the weights: 2 to 5", weightBits, 5)
    .option(
      "--layer <name=bits>",
      "bits of one layer, 2 to 5, with --calibrate also 6; may be given again and again",
      layerBits,
    )
    .addOption(activationsOption());
  addPreprocessing(command);
  command
    .optionsGroup("With --calibrate:")
    .option("--images <n>", "at most so many", integer("--images", 1), 512)
    .option("--minutes <n>", "let the float network teach the quantized one for so long", positive("--minutes"), 0)
    .option(
      "--levels <kind>",
      "powers, or two-term: sums of two powers, nearer to the weights and slower, with 4 bits or 5",
      choice("--levels", LEVEL_KINDS),
      "powers",
    )
    .option("--two-term <n>", "bits of the first and depthwise layers, sums of two powers: 4 to 6, or none", twoTerm, 6)
    .option("--budget <bits>", "bits on average, dealt out among the layers in place of --bits", positive("--budget"));
  addRetraining(command);
  command
    .optionsGroup("With --data; with --minutes too:")
    .option(
      "--portions <list>",
      "shares of the weights quantized step by step (default: the recipe's; with --minutes all at once)",
      portionList,
    );
  command.option(
    "--lr <rate>",
    "highest learning rate (default: the recipe's; with --minutes 0.003)",
    positive("--lr"),
  );
  addTrainingOptions(command);
  return command.action((path: string, options: RetrainedArguments & CalibratedArguments) =>
    withContext(options, (context) => {
      checkWay(command, options);
      if (options.data !== undefined) return runRetrained(path, options, context);
      // defaults of retraining mean nothing here
      const given = <T>(name: "batch" | "augment", value: T) => (isGiven(command, name) ? { [name]: value } : {});
      const { batch, augment, ...rest } = options;
      const told = { ...given("batch", batch), ...given("augment", augment) };
      return runCalibrated(path, { ...rest, ...told }, context);
    }),
  );
}

const isGiven = (command: Command, name: string): boolean => command.getOptionValueSource(name) === "cli";

/** @throws BAD_OPTION unless one of --data and --calibrate is given, and no option that belongs to the other. */
function checkWay(
  command: Command,
  { data, calibrate }: { readonly data?: string; readonly calibrate?: string },
): void {
  if ((data === undefined) === (calibrate === undefined)) {
    throw new ShiftwiseError("BAD_OPTION", "which images", {
      where: "quantize",
      expected: "--data, labelled images to retrain on, or --calibrate, images without labels",
      found: data === undefined ? "neither" : "both",
    });
  }
  const [here, there, foreign] =
    data === undefined ? ["--calibrate", "--data", RETRAINED] : ["--data", "--calibrate", CALIBRATED];
  const wrong = command.options.find(
    (option) => foreign.includes(option.attributeName()) && isGiven(command, option.attributeName()),
  );
  if (!wrong) return;
  throw new ShiftwiseError("BAD_OPTION", "option without effect", {
    where: String(wrong.long),
    expected: there,
    found: here,
  });
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
    .option(
      "--input-shape <CxHxW>",
      "sizes that the file leaves open, as many as ONNX has: 3x224x224, 1x8000; or name=1x8000",
      inputShapeOption,
    )
    .option(
      "--outputs <names>",
      "values to end in, with commas: what comes behind them is left out",
      nameList("--outputs"),
    )
    .option("--constant <name=value>", "make an input a constant; may be given again and again", constantOption);
}

/** How INQ goes about it. */
function addRetraining(command: Command): void {
  const oneOf = (name: string, what: string, words: readonly string[], unless = "the recipe's") =>
    command.option(
      `--${name} <which>`,
      `${what}: ${words.join(" or ")} (default: ${unless})`,
      choice(`--${name}`, words),
    );
  command.optionsGroup("With --data:");
  oneOf("recipe", "what portions and the options below are unless told", RECIPES, RECIPES[0]);
  command.option(
    "--epochs <list>",
    "of retraining after each portion but the last; or one number a portion, with commas (default: the recipe's)",
    epochList,
  );
  oneOf("partition", "which weights go first, the largest or any", ["magnitude", "random"], "magnitude");
  oneOf(
    "ranking",
    "a portion is a share of each layer, or of all layers' weights together",
    ["layer", "global"],
    "layer",
  );
  oneOf("scale", "what the powers of two are times a scale of", ["layer", "channel"]);
  command.option(
    "--compensate <images>",
    "portions are rounded so that the rest makes up for it on so many images; 0: plainly (default: the recipe's)",
    integer("--compensate", 0),
  );
  oneOf("anneal", "the rate falls to nothing in each portion, or once", ["portion", "run"]);
  oneOf("batch-norm", "its statistics follow the training, or stay", ["train", "frozen"]);
  command
    .option(
      "--distill <share>",
      "of the loss from the float network, 0 to 1 (default: the recipe's)",
      share("--distill"),
    )
    .option(
      "--clip <norm>",
      "longest gradient, others are scaled down to it (default: the recipe's)",
      positive("--clip"),
    )
    .option("--prune <share>", "of the weights, cut before while training goes on", share("--prune"), 0)
    .option("--prune-epochs <n>", "of that; weights are cut in the first third", integer("--prune-epochs", 1), 12);
}

const pixelRange = (text: string): number => Number(choice("--range", ["1", "255"])(text));

/** 0 for none: commander makes nothing of null. */
const twoTerm = (text: string): number => (text === "none" ? 0 : integer("--two-term", 4, 6)(text));
