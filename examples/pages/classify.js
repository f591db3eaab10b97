// classify.js: a picture from a file, the clipboard, the camera or a sample, and what a model in a Worker takes it for.
import { topK } from "shiftwise";
import { WorkerModel } from "shiftwise/worker";
import { $, frame, kilobytes, median, milliseconds, restoreTheme, showTop, site, tell } from "./page.js";
import { samplesOf } from "./samples.js";
import { look } from "./view.js";

const TOP = 5;
const REPEATS = 9;
/** Names of model files, which may be dropped in place of a picture. */
const MODEL = /\.safetensors(\.gz)?$/i;

restoreTheme();
frame();

let model = null;
let loading = null;
/** What is shown: something that can be drawn, or null. */
let picture = null;
let stream = null;
let chosen = "mnist-shift";

for (const input of document.querySelectorAll('input[name="model"]')) {
  input.addEventListener("change", () => (input.value === "file" ? askForModel() : useModel(input.value)));
}
// a second click on the choice that is set asks again
$("#own").addEventListener("click", () => chosen === "file" && askForModel());
$("#model-file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) useModel("file", file);
});
$("#model-file").addEventListener("cancel", () => {
  $(`input[value="${chosen}"]`).checked = true;
});
for (const input of document.querySelectorAll('input[name="tone"]')) input.addEventListener("change", classify);
$("#choose").addEventListener("click", () => $("#picture-file").click());
$("#picture-file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) usePicture(file);
});
$("#camera").addEventListener("click", () => (stream ? stopCamera() : startCamera()));
addEventListener("paste", ({ clipboardData }) => {
  const file = [...clipboardData.files].find(({ type }) => type.startsWith("image/"));
  if (file) usePicture(file);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  $("#drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("#drop").classList.toggle("over", kind === "dragover");
    const [file] = kind === "drop" ? event.dataTransfer.files : [];
    if (file && MODEL.test(file.name)) useModel("file", file);
    else if (file) usePicture(file);
  });
}
useModel(chosen);

function askForModel() {
  $("#model-file").click();
}

/** Loads a model in place of the one in use; a newer choice stops an older download. */
async function useModel(name, file) {
  loading?.abort();
  const stop = new AbortController();
  loading = stop;
  tell(null);
  $("#progress").hidden = false;
  $("#progress").value = 0;
  let bytes = 0;
  const onProgress = ({ loaded, total }) => {
    bytes = loaded;
    if (total) $("#progress").value = loaded / total;
  };
  try {
    const source = file ?? site(`models/${name}.safetensors`);
    const next = await WorkerModel.load(source, { signal: stop.signal, onProgress });
    model?.dispose();
    model = next;
    chosen = name;
    $(`input[value="${name}"]`).checked = true;
    const [channels, height, width] = model.inputs[0].shape;
    const size = `${width}x${height} ${channels === 1 ? "grey" : "colour"}`;
    const on = model.executor === "wasm" ? "WebAssembly" : "plain JavaScript";
    $("#model-info").textContent =
      `${model.name}: ${kilobytes(bytes)}, ${size}, ${model.outputs[0].shape[0]} classes, in ${on}`;
    // white ink on black is a matter of grey pictures
    for (const part of ["#tone", "#tone-text"]) $(part).hidden = channels !== 1;
    showSamples(name);
    await classify();
  } catch (error) {
    if (stop.signal.aborted) return;
    tell(error);
    // the model that was in use still is
    $(`input[value="${chosen}"]`).checked = true;
    if (!model) $("#model-info").textContent = "no model";
  } finally {
    if (loading === stop) $("#progress").hidden = true;
  }
}

async function usePicture(file) {
  stopCamera();
  tell(null);
  try {
    picture = await createImageBitmap(file);
  } catch (cause) {
    tell({
      code: "BAD_DATA",
      message: `${file.name || "the file"} is no picture that this browser reads: ${cause.message}`,
    });
    return;
  }
  showPicture();
  await classify();
}

function showPicture() {
  const shown = $("#picture");
  shown.width = picture.width;
  shown.height = picture.height;
  shown.getContext("2d").drawImage(picture, 0, 0);
  shown.hidden = false;
  $("#drop-hint").hidden = true;
}

async function startCamera() {
  tell(null);
  try {
    if (!navigator.mediaDevices) throw new DOMException("this page has no access to cameras", "NotFoundError");
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    tell(error);
    return;
  }
  const video = $("#video");
  video.srcObject = stream;
  await video.play();
  video.hidden = false;
  $("#picture").hidden = true;
  $("#drop-hint").hidden = true;
  $("#camera").textContent = "Stop the camera";
  $("#camera").setAttribute("aria-pressed", "true");
  picture = video;
  while (stream) {
    await classify();
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

function stopCamera() {
  if (!stream) return;
  for (const track of stream.getTracks()) track.stop();
  stream = null;
  picture = null;
  $("#video").srcObject = null;
  $("#video").hidden = true;
  $("#drop-hint").hidden = false;
  $("#camera").textContent = "Camera";
  $("#camera").setAttribute("aria-pressed", "false");
}

async function classify() {
  if (!model || !picture) return;
  try {
    const using = model;
    const tone = $('input[name="tone"]:checked').value;
    const pixels = look(picture, using.inputs[0].shape, tone);
    showSeen(pixels);
    const times = [];
    // a still picture is run again: the first answer waits for a Worker that has been asleep
    for (let i = 0; i < (stream ? 1 : REPEATS); i++) {
      const start = performance.now();
      const outputs = await using.run({ data: pixels.data.slice(), width: pixels.width, height: pixels.height });
      times.push(performance.now() - start);
      if (i === 0) showTop(topK(outputs[using.outputs[0].name], TOP, using.labels));
    }
    $("#time").textContent = `${milliseconds(median(times))} to the Worker and back`;
  } catch (error) {
    // a model that was changed meanwhile
    if (error.code !== "DISPOSED") tell(error);
  }
}

function showSeen(pixels) {
  const seen = $("#seen");
  seen.width = pixels.width;
  seen.height = pixels.height;
  seen.style.width = "112px";
  seen.getContext("2d").putImageData(pixels, 0, 0);
}

function showSamples(name) {
  const buttons = samplesOf(name).map(({ canvas, title }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Sample: ${title}`);
    button.append(canvas);
    button.addEventListener("click", () => {
      stopCamera();
      tell(null);
      picture = canvas;
      showPicture();
      classify();
    });
    return button;
  });
  $("#samples").parentElement.hidden = buttons.length === 0;
  $("#samples").replaceChildren(...buttons);
}
