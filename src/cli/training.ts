// training.ts: what the commands that train have in common: options, progress, Ctrl-C.
import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { ShiftwiseError } from "../base/index.js";
import type { Augmentation, Dataset } from "../data/index.js";
import { demoNetwork, type Network, resnet20 } from "../graph/index.js";
import { percent } from "../report/index.js";
import type { Progress } from "../training/index.js";
import { augmentation, integer, positive } from "./arguments.js";
import type { ProgressLine } from "./screen.js";

/** On conv and dense weights, in training and retraining. */
export const WEIGHT_DECAY = 5e-4;

export const NETWORKS = ["demo", "resnet20"] as const;
export type NetworkName = (typeof NETWORKS)[number];

/** What addTrainingOptions and addRate make of a command line. */
export interface TrainingArguments {
  readonly batch: number;
  readonly lr: number;
  readonly augment: Augmentation;
  readonly seed: number;
  readonly threads: number;
  readonly resume?: boolean;
}

/** --batch, --augment, --seed, --threads and --resume. */
export function addTrainingOptions(command: Command): Command {
  return command
    .option("--batch <n>", "number of images in a step", integer("--batch", 1), 128)
    .addOption(
      new Option(
        "--augment <list>",
        "random changes to training images: none, or a list of crop=N, shift=N, cutout=N and flip with commas",
      )
        .argParser(augmentation)
        .default({ shift: 1 }, "shift=1"),
    )
    .option("--seed <n>", "seed of all random numbers", integer("--seed", 0), 1)
    .option("--threads <n>", "threads to train on; the result depends on their number", integer("--threads", 1, 256), 2)
    .option("--resume", "continue from the checkpoint of an interrupted run of the same command");
}

/** --lr with a default of the command's own. */
export function addRate(command: Command, rate: number, what: string): Command {
  return command.option("--lr <rate>", what, positive("--lr"), rate);
}

/** A fresh network for a data set, which takes its pixels and carries its class names. */
export function freshNetwork(name: NetworkName, dataset: Dataset, seed: number, width: number): Network {
  const { shape, classes, normalization, classNames } = dataset;
  const network = name === "demo" ? demoNetwork(shape, classes, seed, width) : resnet20(shape, classes, seed);
  return {
    ...network,
    nodes: network.nodes.map((node) => (node.op === "input" ? { ...node, normalization } : node)),
    ...(classNames && { labels: classNames }),
  };
}

/**
 * Shows a training run's progress on one line.
 * @param part what a stage of the run is called.
 */
export function showTraining(line: ProgressLine, part = "portion"): (progress: Progress) => void {
  return (progress) => {
    const { stage, stages, epoch, epochs, done, loss, accuracy, secondsLeft, imagesPerSecond, tests } = progress;
    const where = stages > 1 ? `${part} ${stage + 1}/${stages}, ` : "";
    const last = tests.at(-1);
    const tested = typeof last === "number" ? `, test ${percent(last)} after ${part} ${stage}` : "";
    const speed = `${imagesPerSecond.toFixed(0)} images/s`;
    const detail = `${where}epoch ${epoch + 1}/${epochs}, ${speed}, loss ${loss.toFixed(3)}, ${percent(accuracy)}${tested}`;
    line.update(done, detail, secondsLeft);
  };
}

/**
 * Runs work that leaves a checkpoint when it is stopped, and says in the error how to go on.
 * @throws what `work` throws; ABORTED with that hint if the checkpoint is there.
 */
export async function resumable<T>(checkpoint: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ShiftwiseError) || error.code !== "ABORTED" || !existsSync(checkpoint)) throw error;
    throw new ShiftwiseError("ABORTED", "stopped; the same command with --resume goes on from the checkpoint", {
      where: checkpoint,
      cause: error,
    });
  }
}
