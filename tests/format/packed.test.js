// packed.test.js: packed files: streams of digits against their plain twin, texts, and whole files, at every form and edge.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { DIGIT_FORMS, digitsIn, readDigits } from "../../dist/format/digits.js";
import {
  entropyBytes,
  fields,
  headerSize,
  openFile,
  packFile,
  parseJson,
  readSafetensors,
  sealFile,
  storeBytes,
} from "../../dist/format/index.js";
import { readText } from "../../dist/format/index-text.js";
import { writeDigits, writeText } from "../../dist/format/pack.js";
import { unpackFile } from "../../dist/format/packed.js";
import { decodeModel, encodeModel, packModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { everything, tiny } from "../models/everything.js";
import { putDigits, readDigitsPlain } from "../oracle/packed.js";
import { sparseBooks, sparseModel } from "./refusals-packed.js";

const seed = 20261128;
const { expect } = fields;

for (const form of DIGIT_FORMS) {
  const { base, per } = form;
  test(`digits base ${base}, ${per || "several"} a byte: reading undoes writing and agrees with the plain twin`, () => {
    const cases = fc.record({
      length: fc.oneof(fc.constantFrom(0, 1, 2, 3, 7, 8, 9), fc.integer({ min: 0, max: 700 })),
      zeros: fc.double({ min: 0, max: 1, noNaN: true }),
      used: fc.integer({ min: 1, max: base }),
      parts: fc.uint8Array({ maxLength: 40, max: 5 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ length, zeros, used, parts, seed }) => {
        const random = createRandom(seed);
        const count = digitsIn(length, form);
        const tables = parts.length > 0 && parts.length <= count ? parts : undefined;
        const digits = Array.from({ length: count }, () => (random.uniform() < zeros ? 0 : random.below(used)));
        const stream = writeDigits(Uint8Array.from(digits), base, tables);
        assert.deepEqual(readDigitsPlain(stream, count, base, tables), digits);
        const bytes = putDigits(digits, form, length);
        assert.deepEqual(readDigits(stream, length, form, "w", expect, tables), bytes);
      }),
      { seed, numRuns: 150 },
    );
  });
}

test("a stream is within 1 % and its table of the entropy", () => {
  const random = createRandom(seed);
  for (const zeros of [0, 0.3, 0.9, 0.97]) {
    const digits = Uint8Array.from({ length: 200_000 }, () => (random.uniform() < zeros ? 0 : random.below(9)));
    const { length } = writeDigits(digits, 9);
    const least = entropyBytes(digits);
    assert.ok(length >= least && length <= 1.01 * least + 30, `${zeros}: ${length} bytes, entropy ${least}`);
  }
});

test("texts of any bytes come back, and a graph takes little more than a general compressor makes of it", () => {
  const read = (coded, length) => readText(coded, length, "t", expect);
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.array(fc.constantFrom(1, 2, 255), { maxLength: 400 })),
      (list) => {
        const text = Uint8Array.from(list);
        assert.deepEqual(read(writeText(text), text.length), text);
      },
    ),
    { seed, numRuns: 300 },
  );
  const repeated = new Uint8Array(5000).fill(65);
  assert.deepEqual(read(writeText(repeated), 5000), repeated);
  const graph = new TextEncoder().encode(readSafetensors(encodeModel(everything())).metadata.graph);
  assert.ok(writeText(graph).length < 1.15 * brotliCompressSync(graph).length);
});

test("texts that repeat are packed in a moment, and filled up to a byte for 64 letters", { timeout: 60_000 }, () => {
  const noted = (text) => ({ ...tiny(), notes: { text } });
  for (const text of ["x".repeat(400_000), "[],".repeat(100_000), "class ".repeat(50_000)]) {
    const def = noted(text);
    const file = packModel(def);
    assert.ok(file.length < text.length / 50, `${file.length} bytes`);
    assert.deepEqual(decodeModel(file), def);
  }
});

test("a packed model is the model, and runs to the same bits", async () => {
  for (const def of [tiny(), everything(), sparseModel()]) {
    const file = packModel(def);
    assert.deepEqual(decodeModel(file), def);
    assert.ok(file.length <= encodeModel(def).length);
    assert.deepEqual(packModel(decodeModel(file)), file, "the same model gives the same bytes");
  }
  const def = sparseModel();
  const file = packModel(def);
  assert.equal(openFile(file, ["packed"]).kind, "packed");
  const [plain, packed] = [await Model.load(encodeModel(def)), await Model.load(file)];
  const input = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
  assert.deepEqual(packed.runSync(input), plain.runSync(input));
  for (const model of [plain, packed]) model.dispose();
});

test("a pruned layer takes the entropy of its codes and 5 %, and the header less than 6 %", () => {
  const def = sparseModel(1024, 512);
  const [{ weights, epilogue }] = def.layers;
  const file = packModel(def);
  const least = entropyBytes(Uint8Array.from(weights.codes, (code) => code + 8));
  const floats = 4 * (epilogue.scale.length + epilogue.offset.length);
  assert.ok(file.length > 20_000);
  assert.ok(file.length <= 1.05 * (least + floats), `${file.length} bytes, entropy ${least}, floats ${floats}`);
  assert.ok(headerSize(file) < 0.06 * file.length, `${headerSize(file)} bytes of header`);
  // of 99 zeros in 100 a digit for each byte of codes is filled up less than one for each code
  const codes = weights.codes.map((code, i) => (i % 10 === 0 ? code : 0));
  const sparser = { ...def, layers: [{ ...def.layers[0], weights: { ...weights, codes } }] };
  const few = entropyBytes(Uint8Array.from(codes, (code) => code + 8));
  assert.ok(packModel(sparser).length - headerSize(packModel(sparser)) <= 1.05 * (few + floats));
});

test("a pruned layer whose channels have different levels takes the entropy of its codes and 5 %", async () => {
  const def = sparseBooks(1024, 512);
  const [{ weights, epilogue }] = def.layers;
  const file = packModel(def);
  assert.equal(openFile(file, ["packed"]).version, 2);
  assert.deepEqual(decodeModel(file), def);
  const floats = 4 * (epilogue.scale.length + epilogue.offset.length);
  // the place of a level in the channel's table, by table: what a stream knows
  const least = weights.books.tables.reduce((sum, table, t) => {
    const codes = weights.codes.filter((_, i) => weights.books.of[Math.floor(i / 1024)] === t);
    return sum + entropyBytes(codes.map((code) => table.indexOf(weights.levels[code])));
  }, entropyBytes(weights.books.of));
  assert.ok(file.length <= 1.05 * (least + floats), `${file.length} bytes, entropy ${least}, floats ${floats}`);
  const [plain, packed] = [await Model.load(encodeModel(def)), await Model.load(file)];
  const input = Float32Array.from({ length: 1024 }, (_, i) => Math.sin(i));
  assert.deepEqual(packed.runSync(input), plain.runSync(input));
  for (const model of [plain, packed]) model.dispose();
});

test("a layer of which all channels have the same levels is packed as before", () => {
  assert.equal(openFile(packModel(sparseModel()), ["packed"]).version, 1);
});

test("the models of earlier versions are packed and read", () => {
  const folder = new URL("../../examples/models/", import.meta.url);
  for (const name of ["demo", "fashion-shift", "fashion/fashion-w2a8", "fashion/fashion-w5a8"]) {
    const bytes = new Uint8Array(readFileSync(new URL(`${name}.safetensors`, folder)));
    const opened = openFile(bytes, ["model"]);
    const file = packFile(opened);
    const back = unpackFile(openFile(file, ["packed"]), name, 1e9, parseJson, expect);
    assert.deepEqual(back.graph, opened.graph);
    assert.deepEqual(
      [...back.tensors].map(([key, { dtype, shape, bytes }]) => [
        key,
        dtype,
        [...shape],
        Buffer.from(bytes).toString("hex"),
      ]),
      [...opened.tensors].map(([key, { dtype, shape, bytes }]) => [
        key,
        dtype,
        [...shape],
        Buffer.from(bytes).toString("hex"),
      ]),
    );
    assert.ok(file.length < 0.95 * bytes.length);
  }
});

test("a small file costs little, whatever its streams say of tables", () => {
  // many streams of a few digits name one tensor of many parts, which takes few bytes itself
  const parts = packFile(openFile(encodeModel(sparseBooks(64, 48)), ["model"]));
  const { graph, tensors } = openFile(parts, ["packed"]);
  const [letters, size] = graph.index;
  const bytes = tensors.get("packed").bytes;
  const index = JSON.parse(new TextDecoder().decode(readText(bytes.subarray(0, size), letters, "", expect)));
  const many = writeDigits(new Uint8Array(2 ** 20), 256);
  const short = writeDigits(new Uint8Array(2), 256, Uint8Array.of(0));
  const streams = 2000;
  index.tensors = [["books", 2 ** 20, many.length, 13]];
  for (let i = 0; i < streams; i++) index.tensors.push([`t${i}`, 2, short.length, 13, 0]);
  const text = new TextEncoder().encode(JSON.stringify(index));
  const coded = writeText(text);
  const all = new Uint8Array(coded.length + many.length + streams * short.length);
  all.set(coded);
  all.set(many, coded.length);
  for (let i = 0; i < streams; i++) all.set(short, coded.length + many.length + i * short.length);
  const hostile = sealFile(
    "packed",
    { index: [text.length, coded.length] },
    new Map([
      ["floats", { dtype: "F32", shape: [0], bytes: new Uint8Array(0) }],
      ["packed", storeBytes(all)],
    ]),
    2,
  );
  const refused = { code: "BAD_FILE", where: /tensor t0/, expected: "at most 2 parts for 2 digits" };
  assert.throws(() => unpackFile(openFile(hostile, ["packed"]), "", 1e9, parseJson, expect), refused);
});

test("a layer of very many channels is packed", () => {
  const def = sparseBooks(4, 150_000);
  assert.deepEqual(decodeModel(packModel(def)), def);
});

test("what unpacks to more than the memory allowed is refused before it is made", () => {
  const file = packModel(sparseModel(1024, 512));
  assert.throws(() => decodeModel(file, "f.sw", 100_000), { code: "OVERFLOW" });
});
