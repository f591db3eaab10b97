// weighted-entropy.bench.js: milliseconds that the weighted-entropy clusters of one layer take, sorting and codes included:
// `node bench/weighted-entropy.bench.js [--json]`, after the build.
import Table from "cli-table3";
import { createRandom } from "../dist/graph/index.js";
import { fitWeq } from "../dist/quantize/index.js";
import { processor } from "./machine.js";
import { median } from "./timing.js";

const RUNS = 20;
const random = createRandom(1);
const weights = Float32Array.from({ length: 1_000_000 }, () => random.normal() * 0.05);

const rows = [];
for (const count of [20_000, 1_000_000]) {
  for (const levels of [2, 8, 15, 16, 32]) {
    for (const form of ["paper", "code"]) {
      const layer = weights.subarray(0, count);
      const times = Array.from({ length: RUNS + 1 }, () => {
        const start = performance.now();
        fitWeq(layer, { levels, form }, "layer");
        return performance.now() - start;
      }).slice(1);
      rows.push({ weights: count, levels, form, ms: median(times), least: Math.min(...times) });
    }
  }
}
if (process.argv.includes("--json")) console.log(JSON.stringify(rows));
else {
  const table = new Table({
    head: ["weights", "levels", "form", "median, ms", "least, ms"],
    style: { head: [], border: [], compact: true },
  });
  for (const { weights: n, levels, form, ms, least } of rows) {
    table.push([n, levels, form, ms.toFixed(2), least.toFixed(2)]);
  }
  console.log(`${processor()}, Node ${process.versions.node}\n${table}`);
}
