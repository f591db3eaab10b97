// outliers.test.js: single values far beyond all others: samples that are left out, and what is only said.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";

const LENGTH = 20;
const SHAPE = [LENGTH, 1, 1];

function network() {
  const b = buildNetwork("vectors", createRandom(3));
  return b.finish([b.dense(b.relu(b.dense(b.input(SHAPE), 16)), 4)]);
}

const float = network();
const random = createRandom(12);

/** Values of so many samples, and of one length. */
const normal = (count) => Float32Array.from({ length: count * LENGTH }, () => random.normal());
const samplesOf = (values) => ({
  shape: SHAPE,
  count: values.length / LENGTH,
  read: (from, count) => values.slice(from * LENGTH, (from + count) * LENGTH),
});

/** Values without those of one sample. */
const without = (values, sample) => Float32Array.from([...values].filter((_, i) => Math.floor(i / LENGTH) !== sample));

const outlying = (warnings) => warnings.filter((text) => text.includes("where all others lie"));

const byHand = { bits: 4 };

test("a sample with a value far beyond all others is left out, wherever it stands, and named with the range of the others", async () => {
  for (const [value, shown] of [
    [1e30, "1e30"],
    [-3.4e38, "-3.4e38"],
    [65_504, "65500"],
    [-12_345, "-12300"],
  ]) {
    for (const settings of [byHand, {}]) {
      const values = normal(24);
      const sample = random.below(24);
      const expected = await quantizeFromImages(float, samplesOf(without(values, sample)), settings);
      values[sample * LENGTH + random.below(LENGTH)] = value;
      const found = await quantizeFromImages(float, samplesOf(values), settings);
      assert.deepEqual(encodeModel(found.model), encodeModel(expected.model));
      const [text, ...more] = outlying(found.warnings);
      assert.deepEqual(more, []);
      assert.ok(text.startsWith(`sample ${sample} (counted from 0) has values such as ${shown} where`), text);
      assert.match(text, /lie from -\d\.\d+ to \d\.\d+: .* this sample is left out/);
      assert.ok(found.quality.outputs[0].snr > 8, `${found.quality.outputs[0].snr}`);
    }
  }
});

test("several such samples are left out as far as they are few, also where they are held out or of several sizes", async () => {
  const values = normal(32);
  for (const [sample, value] of [
    [0, 1e20],
    [9, -1e25],
    [31, 1e6],
  ])
    values[sample * LENGTH + 3] = value;
  const { warnings, quality } = await quantizeFromImages(float, samplesOf(values));
  assert.match(
    outlying(warnings).join("\n"),
    /^3 of 32 samples, the first of them 0 \(counted from 0\), have .* these samples are left out/,
  );
  assert.ok(quality.outputs[0].snr > 8);
});

test("of two and three samples one may be left out; one alone, and what many samples have, is only said", async () => {
  for (const count of [2, 3]) {
    const values = normal(count);
    values[LENGTH + 4] = 1e30;
    const { warnings } = await quantizeFromImages(float, samplesOf(values), byHand);
    assert.match(outlying(warnings)[0], /^sample 1 .* left out/);
  }
  const alone = normal(1);
  alone[5] = 1e30;
  const many = normal(24);
  for (let sample = 0; sample < 24; sample += 2) many[sample * LENGTH] = -9999;
  const column = normal(24);
  for (let sample = 0; sample < 24; sample++) column[sample * LENGTH + 7] *= 1e9;
  for (const values of [alone, many, column]) {
    const { warnings } = await quantizeFromImages(float, samplesOf(values), byHand);
    const [text, ...more] = outlying(warnings);
    assert.deepEqual(more, []);
    assert.match(text, /Are they marks of missing values, or in another unit\?/);
    assert.doesNotMatch(text, /left out/);
  }
});

test("values of every scale, long tails, mostly zeros and one sample among black ones are no outliers", async () => {
  const scaled = (scale) => normal(24).map((value) => value * scale);
  const tails = normal(24).map((value) => Math.exp(3 * value));
  const sparse = normal(24).map((value, i) => (i % 17 === 0 ? value : 0));
  const faint = normal(24).map((value, i) => (i % LENGTH === 2 ? 1 : value * 1e-7));
  const black = normal(24).map((value, i) => (i < LENGTH ? value : 0));
  for (const values of [scaled(1e-20), scaled(1), scaled(1e20), tails, sparse, faint, black]) {
    const { warnings } = await quantizeFromImages(float, samplesOf(values), byHand);
    assert.deepEqual(outlying(warnings), []);
  }
});

test("a sample is left out of all inputs, and the input is named", async () => {
  const b = buildNetwork("pair", createRandom(6));
  const [x, u] = [b.input([LENGTH, 1, 1]), b.input([LENGTH, 1, 1])];
  const pair = b.finish([b.dense(b.relu(b.add(b.dense(x, 8), b.dense(u, 8))), 3)]);
  const [first, second] = [normal(24), normal(24)];
  const expected = await quantizeFromImages(
    pair,
    { [x]: samplesOf(without(first, 6)), [u]: samplesOf(without(second, 6)) },
    byHand,
  );
  second[6 * LENGTH + 1] = 1e25;
  const found = await quantizeFromImages(pair, { [x]: samplesOf(first), [u]: samplesOf(second) }, byHand);
  assert.deepEqual(encodeModel(found.model), encodeModel(expected.model));
  assert.ok(
    outlying(found.warnings)[0].startsWith(`sample 6 of input "${u}" (counted from 0) has values such as 1e25`),
  );
});

test("what is not finite is refused, and not left out", async () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const values = normal(24);
    values[30] = value;
    await assert.rejects(quantizeFromImages(float, samplesOf(values), byHand), { code: "BAD_DATA" });
  }
});
