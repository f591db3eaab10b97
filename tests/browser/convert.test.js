// convert.test.js: the page that converts a visitor's network, used as a person would, rightly and wrongly.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { Model } from "../../dist/runtime/index.js";
import { build, floats } from "../onnx/build.js";
import { browserTest, serve } from "./chromium.js";
import { withPages } from "./open.js";

const { state, open, shot } = withPages(["--use-fake-device-for-media-stream"]);

const text = (page, selector) => page.locator(selector).textContent();
const says = (page, selector, pattern) =>
  page.waitForFunction(
    ([at, source]) => new RegExp(source).test(document.querySelector(at).textContent),
    [selector, pattern.source],
  );
const file = (name, buffer, mimeType = "application/octet-stream") => ({ name, buffer: Buffer.from(buffer), mimeType });
const give = (page, ...files) => page.setInputFiles("#files", files);
const button = (page, name) => page.getByRole("button", { name, exact: true });
const done = (page) => page.waitForSelector("#results:not([hidden])", { timeout: 180_000 });

/** Runs the lines that the page gives, in a page with the model and a photo beside it. @returns what they log */
async function runLines(code, model) {
  const folder = mkdtempSync(join(tmpdir(), "shiftwise-lines-"));
  cpSync(model, join(folder, "clothes.safetensors"));
  symlinkSync(fileURLToPath(new URL("../../dist/", import.meta.url)), join(folder, "dist"), "dir");
  const raw = { width: 40, height: 30, channels: 3 };
  await sharp(Buffer.alloc(3600, 90), { raw }).jpeg().toFile(join(folder, "photo.jpg"));
  const imports = JSON.stringify({ imports: { shiftwise: "/dist/runtime/index.js" } });
  const script = `<script type="module">${code}\nglobalThis.ready = true;</script>`;
  writeFileSync(join(folder, "index.html"), `<script type="importmap">${imports}</script>${script}`);
  const server = await serve(folder);
  const page = await state.browser.newPage();
  const lines = [];
  page.on("console", (message) => message.type() === "log" && lines.push(message.text()));
  await page.goto(`${server.address}/`);
  await page.waitForFunction(() => globalThis.ready, null, { timeout: 60_000 });
  await page.close();
  await server.stop();
  rmSync(folder, { recursive: true });
  return lines;
}

const conv = (dims) => ({ constants: { w: floats(dims) }, nodes: [["Conv", "x w", "y"]] });
/** Three layers over pictures of 16x16. */
const SMALL = {
  x: [1, 3, 16, 16],
  constants: { w: floats([8, 3, 3, 3]), v: floats([8, 8, 3, 3]), d: floats([5, 8]) },
  nodes: [
    ["Conv", "x w", "a"],
    ["Relu", "a", "b"],
    ["Conv", "b v", "c"],
    ["GlobalAveragePool", "c", "e"],
    ["Flatten", "e", "f"],
    ["Gemm", "f d", "y", { transB: 1 }],
  ],
};
const small = file("small.onnx", build(SMALL));

for (const [device, options] of [
  ["desk", { colorScheme: "light" }],
  ["phone", { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true, colorScheme: "dark" }],
]) {
  browserTest(
    `Convert on a ${device}: the example becomes a model that is shown, compared and taken away`,
    async () => {
      const { page, context, errors } = await open("/convert/", options);
      assert.match(await text(page, "#state"), /Choose a network and pictures first/);
      await shot(page, `convert-${device}-empty`);
      await button(page, "Try an example").click();
      await says(page, "#state", /Ready to convert/);
      assert.match(await text(page, "#network-state"), /clothes\.onnx can be converted/);
      assert.match(await text(page, "#facts"), /Input1×1×28×28.*Output1×10.*Weights21,000/);
      await shot(page, `convert-${device}-ready`);
      await button(page, "Convert").click();
      await page.waitForSelector("#cancel:not([hidden])");
      assert.equal(await page.evaluate(() => document.activeElement.id), "cancel");
      await shot(page, `convert-${device}-under-way`);
      await done(page);
      assert.match(await text(page, "#figures"), /Model file[\d.]+ KB.*x smaller.*float32.*Outputs keep[\d.]+ dB/);
      await page.waitForSelector("#outputs .bar");
      assert.equal(await page.locator("#outputs .bar").count(), 10);
      const best = () => page.locator("#outputs .bar:first-child b").allTextContents();
      assert.deepEqual(await best(), ["trouser", "trouser"]);
      // charts that still come may move the place that a click is meant for
      await page.locator('#pick input[value="8"]').evaluate((input) => input.click());
      await page.waitForFunction(() => document.querySelector("#outputs .bar b").textContent === "dress");
      // a bar and a row for each layer with weights
      assert.equal(await page.locator("#layers .layer").count(), 10);
      await page.getByText("The same as a table").click();
      assert.equal(await page.locator("#layer-rows tr").count(), 10);
      await shot(page, `convert-${device}-done`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      const downloading = page.waitForEvent("download");
      await page.getByRole("link", { name: "Download the model" }).click();
      const taken = await downloading;
      assert.equal(taken.suggestedFilename(), "clothes.safetensors");
      const model = await Model.load(readFileSync(await taken.path()));
      assert.deepEqual([model.labels.length, model.outputs[0].name], [10, "dense1"]);
      model.dispose();
      const code = await text(page, "#code");
      assert.ok(code.split("\n").length <= 10, code);
      const said = await runLines(code, await taken.path());
      assert.equal(said.length, 5);
      assert.match(said[0], /^[\w -]+ 0\.\d+$/);
      assert.deepEqual(errors, []);
      await context.close();
    },
  );
}

browserTest("Convert: a mean and deviation of its own, resizing and blue before red go into the model", async () => {
  const { page, context, errors } = await open("/convert/");
  await button(page, "Try an example").click();
  await says(page, "#state", /Ready to convert/);
  await page.getByLabel("How a pixel becomes the network's value").selectOption("own");
  await page.getByText("Resizing, and order of the channels").click();
  await page.getByRole("radio", { name: "Bits by hand" }).check();
  const refused = async (what) => {
    await button(page, "Convert").click();
    await says(page, "#message", what);
  };
  await refused(/^Mean of pixel \/ 255: write one number, such as 0\.5\.$/);
  await page.getByLabel("Mean of pixel / 255").fill("0.25");
  await page.getByRole("textbox", { name: "Deviation" }).fill("0");
  await refused(/^Deviation: write one number above 0/);
  await page.getByRole("textbox", { name: "Deviation" }).fill("0.5");
  await page.getByLabel(/Shorter side/).fill("0.5");
  await refused(/^Shorter side: write a whole number/);
  await page.getByLabel(/Shorter side/).fill("32");
  await button(page, "Convert").click();
  await done(page);
  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download the model" }).click();
  const model = await Model.load(readFileSync(await (await downloading).path()));
  const [{ normalization, resize }] = model.inputs;
  assert.deepEqual([normalization, resize], [{ mean: [0.25], std: [0.5] }, 32]);
  model.dispose();
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Convert by keyboard alone, with bits by hand", async () => {
  const { page, context, errors } = await open("/convert/");
  await give(page, small);
  await says(page, "#network-state", /can be converted/);
  await page.focus("#generate");
  await page.keyboard.press("Enter");
  await says(page, "#pictures-state", /16 pictures/);
  await page.focus('input[value="lossless"]');
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Tab");
  await page.keyboard.type("9");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.match(await text(page, "#message"), /Bits of a weight: write a whole number from 2 to 6/);
  assert.equal(await page.evaluate(() => document.activeElement.id), "amount");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("5");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await done(page);
  assert.equal(await page.evaluate(() => document.activeElement.id), "results");
  assert.equal(await page.locator("#message").isVisible(), false);
  // how pixels become values was assumed, and is said
  assert.match(await text(page, "#warnings"), /assumed mean/);
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Convert: a conversion that was cancelled half way begins anew", async () => {
  const { page, context, errors } = await open("/convert/");
  await button(page, "Try an example").click();
  await says(page, "#state", /Ready/);
  await button(page, "Convert").click();
  await says(page, "#steps [aria-current]", /Compare|Round/);
  await button(page, "Cancel").click();
  assert.match(await text(page, "#state"), /Cancelled.*still here/);
  assert.equal(await page.evaluate(() => document.activeElement.id), "convert");
  await button(page, "Convert").click();
  await done(page);
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Convert: networks that are refused, and what can be done about it", async () => {
  const { page, context, errors } = await open("/convert/");
  const refused = () => text(page, "#refusal");
  await give(page, file("notes.pt", "PK\u0003\u0004 weights of some other program"));
  await page.waitForSelector("#refusal:not([hidden])");
  assert.match(await refused(), /notes\.pt/);
  await shot(page, "convert-refused");
  await give(page, file("cut.onnx", build(SMALL).subarray(0, 400)));
  await says(page, "#refusal", /cut\.onnx/);
  assert.equal(await button(page, "Convert").isDisabled(), true);
  // what stands before an operator that is not run can be taken
  const loop = { ...SMALL, nodes: [...SMALL.nodes.slice(0, 3), ["Unheard", "c", "y"]] };
  await give(page, file("unheard.onnx", build(loop)));
  await says(page, "#refusal-list", /Unheard/);
  await shot(page, "convert-unheard");
  await page.locator("#cut").click();
  await says(page, "#network-state", /can be converted/);
  assert.match(await text(page, "#facts"), /Output1×8×12×12/);
  // sizes that the file leaves open
  await give(page, file("open.onnx", build({ ...SMALL, x: ["n", 3, "h", "w"] })));
  await page.waitForSelector("#sizes:not([hidden])");
  await shot(page, "convert-sizes");
  const fields = page.locator("#size-fields input");
  assert.deepEqual(await fields.evaluateAll((all) => all.map(({ value }) => value)), ["3", "224", "224"]);
  await fields.nth(1).fill("20");
  await fields.nth(2).fill("24");
  await button(page, "Use these sizes").click();
  await says(page, "#facts", /Input1×3×20×24/);
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Convert: weights beside the network, class names, and both wrong", async () => {
  const { page, context } = await open("/convert/");
  const tensor = floats([4, 3, 3, 3]);
  const values = Buffer.from(Float32Array.from(tensor.floatData).buffer);
  const w = { ...tensor, floatData: [], dataLocation: 1, externalData: [{ key: "location", value: "big.data" }] };
  const big = file("big.onnx", build({ ...conv([4, 3, 3, 3]), x: [1, 3, 8, 8], constants: { w } }));
  await give(page, file("names.txt", "one\ntwo", "text/plain"));
  await says(page, "#message", /Class names belong to a network/);
  await give(page, big);
  await says(page, "#refusal-head", /choose big\.data together with big\.onnx/);
  await give(page, big, file("big.data", values));
  await says(page, "#network-state", /can be converted/);
  await give(page, file("names.txt", "one\ntwo\nthree", "text/plain"));
  await says(page, "#remarks", /3 class names for 144 values/);
  await context.close();
});

browserTest("Convert: an image as output, and an input that takes no pictures", async () => {
  const { page, context, errors } = await open("/convert/");
  await button(page, "Generate 16").click();
  await give(page, file("image.onnx", build({ ...conv([3, 3, 3, 3]), x: [1, 3, 12, 12] })));
  await says(page, "#state", /Ready/);
  await page.getByRole("radio", { name: "Bits by hand" }).check();
  await button(page, "Convert").click();
  await done(page);
  await page.waitForSelector("#outputs canvas");
  assert.equal(await page.locator('#outputs canvas[aria-label*="picture"]').count(), 2);
  await give(
    page,
    file("vector.onnx", build({ x: [1, 9], constants: { w: floats([9, 4]) }, nodes: [["MatMul", "x w", "y"]] })),
  );
  await says(page, "#remarks", /random values/);
  await button(page, "Convert").click();
  await done(page);
  assert.match(await text(page, "#code"), /new Float32Array\(9\)/);
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Convert: pictures that are all alike cannot tell what a model loses, which is said", async () => {
  const { page, context, errors } = await open("/convert/");
  const raw = { width: 16, height: 16, channels: 3 };
  const black = await sharp(Buffer.alloc(768), { raw }).png().toBuffer();
  await page.setInputFiles(
    "#picture-files",
    Array.from({ length: 9 }, (_, i) => file(`${i}.png`, black, "image/png")),
  );
  await give(page, small);
  await says(page, "#state", /Ready/);
  await button(page, "Convert").click();
  await done(page);
  assert.match(await text(page, "#verdict"), /^The float network's output does not vary from picture to picture/);
  assert.match(await text(page, "#warnings"), /The 9 samples are equal.*so weights get 4 bits instead of a goal/);
  assert.doesNotMatch(await text(page, "#results"), /Very close|Outputs keep\d/);
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Convert: pictures that do not decode are left out and named", async () => {
  const { page, context, errors } = await open("/convert/");
  await page.setInputFiles("#picture-files", [
    file("no.png", "no picture", "image/png"),
    file("old.heic", "no picture", ""),
    file("icon.svg", readFileSync(new URL("../../examples/pages/icon.svg", import.meta.url)), "image/svg+xml"),
  ]);
  await page.waitForSelector("#message:not([hidden])");
  assert.match(await text(page, "#message"), /no\.png is no picture.*JPEG, PNG or WebP/);
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("Convert: the camera gives pictures, may be refused, and may not be there", async () => {
  const { page, context } = await open("/convert/", { permissions: ["camera"] });
  await button(page, "Camera").click();
  await button(page, "Take a picture").click();
  await says(page, "#pictures-state", /1 picture\..*fewer than eight/);
  await button(page, "Stop the camera").click();
  assert.equal(await page.locator("#view").isVisible(), false);
  await page.getByRole("button", { name: "Remove camera 1" }).click();
  assert.match(await text(page, "#pictures-state"), /No pictures yet/);
  await context.close();

  const refused = await open("/convert/");
  await button(refused.page, "Camera").click();
  await says(refused.page, "#message", /camera was refused/);
  await refused.context.close();

  const prepare = (none) =>
    none.addInitScript(() => Object.defineProperty(navigator, "mediaDevices", { value: undefined }));
  const without = await open("/convert/", { prepare });
  await button(without.page, "Camera").click();
  await says(without.page, "#message", /no camera here/);
  await without.context.close();
});

browserTest("Convert: a blocked Worker and a download that fails are said, with what to do", async () => {
  const blocked = await open("/convert/", {
    prepare: (page) => page.route("**/convert-worker.js", (route) => route.abort()),
  });
  await give(blocked.page, small);
  await says(blocked.page, "#message", /starts no Worker.*another browser/);
  await blocked.context.close();

  const forbidden = await open("/convert/", {
    prepare: (page) =>
      page.addInitScript(() => {
        globalThis.Worker = class {
          constructor() {
            throw new DOMException("no", "SecurityError");
          }
        };
      }),
  });
  await give(forbidden.page, small);
  await says(forbidden.page, "#message", /starts no Worker/);
  await forbidden.context.close();

  const offline = await open("/convert/", {
    prepare: (page) => page.route("**/clothes.onnx", (route) => route.fulfill({ status: 404, body: "gone" })),
  });
  await button(offline.page, "Try an example").click();
  await says(offline.page, "#message", /could not be downloaded.*404/);
  await offline.context.close();
});
