import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import sharp from "sharp";
import { Model } from "../../dist/runtime/index.js";
import { launch, serve, skip } from "../browser/chromium.js";
import { startUp } from "../runtime/start-up.js";

const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const readme = read("README.md");
const { scripts, exports } = JSON.parse(read("package.json"));

/** README and all pages of docs. */
const pages = ["README.md", ...readdirSync(new URL("docs/", root), { recursive: true }).map((name) => `docs/${name}`)]
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".md"));

/** What a heading is called in an address. */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

test("every file and heading that a document links to exists", () => {
  for (const path of pages) {
    const base = new URL(path, root);
    for (const [, link, anchor] of read(path).matchAll(/\]\(([^)#]*)#?([^)]*)\)/g)) {
      if (link.includes("://")) continue;
      const target = link === "" ? base : new URL(link, base);
      assert.ok(existsSync(target), `${path}: ${link}`);
      if (anchor === "") continue;
      const headings = [...readFileSync(target, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
        anchorOf(heading),
      );
      assert.ok(headings.includes(anchor), `${path}: ${link}#${anchor}`);
    }
  }
});

test("every link leads to a file that is in the npm package", () => {
  const listed = execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
    cwd: fileURLToPath(root),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const packed = new Set(JSON.parse(listed)[0].files.map(({ path }) => path));
  for (const path of pages) {
    for (const [, link] of read(path).matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (link.includes("://")) continue;
      const target = new URL(link, new URL(path, root)).href.slice(root.href.length);
      assert.ok(packed.has(target), `${path}: ${link}`);
    }
  }
});

test("the README's lines run a model on a picture, in Node and in a page", async () => {
  const [page, node] = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
  for (const code of [page, node]) assert.ok(code.trim().split("\n").length <= 20);
  const folder = mkdtempSync(join(tmpdir(), "shiftwise-start-"));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(fileURLToPath(root), join(folder, "node_modules/shiftwise"), "dir");
  cpSync(fileURLToPath(new URL("examples/models/demo.safetensors", root)), join(folder, "model.safetensors"));
  const raw = { width: 40, height: 30, channels: 3 };
  await sharp(Buffer.alloc(3600, 90), { raw }).jpeg().toFile(join(folder, "photo.jpg"));
  writeFileSync(join(folder, "node.mjs"), node);
  const said = execFileSync(process.execPath, ["node.mjs"], { cwd: folder, encoding: "utf8" });
  assert.equal(said.match(/label:/g).length, 5);
  if (skip) return;
  const imports = JSON.stringify({ imports: { shiftwise: "/node_modules/shiftwise/dist/runtime/index.js" } });
  const head = `<input type="file"><script type="importmap">${imports}</script>`;
  writeFileSync(join(folder, "index.html"), `${head}<script type="module">${page}\nwindow.ready = true;</script>`);
  const server = await serve(folder);
  const browser = await launch();
  const tab = await browser.newPage();
  const lines = [];
  tab.on("console", (message) => message.type() === "log" && lines.push(message.text()));
  await tab.goto(`${server.address}/`);
  await tab.waitForFunction(() => globalThis.ready, null, { timeout: 60_000 });
  await tab.setInputFiles("input", join(folder, "photo.jpg"));
  for (let tries = 0; lines.length < 5 && tries < 600; tries++) await tab.waitForTimeout(100);
  await browser.close();
  await server.stop();
  assert.equal(lines.length, 5);
  assert.match(lines[0], /^\w+: [\d.]+ %$/);
});

test("the README links to every page but the lab's, which the results link to", () => {
  for (const path of pages.slice(1)) {
    const [from, name] = path.startsWith("docs/lab/") ? ["docs/results.md", path.slice(5)] : ["README.md", path];
    assert.ok(read(from).includes(`](${name})`), path);
  }
});

test("every command that a document names exists", () => {
  const cli = fileURLToPath(new URL("dist/cli/index.js", root));
  const help = execFileSync(process.execPath, [cli, "--help"], { encoding: "utf8" });
  for (const path of pages) {
    for (const [, name] of read(path).matchAll(/npx shiftwise +([a-z]+)/g)) {
      assert.match(help, new RegExp(`^ +${name}\\b`, "m"));
    }
    for (const [, name] of read(path).matchAll(/npm run\s([a-z:]+)/g)) {
      assert.ok(name in scripts, `${path}: npm run ${name}`);
    }
  }
});

test("the README imports what the entries export", async () => {
  const imports = [...readme.matchAll(/import \{ ([\w, ]+) \} from "shiftwise(\/\w+)?"/g)];
  assert.ok(imports.length >= 4);
  for (const [, names, entry = ""] of imports) {
    const door = await import(new URL(exports[`.${entry}`].default, root));
    for (const name of names.split(", ")) assert.ok(name in door, `shiftwise${entry}: ${name}`);
  }
});

test("every entry point that the README names is exported", () => {
  for (const [, name] of readme.matchAll(/`shiftwise\/([a-z]+)`/g)) assert.ok(`./${name}` in exports, name);
});

test("the code that converts an ONNX file runs as it stands", async () => {
  const [code] = readme.split("```js\n").flatMap((part) => {
    const [block] = part.split("```");
    return block.includes("quantizeFromImages(") ? [block] : [];
  });
  assert.ok(
    code
      .trim()
      .split("\n")
      .filter((line) => line !== "").length <= 10,
  );
  const folder = mkdtempSync(join(tmpdir(), "shiftwise-readme-"));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "node_modules"));
  mkdirSync(join(folder, "images"));
  symlinkSync(fileURLToPath(root), join(folder, "node_modules/shiftwise"), "dir");
  cpSync(fileURLToPath(new URL("tests/onnx/cases/bn_neg_var.onnx", root)), join(folder, "model.onnx"));
  const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (8, 1, 28, 28), }".padEnd(117);
  const values = Uint8Array.from({ length: 8 * 784 }, (_, i) => (i * i) % 251);
  const head = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]);
  writeFileSync(join(folder, "images/some.npy"), Buffer.concat([head, Buffer.from(`${header}\n`), values]));
  writeFileSync(join(folder, "convert.mjs"), code);
  execFileSync(process.execPath, ["convert.mjs"], { cwd: folder });
  const model = await Model.load(readFileSync(join(folder, "model.safetensors")));
  assert.equal(model.runSync(values.subarray(0, 784))[model.outputs[0].name].length, 10);
  model.dispose();
});

test("the size of the runtime entry is within what the README states", async () => {
  const measured = (await startUp("dist/runtime/index.js")).bytes / 1000;
  const stated = Number(readme.match(/\(under ([\d.]+) KB\s+with gzip/)?.[1]);
  assert.ok(measured <= stated && measured >= stated - 8, `stated ${stated} KB, measured ${measured.toFixed(1)} KB`);
});

test("pages state the sizes of the one file and of the second one within 1 KB and 0.2 KB", () => {
  const page = (name) => readFileSync(new URL(name, root), "utf8");
  const packed = (file) => gzipSync(readFileSync(new URL(file, root)), { level: 9 }).length / 1000;
  const stated = [
    ["dist/shiftwise.min.js", page("docs/browser.md"), /Workers inside, ([\d.]+) KB with gzip/, 1],
    ["dist/shiftwise.min.js", page("docs/apps.md"), /one file with Workers ([\d.]+) KB/, 1],
    ["dist/runtime/steps-wasm.generated.js", page("docs/browser.md"), /imports a second file of ([\d.]+) KB/, 0.2],
    ["dist/runtime/steps-wasm.generated.js", readme, /and ([\d.]+) KB run layers/, 0.2],
  ];
  for (const [file, text, pattern, most] of stated) {
    const found = Number(text.match(pattern)?.[1]);
    assert.ok(Math.abs(found - packed(file)) <= most, `${file}: stated ${found} KB, ${packed(file).toFixed(1)} KB`);
  }
});
