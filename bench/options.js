// options.js: the command line of both benches, Node's and the browser's.
import { bench, readArguments } from "./arguments.js";

/** sampleMs: a sample repeats its run for about that long; warmMs: least warm-up of a contestant on a task. */
const FULL = { rounds: 25, sampleMs: 4, warmMs: 60, coldRounds: 11 };
const QUICK = { rounds: 7, sampleMs: 1, warmMs: 12, coldRounds: 3 };

/**
 * Reads the arguments.
 * @param script name of the npm script
 * @param name of the report's files
 * @returns json, html, only, ids (null: all contestants), settings, command
 */
export function readOptions(script, name) {
  const command = bench(
    `npm run ${script} --`,
    "Measures shiftwise beside other runtimes on the convolutions of five networks and on the networks whole.",
  )
    .option("--quick", "fewer rounds: the same table in under 5 minutes")
    .option("--json", "print one JSON object instead of the tables")
    .option("--html", "print the HTML page instead of the tables")
    .option("--only <text>", "only layers and networks whose name contains the text", "")
    .option("--contestants <ids>", "only contestants with these ids, with commas between; no threads, no cold starts")
    .addHelpText("after", `\nThe report is also written to bench/results/${name}.json and bench/results/${name}.html.`);
  const { options } = readArguments(command);
  return {
    json: options.json === true,
    html: options.html === true,
    only: options.only,
    ids: options.contestants?.split(",") ?? null,
    settings: options.quick ? QUICK : FULL,
    command: [`npm run ${script} --`, ...process.argv.slice(2)].join(" "),
  };
}
