// page.js: the tables of docs/results.md from results.json; run as a program, it takes in what runs have printed as JSON and
// writes both: npm run docs:results -- [bench/results/rows/fashion-w5a8.json bench/results/node.json ...]
import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { summaryRows } from "../summary.js";
import {
  accuracy,
  bytes,
  code,
  count,
  duration,
  milliseconds,
  optional,
  points,
  ratio,
  short,
  signed,
  size,
  table,
  times,
} from "./cells.js";
import { compareTable } from "./compared.js";
import { speedOf, vggSpeedTable, vggTable } from "./vgg.js";

export const page = fileURLToPath(new URL("../../docs/results.md", import.meta.url));
const store = fileURLToPath(new URL("./results.json", import.meta.url));

export const readResults = () => JSON.parse(readFileSync(store, "utf8"));

function demoTable({ float, shift }) {
  const name = `${shift.weightBits}-bit weights, 8-bit activations`;
  const smaller = (size) => `${times(float.bytes / size)} smaller`;
  return table(
    ["", "float32", name, "difference"],
    [
      [
        "accuracy on 3,000 held-out images",
        accuracy(float.accuracy),
        accuracy(shift.accuracy),
        `${points(shift.accuracy - float.accuracy)} points`,
      ],
      ["float32 weights, model file", bytes(float.bytes), bytes(shift.bytes), smaller(shift.bytes)],
      ["the same with gzip", "", bytes(shift.gzipBytes), smaller(shift.gzipBytes)],
      [
        "time per image, one thread",
        milliseconds(float.msPerImage),
        milliseconds(shift.msPerImage),
        `${times(float.msPerImage / shift.msPerImage)} faster`,
      ],
    ],
  );
}

const hasRun = ({ quantized }) => quantized !== undefined;

function trainingTable(rows) {
  return table(
    ["row", "float32", "quantized", "points", "asked", "epochs", "time", "file", "with gzip", "golden hash"],
    rows
      .filter(hasRun)
      .map((row) => [
        code(row.row),
        accuracy(row.float),
        accuracy(row.quantized),
        points(row.delta),
        optional(row.asked, (asked) => `≥ ${signed(asked, 1)}`),
        String(row.epochs),
        optional(row.seconds, duration),
        size(row.bytes),
        size(row.gzipBytes),
        code(row.goldenHash),
      ]),
  );
}

/** What the papers count: 32 bits over those of the weights that are left. */
function counted(row) {
  const [, bits] = /-w(\d)a/.exec(row);
  const left = 1 - Number(/-pruned(\d+)$/.exec(row)?.[1] ?? 0) / 100;
  return 32 / (Number(bits) * left);
}

function compressionTable(rows) {
  return table(
    ["row", "points", "32 / (bits × share left)", "file", "file with gzip"],
    rows
      .filter((row) => hasRun(row) && !/a4$|-random$|-folded-/.test(row.row))
      .map((row) => [
        code(row.row),
        points(row.delta),
        short(counted(row.row)),
        times(row.smaller ?? row.floatBytes / row.bytes),
        times(row.smallerGzip ?? row.floatBytes / row.gzipBytes),
      ]),
  );
}

function onnxTable(rows) {
  return table(
    ["row", "float32", "quantized", "points", "asked", "agrees", "bits on average", "epochs", "file"],
    rows.map((row) => [
      code(row.row),
      accuracy(row.float),
      accuracy(row.quantized),
      points(row.delta),
      optional(row.asked, (asked) => `≥ ${signed(asked, 1)}`),
      accuracy(row.agreement),
      row.averageBits.toFixed(2),
      String(row.epochs),
      bytes(row.bytes),
    ]),
  );
}

/** Titles of the bench's rows; those without one stand only in its report. */
const SPEED = {
  w5a8_vs_best_wasm_float32: "5-bit weights, 8-bit activations against wasm float32",
  w5a8_min_vs_best_wasm_float32: "the slowest of these layers",
  w4a8_vs_best_wasm_float32: "4-bit weights, 8-bit activations against wasm float32",
  w3a8_vs_best_wasm_float32: "3-bit weights, 8-bit activations against wasm float32",
  w5a4_vs_best_wasm_float32: "5-bit weights, 4-bit activations against wasm float32",
  w3a4_vs_best_wasm_float32: "3-bit weights, 4-bit activations against wasm float32",
  w5a8_pruned90_vs_best_wasm_float32: "5-bit weights, 90 % pruned, 8-bit activations against wasm float32",
  w5a8_vs_ort_web_int8: "5-bit weights, 8-bit activations against onnxruntime-web int8",
  w5a4_vs_native_float32: "5-bit weights, 4-bit activations against native onnxruntime float32 (AVX-512)",
  w5a8_vs_own_int8_multiply: "5-bit weights, 8-bit activations against our own int8 multiply kernel",
  w5a4_vs_own_int8_multiply: "5-bit weights, 4-bit activations against our own int8 multiply kernel",
  w5a8_vs_own_int8_relaxed_dot: "5-bit weights, 8-bit activations against relaxed dot products, 7-bit activations",
  whole_resnet18_w5a8_vs_best_wasm_float32: "ResNet-18 whole, w5/a8 against wasm float32",
  whole_squeezenet_w5a8_vs_best_wasm_float32: "SqueezeNet 1.1 whole, w5/a8 against wasm float32",
  whole_mobilenetv1_w5a8_vs_best_wasm_float32: "MobileNetV1 whole, w5/a8 against wasm float32",
  whole_mobilenetv2_w5a8_vs_best_wasm_float32: "MobileNetV2 whole, w5/a8 against wasm float32",
  whole_resnet20_w5a8_vs_best_wasm_float32: "ResNet-20 whole, w5/a8 against wasm float32",
  two_threads: "two threads against one, w5/a8",
  cold_start_resnet20_vs_ort_web: "cold start, share of onnxruntime-web's time: ResNet-20",
  cold_start_squeezenet_vs_ort_web: "cold start: SqueezeNet 1.1",
  cold_start_resnet18_vs_ort_web: "cold start: ResNet-18",
};

/** The bars are the bench's own. */
function speedTable({ node, chromium }) {
  const rows = summaryRows({ layers: [], networks: [], edge: [], threads: [], coldStart: [] }).filter(
    ({ key }) => key in SPEED,
  );
  const figure = (value, atMost) => optional(value, atMost ? (share) => share.toFixed(2) : ratio);
  return table(
    ["what", "Node", "Chromium", "bar"],
    rows.map(({ key, bar, atMost }) => [
      SPEED[key],
      figure(node[key], atMost),
      figure(chromium[key], atMost),
      bar === null ? "" : `${atMost ? "≤" : "≥"} ${figure(bar, atMost)}`,
    ]),
  );
}

function firstRunsTable(rows) {
  const ms = (value) => value.toFixed(value < 10 ? 2 : 1);
  return table(
    ["network, milliseconds", "1st run", "2nd", "3rd", "100th", "1st / 100th", "1st after `warmUp()`", "1st / 100th"],
    rows
      .filter(({ warm }) => !warm)
      .map(({ name, first, hundredth }) => {
        const warmed = rows.find((row) => row.warm && row.name === name);
        const share = warmed.ratio ?? warmed.first[0] / warmed.hundredth;
        const cold = [...first.slice(0, 3), hundredth].map(ms);
        return [name, ...cold, times(first[0] / hundredth), ms(warmed.first[0]), times(share)];
      }),
  );
}

/** Tables by the names of their places on the page. */
const TABLES = {
  demo: ({ demo }) => demoTable(demo),
  training: ({ training }) => trainingTable(training),
  compression: ({ training }) => compressionTable(training),
  vgg: ({ vgg }) => vggTable(vgg),
  "vgg-compare": ({ vggCompare }) => compareTable(vggCompare),
  "vgg-speed": ({ vggSpeed }) => vggSpeedTable(vggSpeed),
  onnx: ({ onnx }) => onnxTable(onnx),
  compare: ({ compare }) => compareTable(compare),
  speed: ({ speed }) => speedTable(speed),
  "first-runs": ({ firstRuns }) => firstRunsTable(firstRuns),
};

/** The page with its tables as the results have them. */
export function withTables(text, results) {
  return Object.entries(TABLES).reduce((sofar, [name, make]) => {
    const place = new RegExp(`(<!-- table: ${name} [^>]*-->\n)[\\s\\S]*?(<!-- end -->)`);
    if (!place.test(sofar)) throw new Error(`docs/results.md has no place for the table ${name}`);
    return sofar.replace(place, (_, before, behind) => `${before}${make(results)}\n${behind}`);
  }, text);
}

/**
 * The results with a run's JSON in place of what they have of it. A row keeps what was asked of it and what the paper has; a VGG
 * row of another seed than 1 is put beside that of seed 1.
 */
export function taken(results, run, name) {
  if (typeof run.row === "string") {
    const list = ["onnx", "vgg"].find((group) => run.row.startsWith(`${group}-`)) ?? "training";
    const found = results[list].find(({ row }) => row === run.row);
    if (!found) throw new Error(`${name}: a row that results.json does not know: ${run.row}`);
    const { distillation: _, ...figures } = run;
    const { asked, paper, seeds } = found;
    const kept = { ...(asked !== undefined && { asked }), ...(paper && { paper }), ...(seeds && { seeds }) };
    const another = list === "vgg" && run.seed !== 1;
    const row = another ? { ...found, seeds: { ...seeds, [run.seed]: figures } } : { ...figures, ...kept };
    return { ...results, [list]: results[list].map((old) => (old === found ? row : old)) };
  }
  if (run.summary) {
    const engine = /^Node/i.test(run.machine.engine) ? "node" : "chromium";
    return { ...results, speed: { ...results.speed, [engine]: run.summary } };
  }
  if (run.shift) return { ...results, demo: { ...results.demo, ...run } };
  if (Array.isArray(run)) return { ...results, firstRuns: run };
  if (run.rows?.[0]?.method) return { ...results, [run.network === "vgg" ? "vggCompare" : "compare"]: run.rows };
  if (run.rows?.[0]?.models) {
    const engine = run.engine.split(" ")[0];
    return { ...results, vggSpeed: { ...results.vggSpeed, [engine]: speedOf(run) } };
  }
  throw new Error(`${name}: not the JSON of a row, of the bench, of field, of compare, of the demo or of first runs`);
}

/** One row a line, so that a change is a line. */
function text(results) {
  const lines = Object.entries(results).map(([key, value]) => {
    if (!Array.isArray(value)) return `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`;
    return `  ${JSON.stringify(key)}: [\n${value.map((row) => `    ${JSON.stringify(row)}`).join(",\n")}\n  ]`;
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const results = argv
    .slice(2)
    .reduce((sofar, file) => taken(sofar, JSON.parse(readFileSync(file, "utf8")), file), readResults());
  writeFileSync(store, text(results));
  writeFileSync(page, withTables(readFileSync(page, "utf8"), results));
  console.log(`${count(Object.keys(TABLES).length)} tables written to docs/results.md`);
}
