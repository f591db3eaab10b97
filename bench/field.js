// field.js: whole networks of others, quantized as a user would, beside onnxruntime-web in float32 and int8.
// `node bench/field.js [net.onnx ...] [--calibrate images/] [--bits 5,4,3] [--only TEXT] [--rounds N]
// [--engine chromium|firefox|webkit] [--json]`, after the build. With `--float float.safetensors model.safetensors ...` it measures
// models that were made of a float network here, beside that network in onnxruntime-web and, in a browser, in LiteRT.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { ENGINES, measureInEngine, versionOfEngine } from "./field/engines.js";
import { measureField } from "./field/measure.js";
import { prepareField } from "./field/prepare.js";
import { prepareTrained } from "./field/trained.js";
import { machine } from "./machine.js";
import { ratio } from "./summary.js";
import { median } from "./timing.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    calibrate: { type: "string" },
    bits: { type: "string", default: "5,4,3" },
    float: { type: "string" },
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "15" },
    engine: { type: "string", default: "node" },
    json: { type: "boolean", default: false },
  },
});
const widths = values.bits.split(",").map(Number);
const files = values.float
  ? [values.float]
  : (positionals.length > 0 ? positionals : handed()).filter((path) => path.includes(values.only));
if (files.length === 0) {
  console.error("no networks: name ONNX files, or put ../shared/data/models beside the project");
  process.exit(1);
}
const { engine } = values;
if (engine !== "node" && !ENGINES.includes(engine)) {
  console.error(`no engine ${engine}: node, ${ENGINES.join(", ")}`);
  process.exit(1);
}
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
    const network = values.float
      ? prepareTrained(path, positionals)
      : await prepareField(path, widths, values.calibrate ?? null);
    const settings = { rounds: Number(values.rounds), sampleMs: 20, warmMs: 200 };
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
if (values.json)
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
