// index.js: the bench in Node: what to run, on which contestants, and where the report goes. `node index.js --help`.
import { mkdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SingleBar } from "cli-progress";
import { COLD_NETWORKS, measureCold } from "./cold.js";
import { multiplyContestant } from "./contestants/multiply.js";
import { nativeContestants, webContestants } from "./contestants/onnxruntime.js";
import { floatContestant, shiftContestants, twoThreads } from "./contestants/shiftwise.js";
import { tfjsContestant } from "./contestants/tfjs.js";
import { machine } from "./machine.js";
import { buildMultiply } from "./multiply/build.js";
import { convLayers, networks as makers, titles } from "./networks.js";
import { formatPage } from "./page.js";
import { measure } from "./runner.js";
import { summaryRows } from "./summary.js";
import { formatReport } from "./table.js";
import { layerTask, networkTask } from "./tasks.js";

const HELP = `Measures shiftwise beside other runtimes on the convolutions of five networks and on the networks whole.

  npm run bench -- [options]

  --quick           fewer rounds: the same table in under 5 minutes
  --json            print one JSON object instead of the tables
  --html            print the HTML page instead of the tables
  --only TEXT       only tasks (layers, networks, cold starts) whose name contains TEXT
  --contestants A,B only contestants with these ids

The report is also written to bench/results/node.json and bench/results/node.html.`;

const SETTINGS = {
  full: { rounds: 25, sampleMs: 4, warmMs: 60, coldRounds: 11 },
  quick: { rounds: 9, sampleMs: 1, warmMs: 12, coldRounds: 3 },
};
/** Before anything is timed every contestant runs for so long on each of these. */
const FIRST_WARM_MS = 400;
const WARM_LAYERS = ["3x3 64>64 @8", "dw 3x3 512>512 @14"];
/** Models of finished tasks hold large memories until they are collected. */
const TASKS_A_COLLECTION = 12;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    html: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    contestants: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) console.log(HELP);
else process.exitCode = await main();

async function main() {
  const start = performance.now();
  const settings = options.quick ? SETTINGS.quick : SETTINGS.full;
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");

  const all = [
    ...shiftContestants,
    floatContestant,
    multiplyContestant(await buildMultiply()),
    tfjsContestant,
    ...webContestants,
    ...nativeContestants,
  ];
  const wanted = options.contestants === "" ? all : all.filter(({ id }) => options.contestants.split(",").includes(id));
  const { contestants, skipped } = await readyOnes(wanted);

  const made = Object.values(makers).map((make) => make());
  const chosen = ({ name }) => name.includes(options.only);
  const layerList = convLayers(made).filter(chosen);
  const networkList = made.filter(chosen);
  const coldList = networkList.filter(({ name }) => name in COLD_NETWORKS && wanted === all);

  const bar = new SingleBar({ format: "{bar} {value}/{total}  {task}  {eta_formatted} left", stream: process.stderr });
  bar.start(layerList.length + networkList.length + coldList.length * settings.coldRounds, 0, { task: "warm-up" });
  const failures = [];
  for (const layer of convLayers(made).filter(({ name }) => WARM_LAYERS.includes(name))) {
    await measure(layerTask(layer), contestants, { rounds: 1, sampleMs: 1, warmMs: FIRST_WARM_MS });
  }
  let sinceCollected = 0;
  const measured = async (task) => {
    bar.update({ task: task.name });
    const { results, failures: some } = await measure(task, contestants, settings);
    failures.push(...some);
    bar.increment();
    if (task.kind === "network" || ++sinceCollected % TASKS_A_COLLECTION === 0) collect();
    const { name, title, layerKind, macs, counts } = task;
    return { name, title, layerKind, macs, counts, results };
  };
  const layers = [];
  for (const layer of layerList) layers.push(await measured(layerTask(layer)));
  const networks = [];
  const threads = [];
  const coldTasks = [];
  for (const network of networkList) {
    const task = networkTask(network, titles[network.name]);
    networks.push(await measured(task));
    if (wanted !== all) continue;
    const { results, failures: some } = await measure(task, [shiftContestants[0], twoThreads], settings);
    threads.push({ name: task.name, title: task.title, results });
    failures.push(...some);
    if (coldList.includes(network)) coldTasks.push(task);
  }
  bar.update({ task: "cold start" });
  const coldStart = await measureCold(coldTasks, settings.coldRounds, () => bar.increment());
  bar.stop();

  const rows = summaryRows({ layers, networks, threads, cold: coldStart });
  const report = {
    machine: machine(["npm run bench --", ...process.argv.slice(2)].join(" ")),
    settings,
    seconds: (performance.now() - start) / 1000,
    summary: Object.fromEntries(rows.map(({ key, value }) => [key, value])),
    rows,
    contestants: contestants.map(({ id, title }) => ({ id, title })),
    networks,
    threads,
    coldStart,
    layers,
    skipped,
    failures,
  };
  const page = await formatPage(report);
  const json = JSON.stringify(report);
  const folder = new URL("./results/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL("node.json", folder), json);
  await writeFile(new URL("node.html", folder), page);
  console.log(options.json ? json : options.html ? page : formatReport(report));
  return failures.length > 0 ? 1 : 0;
}

/** Contestants that can run here, and why the others cannot. */
async function readyOnes(all) {
  const contestants = [];
  const skipped = [];
  for (const contestant of all) {
    try {
      await contestant.ready?.();
      contestants.push(contestant);
    } catch (error) {
      skipped.push({ title: contestant.title, reason: error.message.split("\n")[0] });
    }
  }
  return { contestants, skipped };
}
