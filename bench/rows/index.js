// index.js: one row of the results tables from its data: npm run results -- <row> [--json] [--resume]
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Argument, CommanderError, InvalidArgumentError } from "commander";
import { atLeast, bench, endAfter } from "../arguments.js";
import { onnxRows } from "./onnx.js";
import { createScreen, reportFailure, stopSignal } from "./screen.js";
import { trainingRows, vggRows } from "./training.js";

/** name: { about, run(name, settings) }; `run` returns what is printed. */
const rows = { ...trainingRows, ...vggRows, ...onnxRows };

/** Data and models that may not be redistributed lie beside the repository. */
const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const folder = fileURLToPath(new URL("../results/rows/", import.meta.url));

const settings = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('Expected JSON, as {"learningRate": 0.01}.');
  }
};

const names = Object.keys(rows);
const width = Math.max(...names.map(({ length }) => length)) + 2;
const command = bench("results", "Makes one row of the tables of docs/results.md, from the data to its figures.")
  .addArgument(new Argument("<row>", "name of the row").choices(names))
  .option("--json", "print one JSON object on standard output and nothing else there")
  .option("--resume", "continue an interrupted run of the same row")
  .option(
    "--try <json>",
    "settings of the recipe that replace the row's; measures only the images that the row holds out",
    settings,
  )
  .option("--seed <n>", "seed of all random numbers", atLeast(0), 1)
  .option("--threads <n>", "threads to train on; the result depends on their number", atLeast(1), 2)
  .option("--shared <folder>", "folder with cifar10/, fashion-mnist/, imagenet-val-650/ and models/", shared)
  .addHelpText("after", `\nRows:\n${names.map((name) => `  ${name.padEnd(width)}${rows[name].about}`).join("\n")}`)
  .action(async (name, options) => {
    await mkdir(folder, { recursive: true });
    const screen = createScreen(options.json === true);
    const { try: tried, ...rest } = options;
    const result = await rows[name].run(name, { ...rest, tried, folder, context: { screen, signal: stopSignal() } });
    const lines = Object.entries(result).map(([key, value]) => `${key.padEnd(12)}${JSON.stringify(value)}`);
    screen.result(result, lines.join("\n"));
  });

try {
  await command.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) endAfter(error, command);
  reportFailure(error);
}
