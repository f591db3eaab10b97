// results.test.js: the tables of docs/results.md are those of bench/rows/results.json, and a run's JSON gets into them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { onnxRows } from "../../bench/rows/onnx.js";
import { page, readResults, taken, withTables } from "../../bench/rows/page.js";
import { trainingRows, vggRows } from "../../bench/rows/training.js";

const text = readFileSync(page, "utf8");
const results = readResults();
const namesOf = (rows) => rows.map(({ row }) => row);

test("the tables are those of results.json: else npm run docs:results", () => {
  assert.equal(text, withTables(text, results));
});

test("rows are those of the command, and their points follow from their accuracies", () => {
  assert.deepEqual(namesOf(results.training), Object.keys(trainingRows));
  assert.deepEqual(namesOf(results.vgg).toSorted(), Object.keys(vggRows).toSorted());
  for (const name of namesOf(results.onnx)) assert.ok(name in onnxRows, name);
  for (const { row, float, quantized, delta } of [...results.training, ...results.vgg, ...results.onnx]) {
    if (float !== undefined) assert.equal(delta, Number((quantized - float).toFixed(2)), row);
  }
  const [float, ...others] = results.compare;
  for (const { method, accuracy, delta } of others) {
    assert.equal(delta, Number((accuracy - float.accuracy).toFixed(2)), method);
  }
});

test("what a run prints replaces what is known of it, and keeps what was asked", () => {
  const run = { ...results.training[0], quantized: 88.2, delta: 0.2, bytes: 191_999, gzipBytes: 127_100 };
  delete run.asked;
  delete run.smallerGzip;
  const after = withTables(text, taken(results, run, "row.json"));
  const line = (from) => from.split("\n").find((each) => each.startsWith(`| \`${run.row}\``));
  assert.notEqual(line(after), line(text));
  assert.match(line(after), /\| 88\.20 % \| \+0\.20 \| ≥ 0\.0 \|.*\| 192 KB \| 127 KB \|/);
  const machine = { engine: "Node 20.20.2, V8 11" };
  const faster = withTables(text, taken(results, { machine, summary: { two_threads: 1.99 } }, "node.json"));
  assert.match(faster, /^\| two threads against one, w5\/a8 \| 1\.99x \| 1\.73x \|/m);
  const compared = { rows: results.compare.slice(0, 2) };
  assert.equal(taken(results, compared, "compare.json").compare.length, 2);
  assert.throws(() => taken(results, { row: "resnet20-w9a8" }, "x.json"), /x\.json: a row/);
  assert.throws(() => taken(results, {}, "x.json"), /x\.json: not the JSON/);
});

test("a VGG row stands in its table once it has run, with other seeds beside it and the factor that papers count", () => {
  const none = { ...results, vggSpeed: {}, vgg: results.vgg.map(({ row, asked, paper }) => ({ row, asked, paper })) };
  assert.doesNotMatch(withTables(text, none), /^\| `vgg-/m);
  const run = { row: "vgg-w4a8-pruned", float: 90, quantized: 89.9, delta: -0.1, left: 0.1, seed: 1 };
  const sizes = { floatBytes: 7_400_000, bytes: 200_000, gzipBytes: 100_000 };
  const once = taken(none, { ...run, ...sizes }, "1.json");
  assert.match(
    withTables(text, once),
    /^\| `vgg-w4a8-pruned` \| 90\.00 % \| 89\.90 % \| −0\.10 \| ≥ −0\.2 \| 80x \| 200 KB, 37\.0x \| 100 KB, 74\.0x \| AlexNet: 71x/m,
  );
  const seeds = [2, 3].reduce((sofar, seed) => taken(sofar, { ...run, delta: -seed / 10, seed }, `${seed}.json`), once);
  assert.match(withTables(text, seeds), /\| −0\.10, median of 3 seeds −0\.20 \|/);
  const compared = taken(none, { network: "vgg", rows: results.compare.slice(0, 3) }, "compare.json");
  assert.deepEqual([compared.vggCompare.length, compared.compare], [3, results.compare]);
  assert.throws(() => taken(none, { ...run, row: "vgg-w4a4-try-1a2b" }, "x.json"), /x\.json: a row/);
});

test("the speed of the VGG's models stands beside their float network's, by engine", () => {
  const samples = (...values) => ({ samples: values });
  const field = (engine, more) => ({
    engine,
    rows: [
      {
        name: "vgg",
        models: [{ id: "vgg-w4a4", size: 838_000 }],
        results: { "vgg-w4a4": samples(0.5, 0.5, 1), float32: samples(2, 3, 2), ...more },
      },
    ],
  });
  const none = { ...results, vggSpeed: {} };
  const node = taken(none, field("node v20.20.2"), "node.json");
  assert.match(withTables(text, node), /^\| `vgg-w4a4` \| 838 KB \| 0\.500 ms \| 4\.00x \| \| \| \|$/m);
  const both = taken(node, field("chromium 156", { litert_float32: samples(1, 2, 2) }), "chromium.json");
  assert.match(
    withTables(text, both),
    /^\| `vgg-w4a4` \| 838 KB \| 0\.500 ms \| 4\.00x \| 0\.500 ms \| 4\.00x \| 2\.00x \|$/m,
  );
});

test("the lab repeats no figure of a row wrongly", () => {
  const lab = readFileSync(new URL("../../docs/lab/retraining.md", import.meta.url), "utf8");
  const tests = new Map(results.training.map((row) => [row.row, row.tests]));
  const lines = [...lab.matchAll(/^\| `([\w-]+)` \| ([\d., ]+) \|$/gm)];
  assert.ok(lines.length >= 11);
  for (const [, row, list] of lines) assert.deepEqual(list.split(", ").map(Number), tests.get(row), row);
});
