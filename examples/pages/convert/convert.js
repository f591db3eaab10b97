// convert.js: the page that takes a network and pictures, has a Worker convert it, and shows what became of it.
import { $, frame, restoreTheme } from "../page.js";
import { listenForCamera, stopCamera } from "./camera.js";
import { labelsIn, listenForFiles, sortFiles } from "./files.js";
import { chosenSettings, listenForGoals, suggestSize } from "./goal.js";
import { openLine } from "./line.js";
import { forgetNetwork, refuse, showFacts } from "./network.js";
import { generated, MOST, pictureOf, pixelsOf, takesPictures } from "./pictures.js";
import { chosenPreprocessing, listenForPreprocessing, PREPROCESSING_PARTS } from "./preprocessing.js";
import { createProgress } from "./progress.js";
import { listenForCopy, showOutputs, showResult } from "./result.js";
import { element, explain, say } from "./words.js";

restoreTheme();
frame();

/** The files of the network, the options to read them with, and what they hold: `facts` once they could be read. */
let network = null;
let pictures = [];
/** A conversion that is under way: its progress, and the pictures it uses. */
let work = null;
const line = openLine(receive, fail);

listenForFiles(take);
listenForCamera(addPictures);
listenForGoals();
listenForPreprocessing();
listenForCopy();
$("#example").addEventListener("click", useExample);
$("#generate").addEventListener("click", async () => addPictures(await generated()));
$("#clear").addEventListener("click", () => {
  pictures = [];
  showPictures();
  $("#choose-pictures").focus();
});
$("#convert").addEventListener("click", convert);
$("#cancel").addEventListener("click", cancel);
showPictures();

/* what the visitor brings */

async function take(files) {
  if (files.length === 0) return;
  say(null);
  if (work) return say("A conversion is under way. Wait for it, or cancel it first.");
  const { pictures: images, text, network: file, beside, spare } = sortFiles(files, network !== null);
  const labels = text ? labelsIn(await text.text()) : null;
  if (spare.length > 0) say(`One network at a time: ${file.name} is taken, and ${spare[0].name} is not.`);
  if (file) use(file, beside, labels);
  else if (network && (beside.length > 0 || labels)) {
    network.beside.push(...beside);
    network.labels = labels ?? network.labels;
    read();
  } else if (text) say("Class names belong to a network: choose the ONNX file first, or both together.");
  await addFiles(images);
}

function use(file, beside, labels) {
  network = { file, beside, labels, options: {}, content: null, facts: null };
  read();
}

async function useExample() {
  say(null);
  try {
    const { exampleFile, examplePictures, LABELS } = await import("./example.js");
    use(await exampleFile(), [], LABELS);
    if (pictures.length === 0) addPictures(await examplePictures());
  } catch (error) {
    say(`The example could not be downloaded. Check the connection, then try again. (${error.message})`);
  }
}

async function addFiles(files) {
  const made = [];
  const bad = [];
  for (const file of files) {
    try {
      made.push(await pictureOf(file));
    } catch (error) {
      bad.push(error.message);
    }
  }
  if (made.length > 0) addPictures(made);
  if (bad.length > 0) say(bad.length === 1 ? bad[0] : `${bad[0]} So it is with ${bad.length - 1} more.`);
}

function addPictures(made) {
  const room = MOST - pictures.length;
  pictures.push(...made.slice(0, room));
  if (made.length > room) say(`${MOST} pictures are enough: the last ${made.length - room} were left out.`);
  showPictures();
}

function showPictures() {
  const items = pictures.map((picture) => {
    const remove = element("button", "", "×");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${picture.title}`);
    remove.addEventListener("click", () => {
      const at = pictures.indexOf(picture);
      pictures = pictures.filter((one) => one !== picture);
      showPictures();
      (document.querySelectorAll("#thumbs button")[at] ?? $("#choose-pictures")).focus();
    });
    const item = element("li");
    item.append(picture.thumb, remove);
    return item;
  });
  $("#thumbs").replaceChildren(...items);
  const { length } = pictures;
  $("#clear").hidden = length === 0;
  const few =
    length > 0 && length < 8 ? " With fewer than eight, the figures come from pictures that it was fitted to." : "";
  $("#pictures-state").textContent =
    length === 0 ? "No pictures yet." : `${length} ${length === 1 ? "picture" : "pictures"}.${few}`;
  showReady();
}

/* the network */

/** Reads the network anew, with options beside those it has. */
function read(options = {}) {
  network.facts = null;
  network.options = { ...network.options, ...options };
  $("#results").hidden = true;
  forgetNetwork(`Reading ${network.file.name}…`);
  showReady();
  line.restart();
  sendFile();
}

function sendFile() {
  const { file, beside, options, labels } = network;
  line.post({ kind: "read", file, beside, options: { ...options, ...(labels && { labels }) } });
}

function receive(message) {
  switch (message.kind) {
    case "file":
      network.content = message;
      break;
    case "network":
      network.facts = message;
      if (work) break;
      showFacts(network.file, message, network.content);
      suggestSize(message.weights);
      showReady();
      break;
    case "step":
      work?.progress.begin(message.step);
      break;
    case "progress":
      work?.progress.update(message.share, message.detail);
      break;
    case "done":
      finish(message);
      break;
    case "outputs":
      showOutputs(message, network.facts);
      break;
    case "error":
      if (message.task === "read") {
        if (work) end("Stopped.");
        network.facts = null;
        refuse(network.file, network.content, message.error, read);
        showReady();
      } else if (message.task === "convert") fail(explain(message.error));
      else say(explain(message.error));
      break;
  }
}

/* the conversion */

/** Says what is missing, until nothing is. */
function showReady() {
  $("#convert").disabled = !network?.facts || pictures.length === 0;
  if (work) return;
  const missing = [...(network?.facts ? [] : ["a network"]), ...(pictures.length > 0 ? [] : ["pictures"])];
  $("#state").textContent = missing.length > 0 ? `Choose ${missing.join(" and ")} first.` : "Ready to convert.";
}

async function convert() {
  say(null);
  const settings = chosenSettings();
  if (!settings) return;
  const how = chosenPreprocessing(network.facts);
  if (!how) return;
  stopCamera();
  // a Worker that was ended is started anew, and reads the file again
  if (!line.isOpen()) {
    line.restart();
    sendFile();
    if (!line.isOpen()) return;
  }
  const own = { progress: createProgress("goal" in settings), used: pictures };
  work = own;
  showWork(true);
  $("#results").hidden = true;
  $("#cancel").focus();
  own.progress.begin("reading");
  try {
    const pixels = {};
    for (const { name, shape } of network.facts.inputs) {
      pixels[name] = takesPictures(shape) ? await pixelsOf(own.used, shape, how.rule) : null;
    }
    if (work !== own) return;
    const of = { count: own.used.length, pixels };
    line.post({ kind: "convert", pictures: of, ...how, settings });
  } catch (error) {
    if (work === own) fail(`The pictures cannot be read any more: choose them again. (${error.message})`);
  }
}

function cancel() {
  line.end();
  end("Cancelled. The network and the pictures are still here, so Convert begins anew.");
  $("#convert").focus();
}

/** Shows what belongs to work under way; what would disturb it rests. */
function showWork(on) {
  $("#work").hidden = !on;
  $("#cancel").hidden = !on;
  $("#convert").hidden = on;
  if (on) $("#progress").value = 0;
  for (const part of ["#goals", "#amount", ...PREPROCESSING_PARTS, "#example", "#clear"]) $(part).disabled = on;
  $("#thumbs").inert = on;
}

function end(text) {
  work?.progress.end();
  work = null;
  showWork(false);
  showReady();
  $("#state").textContent = text;
}

/** What went wrong, with everything as it was before. */
function fail(text) {
  end("Stopped.");
  say(text);
}

function finish(result) {
  const { used, progress } = work;
  end("Done. The result is below.");
  const { facts, file } = network;
  const choose = (index) => line.post({ kind: "run", index });
  showResult(result, { facts, file, used, seconds: progress.seconds(), choose });
  choose(0);
}
