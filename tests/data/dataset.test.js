// dataset.test.js: cutting and measuring data sets.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkDataset,
  computeNormalization,
  imageLength,
  sampleImages,
  size,
  split,
  subset,
} from "../../dist/data/index.js";

const dataset = {
  images: Uint8Array.from({ length: 3 * 2 * 1 * 2 }, (_, i) => i),
  labels: Uint8Array.of(2, 0, 1),
  shape: [2, 1, 2],
  classes: 3,
  classNames: ["a", "b", "c"],
  normalization: { mean: [0.5, 0.5], std: [1, 1] },
};

test("size and image length", () => {
  assert.equal(size(dataset), 3);
  assert.equal(imageLength(dataset), 4);
});

test("sampleImages draws images of every class of a set in order of its classes, none twice, the same for a seed", () => {
  const labels = Uint8Array.from({ length: 200 }, (_, i) => Math.floor(i / 20));
  const normalization = { mean: [0.5], std: [1] };
  const images = Uint8Array.from(labels.keys());
  const ordered = { ...dataset, shape: [1, 1, 1], classes: 10, images, labels, normalization };
  const drawn = sampleImages(ordered, 100, 1);
  assert.equal(size(drawn), 100);
  assert.equal(new Set(drawn.images).size, 100);
  assert.equal(new Set(drawn.labels).size, 10);
  for (const [i, image] of drawn.images.entries()) assert.equal(drawn.labels[i], labels[image]);
  assert.deepEqual(sampleImages(ordered, 100, 1), drawn);
  assert.notDeepEqual(sampleImages(ordered, 100, 2), drawn);
  assert.equal(size(sampleImages(ordered, 1000, 1)), 200);
});

test("subset copies images in the order asked, with repeats", () => {
  const part = subset(dataset, [2, 0, 2]);
  assert.deepEqual([...part.images], [8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]);
  assert.deepEqual([...part.labels], [1, 2, 1]);
  assert.equal(part.normalization, dataset.normalization);
  assert.deepEqual(part.classNames, dataset.classNames);
  part.images[0] = 99;
  assert.equal(dataset.images[8], 8);
  assert.equal(size(subset(dataset, [])), 0);
  for (const bad of [3, -1, 0.5]) {
    assert.throws(() => subset(dataset, [0, bad]), { code: "BAD_OPTION", where: "indices[1]", found: bad });
  }
});

test("split cuts without copying", () => {
  const [first, rest] = split(dataset, 1);
  assert.deepEqual([size(first), size(rest)], [1, 2]);
  assert.deepEqual([...rest.images], [4, 5, 6, 7, 8, 9, 10, 11]);
  assert.equal(rest.images.buffer, dataset.images.buffer);
  assert.deepEqual(split(dataset, 0).map(size), [0, 3]);
  assert.deepEqual(split(dataset, 3).map(size), [3, 0]);
  for (const bad of [4, -1, 1.5]) assert.throws(() => split(dataset, bad), { code: "BAD_OPTION", where: "count" });
});

test("normalization by channel; a constant channel has std 1", () => {
  const { mean, std } = computeNormalization(Uint8Array.of(0, 255, 51, 51, 255, 0, 51, 51), [2, 1, 2]);
  assert.deepEqual(mean, [0.5, 0.2]);
  assert.deepEqual(std, [0.5, 1]);
  assert.throws(() => computeNormalization(new Uint8Array(0), [1, 2, 2]), { code: "BAD_DATA" });
});

test("check names the label that is outside the classes", () => {
  checkDataset(dataset, "set");
  const bad = { ...dataset, labels: Uint8Array.of(0, 3, 1) };
  assert.throws(() => checkDataset(bad, "set"), { code: "BAD_DATA", where: "set: label 1", found: 3 });
  const short = { ...dataset, labels: Uint8Array.of(0, 1) };
  assert.throws(() => checkDataset(short, "set"), { code: "BAD_DATA", where: "set", found: 12 });
});
