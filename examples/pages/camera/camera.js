// camera.js: the camera's frames to a model in a Worker: one at a time, the others dropped, and how many a second that makes.
import { topK } from "shiftwise";
import { WorkerModel } from "shiftwise/worker";
import { $, frame, median, milliseconds, restoreTheme, showTop, site, tell } from "../page.js";
import { look } from "../view.js";

const TOP = 5;
/** Milliseconds over which frames are counted. */
const SECOND = 1000;

restoreTheme();
frame();

let model = null;
let chosen = "mnist-shift";
let stream = null;
/** Raised when the camera starts or stops: what belongs to an earlier turn is over. */
let turn = 0;

for (const input of document.querySelectorAll('input[name="model"]')) {
  input.addEventListener("change", () => (input.value === "file" ? $("#model-file").click() : useModel(input.value)));
}
$("#own").addEventListener("click", () => chosen === "file" && $("#model-file").click());
$("#model-file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) useModel("file", file);
});
$("#model-file").addEventListener("cancel", () => choose(chosen));
$("#toggle").addEventListener("click", () => (stream ? stop() : start()));
$("#which").addEventListener("change", ({ target }) => start(target.value));
// a phone's camera is not to run for a page that nobody sees
document.addEventListener("visibilitychange", () => document.hidden && stream && stop());
useModel(chosen);

const choose = (name) => {
  document.querySelector(`input[name="model"][value="${name}"]`).checked = true;
};

async function useModel(name, file) {
  tell(null);
  try {
    const next = await WorkerModel.load(file ?? site(`models/${name}.safetensors`));
    await next.warmUp();
    model?.dispose();
    model = next;
    chosen = name;
    const [channels, height, width] = model.inputs[0].shape;
    $("#model-info").textContent = `${model.name}: ${width}x${height} ${channels === 1 ? "grey" : "colour"}`;
  } catch (error) {
    tell(error);
    choose(chosen);
    if (!model) $("#model-info").textContent = "no model";
  }
}

async function start(device) {
  stop();
  tell(null);
  const mine = ++turn;
  try {
    if (!navigator.mediaDevices) throw new DOMException("this page has no access to cameras", "NotFoundError");
    const video = device ? { deviceId: { exact: device } } : { facingMode: "environment" };
    const opened = await navigator.mediaDevices.getUserMedia({ video });
    if (mine !== turn) {
      end(opened);
      return;
    }
    stream = opened;
    for (const track of stream.getTracks()) track.addEventListener("ended", () => mine === turn && lost());
    $("#video").srcObject = stream;
    await $("#video").play();
  } catch (error) {
    if (mine !== turn) return;
    stop();
    tell(error);
    return;
  }
  $("#video").hidden = false;
  $("#hint").hidden = true;
  $("#toggle").textContent = "Stop the camera";
  $("#toggle").setAttribute("aria-pressed", "true");
  await listCameras();
  watch(mine);
}

function lost() {
  stop();
  tell({ name: "NotFoundError", message: "the camera was unplugged or taken away" });
}

function stop() {
  turn++;
  end(stream);
  stream = null;
  $("#video").srcObject = null;
  $("#video").hidden = true;
  $("#hint").hidden = false;
  $("#toggle").textContent = "Start the camera";
  $("#toggle").setAttribute("aria-pressed", "false");
}

function end(tracks) {
  for (const track of tracks?.getTracks() ?? []) track.stop();
}

/** Names are known once a camera was allowed. */
async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  const current = stream?.getVideoTracks()[0]?.getSettings().deviceId;
  $("#which").replaceChildren(
    ...cameras.map(
      ({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId, false, deviceId === current),
    ),
  );
  $("#which").parentElement.hidden = cameras.length < 2;
}

/** Takes frames as they come until the camera stops; while the model works on one, others are counted and dropped. */
function watch(mine) {
  const video = $("#video");
  const next = (listener) =>
    video.requestVideoFrameCallback ? video.requestVideoFrameCallback(listener) : requestAnimationFrame(listener);
  const ends = [];
  const times = [];
  let [seen, dropped, busy] = [0, 0, false];
  const take = async () => {
    if (mine !== turn) return;
    next(take);
    seen++;
    if (busy || !model) {
      dropped++;
      return;
    }
    busy = true;
    const began = performance.now();
    try {
      const using = model;
      const { [using.outputs[0].name]: scores } = await using.run(pictureOf(video, using));
      if (mine !== turn) return;
      const now = performance.now();
      times.push(now - began);
      ends.push(now);
      while (ends[0] < now - SECOND) ends.shift();
      if (times.length > 30) times.shift();
      show(topK(scores, TOP, using.labels), { time: median(times), rate: ends.length, seen, dropped });
    } catch (error) {
      // a model that was changed meanwhile is no trouble
      if (error.code !== "DISPOSED") {
        stop();
        tell(error);
      }
    } finally {
      busy = false;
    }
  };
  next(take);
}

/** The frame itself, which is handed over to the Worker; for the models of white ink its negative. */
function pictureOf(video, { inputs: [{ shape }] }) {
  if (chosen !== "file") return look(video, shape, "auto");
  return typeof VideoFrame === "function" ? new VideoFrame(video) : video;
}

function show(top, { time, rate, seen, dropped }) {
  showTop(top);
  // read out when it changes, not with every frame
  if ($("#best").textContent !== top[0].label) $("#best").textContent = top[0].label;
  $("#time").textContent = milliseconds(time);
  $("#rate").textContent = String(rate);
  $("#seen").textContent = String(seen);
  $("#dropped").textContent = String(dropped);
}
