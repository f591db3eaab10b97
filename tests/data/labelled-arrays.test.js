// labelled-arrays.test.js: sets to train on from a .npz: in two parts, cut in two, and what is wrong with them.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { zipSync } from "fflate";
import { openDataset } from "../../dist/data/index.js";

const folder = mkdtempSync(join(tmpdir(), "shiftwise-arrays-"));
after(() => rmSync(folder, { recursive: true }));

function npy(descr, shape, data) {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`.padEnd(117);
  const bytes = Buffer.from(data.buffer);
  return Buffer.concat([Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]), Buffer.from(`${header}\n`), bytes]);
}

/** Pictures each of one value, counted up from one. */
const pictures = (shape, first = 1) => {
  const length = shape.slice(1).reduce((a, b) => a * b);
  return npy(
    "|u1",
    shape,
    Uint8Array.from({ length: shape[0] * length }, (_, i) => first + Math.floor(i / length)),
  );
};
const labels = (...values) => npy("<i8", [values.length], BigInt64Array.from(values.map(BigInt)));
const column = (...values) => npy("|u1", [values.length, 1], Uint8Array.from(values));

let count = 0;
function open(arrays, options) {
  const path = join(folder, `${count++}.npz`);
  writeFileSync(path, zipSync(Object.fromEntries(Object.entries(arrays).map(([name, one]) => [`${name}.npy`, one]))));
  return openDataset(path, options);
}
const firsts = ({ images, labels: all }) =>
  Array.from(all, (label, i) => [label, images[(i * images.length) / all.length]]);

test("both parts as they are called, of every layout of pictures", async () => {
  for (const [names, channels, shape] of [
    [["x_train", "y_train", "x_test", "y_test"], [], [1, 2, 4]],
    [["train_images", "train_labels", "test_images", "test_labels"], [1], [1, 2, 4]],
    [["X_train", "Y_train", "X_val", "Y_val"], [3], [3, 2, 4]],
  ]) {
    const [x, y, xTest, yTest] = names;
    const {
      train,
      test: tested,
      heldOut,
    } = await open({
      [x]: pictures([3, 2, 4, ...channels]),
      [y]: labels(2, 0, 1),
      [xTest]: pictures([2, 2, 4, ...channels], 100),
      [yTest]: column(1, 1),
    });
    assert.equal(heldOut, undefined);
    assert.deepEqual([train.shape, tested.shape, train.classes], [shape, shape, 10]);
    assert.deepEqual(firsts(train), [
      [2, 1],
      [0, 2],
      [1, 3],
    ]);
    assert.deepEqual(firsts(tested), [
      [1, 100],
      [1, 101],
    ]);
    assert.deepEqual(tested.normalization, train.normalization);
    assert.ok(Math.abs(train.normalization.mean[0] - 2 / 255) < 1e-12);
  }
});

test("without a part to test every fifth picture of each class is held out", async () => {
  for (const [x, y] of [
    ["images", "labels"],
    ["x", "y"],
    ["x_train", "y_train"],
  ]) {
    const {
      train,
      test: tested,
      heldOut,
    } = await open({ [x]: pictures([12, 2, 2]), [y]: labels(0, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0, 1) }, { classes: 2 });
    assert.equal(heldOut, true);
    assert.deepEqual(firsts(tested), [
      [0, 7],
      [1, 10],
    ]);
    assert.equal(train.labels.length, 10);
    assert.ok(!firsts(train).some(([, first]) => first === 7 || first === 10));
    const mean = firsts(train).reduce((sum, [, first]) => sum + first, 0) / 10 / 255;
    assert.ok(Math.abs(train.normalization.mean[0] - mean) < 1e-12);
    assert.deepEqual(tested.normalization, train.normalization);
  }
});

test("what is no such set is refused in words", async () => {
  const x = pictures([2, 2, 2]);
  const y = labels(0, 1);
  const rows = [
    [{ a: x, b: y }, /expected arrays x_train, y_train, .*found a, b/],
    [{ x_test: x, y_test: y }, /expected arrays x_train/],
    [{ x_train: x, y_train: y }, /too few pictures to hold some out; expected 5 or more of a class, or arrays x_test/],
    [{ x_train: x, y_train: y, x_test: pictures([2, 3, 2]), y_test: y }, /x_test: test images of another size/],
    [{ x_train: x, y_train: labels(0), x_test: x, y_test: y }, /expected 2 labels, one for each picture; found 1/],
    [
      { x_train: x, y_train: y, x_test: x, y_test: labels(0, 10) },
      /y_test: label outside the classes; expected 0..9; found 10/,
    ],
    [{ x_train: x, y_train: npy("<f4", [2], Float32Array.of(0, 0.5)), x_test: x, y_test: y }, /found 0.5/],
    [{ x_train: npy("<f4", [2, 2, 2], new Float32Array(8)), y_train: y }, /pixels 0\.\.255 as uint8/],
  ];
  for (const [arrays, message] of rows) await assert.rejects(open(arrays), { code: "BAD_DATA", message });
  await assert.rejects(open({ x, y }, { classes: 300 }), { code: "BAD_OPTION" });
  writeFileSync(join(folder, "text"), "no set");
  await assert.rejects(openDataset(join(folder, "text")), {
    code: "BAD_DATA",
    message: /found a file: name the folder/,
  });
});
