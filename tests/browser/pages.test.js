// pages.test.js: the example pages, clicked as a person would; what they look like is kept in tests/output/browser.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, lower } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { buildPages } from "../../examples/build.js";
import { servePages } from "../../examples/server.js";
import { browserTest, launch, skip } from "./chromium.js";

const shots = fileURLToPath(new URL("../output/browser/", import.meta.url));
const DESKTOP = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };
const DIGIT = [
  [0.3, 0.28],
  [0.45, 0.2],
  [0.62, 0.25],
  [0.65, 0.38],
  [0.42, 0.52],
  [0.68, 0.62],
  [0.64, 0.78],
  [0.48, 0.84],
  [0.3, 0.76],
];

let folder;
let server;
let plain;
let browser;

before(async () => {
  if (skip) return;
  mkdirSync(shots, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), "shiftwise-pages-"));
  await buildPages(folder);
  server = await servePages(folder);
  browser = await launch(["--use-fake-device-for-media-stream"]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await plain?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

/** Opens a page; `errors` fills with what a developer would see in red. */
async function open(path, { base = server.address, ...options } = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, serviceWorkers: "block", ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(base + path);
  return { page, context, errors };
}

const shot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`) });
const text = (page, selector) => page.locator(selector).textContent();
const message = async (page) => {
  await page.waitForSelector("#message:not([hidden])");
  return text(page, "#message");
};

async function strokeByMouse(page, [first, ...rest]) {
  await page.mouse.move(first.x, first.y);
  await page.mouse.down();
  for (const { x, y } of rest) await page.mouse.move(x, y, { steps: 4 });
  await page.mouse.up();
}

async function strokeByFinger(page, path) {
  const session = await page.context().newCDPSession(page);
  const send = (type, touchPoints) => session.send("Input.dispatchTouchEvent", { type, touchPoints });
  await send("touchStart", [path[0]]);
  for (const point of path.slice(1)) await send("touchMove", [point]);
  await send("touchEnd", []);
}

browserTest("the start page leads to every page, and the theme button turns it dark and stays", async () => {
  const { page, context, errors } = await open("/");
  const titles = await page.locator(".top nav a").allTextContents();
  assert.ok(titles.length >= 5, titles.join());
  assert.deepEqual(await page.locator("a.tile h2").allTextContents(), titles);
  const before = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.getByRole("button", { name: "Light or dark" }).click();
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), before);
  await shot(page, "home-dark");
  for (const name of titles) {
    await page.locator(".top nav").getByRole("link", { name, exact: true }).click();
    await page.waitForURL(`**/${name.toLowerCase()}/`);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  }
  assert.deepEqual(errors, []);
  await context.close();
});

for (const [device, options] of [
  ["desktop", { colorScheme: "light" }],
  ["phone", { viewport: PHONE, hasTouch: true, isMobile: true, colorScheme: "dark" }],
]) {
  browserTest(`Draw on a ${device}: a digit is known while it is drawn, and cleared`, async () => {
    const { page, context, errors } = await open("/draw/", options);
    await page.waitForFunction(() => document.querySelector("#time-ratio").textContent !== "");
    const box = await page.locator("#pad").boundingBox();
    const path = DIGIT.map(([x, y]) => ({ x: box.x + x * box.width, y: box.y + y * box.height }));
    await (options.hasTouch ? strokeByFinger : strokeByMouse)(page, path);
    assert.deepEqual([await text(page, "#shift-digit"), await text(page, "#float-digit")], ["3", "3"]);
    assert.match(await text(page, "#size-ratio"), /^4\.\dx smaller$/);
    await shot(page, `draw-${device}`);
    // nothing is wider than the screen
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await page.getByRole("button", { name: "Clear" }).click();
    assert.equal(await text(page, "#shift-digit"), "–");
    assert.deepEqual(errors, []);
    await context.close();
  });
}

browserTest("Draw by keyboard: a stroke downwards is a one", async () => {
  const { page, context } = await open("/draw/");
  await page.waitForFunction(() => document.querySelector("#time-ratio").textContent !== "");
  await page.focus("#pad");
  for (let i = 0; i < 9; i++) await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Space");
  for (let i = 0; i < 18; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  assert.equal(await text(page, "#shift-digit"), "1");
  await page.keyboard.press("Escape");
  assert.equal(await text(page, "#shift-digit"), "–");
  await context.close();
});

browserTest("Classify: samples, another model, a file of the visitor's, a wrong file, a wrong picture", async () => {
  const { page, context, errors } = await open("/classify/");
  await page.getByRole("button", { name: "Sample: 7" }).click();
  const best = page.locator("#bars .bar b").first();
  await page.waitForSelector("#bars .bar");
  assert.equal(await best.textContent(), "7");
  assert.equal(await page.locator("#bars .bar").count(), 5);
  await shot(page, "classify");
  await page.getByRole("radio", { name: "Clothes" }).click();
  await page.getByRole("button", { name: "Sample: trouser" }).click();
  await page.waitForFunction(() => document.querySelector("#bars .bar b")?.textContent === "trouser");

  const chooseModel = async (name, buffer) => {
    const choosing = page.waitForEvent("filechooser");
    await page.getByRole("radio", { name: "Your file…" }).click();
    await (await choosing).setFiles({ name, mimeType: "application/octet-stream", buffer });
  };
  await chooseModel("wrong.safetensors", Buffer.from("<html><body>not found</body></html>"));
  assert.match(await message(page), /not a shiftwise model file/);
  const whole = readFileSync(new URL("../../examples/models/demo.safetensors", import.meta.url));
  await chooseModel("cut.safetensors", whole.subarray(0, 9000));
  await page.waitForFunction(() => document.querySelector("#message").textContent.includes("incomplete"));
  // the model in use is still in use
  assert.ok(await page.locator('input[value="fashion-shift"]').isChecked());
  await chooseModel("signs.safetensors", whole);
  await page.waitForFunction(() => document.querySelector("#model-info").textContent.includes("demo"));
  assert.equal(await page.locator("#message").isVisible(), false);

  const picking = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose a picture" }).click();
  await (await picking).setFiles({ name: "no.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  assert.match(await message(page), /picture cannot be used/);
  await page.getByRole("radio", { name: "Digits" }).click();
  await page.getByRole("button", { name: "Sample: 5" }).click();
  await page.waitForFunction(() => document.querySelector("#bars .bar b")?.textContent === "5");
  assert.equal(await page.locator("#message").isVisible(), false);
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Classify: a dropped picture with dark ink on white is turned round", async () => {
  const { page, context } = await open("/classify/");
  await page.waitForSelector("#samples button");
  const data = await page.evaluateHandle(async () => {
    const canvas = new OffscreenCanvas(200, 200);
    const paint = canvas.getContext("2d");
    paint.fillStyle = "#fff";
    paint.fillRect(0, 0, 200, 200);
    paint.fillStyle = "#000";
    paint.fillRect(92, 40, 16, 120);
    const transfer = new DataTransfer();
    transfer.items.add(new File([await canvas.convertToBlob()], "one.png", { type: "image/png" }));
    return transfer;
  });
  await page.dispatchEvent("#drop", "drop", { dataTransfer: data });
  await page.waitForFunction(() => document.querySelector("#bars .bar b")?.textContent === "1");
  await context.close();
});

browserTest("Classify: a dropped model file is used, and tones are offered for grey pictures alone", async () => {
  const { page, context, errors } = await open("/classify/");
  await page.waitForSelector("#samples button");
  assert.ok(await page.locator("#tone").isVisible());
  const drop = async (name, bytes) => {
    const data = await page.evaluateHandle(
      ([name, bytes]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([Uint8Array.from(bytes)], name));
        return transfer;
      },
      [name, [...bytes]],
    );
    await page.dispatchEvent("#drop", "drop", { dataTransfer: data });
  };
  const b = buildNetwork("long names", createRandom(3));
  const colour = lower(b.finish([b.dense(b.globalAvgPool(b.relu(b.conv(b.input([3, 8, 8]), 4))), 5)]), { grids: null });
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  const inputs = colour.inputs.map((input) => ({ ...input, normalization }));
  const labels = Array.from({ length: 5 }, (_, i) => `a class with a long name ${i}`);
  await drop("colour.safetensors", encodeModel({ ...colour, inputs, labels }));
  await page.waitForFunction(() => document.querySelector("#model-info").textContent.includes("8x8 colour"));
  assert.ok(await page.locator("#own").isChecked());
  assert.equal(await page.locator("#tone").isVisible(), false);
  await page.locator("#picture-file").setInputFiles({
    name: "one.png",
    mimeType: "image/png",
    buffer: await sharp({ create: { width: 9, height: 9, channels: 3, background: "#a52" } })
      .png()
      .toBuffer(),
  });
  await page.waitForSelector("#bars .bar");
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 844 });
    const [shown, whole] = await page
      .locator("#bars .bar b")
      .first()
      .evaluate((name) => [name.clientWidth, name.scrollWidth]);
    // a name of 26 letters is whole on a wide window, and has half of the room on a narrow one
    if (width === 1280) assert.ok(shown >= whole, `${shown} of ${whole}`);
    else assert.ok(shown > 120, `${shown}`);
  }
  await shot(page, "classify-own");
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Classify: the camera runs, stops, and may be refused", async () => {
  const { page, context } = await open("/classify/", { permissions: ["camera"] });
  await page.waitForSelector("#samples button");
  await page.getByRole("button", { name: "Camera" }).click();
  await page.waitForSelector("#bars .bar");
  assert.ok(await page.locator("#video").isVisible());
  await page.getByRole("button", { name: "Stop the camera" }).click();
  assert.equal(await page.locator("#video").isVisible(), false);
  await context.close();

  const refused = await open("/classify/");
  await refused.page.waitForSelector("#samples button");
  await refused.page.getByRole("button", { name: "Camera" }).click();
  assert.match(await message(refused.page), /camera was refused/);
  await refused.page.getByRole("button", { name: "Sample: 7" }).click();
  await refused.page.waitForSelector("#bars .bar");
  await refused.context.close();
});

browserTest("a model that is not there is told, and another one can be chosen", async () => {
  const { page, context } = await open("/");
  await page.route("**/models/mnist-shift.safetensors", (route) => route.fulfill({ status: 404, body: "gone" }));
  await page.goto(`${server.address}/classify/`);
  assert.match(await message(page), /could not be downloaded.*404/);
  await page.getByRole("radio", { name: "Signs" }).click();
  await page.getByRole("button", { name: "Sample: ring" }).click();
  await page.waitForSelector("#bars .bar");
  await context.close();
});

browserTest("no memory for a model is told, and the page stays usable", async () => {
  const { page, context } = await open("/");
  await page.addInitScript(() => {
    WebAssembly.Memory = class {
      constructor() {
        throw new RangeError("could not allocate memory");
      }
    };
  });
  await page.goto(`${server.address}/draw/`);
  assert.match(await message(page), /not enough memory/);
  await page.click("#pad");
  await page.getByRole("button", { name: "Clear" }).click();
  await context.close();
});

browserTest("a model chosen while another one loads stops that download", async () => {
  const { page, context, errors } = await open("/classify/");
  await page.waitForSelector("#samples button");
  let held = null;
  await page.route("**/models/fashion-shift.safetensors", (route) => {
    held = route;
  });
  await page.getByRole("radio", { name: "Clothes" }).click();
  while (!held) await page.waitForTimeout(20);
  await page.getByRole("radio", { name: "Signs" }).click();
  await page.waitForFunction(() => document.querySelector("#model-info").textContent.startsWith("demo"));
  assert.equal(await page.locator("#message").isVisible(), false);
  await held.continue().catch(() => {});
  await page.waitForTimeout(200);
  assert.ok(await page.getByRole("radio", { name: "Signs" }).isChecked());
  assert.match(await text(page, "#model-info"), /^demo/);
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Benchmark: engines are checked, timed and drawn, and the result is copied", async () => {
  const { page, context, errors } = await open("/benchmark/", { permissions: ["clipboard-read", "clipboard-write"] });
  assert.match(await text(page, "#machine"), /SIMD.*yes.*Threads.*yes/s);
  await page.getByRole("button", { name: "Run the benchmark" }).click();
  await page.waitForSelector("#results:not([hidden])", { timeout: 60_000 });
  const rows = await page.locator("#rows tr").count();
  assert.ok(rows >= 5, `${rows} engines`);
  assert.doesNotMatch(await text(page, "#skipped"), /wrong answer/);
  await shot(page, "benchmark");
  await page.getByRole("button", { name: "Copy the result" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /shiftwise benchmark, ResNet-20/);
  assert.equal(copied.match(/ ms /g).length, rows);
  assert.deepEqual(
    errors.filter((line) => !line.includes("peers.js") && !line.includes("404")),
    [],
  );
  await context.close();
});

browserTest("a benchmark can be stopped and the page used again", async () => {
  const { page, context } = await open("/benchmark/", { viewport: PHONE });
  await page.getByRole("button", { name: "Run the benchmark" }).click();
  await page.getByRole("button", { name: "Stop" }).click();
  assert.ok(await page.getByRole("button", { name: "Run the benchmark" }).isVisible());
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await context.close();
});

browserTest("Retrain: pause, resume, and a model to download that runs", async () => {
  const { page, context, errors } = await open("/retrain/");
  await page.getByRole("radio", { name: "4" }).click();
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForFunction(() => document.querySelector("#progress").value > 0.05, null, { timeout: 60_000 });
  await page.getByRole("button", { name: "Pause" }).click();
  await page.waitForTimeout(300);
  const held = await page.locator("#progress").evaluate((bar) => bar.value);
  await page.waitForTimeout(400);
  assert.equal(await page.locator("#progress").evaluate((bar) => bar.value), held);
  assert.match(await text(page, "#state"), /Paused/);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.waitForSelector("#download:not([hidden])", { timeout: 120_000 });
  await shot(page, "retrain");
  const accuracies = [await text(page, "#float-accuracy"), await text(page, "#shift-accuracy")].map(Number.parseFloat);
  assert.ok(accuracies[0] > 80 && accuracies[1] > 75, accuracies.join());
  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download the model" }).click();
  const model = await Model.load(readFileSync(await (await downloading).path()));
  assert.deepEqual([model.name, model.labels.length], ["signs", 10]);
  model.dispose();
  assert.deepEqual(errors, []);
  await context.close();
});

/** Notes every text that a canvas is given and its place in pixels of the canvas. */
function noteTexts() {
  globalThis.texts = new Map();
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...more) {
    const { actualBoundingBoxLeft: left, actualBoundingBoxRight: right } = this.measureText(text);
    const { a, b, c, d, e, f } = this.getTransform();
    const ends = [x - left, x + right].map((end) => [a * end + c * y + e, b * end + d * y + f]);
    const box = { text, ends, width: this.canvas.width, height: this.canvas.height };
    globalThis.texts.set(`${text} ${ends}`, box);
    return fillText.call(this, text, x, y, ...more);
  };
}

browserTest("no text of a chart is cut off, on a desk and on a phone", async () => {
  const seen = new Set();
  for (const path of ["/retrain/", "/benchmark/"]) {
    const context = await browser.newContext({ viewport: { width: 360, height: 800 }, serviceWorkers: "block" });
    const page = await context.newPage();
    await page.addInitScript(noteTexts);
    await page.goto(server.address + path);
    if (path === "/retrain/") {
      await page.getByRole("radio", { name: "3" }).click();
      await page.getByRole("button", { name: "Start" }).click();
      await page.waitForSelector("#download:not([hidden])", { timeout: 180_000 });
    } else {
      await page.locator("#run").click();
      await page.waitForSelector("#results:not([hidden])", { timeout: 180_000 });
    }
    // with all that was drawn on the way
    for (const width of [360, 1200]) {
      await page.setViewportSize({ width, height: 800 });
      await page.waitForTimeout(500);
      await page.locator("#chart").scrollIntoViewIfNeeded();
      await shot(page, `chart${path.replaceAll("/", "-")}${width}`);
      const found = await page.evaluate(() => [...globalThis.texts.values()]);
      assert.ok(found.length > 5, `${path}: ${found.length}`);
      for (const { text: label, ends, width: across, height } of found) {
        seen.add(label);
        for (const [x, y] of ends) {
          const inside = x >= -0.5 && x <= across + 0.5 && y >= 0 && y <= height;
          assert.ok(inside, `${path} at ${width}: "${label}" at ${x}, ${y} of ${across} x ${height}`);
        }
      }
    }
    await context.close();
  }
  assert.ok(seen.has("100 %"));
});

browserTest("every page works without a network once it was loaded", async () => {
  const { page, context, errors } = await open("/draw/", { serviceWorkers: "allow" });
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  await context.setOffline(true);
  await page.reload();
  await page.waitForFunction(() => document.querySelector("#time-ratio").textContent !== "");
  assert.equal(await page.evaluate(() => globalThis.crossOriginIsolated), true);
  await page.goto(`${server.address}/classify/`);
  await page.getByRole("radio", { name: "Clothes" }).click();
  await page.getByRole("button", { name: "Sample: dress" }).click();
  await page.waitForFunction(() => document.querySelector("#bars .bar b")?.textContent === "dress");
  for (const name of ["benchmark/", "retrain/", "convert/", ""]) {
    await page.goto(`${server.address}/${name}`);
    assert.ok(await page.locator("h1").isVisible());
  }
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("a page that is not isolated works on one thread", async () => {
  plain = await servePages(folder, { isolated: false });
  const { page, context } = await open("/benchmark/", { base: plain.address });
  assert.match(await text(page, "#machine"), /not isolated/);
  await page.goto(`${plain.address}/classify/`);
  await page.getByRole("button", { name: "Sample: 7" }).click();
  await page.waitForSelector("#bars .bar");
  await context.close();
});
