// checks.test.js: every page, light and dark, on a desk and at 360 pixels: no error, no sideways scroll, contrast, focus, size.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { browserTest } from "./chromium.js";
import { withPages } from "./open.js";
import { faintTexts, focused, overhang, structure } from "./page-checks.js";

const { open, state } = withPages(["--use-fake-device-for-media-stream"]);
const names = readdirSync(fileURLToPath(new URL("../../examples/pages/", import.meta.url)), { recursive: true })
  .filter((name) => name.endsWith(".html"))
  .map((name) => name.replace(/^.*[\\/]/, "").replace(".html", ""));
const paths = names.map((name) => (name === "index" ? "/" : `/${name}/`));

const NARROW = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
/** Stops of the tab key that are looked at; a page may have a list of any length. */
const STOPS = 60;

/**
 * Bytes with gzip of all that a page fetches but models: until it stands, and of the Convert page until a network's facts stand
 * there, and until that network is converted and both have run.
 */
const LIMITS = { home: 20_000, page: 100_000, facts: 136_000, conversion: 289_000 };

async function look(page, what) {
  assert.deepEqual(await page.evaluate(faintTexts), [], `${what}: contrast`);
  assert.deepEqual(await page.evaluate(structure), [], `${what}: structure`);
  assert.ok((await page.evaluate(overhang)) <= 0, `${what}: scrolls sideways`);
}

for (const path of paths) {
  browserTest(`${path} can be read in light and dark, on a desk and on a phone`, async () => {
    for (const colorScheme of ["light", "dark"]) {
      for (const [device, options] of [
        ["desk", {}],
        ["phone", NARROW],
      ]) {
        const { page, context, errors } = await open(path, { colorScheme, ...options });
        await page.waitForSelector(".top nav");
        await page.waitForLoadState("networkidle");
        await look(page, `${path} ${colorScheme} ${device}`);
        assert.deepEqual(errors, []);
        await context.close();
      }
    }
  });

  browserTest(`${path} shows where the focus is, at every stop of the tab key`, async () => {
    const { page, context } = await open(path);
    await page.waitForSelector(".top nav");
    await page.waitForLoadState("networkidle");
    const seen = new Set();
    for (let stop = 0; stop < STOPS; stop++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(focused);
      if (!at || seen.has(at.key)) break;
      seen.add(at.key);
      assert.ok(at.name, `${path}: ${at.key} has no name`);
      assert.ok(at.isSeen, `${path}: ${at.key} does not show the focus`);
    }
    assert.ok(seen.size >= 6, [...seen].join("; "));
    await context.close();
  });
}

browserTest(
  "the pages are small: each until it stands, Convert until it has read a network, and until it has converted one",
  async (t) => {
    for (const path of paths) {
      const fetched = new Set();
      const prepare = (page) => {
        page.context().on("response", (response) => {
          const { protocol, pathname } = new URL(response.url());
          if (protocol === "http:" && response.ok() && !pathname.startsWith("/models/")) fetched.add(pathname);
        });
      };
      const { page, context } = await open(path, { prepare });
      await page.waitForLoadState("networkidle");
      // of the files as served: a page that closes takes the bodies of its responses with it
      const size = (pathname) => {
        const file = join(state.folder, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
        return gzipSync(readFileSync(file), { level: 9 }).length;
      };
      const total = () => [...fetched].reduce((sum, pathname) => sum + size(pathname), 0);
      const first = total();
      const limit = path === "/" ? LIMITS.home : LIMITS.page;
      t.diagnostic(`${path}: ${first} bytes with gzip`);
      assert.ok(first <= limit, `${path}: ${first}`);
      if (path === "/convert/") {
        await page.setInputFiles("#files", fileURLToPath(new URL("../onnx/cases/tiny_softmax.onnx", import.meta.url)));
        await page.waitForSelector("#facts:not([hidden])");
        const facts = total();
        t.diagnostic(`/convert/ with a network's facts: ${facts} bytes with gzip`);
        assert.ok(facts <= LIMITS.facts, String(facts));
        await page.getByRole("button", { name: "Try an example" }).click();
        await page.waitForSelector("#convert:not([disabled])");
        await page.getByRole("button", { name: "Convert", exact: true }).click();
        await page.waitForSelector("#results:not([hidden])", { timeout: 180_000 });
        await page.waitForSelector("#outputs .bar");
        const conversion = total();
        t.diagnostic(`/convert/ through a whole conversion: ${conversion} bytes with gzip`);
        assert.ok(conversion <= LIMITS.conversion, String(conversion));
      }
      await context.close();
    }
  },
);

browserTest("Convert can be read while it works, when it is done, and when it refuses", async () => {
  for (const options of [{ colorScheme: "light" }, { colorScheme: "dark", ...NARROW }]) {
    const { page, context, errors } = await open("/convert/", options);
    const notes = { name: "notes.pt", mimeType: "", buffer: Buffer.from("nothing that is known") };
    const broken = { name: "no.png", mimeType: "image/png", buffer: Buffer.from("no picture") };
    await page.setInputFiles("#files", [notes, broken]);
    await page.waitForSelector("#refusal:not([hidden])");
    await page.waitForSelector("#message:not([hidden])");
    await look(page, "refused");
    await page.getByRole("button", { name: "Try an example" }).click();
    await page.waitForSelector("#convert:not([disabled])");
    await look(page, "ready");
    await page.getByRole("button", { name: "Convert", exact: true }).click();
    await page.waitForSelector("#steps [aria-current]");
    await look(page, "under way");
    await page.waitForSelector("#results:not([hidden])", { timeout: 180_000 });
    await page.waitForSelector("#outputs .bar");
    for (const summary of await page.locator("summary:visible").all()) await summary.click();
    await look(page, "done");
    assert.deepEqual(errors, []);
    await context.close();
  }
});
