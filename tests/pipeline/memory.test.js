// memory.test.js: a bound of the memory of a conversion: fewer images, a warning, and a refusal that says what is needed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { samplesOf } from "../../dist/data/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { withinMemory } from "../../dist/pipeline/memory.js";
import { roundingMemory } from "../../dist/rounding/index.js";
import { ENDINGS, pictures } from "./endings.js";

const network = ENDINGS["one vector of logits"];
const samples = samplesOf(pictures(64));
const { fixed, sample } = roundingMemory(network);
const roomFor = (count) => fixed + sample * count;

/** What is left of the samples within so much memory, and the warnings. */
function within(memory, isStrict = true) {
  const warnings = [];
  const left = withinMemory(network, samples, memory, isStrict, (text) => warnings.push(text));
  return { left, warnings };
}

test("samples that all have room stay as they are", () => {
  const { left, warnings } = within(roomFor(64));
  assert.equal(left, samples);
  assert.deepEqual(warnings, []);
});

test("where they have not, some are taken that are evenly spread, and it is said", () => {
  const { left, warnings } = within(roomFor(32) + 1);
  assert.equal(left.count, 32);
  assert.match(warnings[0], /on 32 of 64 images, evenly spread/);
  for (const i of [0, 1, 31]) assert.deepEqual(left.read(i, 1), samples.read(2 * i, 1));
  assert.equal(warnings.length, 1);
});

test("a network that has no room for eight is refused where the bound was set, and takes what it needs where it was not", () => {
  const refused = { code: "OVERFLOW", where: "memory", expected: /at least \d+\.\d [MG]B/, found: /^\d+(\.\d)? K?B$/ };
  assert.throws(() => within(1000), refused);
  assert.equal(within(1000, false).left.count, 8);
});

test("a conversion keeps to it, and its ranges come from all images", async () => {
  const by = (memory) => quantizeFromImages(network, samples, { bits: 4, memory });
  const [all, some] = [await by(undefined), await by(roomFor(10))];
  assert.deepEqual(
    all.warnings.filter((text) => text.includes("memory")),
    [],
  );
  assert.match(
    some.warnings.find((text) => text.includes("memory")),
    /on \d+ of 56 images/,
  );
  assert.deepEqual(
    Object.values(some.model.tensors).map(({ encoding }) => encoding),
    Object.values(all.model.tensors).map(({ encoding }) => encoding),
  );
  assert.notDeepEqual(encodeModel(some.model), encodeModel(all.model));
  await assert.rejects(by(1), { code: "OVERFLOW", where: "memory" });
  await assert.rejects(by(0), { code: "BAD_OPTION" });
});
