// index.js: one row of the results tables from its data: npm run results -- <row> [--json] [--resume]
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Argument, CommanderError } from "commander";
import { integer } from "../../dist/cli/arguments.js";
import { newCommand, withContext } from "../../dist/cli/command.js";
import { endOnFailedOutput, reportFailure } from "../../dist/cli/failure.js";
import { onnxRows } from "./onnx.js";
import { trainingRows } from "./training.js";

/** name: { about, run(name, settings) }; `run` returns what is printed. */
const rows = { ...trainingRows, ...onnxRows };

/** Data and models that may not be redistributed lie beside the repository. */
const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const folder = fileURLToPath(new URL("../results/rows/", import.meta.url));

const names = Object.keys(rows);
const width = Math.max(...names.map(({ length }) => length)) + 2;
const command = newCommand("results", "make one row of the tables of docs/results.md, from the data to its figures")
  .addArgument(new Argument("<row>", "name of the row").choices(names))
  .option("--resume", "continue an interrupted run of the same row")
  .option("--seed <n>", "seed of all random numbers", integer("--seed", 0), 1)
  .option("--threads <n>", "threads to train on; the result depends on their number", integer("--threads", 1, 256), 2)
  .option("--shared <folder>", "folder with cifar10/, fashion-mnist/, imagenet-val-650/ and models/", shared)
  .addHelpText("after", `\nRows:\n${names.map((name) => `  ${name.padEnd(width)}${rows[name].about}`).join("\n")}`)
  .exitOverride()
  .configureOutput({ outputError: () => {} })
  .action((name, options) =>
    withContext(options, async (context) => {
      await mkdir(folder, { recursive: true });
      const result = await rows[name].run(name, { ...options, folder, context });
      const lines = Object.entries(result).map(([key, value]) => `${key.padEnd(12)}${JSON.stringify(value)}`);
      context.screen.result(result, lines.join("\n"));
    }),
  );

const verbose = process.argv.includes("--verbose");
endOnFailedOutput(verbose);
try {
  await command.parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error, verbose);
  if (error instanceof CommanderError && error.exitCode !== 0) process.stderr.write(command.helpInformation());
}
