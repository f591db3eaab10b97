#!/usr/bin/env node
// index.ts: the shiftwise command: its subcommands, and the one place where errors end.
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { calibrateCostsCommand } from "./calibrate-costs.js";
import { compareCommand } from "./compare.js";
import { demoCommand } from "./demo.js";
import { diffCommand } from "./diff.js";
import { evalCommand } from "./eval.js";
import { exportCommand } from "./export.js";
import { endOnFailedOutput, reportFailure } from "./failure.js";
import { inspectCommand } from "./inspect.js";
import { predictCommand } from "./predict.js";
import { profileCommand } from "./profile.js";
import { quantizeCommand } from "./quantize.js";
import { trainCommand } from "./train.js";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("shiftwise")
  .version(manifest.version)
  .description("Train, quantize and run power-of-two neural networks.")
  .addHelpText(
    "after",
    "\nThe exit status is 0 for success, 1 for an error, and 141 where nobody reads the output any more. An error is one line on standard error. Ctrl-C stops with status 1;\n" +
      "train and quantize then leave a checkpoint for --resume. A file is written beside its place and renamed when it is whole.\n" +
      "Links are followed and modes are kept. Devices, pipes and /dev/stdout are refused.",
  )
  // errors are printed by reportFailure alone, all in one style
  .configureOutput({ outputError: () => {} })
  .exitOverride();

for (const command of [
  demoCommand(),
  trainCommand(),
  quantizeCommand(),
  evalCommand(),
  exportCommand(),
  inspectCommand(),
  profileCommand(),
  compareCommand(),
  diffCommand(),
  predictCommand(),
  calibrateCostsCommand(),
]) {
  program.addCommand(command.copyInheritedSettings(program));
}

/**
 * Refuses a word that is no command before help is printed, with which commander would answer it.
 * @throws BAD_OPTION
 */
function checkCommand(words: readonly string[]): void {
  const names = [...program.commands.map((command) => command.name()), "help"];
  const [first, second] = words.filter((word) => !word.startsWith("-"));
  const found = first === "help" ? second : first;
  if (found === undefined || names.includes(found)) return;
  throw new ShiftwiseError("BAD_OPTION", "no such command", { expected: names.join(", "), found });
}

const verbose = process.argv.includes("--verbose");
endOnFailedOutput(verbose);
try {
  checkCommand(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error, verbose);
}
