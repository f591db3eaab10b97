// publish.test.js: the tarball is what a registry and a type checker expect.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { install } from "./install.js";

let installed;
let folder;

before(() => {
  installed = install();
  folder = join(installed.folder, "node_modules/shiftwise");
});
after(() => installed.remove());

test("publint finds nothing", async () => {
  const { messages } = await publint({ pkgDir: folder });
  assert.deepEqual(messages, []);
});

test("the types are right wherever ES modules are resolved", () => {
  const cli = createRequire(import.meta.url).resolve("@arethetypeswrong/cli/package.json");
  const program = fileURLToPath(new URL("dist/index.js", `file://${cli}`));
  const args = [program, installed.tarball, "--profile", "esm-only", "--format", "json"];
  const { analysis } = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
  const problems = analysis.problems.filter(({ resolutionKind }) => !["node10", "node16-cjs"].includes(resolutionKind));
  assert.deepEqual(problems, []);
  assert.ok(Object.keys(analysis.entrypoints).length >= 8);
});

test("every export is in the tarball, and every wasm module is exported", () => {
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === "string" ? target : Object.values(target),
  );
  for (const target of targets.filter((path) => !path.includes("*")))
    assert.ok(existsSync(join(folder, target)), target);
  for (const name of ["runtime", "training"]) {
    assert.ok(existsSync(join(folder, exports["./wasm/*.wasm"].replace("*", name))));
    const found = createRequire(join(installed.folder, "node.js")).resolve(`shiftwise/wasm/${name}.wasm`);
    assert.ok(WebAssembly.validate(readFileSync(found)));
  }
});

test("nothing in the runtime makes code from text or workers from blobs", () => {
  const list = execFileSync("tar", ["-tzf", installed.tarball], { encoding: "utf8" }).split("\n");
  const files = list.filter((path) => /dist\/(runtime|model|ops|format|base)\/.*\.js$/.test(path));
  assert.ok(files.length > 30);
  for (const path of files) {
    const text = readFileSync(join(folder, path.replace("package/", "")), "utf8");
    assert.doesNotMatch(text, /\beval\(|new Function\b|createObjectURL|importScripts/, path);
  }
  assert.ok(list.every((path) => !path.endsWith(".map")));
});
