// benchmark.js: the benchmark's page: what the machine has, the run in a Worker, chart, table, and text to copy.
import { BarController, BarElement, CategoryScale, Chart, LinearScale, Tooltip } from "chart.js";
import { features } from "./features.js";
import { $, colour, frame, restoreTheme, tell } from "./page.js";

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);
restoreTheme();
frame();

const machine = features();
for (const [name, value] of machine) {
  const entry = document.createElement("div");
  const [term, text] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  text.textContent = value;
  entry.append(term, text);
  $("#machine").append(entry);
}

let worker = null;
let chart = null;
let last = null;
$("#run").addEventListener("click", () => (worker ? stop() : run()));
$("#copy").addEventListener("click", copy);
addEventListener("themechange", () => last && draw(last));

function run() {
  tell(null);
  const network = $('input[name="network"]:checked');
  worker = new Worker(new URL("./benchmark-worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => {
    if (data.kind === "progress") {
      $("#progress").value = data.share;
      $("#task").textContent = data.task;
    } else {
      stop();
      if (data.kind === "error") tell(data.error);
      else show({ ...data.result, title: network.nextElementSibling.textContent });
    }
  };
  worker.onerror = (event) => {
    stop();
    tell({ message: event.message || "the Worker could not be started" });
  };
  worker.postMessage({
    network: network.value,
    threads: globalThis.crossOriginIsolated && navigator.hardwareConcurrency > 1,
  });
  $("#progress").value = 0;
  $("#task").textContent = "making the network";
  $("#working").hidden = false;
  $("#run").textContent = "Stop";
  $("#networks").disabled = true;
}

function stop() {
  worker?.terminate();
  worker = null;
  $("#working").hidden = true;
  $("#run").textContent = "Run the benchmark";
  $("#networks").disabled = false;
}

function show(result) {
  last = result;
  $("#results").hidden = false;
  $("#results-title").textContent = `${result.title}: milliseconds an image, less is better`;
  const rows = result.engines.map(({ title, ms, low, high, ratio, ours }) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    const key = document.createElement("span");
    key.className = ours ? "key shift" : "key float";
    key.textContent = title;
    name.append(key);
    const cells = [ms.toFixed(2), `${low.toFixed(2)} to ${high.toFixed(2)}`, `${ratio.toFixed(1)}x`].map((text, i) => {
      const cell = document.createElement("td");
      cell.className = i === 1 ? "roomy" : "";
      cell.textContent = text;
      return cell;
    });
    row.append(name, ...cells);
    return row;
  });
  $("#rows").replaceChildren(...rows);
  const missing = result.skipped.map(({ title, reason }) => `${title}: ${reason}`);
  const wrong = result.failures.map(({ title, reason }) => `${title} gave a wrong answer and was left out: ${reason}`);
  $("#skipped").textContent = [...missing, ...wrong].join(" · ");
  draw(result);
  $("#results").scrollIntoView({ block: "nearest" });
}

function draw({ engines }) {
  chart?.destroy();
  const text = colour("quiet");
  const line = colour("line");
  const [shift, float] = [colour("shift"), colour("float")];
  chart = new Chart($("#chart"), {
    type: "bar",
    data: {
      labels: engines.map(({ title }) => title),
      datasets: [
        {
          data: engines.map(({ ms }) => ms),
          backgroundColor: engines.map(({ ours }) => (ours ? shift : float)),
          borderRadius: 6,
          maxBarThickness: 30,
        },
      ],
    },
    options: {
      indexAxis: "y",
      animation: false,
      maintainAspectRatio: false,
      scales: {
        x: { beginAtZero: true, ticks: { color: text }, grid: { color: line }, border: { display: false } },
        y: {
          ticks: { color: text, autoSkip: false, font: { size: innerWidth < 640 ? 10 : 12 } },
          grid: { display: false },
        },
      },
      plugins: { tooltip: { callbacks: { label: ({ parsed }) => `${parsed.x.toFixed(2)} ms` } } },
    },
  });
}

async function copy() {
  const lines = [
    `shiftwise benchmark, ${last.title}, ${new Date().toISOString().slice(0, 10)}`,
    ...machine.map(([name, value]) => `${name}: ${value}`),
    navigator.userAgent,
    "",
    ...last.engines.map(
      ({ title, ms, ratio }) => `${title.padEnd(34)} ${ms.toFixed(2).padStart(9)} ms  ${ratio.toFixed(1)}x`,
    ),
  ];
  const text = lines.join("\n");
  try {
    await navigator.clipboard.writeText(text);
    $("#copy").textContent = "Copied";
  } catch {
    // no clipboard without permission: the text can be selected
    const box = document.createElement("textarea");
    box.value = text;
    $("#copy").replaceWith(box);
    box.select();
  }
}
