// command.ts: what all subcommands share: --json, --verbose, a screen to write to, Ctrl-C as an AbortSignal.
import { Command } from "commander";
import { createScreen, type Screen } from "./screen.js";

export interface Context {
  readonly screen: Screen;
  /** Aborts at the first Ctrl-C, SIGTERM or SIGHUP; a second one ends the process at once. */
  readonly signal: AbortSignal;
}

/** Ctrl-C, kill, and a terminal that is closed. */
const STOPPING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A command with the options that all have. */
export function newCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--json", "print one JSON object on standard output, and nothing else")
    .option("--verbose", "print all there is to say: the stack trace of an error, notes, every layer");
}

/**
 * Runs a command's work between setting up and taking down what it needs.
 * @param options as parsed, with `json` among them.
 */
export async function withContext(
  options: { readonly json?: boolean },
  work: (context: Context) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const name of STOPPING) process.once(name, stop);
  const screen = createScreen(options.json === true);
  try {
    await work({ screen, signal: controller.signal });
  } finally {
    screen.close();
    for (const name of STOPPING) process.off(name, stop);
  }
}
