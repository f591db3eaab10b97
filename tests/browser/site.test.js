// site.test.js: npm run site: a folder that works in any folder of a host which sends no headers of its own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { browserTest, launch, serve } from "./chromium.js";

const program = fileURLToPath(new URL("../../examples/site.js", import.meta.url));
const top = mkdtempSync(join(tmpdir(), "shiftwise-site-"));
after(() => rmSync(top, { recursive: true }));
const make = (out) => spawnSync(process.execPath, [program, "--out", out], { encoding: "utf8" });

test("the site is one folder, and no other folder is overwritten", () => {
  const own = join(top, "own");
  mkdirSync(own);
  writeFileSync(join(own, "diary.txt"), "dear diary");
  const refused = make(own);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /holds other files.*--out/);
  assert.ok(existsSync(join(own, "diary.txt")));
  const { status, stdout, stderr } = make(join(top, "demo"));
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\d+ files, \d+ KB, with gzip \d+ KB/);
  assert.equal(make(join(top, "demo")).status, 0);
  assert.match(readFileSync(join(top, "demo/_headers"), "utf8"), /Cross-Origin-Opener-Policy: same-origin/);
});

browserTest("every page works in a folder of a plain host, then isolated and without a network", async () => {
  const server = await serve(top);
  const browser = await launch();
  const context = await browser.newContext();
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("response", (response) => response.status() >= 400 && errors.push(`${response.status()} ${response.url()}`));
  await page.goto(`${server.address}/demo/`);
  assert.equal(await page.evaluate(() => globalThis.crossOriginIsolated), false);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  const links = await page.locator(".top nav a").evaluateAll((all) => all.map(({ href }) => href));
  assert.ok(links.length >= 5);
  for (const href of links) {
    assert.ok(href.startsWith(`${server.address}/demo/`), href);
    await page.goto(href);
    assert.ok(await page.locator("h1").isVisible());
    assert.equal(await page.evaluate(() => globalThis.crossOriginIsolated), true, href);
  }
  await context.setOffline(true);
  await page.goto(`${server.address}/demo/draw/`);
  await page.waitForFunction(() => document.querySelector("#time-ratio").textContent !== "");
  await page.goto(`${server.address}/demo/convert/`);
  await page.getByRole("button", { name: "Try an example" }).click();
  await page.waitForSelector("#convert:not([disabled])");
  await page.getByRole("radio", { name: "Bits by hand" }).check();
  await page.getByRole("button", { name: "Convert", exact: true }).click();
  await page.waitForSelector("#results:not([hidden])", { timeout: 180_000 });
  assert.deepEqual(errors, []);
  await browser.close();
  await server.stop();
});
