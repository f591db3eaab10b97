// options.js: the command line of both benches, Node's and the browser's.
import { parseArgs } from "node:util";

/** sampleMs: a sample repeats its run for about that long; warmMs: least warm-up of a contestant on a task. */
const FULL = { rounds: 25, sampleMs: 4, warmMs: 60, coldRounds: 11 };
const QUICK = { rounds: 7, sampleMs: 1, warmMs: 12, coldRounds: 3 };

/**
 * Reads the arguments.
 * @param script name of the npm script
 * @param name of the report's files
 * @returns json, html, only, ids (null: all contestants), settings, command; null after printing the help
 */
export function readOptions(script, name) {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      html: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      contestants: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(`Measures shiftwise beside other runtimes on the convolutions of five networks and on the networks whole.

  npm run ${script} -- [options]

  --quick           fewer rounds: the same table in under 5 minutes
  --json            print one JSON object instead of the tables
  --html            print the HTML page instead of the tables
  --only TEXT       only layers and networks whose name contains TEXT
  --contestants A,B only contestants with these ids; no threads, no cold starts

The report is also written to bench/results/${name}.json and bench/results/${name}.html.`);
    return null;
  }
  return {
    json: values.json,
    html: values.html,
    only: values.only,
    ids: values.contestants?.split(",") ?? null,
    settings: values.quick ? QUICK : FULL,
    command: [`npm run ${script} --`, ...process.argv.slice(2)].join(" "),
  };
}
