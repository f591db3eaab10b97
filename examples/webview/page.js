// page.js: the WebView's page: a model that came with it, and a bridge: picture in, result out.
//
// The host asks with shiftwise.receive({ id, image }), or a frame with postMessage of the same; `image` is a data: URL or
// { width, height, data } with RGBA bytes in base64. The answer goes to the host that there is:
//   Android  ShiftwiseHost.postMessage(text)                      an interface added by the app, JSON
//   iOS      webkit.messageHandlers.shiftwise.postMessage(object)
//   frame    parent.postMessage(object)
// { id, top: [{ label, share }], logits, milliseconds }, or { id, error: { code, message } }. { ready: true } comes first.
import { Model, topK } from "shiftwise";
import file from "the-model";

const TOP = 5;
const $ = (id) => document.getElementById(id);

const loading = Model.load(file);
globalThis.shiftwise = { receive: (message) => receive(message) };
addEventListener("message", ({ data, source }) => {
  // only those who may: the page around this one, or this one
  if ((source === parent || source === window) && data?.image) receive(data);
});
$("file").addEventListener("change", ({ target }) => {
  const [chosen] = target.files;
  // what is wrong with it stands on the page already
  if (chosen) show(() => pictureOf(URL.createObjectURL(chosen))).catch(() => {});
  target.value = "";
});
start();

async function start() {
  try {
    const { name, executor } = await loading;
    $("state").textContent = executor === "wasm" ? `${name} is ready` : `${name} is ready, without WebAssembly: slowly`;
    answer({ ready: true });
  } catch (error) {
    $("state").textContent = `The model cannot run here. (${error.message})`;
    answer({ error: plain(error) });
  }
}

async function receive(message) {
  const { id, image } = typeof message === "string" ? JSON.parse(message) : message;
  try {
    const result = await show(() => (typeof image === "string" ? pictureOf(image) : pixelsOf(image)));
    answer({ id, ...result });
  } catch (error) {
    answer({ id, error: plain(error) });
  }
}

/** Runs the model on a picture and shows what it found. */
async function show(open) {
  try {
    const model = await loading;
    const picture = await open();
    const start = performance.now();
    const logits = model.runSync(picture)[model.outputs[0].name];
    const milliseconds = performance.now() - start;
    const top = topK(logits, TOP, model.labels).map(({ label, share }) => ({ label, share }));
    draw(picture, top);
    $("state").textContent = `${milliseconds.toFixed(1)} ms`;
    return { top, logits: [...logits], milliseconds };
  } catch (error) {
    $("state").textContent = `This picture cannot be used. (${error.message})`;
    throw error;
  }
}

async function pictureOf(url) {
  const picture = new Image();
  picture.src = url;
  try {
    await picture.decode();
  } catch (cause) {
    throw Object.assign(new Error("the picture cannot be decoded", { cause }), { code: "BAD_DATA" });
  } finally {
    if (url.startsWith("blob:")) URL.revokeObjectURL(url);
  }
  return picture;
}

function pixelsOf({ width, height, data }) {
  return { width, height, data: Uint8ClampedArray.from(atob(data), (c) => c.charCodeAt(0)) };
}

function draw(picture, top) {
  const seen = $("seen").getContext("2d");
  const { width, height } = $("seen");
  if ("data" in picture) {
    if (picture.width * picture.height > 0)
      seen.putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  } else seen.drawImage(picture, 0, 0, width, height);
  $("top").replaceChildren(
    ...top.map(({ label, share }) => {
      const [row, name, bar, text] = ["li", "b", "i", "span"].map((tag) => document.createElement(tag));
      name.textContent = label;
      bar.style.setProperty("--share", share.toFixed(4));
      text.textContent = `${(100 * share).toFixed(1)} %`;
      row.append(name, bar, text);
      return row;
    }),
  );
}

function answer(message) {
  const { ShiftwiseHost, webkit } = globalThis;
  if (ShiftwiseHost) ShiftwiseHost.postMessage(JSON.stringify(message));
  else if (webkit?.messageHandlers?.shiftwise) webkit.messageHandlers.shiftwise.postMessage(message);
  else if (parent !== window) parent.postMessage(message, "*");
}

const plain = ({ code, message }) => ({ code: code ?? "UNKNOWN", message });
