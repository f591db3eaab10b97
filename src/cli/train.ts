// train.ts: shiftwise train: a float network from labelled images.
import type { Command } from "commander";
import { writeAtomically } from "../base/system.js";
import { openDataset, size } from "../data/index.js";
import { encodeNetwork, lower } from "../graph/index.js";
import { checkFits, DEFAULTS, freshNetwork, NETWORKS, type NetworkName } from "../pipeline/index.js";
import { bytes, count, duration, percent } from "../report/index.js";
import { train } from "../training/index.js";
import { choice, evenInteger, integer } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { checkCheckpoint, checkpointPath, removeCheckpoint } from "./files.js";
import { sayHeldOut } from "./labelled-set.js";
import { checkOutputs } from "./outputs.js";
import { measureModel, showTraining } from "./shown.js";
import { addRate, addTrainingOptions, batchFor, resumable, type TrainingArguments } from "./training.js";

interface TrainArguments extends TrainingArguments {
  readonly json?: boolean;
  readonly data: string;
  readonly out: string;
  readonly classes: number;
  readonly net: NetworkName;
  readonly width?: number;
  readonly epochs: number;
}

export function trainCommand(): Command {
  const command = newCommand("train", "train a float network and write its file, which quantize reads")
    .requiredOption(
      "--data <path>",
      "folder of IDX or CIFAR-10 files, of train.tar and test.tar, of folders train and test with a folder for each class, or of one folder for each class; a .npz of x_train, y_train, x_test and y_test, or of images and labels; or the word generated",
    )
    .requiredOption("--out <file>", "network file to write")
    .option("--classes <n>", "number of classes in IDX files and in a .npz", integer("--classes", 2, 256), 10)
    .option("--net <name>", `architecture: ${NETWORKS.join(", ")}`, choice("--net", NETWORKS), "demo")
    .option(
      "--width <n>",
      "number of channels of the first layer of demo (default: 16) or vgg (default: 24), even",
      evenInteger("--width", 2, 256),
    )
    .option("--epochs <n>", "number of passes over the training images", integer("--epochs", 1), 12);
  addRate(command, 0.1, "highest learning rate");
  addTrainingOptions(command);
  return command.action((options: TrainArguments) => withContext(options, (context) => runTrain(options, context)));
}

async function runTrain(options: TrainArguments, context: Context): Promise<void> {
  const { screen, signal } = context;
  const { out, seed, threads } = options;
  const start = performance.now();
  const checkpoint = checkpointPath(out);
  await checkOutputs([out, checkpoint], options);
  if (options.resume) await checkCheckpoint(checkpoint);
  const data = await openDataset(options.data, { classes: options.classes });
  sayHeldOut(data, screen.say);
  const batchSize = batchFor(options, size(data.train));
  const network = freshNetwork(options.net, data.train, seed, options.width);

  const measured = await resumable(checkpoint, async () => {
    const training = screen.progress("training");
    const { history } = await train(
      network,
      data.train,
      {
        epochs: options.epochs,
        batchSize,
        learningRate: options.lr,
        weightDecay: DEFAULTS.retraining.weightDecay,
        schedule: { kind: "cosine", warmUp: Math.min(1, options.epochs / 4) },
        augment: options.augment,
        seed,
        threads,
        checkpoint: { path: checkpoint, resume: options.resume === true },
      },
      { signal, onProgress: showTraining(training) },
    );
    training.done(`loss ${history[history.length - 1].loss.toFixed(3)}`);

    const def = lower(network, { grids: null });
    checkFits(def, data.test);
    return measureModel(def, data.test, "testing", context);
  });
  const metadata = { accuracy: `${percent(measured.accuracy / 100)} of ${measured.total} test images` };
  const file = encodeNetwork(network, { metadata });
  await writeAtomically(out, file);
  await removeCheckpoint(checkpoint);
  const seconds = (performance.now() - start) / 1000;
  screen.result(
    { ...measured, bytes: file.length, seconds, out },
    `${out}: float network, ${bytes(file.length)}, ${percent(measured.accuracy / 100)} of ${count(measured.total)} test ` +
      `images correct, in ${duration(seconds)}`,
  );
}
