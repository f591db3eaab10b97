// calibrate-costs.ts: shiftwise calibrate-costs: how long each unit of the kernels' work takes on this machine.
import type { Command } from "commander";
import { writeAtomically } from "../base/system.js";
import { type Calibration, COST_UNITS, calibrateCosts } from "../pipeline/index.js";
import { count, percent, table } from "../report/index.js";
import { integer } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { checkOutputs } from "./outputs.js";

interface CalibrateCostsArguments {
  readonly json?: boolean;
  readonly out?: string;
  readonly models: number;
  readonly runs: number;
}

export function calibrateCostsCommand(): Command {
  return newCommand("calibrate-costs", "measure what each unit of the kernels' work costs on this machine")
    .option("--out <file>", "JSON file to write the table to")
    .option("--models <n>", "number of random models to time", integer("--models", 10, 1000), 120)
    .option("--runs <n>", "number of timed runs of each after a warm-up", integer("--runs", 1, 10_000), 40)
    .action((options: CalibrateCostsArguments) =>
      withContext(options, (context) => runCalibrateCosts(options, context)),
    );
}

async function runCalibrateCosts(
  { out, models, runs }: CalibrateCostsArguments,
  { screen, signal }: Context,
): Promise<void> {
  await checkOutputs([out]);
  const line = screen.progress("timing kernels");
  const found = await calibrateCosts({ models, rounds: runs, signal, onProgress: (share) => line.update(share) });
  line.done();
  if (out !== undefined) {
    await writeAtomically(out, new TextEncoder().encode(`${JSON.stringify(found.table, null, 2)}\n`));
  }
  screen.result({ ...found, out: out ?? null }, describe(found));
}

function describe({ table: { machine, nanoseconds }, error }: Calibration): string {
  const rows = Object.entries(COST_UNITS).map(([name, text]) => {
    return [name, text, nanoseconds[name as keyof typeof nanoseconds].toPrecision(3)];
  });
  return [
    table([["unit"], ["what it is"], ["ns", "right"]], rows),
    `${machine}; ${count(error.steps)} steps that a table was not fitted on err by ${percent(error.median)} in the median, ` +
      `nine of ten by less than ${percent(error.ninetieth)}, their models by ${percent(error.models)}`,
  ].join("\n");
}
