// batches.test.js: order, normalization, short batches, exact resumption, augmentation.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { batchCount, batches } from "../../dist/data/index.js";

/** n one-channel images, all pixels of image i equal to i. */
function flat(n, shape = [1, 3, 3]) {
  const length = shape[0] * shape[1] * shape[2];
  return {
    images: Uint8Array.from({ length: n * length }, (_, i) => Math.floor(i / length)),
    labels: Uint8Array.from({ length: n }, (_, i) => i),
    shape,
    classes: 256,
    normalization: { mean: new Array(shape[0]).fill(0), std: new Array(shape[0]).fill(1) },
  };
}

/** One image with pixels 1, 2, 3, ... */
function counting(shape) {
  const dataset = flat(1, shape);
  return { ...dataset, images: dataset.images.map((_, i) => i + 1) };
}

const collect = (dataset, options, skip) =>
  Array.from(batches(dataset, options, skip), ({ images, labels, count }) => ({
    images: images.slice(),
    labels: [...labels],
    count,
  }));

const pixels = (images) => Array.from(images, (v) => Math.round(v * 255));

test("evaluation: as they stand, the last batch short", () => {
  const dataset = flat(7);
  const all = collect(dataset, { batchSize: 3 });
  assert.deepEqual(
    all.map((batch) => batch.labels),
    [[0, 1, 2], [3, 4, 5], [6]],
  );
  assert.deepEqual(
    all.map((batch) => batch.images.length),
    [27, 27, 9],
  );
  assert.equal(all[2].count, 1);
  assert.equal(batchCount(dataset, { batchSize: 3 }), 3);
  assert.equal(collect(dataset, { batchSize: 100 })[0].count, 7);
});

test("training: each image at most once, the last short batch left out, labels with their images", () => {
  const dataset = flat(50);
  const all = collect(dataset, { batchSize: 8, shuffle: true, seed: 3, epoch: 2 });
  assert.equal(all.length, 6);
  assert.equal(batchCount(dataset, { batchSize: 8, shuffle: true }), 6);
  const labels = all.flatMap((batch) => batch.labels);
  assert.equal(new Set(labels).size, 48);
  assert.deepEqual(
    all.flatMap((batch) => pixels(batch.images).filter((_, i) => i % 9 === 0)),
    labels,
  );
});

test("order and augmentation follow from seed and epoch alone; skipping resumes exactly", () => {
  const augment = { crop: 1, flip: true, cutout: 2 };
  const dataset = flat(60, [2, 5, 4]);
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(50), fc.nat(7), (seed, epoch, skip) => {
      const options = { batchSize: 8, shuffle: true, seed, epoch, augment };
      const all = collect(dataset, options);
      assert.deepEqual(collect(dataset, options), all);
      assert.deepEqual(collect(dataset, options, skip), all.slice(skip));
      const labels = all.flatMap((batch) => batch.labels);
      for (const other of [{ seed: seed + 1 }, { epoch: epoch + 1 }]) {
        assert.notDeepEqual(
          collect(dataset, { ...options, ...other }).flatMap((batch) => batch.labels),
          labels,
        );
      }
    }),
    { seed: 20268, numRuns: 30 },
  );
});

test("normalized by channel, in float64, rounded once", () => {
  const dataset = { ...counting([2, 1, 2]), normalization: { mean: [0.1, 0.2], std: [0.3, 0.4] } };
  const [{ images }] = collect(dataset, { batchSize: 1 });
  const expected = [(1 / 255 - 0.1) / 0.3, (2 / 255 - 0.1) / 0.3, (3 / 255 - 0.2) / 0.4, (4 / 255 - 0.2) / 0.4];
  assert.deepEqual(images, Float32Array.from(expected));
});

/** All different images that an augmentation makes of one. */
function outcomes(shape, augment) {
  const seen = new Set();
  for (let seed = 0; seed < 600; seed++) {
    seen.add(pixels(collect(counting(shape), { batchSize: 1, augment, seed })[0].images).join(" "));
  }
  return seen;
}

test("flip mirrors half of the images, rows by themselves", () => {
  assert.deepEqual(outcomes([1, 2, 3], { flip: true }), new Set(["1 2 3 4 5 6", "3 2 1 6 5 4"]));
});

test("crop moves by up to its padding each way and fills with the mean", () => {
  const seen = outcomes([1, 2, 2], { crop: 1 });
  assert.equal(seen.size, 9);
  for (const image of ["1 2 3 4", "2 0 4 0", "0 1 0 3", "3 4 0 0", "0 0 1 2", "0 0 0 1", "4 0 0 0"]) {
    assert.ok(seen.has(image), image);
  }
});

test("shift repeats the edge", () => {
  const seen = outcomes([1, 2, 2], { shift: 1 });
  assert.equal(seen.size, 9);
  for (const image of ["1 2 3 4", "2 2 4 4", "1 1 3 3", "3 4 3 4", "1 2 1 2", "1 1 1 1", "4 4 4 4"]) {
    assert.ok(seen.has(image), image);
  }
});

test("mirrored and moved: the mirror is of the moved window", () => {
  const seen = outcomes([1, 1, 3], { crop: 1, flip: true });
  assert.deepEqual(seen, new Set(["1 2 3", "2 3 0", "0 1 2", "3 2 1", "2 1 0", "0 3 2", "0 0 0"]));
});

test("cutout covers one square in all channels, cut at the border", () => {
  const seen = outcomes([2, 3, 3], { cutout: 2 });
  assert.equal(seen.size, 9);
  for (const image of seen) {
    const values = image.split(" ").map(Number);
    const holes = values.flatMap((value, i) => (value === 0 ? [i] : []));
    assert.ok([2, 4, 8].includes(holes.length));
    for (const i of holes) assert.equal(values[(i + 9) % 18], 0);
  }
});

test("pixels that no augmentation touches keep their values", () => {
  const [{ images }] = collect(counting([1, 4, 4]), { batchSize: 1, augment: { crop: 0, shift: 0, cutout: 0 } });
  assert.deepEqual(
    pixels(images),
    Array.from({ length: 16 }, (_, i) => i + 1),
  );
});

test("refusals", () => {
  const run = (options) => () => collect(flat(5), { batchSize: 2, ...options });
  for (const batchSize of [0, -1, 1.5, Number.NaN]) {
    assert.throws(run({ batchSize }), { code: "BAD_OPTION", where: "batchSize" });
  }
  assert.throws(run({ batchSize: 6, shuffle: true }), { code: "BAD_OPTION", where: "batchSize" });
  for (const name of ["crop", "shift", "cutout"]) {
    for (const length of [-1, 4, 0.5]) {
      assert.throws(run({ augment: { [name]: length } }), { code: "BAD_OPTION", where: `augment.${name}` });
    }
  }
  assert.throws(run({ augment: { crop: 1, shift: 1 } }), { code: "BAD_OPTION", where: "augment" });
});
