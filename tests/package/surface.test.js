// surface.test.js: the public doors export by name, and each name has a sentence that says what it is.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
/** Doors that a user imports from; the others are programs of Workers, wasm and package.json. */
const doors = Object.entries(exports).flatMap(([name, { default: file, browser }]) =>
  file
    ? [file, ...(browser ? [browser] : [])].map((path) => [name, path.replace("./dist/", "src/").replace(/js$/, "ts")])
    : [],
);
const files = [...new Set(doors.map(([, path]) => root + path))];
const program = ts.createProgram(files, { module: ts.ModuleKind.NodeNext, lib: ["lib.es2023.d.ts", "lib.dom.d.ts"] });
const checker = program.getTypeChecker();

/** The exported names of a file with their declarations. */
function namesOf(path) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(root + path));
  return checker.getExportsOfModule(module).map((symbol) => {
    const own = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const doc = ts.displayPartsToString(own.getDocumentationComment(checker)).trim();
    return { name: symbol.name, doc, internal: own.getJsDocTags().some((tag) => tag.name === "internal") };
  });
}

/** Begins with a noun or a verb, and not with a word that wants one before it. */
const SENTENCE = /^(?!(Of|In|As|For|So|What|Where|How)\b)[A-Z0-9`"(]\S* \S+ \S+/;

for (const [name, path] of doors) {
  const text = readFileSync(root + path, "utf8");

  test(`${name} (${path}) exports by name, and what is for other rooms alone is marked`, () => {
    assert.doesNotMatch(text, /export \*/);
    const [, others = ""] = text.split("// for the other rooms");
    const block = new Set(others.replace(/"[^"]*"/g, "").match(/\w+/g));
    for (const { name: own, internal } of namesOf(path)) {
      assert.equal(internal, block.has(own), `${own} is ${internal ? "" : "not "}@internal`);
    }
  });

  test(`${name} (${path}): every name has a sentence`, () => {
    const bad = namesOf(path).filter(({ doc }) => !SENTENCE.test(doc));
    assert.deepEqual(
      bad.map(({ name: own, doc }) => `${own}: ${doc || "no comment"}`),
      [],
    );
  });
}

test("no doc comment of the source begins with a word that wants a noun or a verb before it", () => {
  const found = readdirSync(`${root}src`, { recursive: true })
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) =>
      [
        ...readFileSync(`${root}src/${path}`, "utf8").matchAll(/\/\*\*[\s*]*((Of|In|As|For|So|What|Where|How)\b.*)/g),
      ].map(([, text]) => `${path}: ${text}`),
    );
  assert.deepEqual(found, []);
});

/** Overwrites, adds to and empties whatever a value holds and lets be changed. */
function spoil(value) {
  if (typeof value !== "object" || value === null) return;
  if (ArrayBuffer.isView(value)) {
    value.fill(1);
    return;
  }
  for (const key of Object.keys(value)) {
    spoil(value[key]);
    Reflect.set(value, key, 1);
  }
}

function isFrozen(value) {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

test("no value that a door exports can be changed", async () => {
  let count = 0;
  for (const [name, path] of doors) {
    const module = await import(`${root}${path.replace("src/", "dist/").replace(/ts$/, "js")}`);
    for (const [key, value] of Object.entries(module)) {
      if (typeof value === "function") continue;
      count++;
      assert.ok(isFrozen(value), `${key} of ${name}`);
    }
  }
  assert.ok(count >= 4);
});

test("what a function has given may be changed, and it gives the same again", async () => {
  const { freshNetwork, recipeFor, usualNormalization } = await import("../../dist/pipeline/index.js");
  const { generate, normalizationOf } = await import("../../dist/data/index.js");
  const quantize = await import("../../dist/quantize/index.js");
  const { decodeNetwork, encodeNetwork, lower } = await import("../../dist/graph/index.js");
  const { train } = generate({ seed: 1, train: 20, test: 10 });
  const file = encodeNetwork(freshNetwork("demo", train, 1, 4));
  const { network } = decodeNetwork(file);
  const layer = { name: "a", shape: [4, 3, 3, 3] };
  const weights = Float32Array.from({ length: 108 }, (_, i) => Math.sin(i));
  const calls = {
    // its quantizer is a frozen record with functions
    recipe: () =>
      [2, 3, 4, 5]
        .flatMap((bits) => [recipeFor(bits), recipeFor(bits, "paper")])
        .map(({ quantizer, ...rest }) => ({ ...rest, quantizer: quantizer.name })),
    normalizations: () => [usualNormalization(3), usualNormalization(1), normalizationOf({}, 3)],
    portions: () => [2, 3, 4, 5].map((bits) => quantize.portionsFor(bits)),
    levels: () => [quantize.powerLevels(4, 1), quantize.powersOfTwo(4, 1)],
    fits: () => quantize.QUANTIZERS.map((one) => one.fit(weights, { ...layer, bits: one.bits[0] })),
    tables: () => ["powers", "two-term"].flatMap((name) => quantize.quantizerNamed(name).tables(3)),
    fresh: () => freshNetwork("demo", train, 1, 4),
    network: () => decodeNetwork(file).network,
    model: () => lower(network, { grids: null }),
  };
  for (const [name, call] of Object.entries(calls)) {
    const expected = structuredClone(call());
    spoil(call());
    assert.deepEqual(structuredClone(call()), expected, name);
  }
});
