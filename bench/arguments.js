// arguments.js: reads the command line of a bench. One that is wrong ends the program with a sentence and the help.
import { Command, CommanderError, InvalidArgumentError } from "commander";

/** The command of one bench, described in a sentence or two. It throws what is wrong, and prints nothing of it. */
export const bench = (name, about) =>
  new Command(name)
    .description(about)
    .exitOverride()
    .configureOutput({ outputError: () => {} });

/** An option's integer, from `low` on. */
export const atLeast = (low) => (text) => {
  if (/^\d+$/.test(text) && Number(text) >= low) return Number(text);
  throw new InvalidArgumentError(`Expected an integer of ${low} or more.`);
};

/** An option's numbers, with commas between. */
export const numbers = (text) => {
  const found = text.split(",").map(Number);
  if (found.every(Number.isFinite)) return found;
  throw new InvalidArgumentError("Expected numbers with commas between, as 5,4,3.");
};

/** @returns options, args: what the command line says; after the help or an error the program ends */
export function readArguments(command) {
  try {
    command.parse();
  } catch (error) {
    endAfter(error, command);
  }
  return { options: command.opts(), args: command.args };
}

/** Ends the program after the error of a command line, or after its help. */
export function endAfter(error, command) {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode !== 0) {
    process.stderr.write(`${error.message.replace("error:", "error BAD_OPTION:")}\n\n${command.helpInformation()}`);
  }
  process.exit(error.exitCode);
}
