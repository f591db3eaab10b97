import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const readme = read("README.md");
const { scripts, exports } = JSON.parse(read("package.json"));

test("every file that a document links to exists", () => {
  for (const path of [
    "README.md",
    "docs/format.md",
    "docs/arithmetic.md",
    "docs/kernels.md",
    "docs/results.md",
    "docs/testing.md",
  ]) {
    const base = new URL(path, root);
    for (const [, link] of read(path).matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (!link.includes("://")) assert.ok(existsSync(new URL(link, base)), `${path}: ${link}`);
    }
  }
});

test("every command that a document names exists", () => {
  const cli = fileURLToPath(new URL("dist/cli/index.js", root));
  const help = execFileSync(process.execPath, [cli, "--help"], { encoding: "utf8" });
  for (const path of ["README.md", "docs/results.md", "docs/kernels.md", "docs/testing.md"]) {
    for (const [, name] of read(path).matchAll(/npx shiftwise +([a-z]+)/g))
      assert.match(help, new RegExp(`^ +${name}\\b`, "m"));
    for (const [, name] of read(path).matchAll(/npm run ([a-z:]+)/g))
      assert.ok(name in scripts, `${path}: npm run ${name}`);
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
