// retrain.js: the page that starts, pauses and watches a training in a Worker, and hands its model over.
import { CategoryScale, Chart, LinearScale, LineController, LineElement, PointElement } from "chart.js";
import { $, colour, frame, kilobytes, percent, restoreTheme, tell } from "./page.js";

Chart.register(LineController, LineElement, PointElement, LinearScale, CategoryScale);
restoreTheme();
frame();

const MAX_POINTS = 600;
/** Weight of a new batch in the curve: 64 images alone jump about too much. */
const NEW = 0.07;

let worker = null;
let paused = false;
let points = [];
let portions = [];
const chart = createChart();
$("#start").addEventListener("click", () => (worker ? end("Stopped.") : start()));
$("#pause").addEventListener("click", () => setPaused(!paused));
addEventListener("themechange", paint);

function start() {
  tell(null);
  points = [];
  portions = [];
  $("#download").hidden = true;
  $("#results").hidden = true;
  $("#portions").replaceChildren();
  worker = new Worker(new URL("./retrain-worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => receive(data);
  worker.onerror = (event) => {
    end("Stopped by an error.");
    tell({ message: event.message || "the Worker could not be started" });
  };
  worker.postMessage({ kind: "start", bits: Number($('input[name="bits"]:checked').value) });
  $("#start").textContent = "Stop";
  $("#pause").disabled = false;
  $("#bits").disabled = true;
  setPaused(false);
  paint();
}

function end(text) {
  worker?.terminate();
  worker = null;
  setPaused(false);
  $("#start").textContent = "Start";
  $("#pause").disabled = true;
  $("#bits").disabled = false;
  $("#state").textContent = text;
}

function setPaused(on) {
  paused = on;
  worker?.postMessage({ kind: on ? "pause" : "resume" });
  $("#pause").textContent = on ? "Resume" : "Pause";
  if (on) $("#state").textContent = "Paused. Nothing is lost: it goes on where it stands.";
}

function receive(message) {
  switch (message.kind) {
    case "state":
      $("#state").textContent = message.text;
      break;
    case "progress":
      if (paused) break;
      $("#progress").value = message.share;
      $("#state").textContent = message.text;
      addPoint(message);
      if (points.length % 3 === 0) paint();
      break;
    case "portion":
      portions.push({ at: points.length, ...message });
      showPortions();
      break;
    case "float":
      $("#results").hidden = false;
      $("#float-accuracy").textContent = percent(message.accuracy);
      $("#float-size").textContent = kilobytes(message.bytes);
      $("#shift-accuracy").textContent = "…";
      $("#shift-size").textContent = "…";
      break;
    case "done":
      finish(message);
      break;
    case "error":
      end("Stopped by an error.");
      tell(message.error);
      break;
  }
}

/** The Worker tells means over the epoch so far; what this one batch was follows from the mean before it. */
function addPoint({ accuracy, step, quantizing }) {
  const before = points.at(-1);
  const batch = step === 1 ? accuracy : accuracy * step - before.mean * (step - 1);
  const smooth = before ? before.accuracy + NEW * (batch - before.accuracy) : batch;
  points.push({ mean: accuracy, accuracy: smooth, quantizing });
}

function finish({ accuracy, file, seconds }) {
  $("#progress").value = 1;
  $("#shift-accuracy").textContent = percent(accuracy);
  $("#shift-size").textContent = kilobytes(file.length);
  URL.revokeObjectURL($("#download").href);
  $("#download").href = URL.createObjectURL(new Blob([file], { type: "application/octet-stream" }));
  $("#download").hidden = false;
  paint();
  end(`Done in ${seconds.toFixed(0)} seconds. The file runs on the Classify page and wherever shiftwise does.`);
}

function showPortions() {
  const items = portions.map(({ portion }, i) => {
    const item = document.createElement("span");
    const current = i === portions.length - 1;
    item.className = current ? "key shift" : "quiet";
    item.textContent = `${(100 * portion).toFixed(1).replace(".0", "")} % powers of two`;
    return item;
  });
  $("#portions").replaceChildren(...items);
}

function createChart() {
  return new Chart($("#chart"), {
    type: "line",
    data: {
      datasets: [
        { pointRadius: 0, borderWidth: 2.5, tension: 0.2, data: [] },
        { pointRadius: 0, borderWidth: 2.5, tension: 0.2, data: [] },
      ],
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      parsing: false,
      scales: {
        x: { type: "linear", title: { display: true, text: "steps" }, grid: { display: false }, min: 0 },
        y: { max: 1, ticks: { callback: (value) => `${Math.round(100 * value)} %` } },
      },
    },
    plugins: [{ id: "portions", beforeDatasetsDraw: drawPortions }],
  });
}

/** Pixels between a line and its label, and from one row of labels to the next. */
const GAP = 4;
const ROW = 14;

/** A line where each portion begins, with its share at the bottom: left of it where there is no room, higher where one stands. */
function drawPortions({ ctx, chartArea, scales, width }) {
  const rows = [];
  ctx.save();
  ctx.strokeStyle = colour("line");
  ctx.fillStyle = colour("quiet");
  ctx.font = "12px system-ui, sans-serif";
  for (const { at, portion } of portions) {
    const x = scales.x.getPixelForValue(at);
    ctx.beginPath();
    ctx.moveTo(x, chartArea.top);
    ctx.lineTo(x, chartArea.bottom);
    ctx.stroke();
    const text = `${Math.round(100 * portion)} %`;
    const { width: length } = ctx.measureText(text);
    const from = x + GAP + length <= width ? x + GAP : x - GAP - length;
    const isFree = (row) => row.every(([start, end]) => from >= end + GAP || from + length <= start - GAP);
    const found = rows.findIndex(isFree);
    const row = found < 0 ? rows.push([]) - 1 : found;
    rows[row].push([from, from + length]);
    ctx.fillText(text, from, chartArea.bottom - 6 - row * ROW);
  }
  ctx.restore();
}

function paint() {
  const stride = Math.ceil(points.length / MAX_POINTS);
  const lines = [[], []];
  points.forEach(({ accuracy, quantizing }, x) => {
    if (x % stride === 0) lines[Number(quantizing)].push({ x, y: accuracy });
  });
  const [float, shift] = chart.data.datasets;
  float.data = lines[0];
  shift.data = lines[1];
  float.borderColor = colour("float");
  shift.borderColor = colour("shift");
  const { x, y } = chart.options.scales;
  for (const axis of [x, y]) axis.ticks.color = colour("quiet");
  x.title.color = colour("quiet");
  y.grid.color = colour("line");
  y.min =
    points.length > 0
      ? Math.max(0, Math.floor(10 * Math.min(...points.slice(20).map((p) => p.accuracy), 0.9)) / 10)
      : 0.5;
  chart.update();
}
