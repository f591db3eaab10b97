// scatter.ts: points in charts on one HTML page that needs no network.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly label: string;
  /** Points of one series have one colour. */
  readonly series: string;
}

export interface ScatterChart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly points: readonly Point[];
}

const COLOURS = ["#0b6e4f", "#1d5fa8", "#c8542b", "#7b4fa6", "#b8860b", "#5c5c5c", "#8f2d1d", "#2a9d9d", "#d0569c"];

/** A page with scatter charts, drawn by the chart library that it carries, and a table as plain text. */
export async function scatterPage(title: string, charts: readonly ScatterChart[], text: string): Promise<string> {
  // the build for script elements lies beside the one that Node resolves
  const main = createRequire(import.meta.url).resolve("chart.js");
  const library = await readFile(join(dirname(main), "chart.umd.min.js"), "utf8");
  const figures = charts.map(
    (chart, i) =>
      `<h2>${escaped(chart.title)}</h2><div style="height:420px"><canvas id="c${i}" role="img" aria-label="${escaped(chart.title)}"></canvas></div>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>
<style>body{font:15px system-ui,sans-serif;margin:2em auto;max-width:1100px;padding:0 1em}pre{overflow-x:auto;font-size:12px;line-height:1.25}h2{font-size:1.1em;margin-top:2em}</style>
</head><body><h1>${escaped(title)}</h1>
${figures.join("\n")}
<h2>Table</h2><pre>${escaped(text)}</pre>
<script>${library}</script>
<script>
const charts = ${JSON.stringify(charts.map(configOf)).replaceAll("<", "\\u003c")};
charts.forEach((config, i) => {
  config.options.plugins = { tooltip: { callbacks: { label: ({ raw }) => raw.label + ": " + raw.y.toFixed(2) + " %" } } };
  new Chart(document.getElementById("c" + i), config);
});
</script></body></html>
`;
}

function configOf({ x, y, points }: ScatterChart) {
  const series = [...new Set(points.map((point) => point.series))];
  return {
    type: "scatter",
    data: {
      datasets: series.map((name, i) => ({
        label: name,
        data: points
          .filter((point) => point.series === name)
          .map((point) => ({ x: point.x, y: point.y, label: point.label })),
        backgroundColor: COLOURS[i % COLOURS.length],
        pointRadius: 6,
        pointStyle: i < COLOURS.length ? "circle" : "triangle",
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      scales: { x: { title: { display: true, text: x } }, y: { title: { display: true, text: y } } },
    },
  };
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
