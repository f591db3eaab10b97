// training.ts: what the commands that train have in common: options, and how a stopped run goes on.
import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { ShiftwiseError } from "../base/index.js";
import type { Augmentation } from "../data/index.js";
import { DEFAULTS } from "../pipeline/index.js";
import { augmentation, augmentText, integer, positive } from "./arguments.js";

/** The values of the options that addTrainingOptions and addRate add. */
export interface TrainingArguments {
  /** Absent unless given: see batchFor. */
  readonly batch?: number;
  readonly lr: number;
  readonly augment: Augmentation;
  readonly seed: number;
  readonly threads: number;
  readonly resume?: boolean;
}

/**
 * --batch, --augment, --seed, --threads and --resume.
 * @param others what else the help says of a default
 */
export function addTrainingOptions(
  command: Command,
  others: { batch?: string; augment?: string; threads?: string } = {},
): Command {
  const { augment, batchSize } = DEFAULTS.retraining;
  const shown = (text: string, other?: string): string => (other ? `${text}; ${other}` : text);
  return command
    .option(
      "--batch <n>",
      `number of images in a step; all where there are fewer (default: ${shown(String(batchSize), others.batch)})`,
      integer("--batch", 1),
    )
    .addOption(
      new Option(
        "--augment <list>",
        "random changes to training images: none, or a list of crop=N, shift=N, cutout=N and flip with commas",
      )
        .argParser(augmentation)
        .default(augment, shown(augmentText(augment), others.augment)),
    )
    .option("--seed <n>", "seed of all random numbers", integer("--seed", 0), DEFAULTS.seed)
    .option(
      "--threads <n>",
      `threads to train on; the result depends on their number${others.threads ?? ""}`,
      integer("--threads", 1, 256),
      DEFAULTS.commandThreads,
    )
    .option("--resume", "continue from the checkpoint of an interrupted run of the same command");
}

/**
 * Images in a step: those of --batch, else the usual number, or all where there are fewer.
 * @throws BAD_OPTION for a --batch of more than there are
 */
export function batchFor({ batch }: Pick<TrainingArguments, "batch">, images: number): number {
  if (batch === undefined) return Math.min(DEFAULTS.retraining.batchSize, images);
  if (batch <= images) return batch;
  throw new ShiftwiseError("BAD_OPTION", "a step of more images than there are to train on", {
    where: "--batch",
    expected: `${images} or fewer`,
    found: batch,
  });
}

/** --lr with a default of the command's own. */
export function addRate(command: Command, rate: number, what: string): Command {
  return command.option("--lr <rate>", what, positive("--lr"), rate);
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
