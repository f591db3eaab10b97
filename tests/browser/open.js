// open.js: the example pages built once and served, opened as a visitor does, with what a developer would see in red.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { buildPages } from "../../examples/build.js";
import { servePages } from "../../examples/server.js";
import { launch, skip } from "./chromium.js";

const shots = fileURLToPath(new URL("../output/browser/", import.meta.url));

/**
 * Builds and serves the pages before the tests of a file, and cleans up behind them.
 * @param args of the browser
 * @returns how to open a page, take a screenshot, and where the pages are
 */
export function withPages(args = []) {
  const state = { folder: null, server: null, browser: null };
  before(async () => {
    if (skip) return;
    mkdirSync(shots, { recursive: true });
    state.folder = mkdtempSync(join(tmpdir(), "shiftwise-pages-"));
    await buildPages(state.folder);
    state.server = await servePages(state.folder);
    state.browser = await launch(args);
  });
  after(async () => {
    await state.browser?.close();
    await state.server?.stop();
    if (state.folder) rmSync(state.folder, { recursive: true });
  });

  /** `prepare` gets the page before it is loaded. */
  async function open(path, { prepare, ...options } = {}) {
    const viewport = { width: 1280, height: 860 };
    const context = await state.browser.newContext({ viewport, serviceWorkers: "block", ...options });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await prepare?.(page);
    await page.goto(state.server.address + path);
    return { page, context, errors };
  }

  const shot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
  return { state, open, shot };
}
