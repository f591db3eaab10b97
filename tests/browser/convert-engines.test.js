// convert-engines.test.js: the Convert page in the other browsers of this machine: its example becomes a model there, too.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildPages } from "../../examples/build.js";
import { BROWSERS } from "../engines/browsers.js";

const driver = fileURLToPath(new URL("convert-driver.js", import.meta.url));
let folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "shiftwise-convert-"));
  await buildPages(folder);
  cpSync(driver, join(folder, "driver.js"));
  writeFileSync(join(folder, "task.json"), JSON.stringify({ network: null, goal: "bits" }));
  // the page at the top, with the driver behind its own script; without a service worker
  const page = readFileSync(join(folder, "convert/index.html"), "utf8").replaceAll('"../', '"./');
  writeFileSync(
    join(folder, "page.html"),
    page.replace("</head>", '<script type="module" src="./driver.js"></script></head>'),
  );
  rmSync(join(folder, "sw.js"));
});
after(() => rmSync(folder, { recursive: true }));

for (const name of ["firefox", "webkit"]) {
  const { title, version, measure } = BROWSERS[name];
  test(`Convert in ${title}`, { timeout: 600_000 }, async (t) => {
    const found = await version();
    if (!found) return t.skip(`no ${title} on this machine`);
    const { figures, best, file } = await measure(folder);
    t.diagnostic(`${title} ${found}: ${figures.join("; ")}`);
    assert.deepEqual(best, ["trouser", "trouser"]);
    assert.match(figures[0], /^Model file1\d\.\d KB/);
    assert.equal(file, "clothes.safetensors");
  });
}
