// doors.test.js: bench and examples use the package as its users do: they import public doors.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const targets = Object.values(exports).flatMap((target) =>
  (typeof target === "string" ? [target] : Object.values(target)).map((path) => path.replace("./", "")),
);

/** What times or checks a part of the inside, and the page of the results, which writes figures as the command does. */
const INSIDE = ["bench/kernels.bench.js", "bench/training.bench.js", "bench/reference.js", "bench/rows/page.js"];

/** Scripts of a folder, without what is installed or built there. */
function scripts(folder) {
  return readdirSync(root + folder, { recursive: true })
    .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
    .filter((name) => name.endsWith(".js") && !/\/(node_modules|build|results)\//.test(name));
}

/** The files of dist and the entries of the package that a script imports. */
function importsOf(file) {
  const text = readFileSync(root + file, "utf8");
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g)].flatMap(([, name]) => {
    if (name.startsWith(".")) {
      const path = posix.join(dirname(file), name);
      return path.startsWith("dist/") || path.startsWith("src/") ? [path] : [];
    }
    return /^shiftwise(\/|$)/.test(name) ? [`.${name.slice("shiftwise".length)}`] : [];
  });
}

const all = [...scripts("bench"), ...scripts("examples")].map((file) => [file, importsOf(file)]);
const isPublic = (path) => (path.startsWith(".") ? path in exports : targets.includes(path));

test("bench and examples import public doors only", () => {
  assert.ok(all.flatMap(([, imports]) => imports).length > 40);
  for (const [file, imports] of all) {
    if (INSIDE.includes(file)) continue;
    for (const path of imports) assert.ok(isPublic(path), `${file} imports ${path}`);
  }
});

test("each exception needs to be one", () => {
  for (const [file, imports] of all) {
    if (INSIDE.includes(file)) assert.ok(!imports.every(isPublic), file);
  }
});
