// idx.test.js: IDX files made here, broken in every way, and the published ones where they are.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { loadIdxFolder, openDataset, parseIdx } from "../../dist/data/index.js";
import { memoryOf } from "../memory.js";

const folder = mkdtempSync(join(tmpdir(), "shiftwise-idx-"));
after(() => rmSync(folder, { recursive: true }));

function idx(dims, data = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i % 10)) {
  const bytes = Buffer.alloc(4 + 4 * dims.length + data.length);
  bytes.writeUInt32BE(0x800 | dims.length);
  dims.forEach((dim, i) => {
    bytes.writeUInt32BE(dim, 4 + 4 * i);
  });
  bytes.set(data, 4 + 4 * dims.length);
  return bytes;
}

const GOOD = {
  "train-images-idx3-ubyte": idx([3, 2, 2]),
  "train-labels-idx1-ubyte.gz": gzipSync(idx([3])),
  "t10k-images-idx3-ubyte.gz": gzipSync(idx([2, 2, 2])),
  "t10k-labels-idx1-ubyte": idx([2]),
};

/** A new folder with the good files, some replaced, or left out where null. */
function folderWith(changes) {
  const path = mkdtempSync(join(folder, "set-"));
  for (const [name, bytes] of Object.entries({ ...GOOD, ...changes })) {
    if (bytes) writeFileSync(join(path, name), bytes);
  }
  return path;
}

test("reads the four files, packed or not", async () => {
  const { train, test: held } = await loadIdxFolder(folderWith({}));
  assert.deepEqual(train.shape, [1, 2, 2]);
  assert.deepEqual([...train.images], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  assert.deepEqual([...train.labels], [0, 1, 2]);
  assert.deepEqual([...held.labels], [0, 1]);
  assert.equal(train.classes, 10);
  assert.equal(held.normalization, train.normalization);
});

test("openDataset knows the folder", async () => {
  const { train } = await openDataset(folderWith({}));
  assert.equal(train.labels.length, 3);
});

test("each fault is refused with its file and field", async () => {
  const images = GOOD["train-images-idx3-ubyte"];
  const name = "train-images-idx3-ubyte";
  const wrongMagic = Buffer.from(images);
  wrongMagic[2] = 0x09;
  const long = Buffer.concat([images, Buffer.alloc(1)]);
  const packed = gzipSync(images);
  const damaged = Buffer.from(packed);
  damaged[packed.length - 6] ^= 0xff;
  const cases = [
    [{ [name]: wrongMagic }, "BAD_DATA", `${name}: magic`],
    [{ [name]: idx([3]) }, "BAD_DATA", `${name}: magic`],
    [{ [name]: Buffer.alloc(0) }, "TRUNCATED", `${name}: header`],
    [{ [name]: images.subarray(0, 10) }, "TRUNCATED", `${name}: header`],
    [{ [name]: images.subarray(0, -1) }, "TRUNCATED", name],
    [{ [name]: long }, "BAD_DATA", name],
    [{ [name]: idx([0, 2, 2]) }, "BAD_DATA", `${name}: dimensions`],
    [{ [name]: packed.subarray(0, -9) }, "TRUNCATED", name],
    [{ [name]: damaged }, "BAD_DATA", name],
    [{ [name]: idx([4, 2, 2]) }, "BAD_DATA", "train-labels-idx1-ubyte.gz"],
    [{ "t10k-images-idx3-ubyte.gz": idx([2, 3, 2]) }, "BAD_DATA", "t10k-images-idx3-ubyte.gz"],
    [{ "t10k-labels-idx1-ubyte": idx([2], [0, 10]) }, "BAD_DATA", "t10k-labels-idx1-ubyte: label 1"],
    [{ "train-labels-idx1-ubyte.gz": idx([3], [255, 0, 1]) }, "BAD_DATA", "train-labels-idx1-ubyte.gz: label 0"],
    [{ "t10k-labels-idx1-ubyte": null }, "IO", "t10k-labels-idx1-ubyte.gz"],
  ];
  for (const [changes, code, end] of cases) {
    const path = folderWith(changes);
    await assert.rejects(loadIdxFolder(path), (error) => {
      assert.equal(error.name, "ShiftwiseError");
      assert.equal(error.code, code, end);
      assert.equal(error.where, join(path, end));
      return true;
    });
  }
});

test("a huge declared size is refused without being allocated", () => {
  const header = idx([1, 1, 1]);
  header.writeUInt32BE(0xffffffff, 4);
  header.writeUInt32BE(0xffffffff, 8);
  assert.throws(() => parseIdx(header, 3, "f"), { code: "TRUNCATED", where: "f" });
});

test("a packed file is unpacked as far as its header says, and not at all where that cannot be", async () => {
  const name = "t10k-images-idx3-ubyte.gz";
  const zeros = new Uint8Array(2 ** 27);
  const declaring = (dims) => idx(dims, []);
  const cases = [
    // a few bytes that declare billions
    [gzipSync(declaring([0xffffffff, 28, 28])), "TRUNCATED", /3367254359296 bytes/],
    [gzipSync(declaring([0xffffffff, 0xffffffff, 0xffffffff])), "TRUNCATED", /bytes/],
    // a header that tells the truth about far too much
    [gzipSync(Buffer.concat([declaring([2 ** 17, 32, 32]), zeros])), "BAD_DATA", /at most 67108864 bytes unpacked/],
    // more than it says
    [gzipSync(Buffer.concat([declaring([2, 2, 2]), zeros])), "BAD_DATA", /24 bytes, as the file's header says/],
    [gzipSync(zeros), "BAD_DATA", /0x00000803/],
  ];
  for (const [bytes, code, expected] of cases) {
    const path = folderWith({ [name]: bytes });
    const refuse = () =>
      assert.rejects(loadIdxFolder(path), (error) => {
        assert.deepEqual([error.code, error.where.startsWith(join(path, name))], [code, true], String(error));
        assert.match(error.expected, expected);
        return true;
      });
    const taken = await memoryOf(refuse);
    assert.ok(taken < 250e6, `${taken} bytes for ${expected}`);
  }
});

test("what is no file is refused, not waited for", { skip: process.platform === "win32" }, async () => {
  const path = folderWith({ "t10k-images-idx3-ubyte.gz": null });
  assert.equal(spawnSync("mkfifo", [join(path, "t10k-images-idx3-ubyte")]).status, 0);
  await assert.rejects(loadIdxFolder(path), { code: "IO", found: "a named pipe" });
  const other = folderWith({ "t10k-images-idx3-ubyte.gz": null });
  symlinkSync("/dev/zero", join(other, "t10k-images-idx3-ubyte"));
  await assert.rejects(loadIdxFolder(other), { code: "IO", found: "a device" });
  const folders = folderWith({ "t10k-images-idx3-ubyte.gz": null });
  mkdirSync(join(folders, "t10k-images-idx3-ubyte"));
  await assert.rejects(loadIdxFolder(folders), { code: "IO", found: "a folder" });
});

test("other numbers of classes", async () => {
  const labels = { "t10k-labels-idx1-ubyte": idx([2], [0, 10]) };
  const { test: held } = await loadIdxFolder(folderWith(labels), { classes: 11 });
  assert.equal(held.classes, 11);
  for (const classes of [1, 257, 2.5]) {
    await assert.rejects(loadIdxFolder(folderWith({}), { classes }), { code: "BAD_OPTION", where: "classes" });
  }
});

const shared = fileURLToPath(new URL("../../../shared/data/fashion-mnist", import.meta.url));
const skip = existsSync(shared) ? false : `no Fashion-MNIST at ${shared}`;

test("the published Fashion-MNIST files", { skip }, async () => {
  const { train, test: held } = await openDataset(shared);
  assert.deepEqual([train.labels.length, held.labels.length], [60000, 10000]);
  assert.deepEqual(train.shape, [1, 28, 28]);
  assert.deepEqual([...train.labels.subarray(0, 5)], [9, 0, 0, 3, 0]);
  assert.ok(Math.abs(train.normalization.mean[0] - 0.286) < 0.0005);
  assert.ok(Math.abs(train.normalization.std[0] - 0.353) < 0.0005);
});
