// eval.ts: shiftwise eval: accuracy and time of a model on a test set.
import type { Command } from "commander";
import { openDataset } from "../data/index.js";
import { checkFits, classesOf, createClassifier, type ExecutorName } from "../pipeline/index.js";
import { count, milliseconds, percent } from "../report/index.js";
import { choice } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { readModelFile } from "./files.js";
import { measureShown } from "./shown.js";

interface EvalArguments {
  readonly json?: boolean;
  readonly data: string;
  readonly executor: ExecutorName;
}

export function evalCommand(): Command {
  return newCommand("eval", "measure a model's accuracy on the test images of a data set")
    .argument("<model>", "model file, or a float network file, which is run in float32")
    .requiredOption("--data <folder>", "folder of IDX or CIFAR-10 files, or the word generated")
    .option(
      "--executor <name>",
      "program that runs the model: wasm, or reference, the plain executor",
      choice("--executor", ["wasm", "reference"]),
      "wasm",
    )
    .action((path: string, options: EvalArguments) =>
      withContext(options, (context) => runEval(path, options, context)),
    );
}

async function runEval(path: string, options: EvalArguments, context: Context): Promise<void> {
  const { def } = await readModelFile(path);
  const { test } = await openDataset(options.data, { classes: classesOf(def) });
  checkFits(def, test);
  const executor = await createClassifier(def, options.executor);
  const { accuracy, correct, total, msPerImage } = await measureShown(executor, test, "testing", context);
  executor.dispose();
  context.screen.result(
    { accuracy, correct, total, msPerImage, executor: options.executor },
    `${percent(accuracy / 100)} of ${count(total)} images correct (${count(correct)}), ` +
      `${milliseconds(msPerImage)} an image, ${options.executor} executor`,
  );
}
