// webview.test.js: the one-file page as a phone's WebView has it: from file:, small, touched, four times slower.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { goldenHash } from "../../dist/format/index.js";
import { Model } from "../../dist/runtime/index.js";
import { buildWebView } from "../../examples/webview/build.js";
import { browserTest, launch, skip } from "./chromium.js";

const shots = fileURLToPath(new URL("../output/browser/", import.meta.url));
const MODEL = new URL("../../examples/models/mnist-shift.safetensors", import.meta.url);

let folder;
let file;
let browser;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "shiftwise-webview-"));
  file = join(folder, "shiftwise.html");
  writeFileSync(file, await buildWebView());
  mkdirSync(shots, { recursive: true });
  if (!skip) browser = await launch();
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** The page as an app embeds it; what it answers to the host is collected in `answers`. */
async function openPage() {
  const context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.addInitScript(() => {
    globalThis.answers = [];
    globalThis.ShiftwiseHost = { postMessage: (text) => globalThis.answers.push(JSON.parse(text)) };
  });
  await page.goto(pathToFileURL(file).href);
  await page.waitForFunction(() => globalThis.answers[0]?.ready);
  return { page, requests, errors };
}

/** What the page answers to one message. */
function ask(page, message) {
  return page.evaluate(async (sent) => {
    await globalThis.shiftwise.receive(sent);
    return globalThis.answers.at(-1);
  }, message);
}

const pixels = Uint8Array.from({ length: 784 }, (_, i) => (i * 31 + (i >> 4)) & 255);
const rgba = Uint8Array.from({ length: 784 * 4 }, (_, i) => (i % 4 === 3 ? 255 : pixels[i >> 2]));
const image = { width: 28, height: 28, data: Buffer.from(rgba).toString("base64") };

browserTest("the bridge takes a picture and gives Node's hash back, with no request", async () => {
  const { page, requests, errors } = await openPage();
  const model = await Model.load(readFileSync(MODEL));
  const expected = goldenHash(model.runSync(pixels)[model.outputs[0].name]);
  model.dispose();
  const answer = await ask(page, { id: 7, image });
  assert.equal(answer.id, 7);
  assert.equal(goldenHash(Float32Array.from(answer.logits)), expected);
  assert.equal(answer.top.length, 5);
  assert.ok(answer.top[0].share >= answer.top[1].share && answer.milliseconds >= 0);
  // an app sends text
  assert.deepEqual((await ask(page, JSON.stringify({ id: 8, image }))).logits, answer.logits);
  assert.deepEqual(requests, [pathToFileURL(file).href]);
  assert.deepEqual(errors, []);
  await page.screenshot({ path: join(shots, "webview.png") });
  await page.context().close();
});

browserTest("a touch opens the picture chooser, and a wrong picture leaves the page usable", async () => {
  const { page, errors } = await openPage();
  const choosing = page.waitForEvent("filechooser");
  await page.tap(".pick");
  const chooser = await choosing;
  await chooser.setFiles({ name: "no.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await page.waitForFunction(() => document.querySelector("#state").textContent.startsWith("This picture"));
  const wrong = await ask(page, { id: 1, image: "data:image/png;base64,AAAA" });
  assert.equal(wrong.error.code, "BAD_DATA");
  const empty = await ask(page, { id: 2, image: { width: 0, height: 0, data: "" } });
  assert.equal(empty.error.code, "BAD_DATA");
  assert.equal((await ask(page, { id: 3, image })).top.length, 5);
  assert.equal(await page.locator("#top li").count(), 5);
  assert.deepEqual(errors, []);
  await page.context().close();
});

browserTest("a frame is answered by message", async () => {
  const page = await browser.newPage();
  await page.goto(pathToFileURL(join(folder, "shiftwise.html")).href);
  const answer = await page.evaluate(
    ([source, given]) =>
      new Promise((resolve) => {
        const frame = document.createElement("iframe");
        addEventListener("message", ({ data }) => {
          if (data.ready) frame.contentWindow.postMessage({ id: 5, image: given }, "*");
          if (data.id === 5) resolve(data);
        });
        frame.srcdoc = source;
        document.body.append(frame);
      }),
    [readFileSync(file, "utf8"), image],
  );
  assert.equal(answer.top?.length, 5, JSON.stringify(answer));
  await page.close();
});
