// docs.test.js: what docs/format.md shows is what the code writes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  digitsPerByte,
  FORMAT_VERSIONS,
  HEADER_LIMIT,
  magnitudes,
  packCodes,
  packIndices,
  readSafetensors,
} from "../../dist/format/index.js";
import { encodeNetwork } from "../../dist/graph/index.js";
import { decodeModel, encodeModel } from "../../dist/model/index.js";
import { rowsUnder } from "../docs/tables.js";
import { randomNetwork } from "../graph/random_networks.js";
import { everything, tiny } from "../models/everything.js";

const doc = readFileSync(new URL("../../docs/format.md", import.meta.url), "utf8");
const file = encodeModel(tiny());
const headerLength = new DataView(file.buffer).getUint32(0, true);

const table = (head) => rowsUnder(doc, head);

const numbers = (text) => text.replaceAll("−", "-").split(" ").filter(Boolean).map(Number);
const hexBytes = (text) =>
  text
    .split(" ")
    .filter(Boolean)
    .map((byte) => Number.parseInt(byte, 16));
/** Names in backquotes. */
const quoted = (text) => [...text.matchAll(/`(\w+)`/g)].map(([, name]) => name);

test("the table of widths", () => {
  const rows = table("| bits | K | base | digits a byte | bytes in use |");
  assert.deepEqual(
    rows.map(([bits]) => Number(bits)),
    [5, 4, 3, 2],
  );
  for (const [bits, k, base, digits, range] of rows) {
    assert.equal(magnitudes(Number(bits)), Number(k));
    assert.equal(digitsPerByte(Number(bits)), Number(digits));
    assert.equal(Number(base), Number(k) + 1);
    assert.equal(range, `0..${base ** digits - 1}`);
  }
});

test("the packing examples, and the worked one among them", () => {
  const rows = table("| bits | codes | magnitudes | signs |");
  for (const [bits, codes, head, signs] of rows) {
    const packed = packCodes(Int8Array.from(numbers(codes)), Number(bits));
    assert.deepEqual([...packed.magnitudes], hexBytes(head), codes);
    assert.deepEqual([...packed.signs], hexBytes(signs), codes);
  }
  const [, codes, head] = rows[0];
  assert.match(doc, new RegExp(`Worked example, bits 5, codes ${codes}:`));
  assert.match(doc, new RegExp(`codes: ${head}\n.*signs: 0b1010 = 0a\n`));
});

test("the worked example of a codebook", () => {
  const [, levels] = doc.match(/levels ([−\d ]+), so 3 bits a code/);
  const [, weights] = doc.match(/3 bits a code, weights ([−\d ]+):/);
  const codes = numbers(weights).map((weight) => numbers(levels).indexOf(weight));
  const bytes = [...doc.matchAll(/ {4}byte \d [01| ]+= (\w\w)/g)].map(([, hex]) => hex);
  assert.deepEqual([...packIndices(Uint8Array.from(codes), numbers(levels).length)], hexBytes(bytes.join(" ")));
});

test("the worked example of tables by channel", () => {
  const [, row, books] = doc.match(/^ {4}table +(.*?) +books: ([\da-f ]+)$/m);
  const [, weights, codes] = doc.match(/^ {4}weights (.*)\n {4}code .* codes: ([\da-f ]+)$/m);
  const channels = [...row.matchAll(/(\d): ([−\d ]+?)(?= {2,}|$)/g)];
  const of = Uint8Array.from(channels, ([, table]) => Number(table));
  const tables = [];
  for (const [, table, levels] of channels) tables[table] = numbers(levels);
  const listed = tables.map((table) => table.join(" ").replaceAll("-", "−")).join(" and ");
  assert.ok(doc.includes(`Worked example, tables ${listed}, so`));
  const levels = [...new Set(tables.flat())].sort((x, y) => x - y);
  const indices = Uint8Array.from(numbers(weights), (weight) => levels.indexOf(weight));
  const def = tiny();
  const layer = { ...def.layers[0], weights: { kind: "codebook", levels, codes: indices, books: { tables, of } } };
  const { tensors } = readSafetensors(encodeModel({ ...def, layers: [layer] }));
  for (const [name, shown] of Object.entries({ books, codes })) {
    assert.deepEqual([...tensors.get(`d.${name}`).bytes], hexBytes(shown), name);
  }
});

test("the whole file, byte by byte", () => {
  const header = new TextDecoder().decode(file.subarray(8, 8 + headerLength)).trimEnd();
  assert.equal(doc.match(/```json\n([^`]*)\n```/)[1], header);
  let offset = 0;
  for (const [at, bytes] of table("| offset | bytes | what |")) {
    assert.equal(Number(at), offset);
    if (bytes.includes("...")) {
      const [first, last] = bytes.split("...").map(hexBytes);
      const text = new TextEncoder().encode(header);
      assert.deepEqual([...text.subarray(0, first.length)], first);
      assert.deepEqual([...text.subarray(-last.length)], last);
      offset += headerLength;
    } else {
      assert.deepEqual([...file.subarray(offset, offset + hexBytes(bytes).length)], hexBytes(bytes));
      offset += hexBytes(bytes).length;
    }
  }
  assert.equal(offset, file.length);
  assert.deepEqual(decodeModel(file), tiny());
});

test("metadata, limits and fields of the graph", () => {
  const { metadata } = readSafetensors(encodeModel(everything()));
  const fields = table("| field | value |");
  assert.deepEqual(
    fields.map(([name]) => quoted(name)[0]),
    Object.keys(metadata),
  );
  assert.deepEqual(quoted(fields[2][1]), ["1", String(FORMAT_VERSIONS.model)]);
  assert.ok(doc.includes(`8..${HEADER_LIMIT}`));
  const graph = JSON.parse(metadata.graph);
  for (const [op, listed] of table("| `op` | fields | stored tensors |")) {
    const layer = graph.layers.find((candidate) => candidate.op === quoted(op)[0]);
    const optional = layer.op === "conv" && !layer.residual ? ["residual"] : [];
    assert.deepEqual([...quoted(listed)].sort(), [...Object.keys(layer).slice(3), ...optional].sort(), op);
  }
  for (const { encoding } of Object.values(graph.tensors)) {
    const row = table("| `kind` | fields | real value |").find(([kind]) => kind === `\`${encoding.kind}\``);
    assert.deepEqual(quoted(row[1]).sort(), Object.keys(encoding).slice(1).sort());
  }
});

test("nodes of a network", () => {
  const nodes = new Map();
  for (let seed = 0; nodes.size < 24; seed++) {
    const { metadata } = readSafetensors(encodeNetwork(randomNetwork(seed, true).network));
    for (const node of JSON.parse(metadata.graph).nodes) nodes.set(node.op, node);
  }
  const rows = table("| `op` | fields | stored tensors (F32) |");
  assert.deepEqual(rows.map(([op]) => quoted(op)[0]).sort(), [...nodes.keys()].sort());
  for (const [op, listed] of rows) {
    const written = Object.keys(nodes.get(quoted(op)[0])).filter((key) => key !== "op" && key !== "name");
    const [required] = listed.split("optionally");
    assert.ok(
      written.every((key) => quoted(listed).includes(key)),
      `${op}: ${written}`,
    );
    assert.ok(
      quoted(required).every((key) => written.includes(key)),
      `${op}: ${written}`,
    );
  }
});
