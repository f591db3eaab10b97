// field.js: whole networks of others, quantized as a user would, beside onnxruntime-web in float32 and int8.
// `node bench/field.js --help`, after the build, says what it takes.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { InvalidArgumentError } from "commander";
import { atLeast, bench, numbers, readArguments } from "./arguments.js";
import { ENGINES, measureInEngine, versionOfEngine } from "./field/engines.js";
import { measureField } from "./field/measure.js";
import { prepareField } from "./field/prepare.js";
import { prepareTrained } from "./field/trained.js";
import { machine } from "./machine.js";
import { ratio } from "./summary.js";
import { median } from "./timing.js";

const { options, args } = readArguments(
  bench("field", "Quantizes networks as a user would, and times them beside onnxruntime-web in float32 and int8.")
    .argument("[files...]", "ONNX files (default: those of ../shared/data/models); with --float, model files")
    .option("--calibrate <folder>", "pictures or arrays to calibrate with (default: noise)")
    .option("--bits <list>", "widths of weights, a model each", numbers, [5, 4, 3])
    .option(
      "--float <file>",
      "a float network that the model files were made of here: it runs in onnxruntime-web and, in a browser, in LiteRT",
    )
    .option("--only <text>", "only files with this text in their paths", "")
    .option("--rounds <n>", "samples of each contestant", atLeast(1), 15)
    .option("--engine <list>", `where it runs, of ${["node", ...ENGINES].join(", ")}`, engines, ["node"])
    .option("--json", "print one JSON object for each engine instead of its table"),
);
const files = options.float
  ? [options.float]
  : (args.length > 0 ? args : handed()).filter((path) => path.includes(options.only));
if (files.length === 0) {
  console.error("no networks: name ONNX files, or put ../shared/data/models beside the project");
  process.exit(1);
}
const versions = new Map([["node", process.version]]);
for (const engine of options.engine) {
  if (engine === "node") continue;
  versions.set(engine, await versionOfEngine(engine));
  if (versions.get(engine) !== null) continue;
  console.error(`${engine} is not on this machine`);
  process.exit(1);
}
const ort = await import("onnxruntime-web/wasm");
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const measureIn = (engine, network) => {
  const settings = { rounds: options.rounds, sampleMs: 20, warmMs: 200 };
  return engine === "node" ? measureField(network, ort, settings) : measureInEngine(engine, network, settings);
};

const reports = options.engine.map((engine) => ({ engine, rows: [] }));
for (const path of files) {
  console.error(path);
  const failed = (error) => ({ name: path, failures: [{ problem: error.message.split("\n")[0] }] });
  try {
    // once for all engines
    const network = options.float
      ? prepareTrained(path, args)
      : await prepareField(path, options.bits, options.calibrate ?? null);
    for (const { engine, rows } of reports) rows.push(await rowOf(network, engine).catch(failed));
  } catch (error) {
    for (const { rows } of reports) rows.push(failed(error));
  }
}
for (const { engine, rows } of reports) {
  const title = `${engine} ${versions.get(engine)}`;
  if (!options.json) print(title, rows);
  else console.log(JSON.stringify({ engine: title, machine: machine(commandLine()), rows }));
}
process.exitCode = reports.some(({ rows }) => rows.some(({ failures }) => failures.length > 0)) ? 1 : 0;

/** Names of engines, with commas between. */
function engines(text) {
  const names = text.split(",");
  if (names.every((name) => name === "node" || ENGINES.includes(name))) return names;
  throw new InvalidArgumentError("Expected names of engines with commas between, as node,chromium.");
}

function commandLine() {
  return ["node bench/field.js", ...process.argv.slice(2)].join(" ");
}

/** The figures of a network in one engine. */
async function rowOf(network, engine) {
  const { results, failures, others } = await measureIn(engine, network);
  const models = network.models.map(({ id, snr, bytes, size = bytes.length }) => ({ id, snr, size }));
  return { name: network.name, macs: network.macs, results, failures, others, models };
}

/** The networks that lie beside the project. */
function handed() {
  return ["../../shared/data/models/", "../../shared/data/models/field/"]
    .map((folder) => new URL(folder, import.meta.url))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith(".onnx"))
        .map((name) => fileURLToPath(new URL(name, folder))),
    );
}

function print(title, rows) {
  console.log(title);
  const head = [
    "network",
    "MMAC",
    "float32 ms",
    "weights",
    "ms",
    "x float32",
    "x LiteRT",
    "x int8",
    "dB",
    "KB",
    "other steps",
  ];
  const table = new Table({
    head,
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 1 },
    colAligns: head.map((_, i) => (i === 0 || i === 3 ? "left" : "right")),
  });
  const fixed = (value, digits = 2) => (Number.isFinite(value) ? value.toFixed(digits) : "-");
  for (const { name, macs, results, models, others } of rows) {
    if (!results) continue;
    const times = (ours, theirs) => fixed(ratio({ results }, ours, [theirs]) ?? Number.NaN);
    const ms = (id) => (results[id] ? fixed(median(results[id].samples)) : "-");
    for (const [i, { id, snr, size }] of models.entries()) {
      const whole = i === 0 ? [name, fixed(macs / 1e6, 0), ms("float32")] : ["", "", ""];
      const ratios = ["float32", "litert_float32", `${id}_qdq`].map((peer) => times(id, peer));
      table.push([
        ...whole,
        id,
        ms(id),
        ...ratios,
        fixed(snr, 1),
        fixed(size / 1000, 0),
        `${fixed(100 * others[id], 0)} %`,
      ]);
    }
  }
  console.log(table.toString());
  for (const { name, failures } of rows) {
    for (const { contestant = "", problem } of failures) console.log(`WRONG: ${name} ${contestant}: ${problem}`);
  }
}
