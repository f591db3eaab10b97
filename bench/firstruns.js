// firstruns.js: the first runs of a network in a fresh process beside its hundredth, as loaded and after warmUp().
// `node bench/firstruns.js [--json]`, after the build.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Table from "cli-table3";
import { encodeModel } from "../dist/model/index.js";
import { networks, titles } from "./networks.js";
import { networkTask } from "./tasks.js";
import { median } from "./timing.js";

const PROCESSES = 5;
const SHOWN = 10;
const child = fileURLToPath(new URL("./cold/firstruns.js", import.meta.url));
const run = promisify(execFile);

const rows = [];
const folder = await mkdtemp(join(tmpdir(), "shiftwise-bench-"));
try {
  for (const [name, make] of Object.entries(networks)) {
    const path = join(folder, `${name}.safetensors`);
    await writeFile(path, encodeModel(networkTask(make(), titles[name]).shifted("w5a8").def));
    for (const warm of [false, true]) rows.push({ name: titles[name], warm, ...(await measure(path, warm)) });
  }
} finally {
  await rm(folder, { recursive: true });
}
if (process.argv.includes("--json")) console.log(JSON.stringify(rows));
else print();

/** Medians over some processes. */
async function measure(path, warm) {
  const results = [];
  for (let i = 0; i < PROCESSES; i++) {
    const { stdout } = await run(process.execPath, [child, path, String(warm)]);
    results.push(JSON.parse(stdout));
  }
  const first = Array.from({ length: SHOWN }, (_, i) => median(results.map(({ runs }) => runs[i])));
  const hundredth = median(results.map(({ runs }) => median(runs.slice(-20))));
  return { load: median(results.map(({ load }) => load)), first, hundredth };
}

function print() {
  const table = new Table({
    head: ["ms", "", "load", ...Array.from({ length: SHOWN }, (_, i) => `${i + 1}`), "100th", "1st / 100th"],
    style: { head: [], border: [], compact: true },
    colAligns: ["left", "left", ...new Array(SHOWN + 3).fill("right")],
  });
  for (const { name, warm, load, first, hundredth } of rows) {
    const times = [load, ...first, hundredth].map((ms) => ms.toFixed(ms < 10 ? 2 : 1));
    table.push([name, warm ? "after warmUp()" : "as loaded", ...times, `${(first[0] / hundredth).toFixed(1)}x`]);
  }
  console.log(table.toString());
}
