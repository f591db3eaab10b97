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

/**
 * The inner doors that a bench may use, and which: what times single kernels, the plain executor with a faster loop, and the
 * page of the results, which writes figures as the command does.
 */
const INNER = {
  "bench/kernels.bench.js": "dist/runtime/inside.js",
  "bench/training.bench.js": "dist/engine/index.js",
  "bench/reference.js": "dist/ops/index.js",
  "bench/rows/cells.js": "dist/report/index.js",
};

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

test("bench and examples import public doors, and a bench of the inside one inner door", () => {
  assert.ok(all.flatMap(([, imports]) => imports).length > 40);
  for (const [file, imports] of all) {
    for (const path of imports) assert.ok(isPublic(path) || path === INNER[file], `${file} imports ${path}`);
  }
  for (const [file, door] of Object.entries(INNER)) {
    assert.ok(!isPublic(door) && all.some(([name, imports]) => name === file && imports.includes(door)), file);
  }
});
