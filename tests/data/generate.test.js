// generate.test.js: the built-in set: the same for a seed, balanced, varied, and what its images look like in numbers.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { generate, imageLength, openDataset, size } from "../../dist/data/index.js";

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

test("shape, classes, labels in turn", () => {
  const { train, test: held } = generate({ seed: 1, train: 25, test: 7 });
  assert.deepEqual([size(train), size(held)], [25, 7]);
  assert.deepEqual(train.shape, [1, 28, 28]);
  assert.equal(train.images.length, 25 * imageLength(train));
  assert.equal(train.classes, 10);
  assert.equal(new Set(train.classNames).size, 10);
  assert.deepEqual([...held.labels], [0, 1, 2, 3, 4, 5, 6]);
  assert.equal(train.labels[24], 4);
  assert.equal(held.normalization, train.normalization);
});

test("a seed gives the same bytes always, another seed others", () => {
  const one = generate({ seed: 1, train: 200, test: 50 });
  assert.equal(hash(one.train.images), "2247b196dd2868cb");
  assert.equal(hash(one.test.images), "40ecfbd706cc243d");
  assert.deepEqual(generate({ seed: 1, train: 200, test: 50 }), one);
  assert.notDeepEqual(generate({ seed: 2, train: 200, test: 50 }).train.images, one.train.images);
});

test("longer sets begin as shorter ones; train and test share no image", () => {
  const short = generate({ seed: 3, train: 20, test: 10 });
  const long = generate({ seed: 3, train: 40, test: 20 });
  assert.deepEqual(long.train.images.subarray(0, short.train.images.length), short.train.images);
  assert.deepEqual(long.test.images.subarray(0, short.test.images.length), short.test.images);
  const images = ({ images }) =>
    Array.from({ length: images.length / 784 }, (_, i) => hash(images.subarray(i * 784, (i + 1) * 784)));
  const all = [...images(long.train), ...images(long.test)];
  assert.equal(new Set(all).size, all.length);
});

test("every image has a visible sign on its paper", () => {
  const { train } = generate({ seed: 5, train: 300, test: 1 });
  for (let i = 0; i < 300; i++) {
    const pixels = [...train.images.subarray(i * 784, (i + 1) * 784)].sort((a, b) => a - b);
    assert.ok(pixels[750] - pixels[392] > 40, `image ${i} is too faint`);
    assert.ok(pixels[392] < 140, `image ${i} is too full`);
  }
});

test("not ten fixed pictures: classes overlap as pixels, so that a nearest mean does badly", () => {
  const { train, test: held } = generate({ seed: 6, train: 1000, test: 200 });
  const means = Array.from({ length: 10 }, () => new Float64Array(784));
  for (let i = 0; i < 1000; i++) for (let p = 0; p < 784; p++) means[i % 10][p] += train.images[i * 784 + p] / 100;
  let correct = 0;
  for (let i = 0; i < 200; i++) {
    const distances = means.map((mean) => mean.reduce((sum, v, p) => sum + (v - held.images[i * 784 + p]) ** 2, 0));
    if (distances.indexOf(Math.min(...distances)) === held.labels[i]) correct++;
  }
  assert.ok(correct > 20 && correct < 120, `${correct} of 200`);
});

test("openDataset knows it by name, with seed and sizes", async () => {
  const options = { seed: 4, train: 12, test: 5 };
  assert.deepEqual(await openDataset("generated", options), generate(options));
});

test("refusals", () => {
  for (const seed of [0.5, Number.NaN, "1"])
    assert.throws(() => generate({ seed }), { code: "BAD_OPTION", where: "seed" });
  assert.throws(() => generate({ train: 0 }), { code: "BAD_OPTION", where: "train" });
  assert.throws(() => generate({ train: 1, test: -1 }), { code: "BAD_OPTION", where: "test" });
});
