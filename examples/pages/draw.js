// draw.js: a digit under the visitor's hand, and what two networks take it for.
import { Model } from "shiftwise";
import { createInk } from "./ink.js";
import {
  $,
  faster,
  frame,
  kilobytes,
  median,
  milliseconds,
  percent,
  restoreTheme,
  site,
  softmax,
  tell,
} from "./page.js";

const KINDS = ["float", "shift"];
const SIDE = 28;
/** Timed turns of each model, and images in each: short, and taken in turns so that both meet the same machine. */
const TURNS = 15;
const TURN_IMAGES = 30;

restoreTheme();
frame();
const pairs = createPairs($("#pairs"));
const seen = $("#seen").getContext("2d");
const ink = createInk($("#pad"), look);
$("#clear").addEventListener("click", () => ink.clear());

let models = null;
try {
  models = Object.fromEntries(await Promise.all(KINDS.map(async (kind) => [kind, await load(kind)])));
  $("#runs-on").textContent =
    models.shift.executor === "wasm"
      ? "Both run in WebAssembly with SIMD, on one thread."
      : "WebAssembly is off here: both run in plain JavaScript, slowly, with the same results.";
  look(ink.image());
  compareTimes();
} catch (error) {
  tell(error);
}

async function load(kind) {
  let bytes = 0;
  const onProgress = ({ loaded }) => {
    bytes = loaded;
  };
  const model = await Model.load(site(`models/mnist-${kind}.safetensors`), { onProgress });
  $(`#${kind}-size`).textContent = kilobytes(bytes);
  $(`#${kind}-size`).dataset.bytes = bytes;
  return model;
}

/** @param pixels 28x28 grey values, or null when there is no ink */
function look(pixels) {
  $("#hint").hidden = pixels !== null;
  drawSeen(pixels);
  if (!models) return;
  const shares = KINDS.map((kind) => {
    if (!pixels) return Array(10).fill(0);
    const model = models[kind];
    return softmax(model.runSync(pixels)[model.outputs[0].name]);
  });
  const [, shift] = shares.map((each, k) => {
    const best = pixels ? each.indexOf(Math.max(...each)) : -1;
    $(`#${KINDS[k]}-digit`).textContent = best < 0 ? "–" : best;
    $(`#${KINDS[k]}-share`).textContent = best < 0 ? "waiting for ink" : `${percent(each[best])} sure`;
    return best;
  });
  pairs.forEach(({ element, bars }, digit) => {
    bars.forEach((bar, k) => {
      bar.style.setProperty("--share", shares[k][digit].toFixed(4));
    });
    element.classList.toggle("best", digit === shift);
  });
}

function drawSeen(pixels) {
  const image = seen.createImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    const grey = pixels ? pixels[i] : 0;
    image.data.set([grey, grey, grey, 255], 4 * i);
  }
  seen.putImageData(image, 0, 0);
}

function createPairs(box) {
  return Array.from({ length: 10 }, (_, digit) => {
    const element = document.createElement("div");
    element.className = "pair";
    const bars = KINDS.map(() => document.createElement("i"));
    const well = document.createElement("div");
    well.append(...bars);
    element.append(well, String(digit));
    box.append(element);
    return { element, bars };
  });
}

/** A few milliseconds a turn, between which the page stays answerable. */
async function compareTimes() {
  const image = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => (i * 37) % 256);
  const samples = { float: [], shift: [] };
  // engines compile a model's kernels while it runs: neither is timed before that is done
  for (const kind of KINDS) await models[kind].warmUp();
  for (let turn = 0; turn < TURNS; turn++) {
    for (const kind of KINDS) {
      const start = performance.now();
      for (let i = 0; i < TURN_IMAGES; i++) models[kind].runSync(image);
      samples[kind].push((performance.now() - start) / TURN_IMAGES);
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
  const [float, shift] = KINDS.map((kind) => median(samples[kind]));
  $("#float-time").textContent = milliseconds(float);
  $("#shift-time").textContent = milliseconds(shift);
  // browsers that guard against fingerprinting have clocks of a hundred milliseconds
  const isMeasured = float > 0 && shift > 0;
  $("#time-ratio").textContent = isMeasured ? faster(float / shift) : "below this clock's steps";
  const [large, small] = KINDS.map((kind) => Number($(`#${kind}-size`).dataset.bytes));
  $("#size-ratio").textContent = `${(large / small).toFixed(1)}x smaller`;
}
