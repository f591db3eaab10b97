// tar.test.js: archives of images made here, broken ones, and the JPEG form of CIFAR-10 where it is.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { extract, pack } from "tar-stream";
import { decodeImage, loadTarFolder, openDataset } from "../../dist/data/index.js";
import { memoryOf } from "../memory.js";

const sharp = await import("sharp").then(
  ({ default: found }) => found,
  () => null,
);
const skip = sharp ? false : "sharp is not installed";
const folder = mkdtempSync(join(tmpdir(), "shiftwise-tar-"));
after(() => rmSync(folder, { recursive: true }));

const png = (width, height, red, green, blue) =>
  sharp({ create: { width, height, channels: 3, background: { r: red, g: green, b: blue } } })
    .png()
    .toBuffer();

async function archive(files) {
  const tar = pack();
  for (const [name, bytes] of Object.entries(files)) tar.entry({ name }, bytes);
  tar.finalize();
  return buffer(tar);
}

async function folderWith(train, held) {
  const path = mkdtempSync(join(folder, "set-"));
  writeFileSync(join(path, "train.tar"), Buffer.isBuffer(train) ? train : await archive(train));
  writeFileSync(join(path, "test.tar"), Buffer.isBuffer(held) ? held : await archive(held));
  return path;
}

test("classes are the folders in the order of their names, images stand by path, planes are separate", {
  skip,
}, async () => {
  const files = {
    "set/dog/0001.png": await png(3, 2, 10, 20, 30),
    "set/cat/0002.png": await png(3, 2, 40, 50, 60),
    "set/readme.txt": "hello",
    "set/cat/0001.png": await png(3, 2, 70, 80, 90),
  };
  const held = gzipSync(await archive({ "dog/a.png": await png(3, 2, 1, 2, 3) }));
  const { train, test: other } = await openDataset(await folderWith(files, held));
  assert.deepEqual(train.shape, [3, 2, 3]);
  assert.deepEqual(train.classNames, ["cat", "dog"]);
  assert.deepEqual([...train.labels], [0, 0, 1]);
  const planes = (red, green, blue) => [red, green, blue].flatMap((value) => Array(6).fill(value));
  assert.deepEqual([...train.images], [...planes(70, 80, 90), ...planes(40, 50, 60), ...planes(10, 20, 30)]);
  assert.deepEqual([...other.labels], [1]);
  assert.equal(other.normalization, train.normalization);
});

test("grey, transparent and turned images become RGB", { skip }, async () => {
  const grey = await sharp(await png(2, 1, 9, 9, 9))
    .toColourspace("b-w")
    .png()
    .toBuffer();
  assert.deepEqual(await decodeImage(grey, "grey"), { width: 2, height: 1, pixels: new Uint8Array(6).fill(9) });
  const clear = { create: { width: 1, height: 1, channels: 4, background: { r: 200, g: 100, b: 50, alpha: 0 } } };
  const { pixels } = await decodeImage(await sharp(clear).png().toBuffer(), "clear");
  assert.deepEqual([...pixels], [0, 0, 0]);
  const turned = await sharp(await png(4, 2, 0, 0, 0))
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  const { width, height } = await decodeImage(turned, "turned");
  assert.deepEqual([width, height], [2, 4]);
});

test("what is wrong with an archive is named with the entry", { skip }, async () => {
  const good = { "a/1.png": await png(2, 2, 0, 0, 0) };
  const cases = [
    [{ "readme.txt": "x" }, { message: /no images/ }],
    [{ "1.png": good["a/1.png"] }, { message: /outside a class folder/ }],
    [
      { ...good, "a/2.png": await png(2, 3, 0, 0, 0) },
      { message: /differ in size/, found: "2x3" },
    ],
    [{ ...good, "a/2.jpg": "no image" }, { message: /cannot decode/ }],
    [Buffer.alloc(1000, 7), { message: /damaged tar/ }],
  ];
  for (const [files, expected] of cases) {
    await assert.rejects(loadTarFolder(await folderWith(files, good)), { code: "BAD_DATA", ...expected });
  }
  const strange = loadTarFolder(await folderWith(good, { "b/1.png": good["a/1.png"] }));
  await assert.rejects(strange, { code: "BAD_DATA", found: "b", expected: "a" });
});

test("a Mac's second files are passed over", { skip }, async () => {
  const good = { "a/1.png": await png(2, 2, 0, 0, 0) };
  const files = { ...good, "a/._1.png": "Mac OS X", "__MACOSX/a/1.png": "x", ".a/2.png": "x" };
  const { train } = await loadTarFolder(await folderWith(files, good));
  assert.equal(train.labels.length, 1);
});

test("images that hold far more than their bytes are refused before they are decoded", { skip }, async () => {
  const bomb = await png(2000, 2000, 0, 0, 0);
  const files = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`a/${i}.png`, bomb]));
  const folder = await folderWith(files, { "a/1.png": bomb });
  const refuse = () =>
    assert.rejects(loadTarFolder(folder), {
      code: "BAD_DATA",
      message: /far more than their bytes/,
      found: "10 of 2000x2000, 120000000 bytes",
    });
  assert.ok((await memoryOf(refuse)) < 60e6);
});

const shared = fileURLToPath(new URL("../../../shared/data/cifar10/jpeg/test.tar", import.meta.url));
const absent = existsSync(shared) ? skip : `no CIFAR-10 at ${shared}`;

test("the JPEG form of CIFAR-10's test images", { skip: absent }, async () => {
  // every twentieth image: all of them take seconds to decode
  const archive = extract();
  archive.end(readFileSync(shared));
  const files = {};
  let index = 0;
  for await (const stream of archive) {
    const bytes = await buffer(stream);
    if (stream.header.type === "file" && index++ % 20 === 0) files[stream.header.name] = bytes;
  }
  const path = await folderWith(files, files);
  const { test: held } = await loadTarFolder(path);
  assert.deepEqual(held.shape, [3, 32, 32]);
  assert.deepEqual(
    held.classNames.map((_, label) => held.labels.filter((other) => other === label).length),
    Array(10).fill(50),
  );
  assert.equal(held.classNames[9], "truck");
  const mean = held.normalization.mean.map((value) => Math.round(value * 100) / 100);
  assert.deepEqual(mean, [0.49, 0.48, 0.45]);
});
