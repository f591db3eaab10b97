// index.js: npm run test:engines: the packed package in every engine there is, its outputs compared to the bit.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../../dist/report/index.js";
import { install } from "../package/install.js";
import { BROWSERS } from "./browsers.js";
import { runEngines } from "./campaign.js";
import { LEGEND } from "./compare.js";
import { writeModels } from "./models.js";
import { PROCESSES } from "./processes.js";
import { WORKERD } from "./workerd.js";

const ENGINES = { ...PROCESSES, workerd: WORKERD, ...BROWSERS };
const HELP = `usage: npm run test:engines -- [--only a,b] [--require a,b]
--only     runs these engines alone
--require  fails if one of these is not installed; others are then left out
engines: ${Object.keys(ENGINES).join(", ")}`;

const { only, required } = options();
const engines = only.length > 0 ? Object.fromEntries(only.map((name) => [name, ENGINES[name]])) : ENGINES;
const { folder, remove } = install("tests/engines/app");
// browsers run in groups of their own, which a signal to this one does not reach
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
process.once("exit", remove);

const expected = await writeModels(join(folder, "models"));
const models = Object.keys(expected);
const settings = { folder, expected, required, log: (line) => console.error(line) };
const { columns, skipped, faults } = await runEngines(engines, settings);
const rows = models.map((model) => [model, ...columns.map(({ cells }) => cells[model])]);
console.log(table([["model"], ...columns.map(({ heading }) => [heading])], rows));
console.log([LEGEND, ...skipped].join("\n"));
for (const fault of faults) console.error(fault);
console.log(`${columns.length} engines, ${models.length} models, ${faults.length} faults`);
if (faults.length > 0 || columns.length === 0) process.exitCode = 1;

/** The command's options; ends the program for wrong ones. */
function options() {
  try {
    const { values } = parseArgs({
      options: { only: { type: "string" }, require: { type: "string" }, help: { type: "boolean" } },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const [chosen, wanted] = [values.only, values.require].map((list = "") => list.split(",").filter(Boolean));
    const unknown = [...chosen, ...wanted].find((name) => !(name in ENGINES));
    if (unknown) throw new Error(`no engine is called ${unknown}`);
    return { only: chosen.length > 0 ? [...new Set([...chosen, ...wanted])] : [], required: wanted };
  } catch (error) {
    console.error(`${error.message}\n${HELP}`);
    return process.exit(1);
  }
}
