// refusals-packed.js: each rule of packed files broken in one.

import { createRandom } from "../../dist/base/index.js";
import { fields, openFile, sealFile, storeBytes } from "../../dist/format/index.js";
import { readText } from "../../dist/format/index-text.js";
import { writeDigits, writeText } from "../../dist/format/pack.js";
import { decodeModel, packModel } from "../../dist/model/index.js";
import { patched, variants } from "./refusals.js";

/** A dense layer of which nine weights of ten are 0. */
export function sparseModel(inputs = 64, outputs = 48) {
  const random = createRandom(7);
  const codes = Int8Array.from({ length: inputs * outputs }, () =>
    random.uniform() < 0.9 ? 0 : (random.below(8) + 1) * (random.below(2) ? 1 : -1),
  );
  const scale = Float32Array.from({ length: outputs }, (_, i) => 0.01 + i / 1000);
  const encoding = { kind: "linear", scale: 0.05, zero: 128, max: 255 };
  return {
    name: "sparse",
    inputs: [{ name: "x", tensor: "x" }],
    outputs: [{ name: "y", tensor: "y" }],
    tensors: {
      x: { shape: [inputs, 1, 1], encoding },
      y: { shape: [outputs, 1, 1], encoding: { kind: "float32" } },
    },
    layers: [
      {
        ...{ op: "dense", name: "d", input: "x", output: "y", weights: { kind: "codes", bits: 5, n1: 0, codes } },
        epilogue: { scale, offset: new Float32Array(outputs), clamp: {} },
      },
    ],
  };
}

/** The same layer with one of four tables for each channel, in which 0 has the place 3 or 4. */
export function sparseBooks(inputs = 64, outputs = 48) {
  const def = sparseModel(inputs, outputs);
  const random = createRandom(11);
  const tables = [
    [-4, -2, -1, 0, 1, 2, 4, 8],
    [-8, -4, -2, -1, 0, 1, 2, 4],
    [-3, -2, -1, 0, 1, 2, 3, 4],
    [-4, -3, -2, -1, 0, 1, 2, 3],
  ];
  const levels = [...new Set(tables.flat())].sort((a, b) => a - b);
  const of = Uint8Array.from({ length: outputs }, () => random.below(tables.length));
  const codes = Uint8Array.from({ length: inputs * outputs }, (_, i) => {
    const table = tables[of[Math.floor(i / inputs)]];
    return levels.indexOf(random.uniform() < 0.9 ? 0 : table[random.below(table.length)]);
  });
  const [layer] = def.layers;
  return { ...def, layers: [{ ...layer, weights: { kind: "codebook", levels, codes, books: { tables, of } } }] };
}

const valid = packModel(sparseModel());
export const packed = variants(valid, "packed");
const { graph, tensors } = openFile(valid, ["packed"]);
const [letters, size] = graph.index;
const { bytes } = tensors.get("packed");
const text = new TextDecoder().decode(readText(bytes.subarray(0, size), letters, "", fields.expect));
const rest = bytes.subarray(size);
const index = JSON.parse(text);
const at = index.tensors.findIndex(([name]) => name === "d.codes");
const [, , streamSize] = index.tensors[at];
if (index.tensors[at].length !== 4 || at !== 2) throw new Error("the codes are no stream, or not the first");
const stream = rest.subarray(0, streamSize);
const FREQUENCIES = streamFrequencies(9);

/** Bytes of the frequencies of the stream's digits. */
function streamFrequencies(base) {
  let from = 0;
  for (let i = 0; i < base; i++) from += stream[from] > 127 ? 2 : 1;
  return from;
}

function joined(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The file with another index as text, other bytes of it, or other bytes behind it. */
function withIndex(given, { coded = writeText(given), behind = rest, stated = [given.length, coded.length] } = {}) {
  const parts = new Map(tensors).set("packed", storeBytes(joined(coded, behind)));
  return sealFile("packed", { index: stated }, parts);
}
const encoded = (value) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const spelled = (value, more) => withIndex(encoded(value), more);
const changed = (change, more) => {
  const copy = structuredClone(index);
  change(copy);
  return spelled(copy, more);
};
const entry = (i, change) => changed(({ tensors }) => change(tensors[i]));
/** The file with another stream of codes. */
const streamed = (other) =>
  changed(({ tensors }) => (tensors[at][2] = other.length), { behind: joined(other, rest.subarray(streamSize)) });
const streamByte = (place, value) => streamed(patched({ bytes: stream }, place, value).bytes);

/** The layer with tables of channels: its index is changed, its version is another, or its codes are another stream. */
const booked = openFile(packModel(sparseBooks()), ["packed"]);
const bookedBytes = booked.tensors.get("packed").bytes;
const [bookedLetters, bookedSize] = booked.graph.index;
const bookedText = readText(bookedBytes.subarray(0, bookedSize), bookedLetters, "", fields.expect);
const codesAt = JSON.parse(new TextDecoder().decode(bookedText)).tensors.findIndex(([name]) => name === "d.codes");
function withTables(change, { version = 2, stream } = {}) {
  const index = JSON.parse(new TextDecoder().decode(bookedText));
  const entry = index.tensors[codesAt];
  if (entry.length !== 5) throw new Error("the codes have one table of frequencies");
  const own = bookedBytes.subarray(bookedBytes.length - entry[2]);
  const before = bookedBytes.subarray(bookedSize, bookedBytes.length - entry[2]);
  if (stream) entry[2] = stream(own).length;
  change?.(entry, index);
  const letters = encoded(index);
  const coded = writeText(letters);
  const bytes = joined(coded, before, stream ? stream(own) : own);
  const parts = new Map(booked.tensors).set("packed", storeBytes(bytes));
  return sealFile("packed", { index: [letters.length, coded.length] }, parts, version);
}
decodeModel(withTables());

/** A text that takes less than a byte for 64 letters, so that its coded bytes are filled up. */
const filled = encoded(`${text}${" ".repeat(64_000)}`);

/** A text of one match, which is coded as the writer would never. */
const badMatch = writeText(encoded("a".repeat(50)));

export const packedRefusals = {
  "packed-tensors": [
    [packed.tensors((t) => t.delete("floats")), /tensor floats: .*none/],
    [
      packed.tensors((t) => t.set("floats", { ...t.get("floats"), shape: [1, index.tensors[0][1][0] * 2] })),
      /tensor floats/,
    ],
    [packed.tensors((t) => t.set("packed", { ...t.get("packed"), dtype: "I8" })), /tensor packed: .*U8/],
    [packed.tensors((t) => t.set("more", storeBytes(new Uint8Array(1)))), /tensors: .*floats and packed/],
  ],
  "packed-graph": [
    [sealFile("packed", null, tensors), /index/],
    [sealFile("packed", { index: [letters, size, 0] }, tensors), /index: .*2 integers/],
    [sealFile("packed", { index: [letters, -1] }, tensors), /index: .*2 integers/],
    [sealFile("packed", { index: [letters, size], more: 1 }, tensors), /graph: .*no other/],
    [sealFile("packed", { index: [size * 64 + 1, size] }, tensors), /index: .*64 letters a byte/],
    [sealFile("packed", { index: [2 ** 24 + 1, 2 ** 20] }, tensors), /index: .*and 16777216/],
  ],
  "packed-text": [
    [sealFile("packed", { index: [letters, bytes.length + 1] }, tensors), /tensor packed: .*more from 0 on/],
    [withIndex(encoded(text), { coded: joined(writeText(encoded(text)), [0]) }), /index: .*bytes/],
    [withIndex(encoded(text), { coded: writeText(encoded(text)).subarray(0, 20) }), /index/],
    [withIndex(new Uint8Array(30), { coded: badMatch }), /index: .*distance|index/],
    [withIndex(filled, { coded: writeText(filled).with(-1, 1) }), /index: .*bytes/],
    [withIndex(filled, { coded: joined(writeText(filled), [0]) }), /index: .*bytes/],
    [sealFile("packed", { index: [letters, size] }, packedWith(patched(tensors.get("packed"), 3, 200, 9))), /index/],
  ],
  "packed-index": [
    [spelled("{"), /index: not JSON/],
    [spelled(` ${text}`), /index: .*graph, tensors and version/],
    [spelled(`{"version":1,${text.slice(1)}`), /index: .*every key once/],
    [spelled("[]"), /index: .*graph, tensors and version/],
    [changed((i) => (i.more = 1)), /index: .*graph, tensors and version/],
    [changed((i) => (i.tensors = {})), /index: .*graph, tensors and version/],
    [changed((i) => (i.version = 3)), /index.version: .*1, 2 or 4/],
    [changed((i) => (i.version = "1")), /index.version: .*1, 2 or 4/],
  ],
  "packed-entry": [
    [changed((i) => (i.tensors[0] = "d.scale")), /tensors\[0\]: .*a name/],
    [entry(0, (e) => (e[0] = 1)), /tensors\[0\]: .*a name/],
    [entry(1, (e) => (e[0] = "d.scale")), /index\.tensors: .*names that differ/],
    [entry(0, (e) => (e[1] = [-1])), /tensors\[0\]: .*integers/],
    [entry(0, (e) => (e[1] = ["48"])), /tensors\[0\]: .*integers/],
    [entry(0, (e) => e.push(1)), /tensors\[0\]: .*a name and a shape/],
    [entry(0, (e) => (e[1] = [...new Array(40).fill(2 ** 31 - 1), 0])), /tensor floats: .*bytes/],
    [entry(at, (e) => (e[1] = 1.5)), /tensors\[2\]: .*1 integers/],
    [entry(at, (e) => e.pop()), /tensors\[2\]: .*2 integers/],
    [entry(at, (e) => e.push(1)), /tensors\[2\]: .*2 integers/],
    [entry(at, (e) => (e[3] = 14)), /tensors\[2\]: .*a form below 14/],
    [withTables(null, { version: 1 }), /tensors\[\d\]: .*2 integers/],
    [withTables((e) => e.push(0)), /tensors\[\d\]: .*3 integers/],
    [withTables((e) => (e[4] = -1)), /tensors\[\d\]: .*3 integers/],
    [withTables((e) => (e[4] = codesAt)), /tensors\[\d\]: .*earlier U8 tensor/],
    [withTables((e) => (e[4] = 99)), /tensors\[\d\]: .*earlier U8 tensor/],
    [
      withTables((e, { tensors }) => (e[4] = tensors.findIndex(([name]) => name === "d.scale"))),
      /tensors\[\d\]: .*earlier U8 tensor/,
    ],
    [
      withTables((e, { tensors }) => {
        tensors.unshift(["none", 0]);
        e[4] = 0;
      }),
      /tensors\[\d\]: .*is not empty/,
    ],
  ],
  "packed-tiling": [
    [entry(0, (e) => (e[1] = [1000])), /tensor floats: .*more from 0 on/],
    [entry(at, (e) => (e[2] = 2 ** 30)), /tensor packed: .*more from/],
    [changed((i) => i.tensors.shift()), /tensor floats: .*bytes/],
    [changed(() => {}, { behind: joined(rest, [0]) }), /tensor packed: .*bytes/],
  ],
  "packed-digits": [
    [streamed(joined([1, 1, 1, 1, 1, 1, 1, 1, 1], stream.subarray(FREQUENCIES))), /tensor d.codes: .*sum 4096/],
    [streamed(joined([0x90, 1, 0, 0, 0, 0, 0, 0, 0, 0], stream.subarray(FREQUENCIES))), /tensor d.codes: .*sum 4096/],
    [streamed(new Uint8Array(3)), /tensor d.codes: .*at least \d+ bytes/],
    [withTables(null, { stream: (own) => own.subarray(0, 255) }), /tensor d.codes: .*at least 256 bytes/],
    [
      // 48 parts, and the bytes of two digits
      withTables((e) => (e[1] = 1)),
      /tensor d.codes: .*at most 2 parts for 2 digits/,
    ],
    [withTables(null, { stream: (own) => joined(new Uint8Array(9), own) }), /tensor d.codes: .*sum 4096/],
  ],
  "packed-state": [
    [streamByte(FREQUENCIES + 3, 0), /tensor d.codes: .*state of 4 bytes/],
    [streamByte(FREQUENCIES + 3, 255), /tensor d.codes: .*state of 4 bytes/],
  ],
  "packed-end": [
    [streamed(joined(stream, [0])), /tensor d.codes: .*ends in the state/],
    [streamed(stream.subarray(0, streamSize - 1)), /tensor d.codes: .*ends in the state/],
    [streamByte(streamSize - 1, stream[streamSize - 1] ^ 1), /tensor d.codes: .*ends in the state/],
    [
      streamed(joined(writeDigits(new Uint8Array(3072), 9).subarray(0, -1), [1])),
      /tensor d.codes: .*ends in the state/,
    ],
  ],
};

function packedWith(tensor) {
  return new Map(tensors).set("packed", { ...tensors.get("packed"), bytes: tensor.bytes ?? tensor });
}
