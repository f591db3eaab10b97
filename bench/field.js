// field.js: whole networks of others, quantized as a user would, beside onnxruntime-web in float32 and int8.
// `node bench/field.js --help`, after the build, says what it takes.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { Option } from "commander";
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
    .addOption(new Option("--engine <name>", "where it runs").choices(["node", ...ENGINES]).default("node"))
    .option("--json", "print one JSON object instead of the table"),
);
const files = options.float
  ? [options.float]
  : (args.length > 0 ? args : handed()).filter((path) => path.includes(options.only));
if (files.length === 0) {
  console.error("no networks: name ONNX files, or put ../shared/data/models beside the project");
  process.exit(1);
}
const { engine } = options;
const version = engine === "node" ? process.version : await versionOfEngine(engine);
if (version === null) {
  console.error(`${engine} is not on this machine`);
  process.exit(1);
}
const ort = await import("onnxruntime-web/wasm");
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const measureHere = (network, settings) =>
  engine === "node" ? measureField(network, ort, settings) : measureInEngine(engine, network, settings);

const rows = [];
for (const path of files) {
  console.error(path);
  try {
    const network = options.float
      ? prepareTrained(path, args)
      : await prepareField(path, options.bits, options.calibrate ?? null);
    const settings = { rounds: options.rounds, sampleMs: 20, warmMs: 200 };
    const { results, failures, others } = await measureHere(network, settings);
    const { name, macs, models } = network;
    rows.push({
      name,
      macs,
      results,
      failures,
      others,
      models: models.map(({ id, snr, bytes, size = bytes.length }) => ({ id, snr, size })),
    });
  } catch (error) {
    rows.push({ name: path, failures: [{ problem: error.message.split("\n")[0] }] });
  }
}
if (options.json)
  console.log(
    JSON.stringify({
      engine: `${engine} ${version}`,
      machine: machine(["node bench/field.js", ...process.argv.slice(2)].join(" ")),
      rows,
    }),
  );
else print();
process.exitCode = rows.some(({ failures }) => failures.length > 0) ? 1 : 0;

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

function print() {
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
