// kind.test.js: what the compiler asks for when a kind, a function or a role is added, and that no kind passes unknown.
import assert from "node:assert/strict";
import { relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { createEngine } from "../../dist/engine/index.js";
import * as graph from "../../dist/graph/index.js";
import { encodeModel, runReference, validateModel } from "../../dist/model/index.js";
import { planMemory } from "../../dist/runtime/index.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A source file with something added behind a line that it has. */
const behind = (line, added) => (text) => text.replace(`${line}\n`, `${line}\n${added}\n`);
const GATE = '  | { readonly op: "gate"; readonly name: string; readonly input: string; readonly output: string }';
const CHANGES = {
  "src/ops/kinds.ts": (text) => behind("export type Layer =", GATE)(behind("export type Node =", GATE)(text)),
  "src/ops/kind.ts": behind("export type Role =", '  | "gates"'),
  "src/ops/functions.ts": behind("export const FUNCTIONS = {", "  softsign: () => (x) => x,"),
  "src/ops/binary-functions.ts": behind("export const BINARY_FUNCTIONS = {", "  hypot: (a, b) => a + b,"),
};

/** "file: what is missing" or "file: code" for each error in src when the changes are made. */
function errors() {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { readFile } = host;
  host.readFile = (file) => {
    const change = CHANGES[relative(root, file)];
    const text = readFile(file);
    if (!change) return text;
    assert.notEqual(change(text), text, file);
    return change(text);
  };
  const program = ts.createProgram(fileNames, { ...options, noEmit: true }, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, code, messageText }) => {
    const [, missing] = ts.flattenDiagnosticMessageText(messageText, "\n").match(/Property '(\w+)' is missing/) ?? [];
    return `${relative(root, file.fileName)}: ${missing ?? `TS${code}`}`;
  });
}

test("the compiler names every table that lacks a new kind, role or function, and nothing else", () => {
  const found = new Set(errors());
  // a look into a table that lacks a kind is an error too: no default takes the kind
  const LOOKUP = /: TS7053$/;
  assert.deepEqual([...found].filter((error) => !LOOKUP.test(error)).sort(), [
    "src/engine/compile.ts: gate",
    "src/graph/chains.ts: gates",
    "src/onnx/export/layers.ts: gate",
    "src/onnx/export/layers.ts: hypot",
    "src/onnx/export/layers.ts: softsign",
    "src/ops/binary-functions.ts: hypot",
    "src/ops/functions.ts: softsign",
    "src/ops/kinds.ts: gate",
    "src/pipeline/costs/steps.ts: gate",
    "src/runtime/steps.ts: gate",
  ]);
  for (const lookup of [...found].filter((error) => LOOKUP.test(error))) {
    assert.ok(found.has(lookup.replace(LOOKUP, ": gate")), lookup);
  }
});

const ENCODING = { kind: "float32" };
const MODEL = {
  name: "net",
  inputs: [{ name: "x", tensor: "x" }],
  outputs: [{ name: "y", tensor: "y" }],
  tensors: { x: { shape: [2, 4, 4], encoding: ENCODING }, y: { shape: [9, 9, 9], encoding: ENCODING } },
};
const NETWORK = { name: "net", outputs: ["y"] };
const INPUT = { op: "input", name: "x", shape: [2, 4, 4] };

// names of what every object has are no kinds either
for (const op of ["gate", "constructor", "toString", undefined]) {
  test(`a layer of the kind ${op} is refused, whoever is asked`, () => {
    const model = { ...MODEL, layers: [{ op, name: "g", input: "x", output: "y", gates: 1 }] };
    const refused = (action) => assert.throws(action, { name: "ShiftwiseError", code: "BAD_GRAPH" });
    refused(() => validateModel(model));
    refused(() => encodeModel(model));
    refused(() => planMemory(model));
    refused(() => runReference(model, { x: new Float32Array(32) }));
  });

  test(`a node of the kind ${op} is refused, whoever is asked`, () => {
    const network = { ...NETWORK, nodes: [INPUT, { op, name: "y", input: "x", gates: 1 }] };
    // public functions refuse a node whose kind is no text before they look at the network
    const code = op === undefined ? /^BAD_(GRAPH|OPTION)$/ : /^BAD_GRAPH$/;
    const refused = (action) => assert.throws(action, { name: "ShiftwiseError", code });
    refused(() => graph.validateNetwork(network));
    refused(() => graph.inferShapes(network));
    refused(() => graph.lower(network, { grids: null }));
    refused(() => graph.encodeNetwork(network));
    refused(() => graph.findChains(network));
    refused(() => graph.quantizationPoints(network));
    refused(() => graph.insertQuantizers(network, new Map()));
    refused(() => graph.removeQuantizers(network));
    refused(() => createEngine(network, { batch: 1 }));
  });
}
