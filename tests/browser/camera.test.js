// camera.test.js: the camera's page with Chromium's fake camera: frames classified and dropped, refused, missing, unplugged.
import assert from "node:assert/strict";
import { browserTest } from "./chromium.js";
import { withPages } from "./open.js";

const { open, shot } = withPages(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]);
const number = async (page, selector) => Number(await page.locator(selector).textContent());
const message = async (page) => {
  await page.waitForSelector("#message:not([hidden])");
  return page.locator("#message").textContent();
};
const start = (page) => page.getByRole("button", { name: "Start the camera" }).click();

for (const [name, options] of [
  ["wide", {}],
  ["narrow", { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true, colorScheme: "dark" }],
]) {
  browserTest(`frames are classified, and the page says how fast (${name})`, async () => {
    const { page, context, errors } = await open("/camera/", options);
    await page.waitForFunction(() => document.querySelector("#model-info").textContent.includes("28x28"));
    await start(page);
    await page.waitForFunction(() => Number(document.querySelector("#seen").textContent) >= 10);
    assert.equal(await page.locator(".bar").count(), 5);
    assert.match(await page.locator("#time").textContent(), /ms|µs/);
    assert.ok((await number(page, "#rate")) >= 1);
    await shot(page, `camera-${name}`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await page.getByRole("button", { name: "Stop the camera" }).click();
    assert.equal(await page.evaluate(() => document.querySelector("#video").srcObject), null);
    assert.deepEqual(errors, []);
    await context.close();
  });
}

browserTest("frames that come while the model is busy are dropped, not queued", async () => {
  const prepare = (page) =>
    page.addInitScript(() => {
      // a slow model: every answer of the Worker comes late
      const { postMessage } = Worker.prototype;
      globalThis.waiting = 0;
      globalThis.most = 0;
      Worker.prototype.postMessage = function (data, transfer) {
        if (data.kind !== "run" || !document.querySelector("#video")?.srcObject)
          return postMessage.call(this, data, transfer);
        globalThis.waiting++;
        globalThis.most = Math.max(globalThis.most, globalThis.waiting);
        setTimeout(() => {
          globalThis.waiting--;
          postMessage.call(this, data, transfer);
        }, 300);
      };
    });
  const { page, context, errors } = await open("/camera/", { prepare });
  await page.waitForFunction(() => document.querySelector("#model-info").textContent.includes("28x28"));
  await start(page);
  await page.waitForFunction(() => Number(document.querySelector("#dropped").textContent) >= 5);
  assert.equal(await page.evaluate(() => globalThis.most), 1);
  assert.ok((await number(page, "#seen")) > (await number(page, "#dropped")));
  assert.deepEqual(errors, []);
  await context.close();
});

browserTest("no camera, a refused one and one that is taken away are a sentence each", async () => {
  const refuse = (name) => (page) =>
    page.addInitScript((kind) => {
      MediaDevices.prototype.getUserMedia = () => Promise.reject(new DOMException("as tested", kind));
    }, name);
  for (const [name, pattern] of [
    ["NotAllowedError", /refused.*settings/],
    ["NotFoundError", /no camera here/],
    ["NotReadableError", /in use by another program/],
  ]) {
    const { page, context, errors } = await open("/camera/", { prepare: refuse(name) });
    await start(page);
    assert.match(await message(page), pattern);
    assert.equal(await page.getByRole("button", { name: "Start the camera" }).count(), 1);
    assert.deepEqual(errors, []);
    await context.close();
  }
  const { page, context } = await open("/camera/");
  await start(page);
  await page.waitForFunction(() => Number(document.querySelector("#seen").textContent) >= 1);
  await page.evaluate(() =>
    document.querySelector("#video").srcObject.getTracks()[0].dispatchEvent(new Event("ended")),
  );
  assert.match(await message(page), /no camera here.*unplugged/);
  await context.close();
});

browserTest("a Worker that the host refuses, and a file that is no model, are a sentence", async () => {
  const prepare = (page) => page.route("**/assets/host.js", (route) => route.abort());
  const { page, context } = await open("/camera/", { prepare });
  assert.match(await message(page), /cannot run the model.*Worker could not be started/);
  await context.close();
  const second = await open("/camera/");
  await second.page.waitForFunction(() => document.querySelector("#model-info").textContent.includes("28x28"));
  await second.page.setInputFiles("#model-file", {
    name: "net.onnx",
    mimeType: "",
    buffer: Buffer.from("<!doctype html>"),
  });
  assert.match(await message(second.page), /not a shiftwise model file.*web page/);
  await second.context.close();
});
