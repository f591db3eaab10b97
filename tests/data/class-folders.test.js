// class-folders.test.js: sets of pictures in folders for training and testing, and in one folder that is cut in two.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { openDataset } from "../../dist/data/index.js";

const sharp = await import("sharp").then(
  ({ default: found }) => found,
  () => null,
);
const skip = sharp ? false : "sharp is not installed";
const top = mkdtempSync(join(tmpdir(), "shiftwise-classes-"));
after(() => rmSync(top, { recursive: true }));

const png = ([r, g, b], width = 3, height = 2) =>
  sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
    .png()
    .toBuffer();

async function folderOf(files) {
  const folder = mkdtempSync(join(top, "set-"));
  for (const [name, colour] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof colour === "string" ? colour : await png(...colour));
  }
  return folder;
}

const RED = [[200, 10, 20]];
const BLUE = [[10, 20, 200]];
const grey = (value) => [[value, value, value]];

test("folders train and val have a folder for each class, numbered by their names", { skip }, async () => {
  const files = { "train/dog/b.png": RED, "train/cat/a.png": BLUE, "train/notes.txt": "by me", "val/dog/c.png": RED };
  const { train, test: held } = await openDataset(await folderOf(files));
  assert.deepEqual(
    [train.shape, train.classNames, [...train.labels]],
    [
      [3, 2, 3],
      ["cat", "dog"],
      [0, 1],
    ],
  );
  assert.deepEqual([[...held.labels], held.classes, held.images.length], [[1], 2, 18]);
  assert.deepEqual(
    [...train.images.subarray(0, 18)],
    [10, 20, 200].flatMap((value) => Array(6).fill(value)),
  );
  assert.equal(held.normalization, train.normalization);
});

test("of one folder for each class every fifth picture is held out, and grey pictures have one plane", {
  skip,
}, async () => {
  const files = {};
  for (let i = 0; i < 10; i++) files[`seven/${i}.png`] = grey(20 * i);
  for (let i = 0; i < 6; i++) files[`one/${i}.png`] = grey(255 - i);
  const { train, test: held } = await openDataset(await folderOf(files));
  assert.deepEqual([train.shape, train.labels.length, [...held.labels]], [[1, 2, 3], 13, [0, 1, 1]]);
  assert.deepEqual(
    [0, 6, 12].map((at) => held.images[at]),
    [251, 80, 180],
  );
  assert.equal(held.images.length, 18);
  assert.deepEqual([train.normalization.mean.length, held.normalization], [1, train.normalization]);
});

test("what cannot be a set is refused in words", { skip }, async () => {
  const cases = [
    [
      { "a/1.png": RED, "b/1.png": BLUE },
      { message: /hold some out.*5 or more of a class, or folders train and test/ },
    ],
    [{ "train/a/1.png": RED, "val/b/1.png": RED }, { message: /without training images/ }],
    [{ "train/a/1.png": RED, "train/2.png": RED, "val/a/1.png": RED }, { message: /outside of the classes.*2\.png/ }],
    [{ "train/a/1.png": RED, "val/a/1.png": [RED[0], 4, 2] }, { message: /differ in size.*3x2.*4x2/ }],
    [{ "train/a/1.png": RED, "val/readme.txt": "none" }, { message: /no pictures/ }],
    [{ "images/1.png": RED }, { message: /no data set here.*train\/class and test\/class/ }],
  ];
  for (const [files, error] of cases) {
    await assert.rejects(openDataset(await folderOf(files)), { code: "BAD_DATA", ...error });
  }
});
