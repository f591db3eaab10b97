// table.js: the report as text tables.
import Table from "cli-table3";
import { tolerances } from "./check.js";
import { byKind, ratio, weakest } from "./summary.js";
import { median, quantile } from "./timing.js";

const WEAKEST = 12;
const WASM_FLOAT = ["tfjs", "ort_web_float32"];
const STYLE = { style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 1 } };

const fixed = (value, digits = 2) => (value === null || value === undefined ? "-" : value.toFixed(digits));

/** The whole report as one text. */
export function formatReport(report) {
  const { layers, networks, edge, threads, contestants, skipped, failures, coldStart } = report;
  const ids = contestants.map(({ id }) => id);
  const parts = [
    heading(report),
    "Rows of the design: how many times faster (cold start: share of the time); quartiles over the rounds",
    summaryTable(report.rows.filter(({ value }) => value !== null)),
  ];
  const missing = report.rows.filter(({ value }) => value === null).map(({ key }) => key);
  if (missing.length > 0) parts.push(`Not measured: ${missing.join(", ")}`);
  if (networks.length > 0)
    parts.push("Whole networks, batch 1, float32 in, float32 out: milliseconds", networkTable(networks, contestants));
  if (edge.length > 0)
    parts.push("Whole networks for small devices, the same: milliseconds", networkTable(edge, contestants));
  if (threads.length > 0) parts.push("Two threads, w5a8: milliseconds", threadTable(threads));
  if (coldStart.length > 0) parts.push("Cold start, fresh process: milliseconds", coldTable(coldStart));
  if (layers.length > 0) {
    parts.push(
      "Convolutions by kind, GMAC/s (geometric means; zero weights counted)",
      kindTable(byKind(layers, ids), contestants),
    );
    parts.push(`Convolutions, GMAC/s; spread: half the quartile distance of w5a8`, layerTable(layers, contestants));
    parts.push(
      `The ${WEAKEST} layers where w5a8 gains least on the fastest float32 wasm peer`,
      weakTable(weakest(layers, "w5a8").slice(0, WEAKEST)),
    );
  }
  parts.push(
    `Checked before timing: power-of-two ${tolerances.shift}; float32 ${tolerances.float32}; int8 ${tolerances.int8}.`,
    ...skipped.map(({ title, reason }) => `Left out: ${title}: ${reason}`),
    ...failures.map(({ task, contestant, problem }) => `WRONG: ${contestant} on ${task}: ${problem}`),
  );
  return parts.join("\n\n");
}

function heading({ machine, settings, seconds }) {
  const rounds = `${settings.rounds} rounds, interleaved, one thread each where not said otherwise; ${seconds.toFixed(0)} s in all`;
  return [`${machine.cpu}, ${machine.cores} cores, ${machine.engine}`, rounds, `$ ${machine.command}`].join("\n");
}

function draw(head, rows) {
  const table = new Table({ head, ...STYLE, colAligns: head.map((_, i) => (i === 0 ? "left" : "right")) });
  table.push(...rows);
  return table.toString();
}

function summaryTable(rows) {
  return draw(
    ["row", "measured", "q1", "q3", "bar", ""],
    rows.map(({ key, value, q1, q3, bar, atMost }) => {
      const held = value === null || bar === null ? "" : (atMost ? value <= bar : value >= bar) ? "ok" : "MISSED";
      const wanted = bar === null ? "" : `${atMost ? "<=" : ">="} ${fixed(bar)}`;
      return [key, fixed(value), fixed(q1), fixed(q3), wanted, held];
    }),
  );
}

/** Short column heads: the tables are wide. */
const SHORT = {
  own_float32: "f32",
  own_int8: "i8 mul",
  own_int8_relaxed: "i8 rlx",
  tfjs: "tfjs",
  ort_web_float32: "ortw f32",
  ort_web_int8: "ortw i8",
  native_float32: "nat f32",
  native_int8: "nat i8",
  litert_float32: "LiteRT f32",
  litert_int8: "LiteRT i8",
  w5a8_pruned90: "w5a8 90%",
};
const short = ({ id }) => SHORT[id] ?? id;

function networkTable(networks, contestants) {
  const cell = (result) => {
    if (!result) return "-";
    const spread = (quantile(result.samples, 0.75) - quantile(result.samples, 0.25)) / 2;
    return `${fixed(median(result.samples))} ±${fixed(spread)}`;
  };
  return draw(
    ["", ...networks.map((task) => task.title)],
    contestants.map((c) => [c.title, ...networks.map(({ results }) => cell(results[c.id]))]),
  );
}

function threadTable(threads) {
  const cell = (result) => (result ? fixed(median(result.samples)) : "-");
  const gain = (task) => fixed(ratio(task, "w5a8_two_threads", ["w5a8"]));
  return draw(
    ["", ...threads.map((task) => task.title)],
    [
      ["one thread", ...threads.map(({ results }) => cell(results.w5a8))],
      ["two threads", ...threads.map(({ results }) => cell(results.w5a8_two_threads))],
      ["times faster", ...threads.map(gain)],
    ],
  );
}

function coldTable(coldStart) {
  return draw(
    ["", "shiftwise w5a8", "onnxruntime-web float32", "share"],
    coldStart.map(({ name, shiftwise, ortWeb, rounds }) => [
      name,
      fixed(median(shiftwise), 0),
      fixed(median(ortWeb), 0),
      fixed(median(rounds)),
    ]),
  );
}

function kindTable(kinds, contestants) {
  return draw(
    ["", "layers", ...contestants.map(short), "x"],
    kinds.map(({ kind, count, speeds, ratio: x }) => [
      kind,
      count,
      ...contestants.map(({ id }) => fixed(speeds[id], 1)),
      fixed(x, 1),
    ]),
  );
}

function layerTable(layers, contestants) {
  return draw(
    ["", "n", ...contestants.map(short), "spread", "x"],
    layers.map((layer) => {
      const ours = layer.results.w5a8?.samples;
      const spread = ours ? (quantile(ours, 0.75) - quantile(ours, 0.25)) / 2 / median(ours) : null;
      const count = Object.values(layer.counts).reduce((sum, n) => sum + n, 0);
      const speeds = contestants.map(({ id }) => fixed(speedOf(layer, id), 1));
      return [
        layer.name,
        count,
        ...speeds,
        spread === null ? "-" : `${(100 * spread).toFixed(0)}%`,
        fixed(ratio(layer, "w5a8", WASM_FLOAT), 1),
      ];
    }),
  );
}

const speedOf = (layer, id) => (layer.results[id] ? layer.macs / median(layer.results[id].samples) / 1e6 : null);

function weakTable(found) {
  const speed = (layer, id) => fixed(speedOf(layer, id), 1);
  return draw(
    ["", "x", "w5a8", "w3a4", "tfjs", "ortw f32", "ortw i8", "own i8", "in"],
    found.map(({ layer, value }) => [
      layer.name,
      fixed(value),
      ...["w5a8", "w3a4", "tfjs", "ort_web_float32", "ort_web_int8", "own_int8"].map((id) => speed(layer, id)),
      Object.entries(layer.counts)
        .map(([name, n]) => `${name} x${n}`)
        .join(" "),
    ]),
  );
}
