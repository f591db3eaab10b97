// quantize.ts: shiftwise quantize: its options, and which of its two ways they ask for.
import type { Command } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { CHOSEN_BY_GOALS, DEFAULTS, type Goal, RECIPES } from "../pipeline/index.js";
import { quantizerNamed } from "../quantize/index.js";
import {
  activationsOption,
  checkLevels,
  choice,
  epochList,
  integer,
  layerBits,
  levelsOption,
  notNegative,
  portionList,
  positive,
  share,
  sizeOption,
  zeroShare,
} from "./arguments.js";
import { newCommand, withContext } from "./command.js";
import { addGoal, GOAL_OPTIONS, type GoalArguments, goalOf } from "./goal.js";
import { addNaming } from "./naming.js";
import { addPreprocessing } from "./preprocessing.js";
import { type CalibratedArguments, runCalibrated } from "./quantize-calibrated.js";
import { runReady } from "./quantize-ready.js";
import { type RetrainedArguments, recipeOf, runRetrained } from "./quantize-retrained.js";
import { addReport } from "./report.js";
import { addTrainingOptions } from "./training.js";

/** Options that mean something on one of the two ways alone. */
const CALIBRATED = ["images", "minutes", "twoTerm", "budget", "price", "zeros", "memory", ...GOAL_OPTIONS];
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
];

/** Options that have another default on each way. */
type Defaulted = "levels" | "bits";

export function quantizeCommand(): Command {
  const { images, retraining } = DEFAULTS;
  const command = newCommand("quantize", "turn a float network's weights into powers of two and write the model")
    .argument("<network>", "an ONNX file, or a network file that train wrote")
    .option(
      "--data <path>",
      "retrain with INQ on labelled images: a folder or a .npz, as train takes it, or the word generated",
    )
    .option(
      "--calibrate <path>",
      "quantize without labels or retraining: a folder of pictures or arrays, one picture, or one file of arrays (.npy, .npz, .npz#name, IDX)",
    )
    .requiredOption("--out <file>", "model file to write");
  addNaming(command);
  command
    .addOption(levelsOption())
    .option(
      "--bits <n>",
      `bits of the weights: 2 to 6 with --levels two-term, 2 to 5 with powers-paper, 2 to 4 with powers; others have widths of their own (default: ${images.bits}; with --data: ${retraining.bits})`,
      integer("--bits", 1, 8),
    )
    .option(
      "--layer <name=bits>",
      "bits of one layer, which --levels must have; with --calibrate 2 to 6 in any case; may be repeated",
      layerBits,
    )
    .addOption(activationsOption());
  addPreprocessing(command);
  command.option(
    "--val <path>",
    "labelled pictures, as eval --data takes them, on which the float network and the model answer: both accuracies (with --data: its test part unless given)",
  );
  addReport(command);
  command
    .optionsGroup("With --calibrate:")
    .option("--images <n>", "largest number of images to read", integer("--images", 1), images.count);
  addGoal(command);
  command
    .option(
      "--minutes <n>",
      "minutes of training in which the quantized network learns from the float network",
      notNegative("--minutes"),
      images.minutes,
    )
    .option(
      "--two-term <n>",
      "bits of the first convolution and of depthwise ones, which get sums of two powers: 4 to 6, or none",
      twoTerm,
      images.twoTerm,
    )
    .option(
      "--price <n>",
      "price of a weight that is not 0: higher ones make more weights 0, which runs faster and loses more; try 0.5 to 3",
      notNegative("--price"),
      images.price,
    )
    .option(
      "--zeros <share>",
      "share of the weights that are to be 0 in every layer, such as 0.8; other weights make up for them",
      zeroShare("--zeros"),
      images.zeros,
    )
    .option(
      "--budget <bits>",
      "average bits of the weights, distributed over the layers by what each loses; replaces --bits",
      positive("--budget"),
    );
  command.option(
    "--memory <bytes>",
    `most memory that rounding may take, about, such as 1GB: weights are rounded on as many images as it has room for (default: ${images.memory / 1e9}GB)`,
    sizeOption("--memory"),
  );
  addRetraining(command);
  command
    .optionsGroup("With --data, and with --minutes:")
    .option(
      "--portions <list>",
      "rising shares of the weights to quantize one after the other, with commas (default: the recipe's; with --minutes: 1)",
      portionList,
    );
  command.option(
    "--lr <rate>",
    `highest learning rate (default: the recipe's; with --minutes: ${images.learningRate})`,
    positive("--lr"),
  );
  addTrainingOptions(command, {
    threads: "; with --calibrate also to round on, which it does not depend on",
    batch: `with --minutes: ${images.batchSize}`,
    augment: "with --minutes: flip, and crop by a fourteenth of the width, of pictures for one input",
  });
  type Given = RetrainedArguments & Omit<CalibratedArguments, "aim">;
  return command.action((path: string, given: Omit<Given, Defaulted> & Partial<Pick<Given, Defaulted>>) =>
    withContext(given, (context) => {
      checkWay(command, given);
      checkEffect(command, given);
      const goal = chosenGoal(command, given);
      const { bits } = given.data === undefined ? images : retraining;
      const levels = given.data === undefined ? images.levels : recipeOf({ bits, ...given }).quantizer.name;
      const options: Given = { levels, bits, ...given };
      if (goal === null && options.budget === undefined) checkLevels(quantizerNamed(options.levels), options.bits);
      if (options.data !== undefined) return runRetrained(path, options, context);
      if (options.calibrate === undefined) return runReady(path, options, context);
      // defaults of retraining mean nothing here
      const own = <T>(name: "batch" | "augment", value: T) => (isGiven(command, name) ? { [name]: value } : {});
      const { batch, augment, ...rest } = options;
      const training = { ...own("batch", batch), ...own("augment", augment) };
      const stated = isGiven(command, "activations") ? {} : { activations: undefined };
      return runCalibrated(path, { ...rest, ...training, ...stated, aim: goal }, context);
    }),
  );
}

/**
 * The goal; null where options say themselves what a goal would choose.
 * @throws BAD_OPTION for both
 */
function chosenGoal(command: Command, given: GoalArguments): Goal | null {
  const set = command.options.find(
    (option) =>
      CHOSEN_BY_GOALS.some((name) => name === option.attributeName()) && isGiven(command, option.attributeName()),
  );
  const goal = goalOf(given);
  if (!set) return goal ?? DEFAULTS.images.goal;
  const named = command.options.find(
    (option) =>
      GOAL_OPTIONS.includes(option.attributeName() as keyof GoalArguments) && isGiven(command, option.attributeName()),
  );
  if (!named) return null;
  throw new ShiftwiseError("BAD_OPTION", "a goal chooses levels, bits and zeros itself", {
    where: String(set.long),
    expected: `${named.long} alone, or ${set.long} without it`,
    found: `${set.long} and ${named.long}`,
  });
}

const isGiven = (command: Command, name: string): boolean => command.getOptionValueSource(name) === "cli";

/** Options that mean something where weights and ranges are the file's. */
const READY = ["out", "name", "labels", "inputShape", "outputs", "constant", "json", "verbose"];

/** @throws BAD_OPTION if both of --data and --calibrate are given, and for an option that belongs to the other, or to one of them. */
function checkWay(
  command: Command,
  { data, calibrate }: { readonly data?: string; readonly calibrate?: string },
): void {
  if (data !== undefined && calibrate !== undefined) {
    throw new ShiftwiseError("BAD_OPTION", "which images", {
      where: "quantize",
      expected: "--data, labelled images to retrain on, or --calibrate, images without labels",
      found: "both",
    });
  }
  const [here, there, foreign] =
    data === undefined ? ["--calibrate", "--data", RETRAINED] : ["--data", "--calibrate", CALIBRATED];
  const none = data === undefined && calibrate === undefined;
  const wrong = command.options.find((option) => {
    const name = option.attributeName();
    return isGiven(command, name) && (none ? !READY.includes(name) : foreign.includes(name));
  });
  if (!wrong) return;
  throw new ShiftwiseError("BAD_OPTION", none ? "which images" : "option without effect", {
    where: String(wrong.long),
    expected: none ? "--data, labelled images to retrain on, or --calibrate, images without labels" : there,
    found: none ? "neither" : here,
  });
}

/** Options that only a training reads: with --calibrate there is one with --minutes alone. */
const TRAINING = ["portions", "lr", "batch", "augment"];
/** Options in whose place a budget chooses. */
const DEALT = ["bits", "twoTerm"];

/** @throws BAD_OPTION for options that others of the same way leave without effect. */
function checkEffect(
  command: Command,
  { calibrate, minutes, budget }: { readonly calibrate?: string; readonly minutes: number; readonly budget?: number },
): void {
  const refuse = (names: readonly string[], expected: string, found: string): void => {
    const option = command.options.find(
      (one) => names.includes(one.attributeName()) && isGiven(command, one.attributeName()),
    );
    if (!option) return;
    const where = String(option.long);
    throw new ShiftwiseError("BAD_OPTION", "option without effect", { where, expected, found });
  };
  if (calibrate === undefined) return;
  if (minutes === 0) refuse(TRAINING, "--minutes above 0, for which it sets the training", "no --minutes");
  if (budget !== undefined) refuse(DEALT, "--budget alone, which chooses the bits of each layer", "--budget");
}

/** Adds the options of INQ. */
function addRetraining(command: Command): void {
  const oneOf = (name: string, what: string, words: readonly string[], unless = "the recipe's") =>
    command.option(
      `--${name} <which>`,
      `${what}: ${words.join(" or ")} (default: ${unless})`,
      choice(`--${name}`, words),
    );
  command.optionsGroup("With --data:");
  oneOf("recipe", "defaults of --portions and of the options below", RECIPES, RECIPES[0]);
  command.option(
    "--epochs <list>",
    "epochs of retraining after each portion but the last, or a list with one number for each portion (default: the recipe's)",
    epochList,
  );
  oneOf(
    "partition",
    "weights that are quantized first, the largest or random ones",
    ["magnitude", "random"],
    "magnitude",
  );
  oneOf("ranking", "what a portion is a share of, each layer or all weights together", ["layer", "global"], "layer");
  oneOf("scale", "what has a scale of its own", ["layer", "channel"]);
  command.option(
    "--compensate <images>",
    "number of images on which a portion is rounded with compensation; 0 rounds to the nearest level (default: the recipe's)",
    integer("--compensate", 0),
  );
  oneOf("anneal", "over what the learning rate falls to zero", ["portion", "run"]);
  oneOf("batch-norm", "whether batch norm statistics follow the training or stay", ["train", "frozen"]);
  command
    .option(
      "--distill <share>",
      "share of the loss that comes from the float network's outputs, 0 to 1 (default: the recipe's)",
      share("--distill"),
    )
    .option(
      "--clip <norm>",
      "largest norm of a gradient; longer ones are scaled down to it (default: the recipe's)",
      positive("--clip"),
    )
    .option(
      "--prune <share>",
      "share of the weights to prune in a training before the quantization",
      share("--prune"),
      DEFAULTS.retraining.sparsity,
    )
    .option(
      "--prune-epochs <n>",
      "epochs of that training; weights are cut in its first third",
      integer("--prune-epochs", 1),
      DEFAULTS.retraining.pruneEpochs,
    );
}

/** 0 for none: commander makes nothing of null. */
const twoTerm = (text: string): number => (text === "none" ? 0 : integer("--two-term", 4, 6)(text));
