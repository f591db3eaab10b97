// cifar.test.js: CIFAR-10 records made here, broken ones, and the lossless part where it is.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { loadCifarFolder, openDataset, parseCifar } from "../../dist/data/index.js";

const folder = mkdtempSync(join(tmpdir(), "shiftwise-cifar-"));
after(() => rmSync(folder, { recursive: true }));

const record = (label, grey) => Buffer.concat([Buffer.of(label), Buffer.alloc(3072, grey)]);

function folderWith(files) {
  const path = mkdtempSync(join(folder, "set-"));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes);
  return path;
}

test("reads records planar, in the order of the file names, whatever follows the stem", async () => {
  const path = folderWith({
    "data_batch_2.bin": record(2, 20),
    "data_batch_1.lossless2.bin.gz": gzipSync(Buffer.concat([record(0, 10), record(9, 11)])),
    "test_batch.bin": record(7, 30),
    "readme.html": Buffer.from("hello"),
  });
  for (const { train, test: held } of [await loadCifarFolder(path), await openDataset(path)]) {
    assert.deepEqual([...train.labels], [0, 9, 2]);
    assert.deepEqual([train.images[0], train.images[3072], train.images[2 * 3072 + 3071]], [10, 11, 20]);
    assert.deepEqual([...held.labels], [7]);
    assert.deepEqual(train.shape, [3, 32, 32]);
    assert.equal(train.classes, 10);
    assert.equal(train.classNames[9], "truck");
    assert.equal(held.normalization, train.normalization);
  }
});

test("refuses wrong lengths and labels", () => {
  const good = Buffer.concat([record(0, 1), record(1, 2)]);
  for (const bytes of [Buffer.alloc(0), good.subarray(0, -1), Buffer.concat([good, Buffer.of(1)])]) {
    assert.throws(() => parseCifar(bytes, "f"), { code: "BAD_DATA", where: "f", found: `${bytes.length} bytes` });
  }
  assert.throws(() => parseCifar(Buffer.concat([good, record(10, 0)]), "f"), {
    code: "BAD_DATA",
    where: "f: label 2",
    found: 10,
  });
});

test("refuses a packed file of nothing but zeros", async () => {
  const path = folderWith({
    "data_batch_1.bin.gz": gzipSync(Buffer.alloc(22000 * 3073)),
    "test_batch.bin": record(1, 1),
  });
  await assert.rejects(loadCifarFolder(path), {
    code: "BAD_DATA",
    expected: /at most 67108864 bytes unpacked; gunzip/,
  });
});

test("refuses a folder without one of the parts, or a damaged file", async () => {
  const noTest = folderWith({ "data_batch_1.bin": record(1, 1) });
  await assert.rejects(loadCifarFolder(noTest), {
    code: "IO",
    where: noTest,
    expected: "test_batch*.bin or test_batch*.bin.gz",
  });
  const noTrain = folderWith({ "test_batch.bin": record(1, 1) });
  await assert.rejects(openDataset(noTrain), { code: "IO", where: noTrain });
  const packed = gzipSync(record(1, 1));
  const cut = folderWith({ "data_batch_1.bin.gz": packed.subarray(0, -10), "test_batch.bin": record(1, 1) });
  await assert.rejects(loadCifarFolder(cut), { code: "TRUNCATED", where: join(cut, "data_batch_1.bin.gz") });
});

test("openDataset says what it looked for", async () => {
  const empty = folderWith({ "notes.txt": Buffer.from("x") });
  await assert.rejects(openDataset(empty), (error) => {
    assert.equal(error.code, "BAD_DATA");
    assert.equal(error.where, empty);
    for (const word of ["generated", "train-images-idx3-ubyte", "data_batch"]) assert.ok(error.message.includes(word));
    return true;
  });
  await assert.rejects(openDataset(join(folder, "absent")), { code: "BAD_DATA", found: "no folder of that name" });
});

const shared = fileURLToPath(new URL("../../../shared/data/cifar10/lossless", import.meta.url));
const skip = existsSync(shared) ? false : `no CIFAR-10 at ${shared}`;

test("the lossless part of CIFAR-10", { skip }, async () => {
  const { train, test: held } = await openDataset(shared);
  assert.deepEqual([train.labels.length, held.labels.length], [8068, 1017]);
  const { mean, std } = train.normalization;
  for (let c = 0; c < 3; c++) {
    assert.ok(Math.abs(mean[c] - [0.491, 0.482, 0.447][c]) < 0.01);
    assert.ok(Math.abs(std[c] - [0.247, 0.243, 0.262][c]) < 0.01);
  }
});
