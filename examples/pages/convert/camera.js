// camera.js: pictures from the camera, one by one.
import { $ } from "../page.js";
import { pictureFrom } from "./pictures.js";
import { say } from "./words.js";

const REASONS = {
  NotAllowedError:
    "The camera was refused. Allow it for this page in the browser's settings, or choose pictures instead.",
  NotFoundError: "There is no camera here. Choose pictures, or generate some.",
  NotReadableError: "The camera is in use by another program. Close that one, or choose pictures instead.",
};

let stream = null;

/** @param add takes a list of one picture, and the number it gets */
export function listenForCamera(add) {
  $("#camera").addEventListener("click", start);
  $("#stop-camera").addEventListener("click", () => {
    stopCamera();
    $("#camera").focus();
  });
  let taken = 0;
  $("#take").addEventListener("click", async () => {
    const video = $("#video");
    if (!(video.videoWidth > 0)) return say("The camera has no picture yet. Wait a moment and try again.");
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    taken++;
    add([await pictureFrom(canvas, `camera ${taken}`)]);
  });
}

async function start() {
  say(null);
  try {
    if (!navigator.mediaDevices) throw new DOMException("no access to cameras", "NotFoundError");
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    $("#view").hidden = false;
    $("#camera").disabled = true;
    $("#video").srcObject = stream;
    await $("#video").play();
    $("#take").focus();
  } catch (error) {
    stopCamera();
    say(REASONS[error.name] ?? `The camera does not start: choose pictures instead. (${error.message})`);
  }
}

export function stopCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  $("#video").srcObject = null;
  $("#view").hidden = true;
  $("#camera").disabled = false;
}
