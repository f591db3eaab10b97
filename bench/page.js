// page.js: the report as one HTML page with charts, which needs no network.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ratio } from "./summary.js";
import { formatReport } from "./table.js";
import { median, quantile } from "./timing.js";

const WASM_FLOAT = ["tfjs", "ort_web_float32"];
const COLOURS = {
  w5a8: "#0b6e4f",
  w4a8: "#2a9d6f",
  w3a8: "#6fc3a0",
  w5a4: "#1d5fa8",
  w3a4: "#6ba3dd",
  w5a8_pruned90: "#7b4fa6",
  own_float32: "#9a9a9a",
  own_int8: "#5c5c5c",
  own_int8_relaxed: "#3c3c3c",
  tfjs: "#e0902f",
  ort_web_float32: "#c8542b",
  ort_web_int8: "#8f2d1d",
  native_float32: "#cdb36a",
  native_int8: "#94803f",
  litert_float32: "#d06b9c",
  litert_int8: "#96336a",
};

/** A page with the tables, and charts drawn by the chart library that it carries. */
export async function formatPage(report) {
  // the build for script elements lies beside the one that Node resolves
  const main = createRequire(import.meta.url).resolve("chart.js");
  const library = await readFile(join(dirname(main), "chart.umd.min.js"), "utf8");
  const charts = chartsOf(report);
  const figures = charts.map(
    ({ title, height }, i) =>
      `<h2>${escaped(title)}</h2><div style="height:${height}px"><canvas id="c${i}"></canvas></div>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>shiftwise bench</title>
<style>body{font:15px system-ui,sans-serif;margin:2em auto;max-width:1200px;padding:0 1em}pre{overflow-x:auto;font-size:12px;line-height:1.25}h2{font-size:1.1em;margin-top:2em}</style>
</head><body><h1>shiftwise beside its peers</h1>
<p>${escaped(`${report.machine.cpu}, ${report.machine.cores} cores, ${report.machine.engine}, ${report.machine.date}`)}<br><code>${escaped(report.machine.command)}</code></p>
${figures.join("\n")}
<h2>Tables</h2><pre>${escaped(formatReport(report))}</pre>
<script>${library}</script>
<script>
const charts = ${JSON.stringify(charts).replaceAll("<", "\\u003c")};
charts.forEach(({ config }, i) => new Chart(document.getElementById("c" + i), config));
</script></body></html>
`;
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function chartsOf({ rows, layers, networks: large, edge, contestants }) {
  const charts = [];
  const measured = rows.filter(({ value, atMost }) => value !== null && !atMost);
  charts.push(
    bars(
      "Times faster, against the design's bars",
      measured.map(({ key }) => key),
      [
        { label: "measured", data: measured.map(({ value }) => value), backgroundColor: COLOURS.w5a8 },
        { label: "bar", data: measured.map(({ bar }) => bar), backgroundColor: "#cccccc" },
      ],
    ),
  );
  const networks = [...large, ...edge];
  if (networks.length > 0) {
    const speed = (task, id) => (task.results[id] ? task.macs / median(task.results[id].samples) / 1e6 : null);
    charts.push(
      bars(
        "Whole networks, GMAC/s",
        networks.map(({ title }) => title),
        contestants
          .filter(({ id }) => networks.some((task) => task.results[id]))
          .map(({ id, title }) => ({
            label: title,
            data: networks.map((task) => speed(task, id)),
            backgroundColor: COLOURS[id],
          })),
      ),
    );
  }
  if (layers.length > 0) {
    const spread = (layer, id) => {
      const samples = layer.results[id]?.samples;
      return samples ? [layer.macs / quantile(samples, 0.75) / 1e6, layer.macs / quantile(samples, 0.25) / 1e6] : null;
    };
    const shown = contestants.filter(({ id }) =>
      ["w5a8", "w5a4", "own_int8", "tfjs", "ort_web_int8", "native_float32"].includes(id),
    );
    charts.push(
      bars(
        "Convolutions, GMAC/s from the lower to the upper quartile",
        layers.map(({ name }) => name),
        shown.map(({ id, title }) => ({
          label: title,
          data: layers.map((layer) => spread(layer, id)),
          backgroundColor: COLOURS[id],
          minBarLength: 3,
        })),
      ),
      bars(
        "Convolutions, w5a8 to the fastest float32 wasm peer",
        layers.map(({ name }) => name),
        [
          {
            label: "times faster",
            data: layers.map((layer) => ratio(layer, "w5a8", WASM_FLOAT)),
            backgroundColor: COLOURS.w5a8,
          },
        ],
      ),
    );
  }
  return charts;
}

function bars(title, labels, datasets) {
  const options = {
    indexAxis: "y",
    animation: false,
    maintainAspectRatio: false,
    scales: { x: { beginAtZero: true } },
  };
  return {
    title,
    height: 80 + labels.length * (8 + 7 * datasets.length),
    config: { type: "bar", data: { labels, datasets }, options },
  };
}
