// failure.ts: what a person reads when a command fails, and the status it exits with.
import { CommanderError } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { oneLine, printable } from "./printable.js";

/** Settings of the library by the options that set them. */
const FLAGS: Readonly<Record<string, string>> = {
  ...{ batchSize: "--batch", learningRate: "--lr", layers: "--layer", sparsity: "--prune", share: "--distill" },
  ...{ pruneEpochs: "--prune-epochs", batchNorm: "--batch-norm", twoTerm: "--two-term" },
  ...Object.fromEntries(
    "activations,anneal,augment,bits,budget,clip,compensate,epochs,levels,loss,methods,minutes,partition,portions,ranking,scale,seed,threads"
      .split(",")
      .map((name) => [name, `--${name}`]),
  ),
};

/** The message of an error, which names options and not the settings that the library has for them. */
function inOptions({ where = "", message }: ShiftwiseError): string {
  const [name] = /^\w+/.exec(where) ?? [""];
  const isSetting = Object.hasOwn(FLAGS, name) && /^($|\[| )/.test(where.slice(name.length));
  return isSetting ? `${FLAGS[name]}${message.slice(name.length)}` : message;
}

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
  if (error instanceof ShiftwiseError) writeLine(`error ${error.code}: ${inOptions(error)}`);
  else writeLine(`unexpected error: ${String(error)} (--verbose shows where; please report it)`);
  if (verbose && error instanceof Error) process.stderr.write(`${printable(withCauses(error))}\n`);
  return 1;
}

/** The status of a process that SIGPIPE ends, 128 + 13: other programs end so when nobody reads them any more. */
const PIPE_STATUS = 141;

/**
 * Lets a failed write to standard output or standard error end the process: with status 141 and without a word where the
 * reader has gone away, as `| head` does, else with status 1 and an IO error. A stream that is closed from the start fails
 * no write: Node.js opens /dev/null in its place, and what is written there was not wanted.
 */
export function endOnFailedOutput(verbose: boolean): void {
  for (const [where, stream] of Object.entries({
    "standard output": process.stdout,
    "standard error": process.stderr,
  })) {
    stream.on("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EPIPE") process.exit(PIPE_STATUS);
      reportFailure(new ShiftwiseError("IO", "cannot write", { where, found: reason(cause), cause }), verbose);
      process.exit(1);
    });
  }
}

function writeLine(text: string): void {
  process.stderr.write(`${oneLine(text.replace(/\s*\n\s*/g, " "))}\n`);
}

function withCauses(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by ${withCauses(error.cause)}` : own;
}
