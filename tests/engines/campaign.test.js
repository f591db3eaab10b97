// campaign.test.js: the campaign over engines that are made up: whatever an engine does wrong is a fault.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runEngines } from "./campaign.js";

const expected = { demo: "aa" };
const all = (hash) => ({
  wasm: { hash, executor: "wasm", threads: 1 },
  worker: { hash, executor: "wasm", threads: 1 },
  plain: { hash, executor: "plain", threads: 1 },
  threads: { hash, executor: "wasm", threads: 2 },
});
const right = all("aa");
const refused = { code: "UNSUPPORTED", message: "not here" };

/** Runs one engine that gives these results for the demo. */
async function run(found, lacks = []) {
  const engine = { title: "Made", version: () => "1.2", measure: async () => ({ demo: found }), lacks, install: "" };
  const { columns, skipped, faults } = await runEngines({ made: engine }, { folder: "", expected });
  assert.deepEqual(skipped, []);
  assert.deepEqual(
    columns.map(({ heading }) => heading),
    ["Made\n1.2"],
  );
  return { cell: columns[0].cells.demo, faults };
}

test("equal hashes in every way are no fault", async () => {
  assert.deepEqual(await run(right), { cell: "====", faults: [] });
});

test("what an engine is known to lack is no fault, but what it has after all is compared", async () => {
  const { plain, worker } = right;
  assert.deepEqual(await run({ plain }, ["wasm", "worker", "threads"]), { cell: "––=–", faults: [] });
  const inPlain = { ...worker, executor: "plain" };
  const found = { wasm: refused, worker: inPlain, plain, threads: refused };
  assert.deepEqual(await run(found, ["wasm", "threads"]), { cell: "–==–", faults: [] });
  const alone = { ...right, threads: { ...right.threads, threads: 1 } };
  assert.deepEqual(await run(alone, ["threads"]), { cell: "===–", faults: [] });
  const different = { ...right, threads: { ...right.threads, hash: "bb" } };
  assert.deepEqual(await run(different, ["threads"]), {
    cell: "===≠",
    faults: ["Made 1.2: demo, threads: bb, expected aa"],
  });
});

for (const [what, found, cell, fault] of [
  ["another hash", { ...right, worker: { ...right.worker, hash: "bb" } }, "=≠==", /demo, worker: bb, expected aa/],
  ["an error", { ...right, wasm: refused }, "!===", /demo, wasm: UNSUPPORTED: not here/],
  ["the plain executor in place of wasm", { ...right, wasm: right.plain }, "!===", /ran as plain, 1, not as wasm, 1/],
  ["one thread in place of two", { ...right, threads: right.wasm }, "===!", /ran as wasm, 1, not as wasm, 2/],
  ["a way that was not tried", { ...right, plain: undefined }, "==!=", /demo, plain: nothing came back/],
  ["a model that was not tried", undefined, "!!!!", /demo, wasm: nothing came back/],
]) {
  test(`${what} is a fault`, async () => {
    const { cell: found_, faults } = await run(found);
    assert.equal(found_, cell);
    assert.match(faults[0], fault);
  });
}

test("an engine that dies is a fault, and the next one runs", async () => {
  const engine = { title: "Made", version: () => "1.2", lacks: [], install: "" };
  const dies = { ...engine, measure: () => Promise.reject(new Error("it hangs")) };
  const { columns, faults } = await runEngines(
    { dies, lives: { ...engine, measure: async () => ({ demo: right }) } },
    { folder: "", expected },
  );
  assert.deepEqual(
    columns.map(({ cells }) => cells.demo),
    ["!!!!", "===="],
  );
  assert.deepEqual(faults, ["Made 1.2: it hangs"]);
});

test("an engine that does not tell its version is a fault", async () => {
  const engine = { title: "Made", version: () => assert.fail("no display"), lacks: [], install: "" };
  const told = await runEngines({ made: engine }, { folder: "", expected });
  assert.deepEqual(told, { columns: [], skipped: [], faults: ["Made does not start: no display"] });
});

test("an engine that is not installed is left out, and a fault if it is required", async () => {
  const engine = { title: "Made", version: () => null, lacks: [], install: "apt-get install made" };
  const told = ["Made (made) is not installed: apt-get install made"];
  const left = await runEngines({ made: engine }, { folder: "", expected });
  assert.deepEqual(left, { columns: [], skipped: told, faults: [] });
  const wanted = await runEngines({ made: engine }, { folder: "", expected, required: ["made"] });
  assert.deepEqual(wanted, { columns: [], skipped: [], faults: told });
});

test("a name that no engine has ends the command", () => {
  const program = fileURLToPath(new URL("index.js", import.meta.url));
  assert.throws(
    () => execFileSync(process.execPath, [program, "--require", "mosaic"], { stdio: "pipe", encoding: "utf8" }),
    {
      status: 1,
      stderr: /no engine is called mosaic/,
    },
  );
});

test("README and docs name the versions that the campaign installs", () => {
  const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
  const { dependencies } = JSON.parse(read("package.json"));
  const pages = [read("../../README.md").match(/[Tt]ested in (.*?)\n\n/s)[1], read("../../docs/browser.md")];
  for (const [name, spec] of Object.entries(dependencies)) {
    const [major, minor] = spec.split("@").at(-1).split(".");
    // workerd counts days
    const date = minor.replace(/(....)(..)(..)/, "$1-$2-$3");
    const version = name === "workerd" ? date : `${major}.${minor}`;
    for (const page of pages) assert.ok(page.includes(version), `${name} ${version}`);
  }
});
