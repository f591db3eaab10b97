// rules.test.js: docs/format.md and the readers in step: each rule of the document refuses a file, with the code that stands
// there, and each check of a reader is one that some rule's file fails at.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ShiftwiseError } from "../../dist/base/index.js";
import { decodeNetwork } from "../../dist/graph/index.js";
import { decodeModel } from "../../dist/model/index.js";
import {
  bookMemoryRefusals,
  bookModel,
  bookModelRefusals,
  bookNetwork,
  bookNetworkRefusals,
} from "./refusals-books.js";
import { checkpoint, checkpointRefusals, readCheckpoint } from "./refusals-checkpoint.js";
import { container, containerRefusals } from "./refusals-container.js";
import { graphRefusals } from "./refusals-graph.js";
import { memoryRefusals } from "./refusals-memory.js";
import { model, modelRefusals } from "./refusals-model.js";
import { network, networkRefusals } from "./refusals-network.js";
import { packed, packedRefusals } from "./refusals-packed.js";

const doc = readFileSync(new URL("../../docs/format.md", import.meta.url), "utf8");
const rows = [...doc.matchAll(/^\| `([a-z-]+)` \| .+ \| ([A-Z_]+|its own) \|$/gm)].map(([, rule, code]) => [
  rule,
  code,
]);
const codes = new Map(rows);

const suites = [
  { base: container, refusals: containerRefusals, read: decodeModel },
  { base: model, refusals: modelRefusals, read: decodeModel },
  { base: model, refusals: graphRefusals(model), read: decodeModel },
  { base: bookModel, refusals: bookModelRefusals, read: decodeModel },
  { base: bookModel, refusals: graphRefusals(bookModel), read: decodeModel },
  { base: bookNetwork, refusals: bookNetworkRefusals, read: decodeNetwork },
  { base: bookNetwork, refusals: graphRefusals(bookNetwork), read: decodeNetwork },
  { base: network, refusals: networkRefusals, read: decodeNetwork },
  { base: network, refusals: graphRefusals(network), read: decodeNetwork },
  { base: packed, refusals: packedRefusals, read: decodeModel },
  { base: checkpoint, refusals: checkpointRefusals, read: readCheckpoint },
  { base: checkpoint, refusals: graphRefusals(checkpoint, ["firstLoss", "tests"]), read: readCheckpoint },
];

Error.stackTraceLimit = 60;
/** "file:line:column" of all calls that were under way when a reader refused something. */
const reached = new Set();

for (const { base, refusals, read } of suites) {
  test(`a ${base.kind} that breaks a rule is refused: ${Object.keys(refusals).slice(0, 3).join(", ")}, ...`, async () => {
    await read(base.valid, "f.sw");
    for (const [rule, cases] of Object.entries(refusals)) {
      assert.ok(cases.length > 0, rule);
      for (const [index, [bytes, message, place]] of cases.entries()) {
        const label = `${rule}, case ${index}${place ? ` at ${place}` : ""}`;
        const error = await refusal(read, bytes, label);
        if (codes.get(rule) !== "its own") assert.equal(error.code, codes.get(rule), `${label}: ${error.message}`);
        assert.match(error.message, message, label);
      }
    }
  });
}

test("what only values in memory break is refused too", async () => {
  for (const refused of [...memoryRefusals, ...bookMemoryRefusals])
    await refusal(refused, undefined, refused.toString());
});

test("what the document leaves free is read", () => {
  const expected = decodeModel(model.valid);
  for (const file of [
    model.text((graph) => JSON.stringify(JSON.parse(graph), null, 2)),
    model.text((graph) => graph.replace('"value":0.5', '"value" :\t5.0e-1').replaceAll("conv", "c\\u006fnv")),
    model.text((graph) => JSON.stringify(reversed(JSON.parse(graph)))),
    model.change((_, tensors) => {
      const entries = [...tensors].reverse();
      tensors.clear();
      for (const [name, tensor] of entries) tensors.set(name, tensor);
    }),
    model.header((header) => {
      const entries = Object.entries(header).reverse();
      for (const [name] of entries) delete header[name];
      Object.assign(header, Object.fromEntries(entries));
    }),
  ]) {
    assert.notDeepEqual(file, model.valid);
    assert.deepEqual(decodeModel(file), expected);
  }
});

/** The same JSON with the keys of every object the other way round. */
function reversed(value) {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, entry]) => [key, reversed(entry)]));
}

/** The error that reading throws. */
async function refusal(read, bytes, label) {
  try {
    await read(bytes, "f.sw");
  } catch (error) {
    assert.ok(error instanceof ShiftwiseError, `${label}: ${error?.stack}`);
    for (const [, site] of error.stack.matchAll(/\(?file:\/\/\S*\/dist\/(\S+:\d+:\d+)\)?/g)) reached.add(site);
    return error;
  }
  return assert.fail(`${label}: not refused`);
}

test("the rules of the document are those that files break here", () => {
  const broken = suites.flatMap(({ refusals }) => Object.keys(refusals));
  assert.equal(rows.length, codes.size, "a rule that stands twice");
  assert.deepEqual([...new Set(broken)].sort(), [...codes.keys()].sort());
});

/** What reads files, and the functions in it that write them or serve other callers. */
const READERS = {
  "format/safetensors.js": ["checkStored", "writeSafetensors"],
  "format/container.js": [],
  "format/fields.js": [],
  "format/codes.js": ["packCodes"],
  "format/codebook.js": ["packIndices"],
  "format/packed.js": [],
  "format/digits.js": [],
  "format/index-text.js": [],
  "model/read.js": [],
  "model/validate.js": [],
  ...Object.fromEntries(
    readdirSync(new URL("../../dist/ops/", import.meta.url))
      .filter((name) => name.endsWith(".js") && name !== "given.js")
      .map((name) => [`ops/${name}`, ["writeRecord", "nodeWeights"]]),
  ),
  "graph/file.js": ["encodeNetwork"],
  "graph/validate.js": [],
  "graph/shapes.js": [],
  "training/checkpoint.js": ["saveCheckpoint"],
};
const CALL =
  /(?<![.\w] ?function |function |\bis\.)\b(expect|check|need|record|dictionary|texts|text|identifier|oneOf|number|integer|boolean|list|pair|triple|quad|new ShiftwiseError)\(/g;

/** What a file cannot say, since the reader makes the arrays, looks kinds up, makes biases as long as weights and wraps checks. */
const API_ONLY = [
  "isArray(",
  "a plain array",
  "unpacked <= limit",
  "room <= limit",
  "a kind of layer",
  "kind of node",
  "KINDS, node.op",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
  '"bias", `${outputs} values`',
  "checkEncoding(given, (ok",
];

test("every check of a reader is one that a file fails at", () => {
  const missed = [];
  for (const [file, others] of Object.entries(READERS)) {
    const source = readFileSync(new URL(`../../dist/${file}`, import.meta.url), "utf8");
    let inside = "";
    for (const [index, line] of source.split("\n").entries()) {
      inside = /^(?:export )?(?:async )?function (\w+)/.exec(line)?.[1] ?? inside;
      if (others.includes(inside) || /^\s*(\*|\/\/|\/\*|import)/.test(line)) continue;
      if (/^\s*check\(.*\) \{$/.test(line) || API_ONLY.some((text) => line.includes(text))) continue;
      for (const { index: column } of line.matchAll(CALL)) {
        const site = `${file}:${index + 1}:${column + 1}`;
        if (!reached.has(site)) missed.push(`${site} ${line.trim()}`);
      }
    }
  }
  assert.deepEqual(
    missed,
    [],
    "write the rule into docs/format.md and a file that breaks it into tests/format/refusals-*.js",
  );
});
