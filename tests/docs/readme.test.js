import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

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

test("every entry point that the README names is exported", () => {
  for (const [, name] of readme.matchAll(/`shiftwise\/([a-z]+)`/g)) assert.ok(`./${name}` in exports, name);
});

test("the size of the runtime entry is within what the README states", async () => {
  const entry = fileURLToPath(new URL("dist/runtime/index.js", root));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
  });
  const measured = gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000;
  const stated = Number(readme.match(/\(under ([\d.]+) KB\s+with gzip/)?.[1]);
  assert.ok(measured <= stated && measured >= stated - 8, `stated ${stated} KB, measured ${measured.toFixed(1)} KB`);
});
