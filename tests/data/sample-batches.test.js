// sample-batches.test.js: samples come in the order of images with the same seed, for every input alike.
import assert from "node:assert/strict";
import { test } from "node:test";
import { batches } from "../../dist/data/index.js";
import { sampleBatches } from "../../dist/data/sample-batches.js";
import { samplesReader } from "../../dist/data/samples.js";

const COUNT = 11;
/** Sample i is all i, times a factor. */
const samples = (shape, factor) => {
  const length = shape.reduce((product, n) => product * n, 1);
  const read = (from, count) =>
    Float32Array.from({ length: count * length }, (_, i) => factor * (from + Math.floor(i / length)));
  return { shape, count: COUNT, read };
};
const inputs = [
  { name: "a", shape: [2, 1, 3] },
  { name: "b", shape: [5, 1, 1] },
];
const reader = samplesReader(inputs, { a: samples(inputs[0].shape, 1), b: samples(inputs[1].shape, -2) }, "net");
const dataset = {
  images: Uint8Array.from({ length: COUNT }, (_, i) => i),
  labels: Uint8Array.from({ length: COUNT }, (_, i) => i),
  shape: [1, 1, 1],
  classes: COUNT,
  normalization: { mean: [0], std: [1] },
};

test("every input has the same samples in the same places, those of a data set in the same order", () => {
  for (const options of [
    { batchSize: 4 },
    { batchSize: 4, shuffle: true, seed: 3 },
    { batchSize: 4, shuffle: true, seed: 3, epoch: 5 },
    { batchSize: 11, shuffle: true },
  ]) {
    for (const skip of [0, 1]) {
      const expected = Array.from(batches(dataset, options, skip), ({ labels }) => [...labels]);
      const found = Array.from(sampleBatches(reader, options, skip), ({ values, count }) => {
        const [a, b] = [values.get("a"), values.get("b")];
        assert.deepEqual([a.length, b.length], [6 * count, 5 * count]);
        assert.ok(a.every((value, i) => value === a[6 * Math.floor(i / 6)]));
        assert.ok(b.every((value, i) => value === -2 * a[6 * Math.floor(i / 5)]));
        return Array.from({ length: count }, (_, i) => a[6 * i]);
      });
      assert.deepEqual(found, expected);
    }
  }
});

test("a shuffled batch of more samples than there are is refused", () => {
  assert.throws(() => [...sampleBatches(reader, { batchSize: 12, shuffle: true })], {
    code: "BAD_OPTION",
    found: 12,
    where: "batchSize",
  });
});
