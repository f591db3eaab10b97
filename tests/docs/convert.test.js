// convert.test.js: the code of docs/convert.md runs as it stands, and its tables name what there is.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { openCalibration } from "../../dist/data/index.js";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/convert.md", root), "utf8");
let folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "shiftwise-convert-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(fileURLToPath(root), join(folder, "node_modules/shiftwise"), "dir");
  copyFileSync(new URL("examples/models/demo.safetensors", root), join(folder, "model.safetensors"));
  const pixels = Buffer.alloc(60 * 40 * 3, 90);
  const picture = await sharp(pixels, { raw: { width: 60, height: 40, channels: 3 } })
    .jpeg()
    .toBuffer();
  writeFileSync(join(folder, "photo.jpg"), picture);
});
after(() => rmSync(folder, { recursive: true }));

test("the code for a photo gives a label", () => {
  const [, code] = /```js\n(import[\s\S]*?)```/.exec(page.slice(page.indexOf("## A photo in Node")));
  writeFileSync(join(folder, "photo.mjs"), code);
  const said = execFileSync(process.execPath, ["photo.mjs"], { cwd: folder, encoding: "utf8" }).trim();
  assert.ok(["ring", "gap", "spiral", "square", "triangle", "tee", "wye", "cross", "zed", "ess"].includes(said), said);
});

test("the table of openCalibration has its fields", async () => {
  const found = await openCalibration(join(folder, "photo.jpg"), [1, 28, 28], {}, 1);
  const table = page.slice(page.indexOf("`openCalibration(path"), page.indexOf("## A photo in Node"));
  const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(named.sort(), Object.keys(found).sort());
  assert.deepEqual(Object.keys(found.samples).sort(), ["count", "read", "shape"]);
  assert.deepEqual(Object.keys(found.pictures).sort(), ["images", "normalization", "shape"]);
});
