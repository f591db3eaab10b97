// architecture.test.js: the rooms, arrows, files and figures of docs/architecture.md are those of the code.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { test } from "node:test";
import { encodeInput, pixelToReal } from "../../dist/ops/index.js";
import { digitOf, largestExponent, powersOfTwo } from "../../dist/quantize/levels.js";
import { rowsUnder } from "./tables.js";

const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const doc = read("docs/architecture.md");

const table = (head) => rowsUnder(doc, head);

const quoted = (text) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name);

/** TypeScript files under a folder. */
function sources(folder) {
  return readdirSync(new URL(folder, root), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => posix.join(posix.relative(new URL(root).pathname, entry.parentPath), entry.name));
}

const IMPORT = /(?:\bfrom|\bimport\(|^import)\s*"(\.[^"]+)"|\bnew URL\(\s*"(\.[^"]+)"/gm;

/** What a file names by a relative path: { file, to } with `to` from the project's root. */
function importsOf(file) {
  return [...read(file).matchAll(IMPORT)].map(([, imported, address]) => {
    return { file, to: posix.join(dirname(file), imported ?? address) };
  });
}

const rooms = table("| room | what it holds | it imports |").map(([name, holds, imports]) => ({
  name: quoted(name)[0],
  holds,
  imports: quoted(imports),
}));
const roomOf = (path) => path.match(/^src\/([^/]+)\//)?.[1];
const arrows = sources("src/")
  .flatMap(importsOf)
  .filter(({ file, to }) => roomOf(to) && roomOf(to) !== roomOf(file));

test("the table has every room of src, each with what it holds, from the ground up", () => {
  const folders = readdirSync(new URL("src/", root));
  assert.deepEqual(rooms.map(({ name }) => name).sort(), folders.sort());
  for (const { name, holds } of rooms) assert.ok(holds.length > 20, name);
  for (const [i, { name, imports }] of rooms.entries()) {
    const below = rooms.slice(0, i).map((room) => room.name);
    for (const room of imports) assert.ok(below.includes(room), `${name} imports ${room}, which is not below it`);
  }
});

test("no import of src is missing in the table, and no arrow of the table is missing in src", () => {
  for (const { name, imports } of rooms) {
    const real = arrows.filter(({ file }) => roomOf(file) === name);
    for (const { file, to } of real) assert.ok(imports.includes(roomOf(to)), `${file} imports ${to}`);
    for (const room of imports) {
      assert.ok(
        real.some(({ to }) => roomOf(to) === room),
        `nothing in ${name} imports ${room}`,
      );
    }
  }
});

test("rooms are entered by their doors", () => {
  const doors = [
    "base/system.js",
    "base/thread.js",
    "data/browser.js",
    "format/packed.js",
    "format/signatures.js",
    "runtime/inside.js",
    "quantize/quantizers/index.js",
    ...rooms.map(({ name }) => `${name}/index.js`),
  ];
  for (const { file, to } of arrows) assert.ok(doors.includes(to.replace("src/", "")), `${file} imports ${to}`);
});

test("no files of src import each other in a circle, types included", () => {
  const edges = new Map(
    sources("src/").map((file) => [file, importsOf(file).map(({ to }) => to.replace(/\.js$/, ".ts"))]),
  );
  const done = new Set();
  const walk = (file, way) => {
    if (way.includes(file)) assert.fail([...way.slice(way.indexOf(file)), file].join(" -> "));
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) walk(next, [...way, file]);
    done.add(file);
  };
  assert.ok([...edges.values()].flat().length > 1000);
  for (const file of edges.keys()) walk(file, []);
});

test("assembly takes only numbers from src, and steps what the kernels of sums have", () => {
  for (const { file, to } of sources("assembly/").flatMap(importsOf)) {
    const isNumbers = /^src\/\w+\/(layout|step-codes)$/.test(to);
    const isBelow = file.startsWith("assembly/steps/") && to.startsWith("assembly/runtime/");
    assert.ok(isNumbers || isBelow || to.startsWith(dirname(file)), `${file} imports ${to}`);
  }
});

test("every file of the code that a page names exists", () => {
  for (const page of readdirSync(new URL("docs/", root), { recursive: true }).filter((name) => name.endsWith(".md"))) {
    for (const name of quoted(read(`docs/${page}`))) {
      if (/^(src|assembly|tests|docs|bench)\/[\w/.-]+$/.test(name) && !name.startsWith("tests/output/")) {
        assert.ok(existsSync(new URL(name, root)) || name.startsWith("bench/results/"), `docs/${page}: ${name}`);
      }
    }
  }
});

test("the glossary has its words in order, each once, and every word that it points to", () => {
  const glossary = read("docs/glossary.md");
  const sections = glossary.split(/^## /m).map((section) => {
    return [...section.matchAll(/^\| (?!word \|)([^|]+?) \|/gm)].map(([, word]) => word);
  });
  const words = sections.flat();
  assert.ok(words.length > 50);
  assert.equal(new Set(words).size, words.length);
  for (const section of sections)
    assert.deepEqual(
      section,
      [...section].sort((a, b) => a.localeCompare(b)),
    );
  for (const [, pointed] of glossary.matchAll(/\*(\w[\w ]+)\*/g)) {
    const word = pointed.toLowerCase();
    const known = words.some((entry) => word === entry || word === `${entry}s` || word === entry.replace(/y$/, "ies"));
    assert.ok(known || word === "italics", pointed);
  }
});

test("the entries of the package are those of the page", () => {
  const { exports } = JSON.parse(read("package.json"));
  const stated = Object.fromEntries(
    table("| entry | file |").map(([entry, file]) => [quoted(entry)[0], quoted(file)[0]]),
  );
  const real = Object.entries(exports).filter(([, target]) => typeof target === "object");
  assert.deepEqual(
    stated,
    Object.fromEntries(
      real.map(([name, target]) => [
        posix.join("shiftwise", name),
        target.default.replace("./dist/", "src/").replace(/js$/, "ts"),
      ]),
    ),
  );
});

test("the weight and the pixel come to the numbers of the page", () => {
  const number = (pattern) => Number(doc.replace(/\s+/g, " ").replaceAll("−", "-").match(pattern)[1]);
  const weight = number(/We follow the weight (-[\d.]+)/);
  const largest = number(/The largest weight of its layer is ([\d.]+)/);
  const bits = number(/the layer gets (\d) bits/);
  const n1 = largestExponent(largest, bits);
  const book = powersOfTwo(bits, n1);
  const code = digitOf(weight, book);
  assert.equal(number(/the largest exponent is n1 = (-\d)/), n1);
  assert.equal(number(/its code is (-\d)/), code);
  assert.equal(number(/The nearest level is -2\^(-\d)/), book.n2 - code - 1);
  assert.equal(number(/the weight is (-\d+)\./), -(2 ** (-code - 1)));
  const mean = number(/with mean ([\d.]+)/);
  const std = number(/deviation ([\d.]+):/);
  const real = pixelToReal(number(/red pixel of value (\d+)/), 0, { mean: [mean], std: [std] });
  assert.equal(number(/deviation [\d.]+: ([\d.]+[0-9])/), Number(real.toFixed(3)));
  const scale = number(/With scale ([\d.]+)/);
  const encoding = { kind: "linear", scale, zero: number(/zero point (\d+)/), max: 255 };
  assert.equal(number(/it is the byte (\d+)/), encodeInput(real, encoding));
  assert.equal(number(/So (\d+) · -\d/), encodeInput(real, encoding));
});
