#!/usr/bin/env node
// index.ts: the shiftwise command: its subcommands, and the one place where errors end.
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { compareCommand } from "./compare.js";
import { demoCommand } from "./demo.js";
import { evalCommand } from "./eval.js";
import { exportCommand } from "./export.js";
import { endOnFailedOutput, reportFailure } from "./failure.js";
import { inspectCommand } from "./inspect.js";
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
    "\nExit status: 0 for success, 1 for any error, which is told in one line on standard error; also 1 after Ctrl-C,\n" +
      "which lets train and quantize leave a checkpoint for --resume. Files are written beside their place and renamed: a link is\n" +
      "followed, a mode kept; devices, pipes and /dev/stdout are refused.",
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
]) {
  program.addCommand(command.copyInheritedSettings(program));
}

const verbose = process.argv.includes("--verbose");
endOnFailedOutput(verbose);
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error, verbose);
}
