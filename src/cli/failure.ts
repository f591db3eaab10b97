// failure.ts: what a person reads when a command fails, and the status it exits with.
import { CommanderError } from "commander";
import { ShiftwiseError } from "../base/index.js";

/**
 * Writes one line to standard error: "error CODE: where: what; expected ...; found ...", with `verbose` the stack too.
 * @returns the exit status: 1, also after Ctrl-C; 0 where commander only printed help.
 */
export function reportFailure(error: unknown, verbose: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // help that was asked for by giving no command is on standard error already
    if (error.code !== "commander.help") writeLine(`error BAD_OPTION: ${error.message.replace(/^error: /, "")}`);
    return 1;
  }
  if (error instanceof ShiftwiseError) writeLine(`error ${error.code}: ${error.message}`);
  else writeLine(`unexpected error: ${String(error)} (--verbose shows where; please report it)`);
  if (verbose && error instanceof Error) process.stderr.write(`${withCauses(error)}\n`);
  return 1;
}

/**
 * Lets a failed write to standard output or standard error end the process with status 1: without a word where the reader
 * has gone away, as `| head` does, else as an IO error.
 */
export function endOnFailedOutput(verbose: boolean): void {
  for (const [where, stream] of Object.entries({
    "standard output": process.stdout,
    "standard error": process.stderr,
  })) {
    stream.on("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EPIPE") {
        reportFailure(new ShiftwiseError("IO", "cannot write", { where, found: cause.message, cause }), verbose);
      }
      process.exit(1);
    });
  }
}

function writeLine(text: string): void {
  process.stderr.write(`${text.replace(/\s*\n\s*/g, " ")}\n`);
}

function withCauses(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by ${withCauses(error.cause)}` : own;
}
