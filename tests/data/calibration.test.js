// calibration.test.js: unlabelled images from folders and arrays, prepared as described.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { openCalibration, openCalibrations, samplesOf, unlabelled } from "../../dist/data/index.js";
import { readPicture } from "../../dist/data/node.js";

const sharp = await import("sharp").then(
  ({ default: found }) => found,
  () => null,
);
const skip = sharp ? false : "sharp is not installed";
const folder = mkdtempSync(join(tmpdir(), "shiftwise-calibration-"));
after(() => rmSync(folder, { recursive: true }));

const file = (name, bytes) => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

/** A picture whose pixel (x, y) is f(x, y) in red, 100 in green and 7 in blue. */
const picture = (width, height, f) => {
  const pixels = Buffer.from(
    Array.from({ length: width * height }, (_, i) => [f(i % width, Math.floor(i / width)), 100, 7]).flat(),
  );
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
};

/** An array file's bytes. */
const npyBytes = (descr, shape, values) => {
  const fields = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }`;
  const text = `${fields.padEnd(117)}\n`;
  const head = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, text.length, 0]);
  return Buffer.concat([head, Buffer.from(text), Buffer.from(values.buffer)]);
};
const npyFile = (name, ...array) => file(name, npyBytes(...array));
const npz = (name, arrays) => file(name, zipSync(arrays));
const counting = (type, length) => type.from({ length }, (_, i) => i % 100);

describe("openCalibration", () => {
  test("cuts the middle out of images in folders, by path, at most so many", { skip }, async () => {
    const images = join(folder, "images");
    mkdirSync(join(images, "b"), { recursive: true });
    writeFileSync(join(images, "b", "2.png"), await picture(5, 4, (x, y) => 10 * x + y));
    writeFileSync(join(images, "a.png"), await picture(2, 2, () => 200));
    writeFileSync(join(images, "notes.txt"), "no image");
    const { pictures, samples } = await openCalibration(images, [3, 2, 2], { resize: 4, mean: [0.5], std: [0.25] });
    assert.equal(samples.count, 2);
    assert.deepEqual([...pictures.images.subarray(0, 4)], [200, 200, 200, 200]);
    assert.deepEqual([...pictures.images.subarray(12)], [11, 21, 12, 22, 100, 100, 100, 100, 7, 7, 7, 7]);
    assert.ok(Math.abs(samples.read(1, 1)[0] - (11 / 255 - 0.5) / 0.25) < 1e-6);
    const one = await openCalibration(images, [3, 2, 2], { resize: 4, channels: "bgr" }, 1);
    assert.deepEqual([...one.pictures.images], [7, 7, 7, 7, 100, 100, 100, 100, 200, 200, 200, 200]);
  });

  test("without resize takes the largest middle part of a picture, as readPicture does", { skip }, async () => {
    const images = mkdtempSync(join(folder, "parts-"));
    // 40 columns of 120, or 30 rows of 90, are bright: the largest middle part with the input's proportions
    const wide = await picture(120, 40, (x) => (x >= 40 && x < 80 ? 250 : 10));
    const high = await picture(30, 90, (_, y) => (y >= 30 && y < 60 ? 250 : 10));
    writeFileSync(join(images, "a.png"), wide);
    writeFileSync(join(images, "b.png"), high);
    const { pictures } = await openCalibration(images, [3, 20, 20], {});
    for (const [i, file] of ["a.png", "b.png"].entries()) {
      const pixels = pictures.images.subarray(1200 * i, 1200 * (i + 1));
      assert.ok(pixels.subarray(0, 400).every((value) => value === 250));
      assert.deepEqual(pixels, await readPicture(join(images, file), { shape: [3, 20, 20] }));
    }
  });

  test("resizes the shorter side, enlarges what is too small, makes grey", { skip }, async () => {
    const images = mkdtempSync(join(folder, "sizes-"));
    writeFileSync(join(images, "a.png"), await picture(8, 16, (_, y) => (y < 8 ? 0 : 255)));
    const small = await openCalibration(images, [3, 4, 4], { resize: 4 });
    // 4 x 8 after resizing, of which rows 2 to 5 are kept: two dark, two bright ones
    const red = [...small.pictures.images.subarray(0, 16)];
    assert.ok(red.slice(0, 4).every((v) => v === 0) && red.slice(12).every((v) => v === 255), red.join());
    const large = await openCalibration(images, [3, 20, 20], {});
    assert.equal(large.pictures.images.length, 1200);
    const grey = await openCalibration(images, [1, 2, 8], { channels: "grey" });
    assert.deepEqual(
      [...new Set(grey.pictures.images)],
      [Math.round(58.7 + 0.798), Math.round(0.299 * 255 + 58.7 + 0.798)],
    );
    await assert.rejects(openCalibration(images, [3, 2, 2], { channels: "grey" }), { code: "BAD_OPTION" });
    await assert.rejects(openCalibration(images, [2, 2, 2], {}), { code: "BAD_OPTION" });
  });

  test("takes arrays: pixels are normalized, floats are network values", async () => {
    const pixels = npyFile("u.npy", "|u1", [2, 1, 2, 2], Uint8Array.from([0, 51, 102, 153, 204, 255, 1, 2]));
    const { pictures, samples } = await openCalibration(pixels, [1, 2, 2], { range: 255, mean: [51], std: [2] });
    assert.deepEqual([...samples.read(0, 1)], [-25.5, 0, 25.5, 51]);
    assert.deepEqual(unlabelled(pictures, 10).labels, new Uint8Array(2));
    const floats = npyFile("f.npy", "<f4", [2, 1, 2, 2], Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]));
    const raw = await openCalibration(floats, [1, 2, 2], {});
    assert.equal(raw.pictures, null);
    assert.deepEqual([...raw.samples.read(1, 1)], [5, 6, 7, 8]);
    const bad = npyFile("n.npy", "<f4", [1, 1, 2, 2], Float32Array.from([1, Number.NaN, 3, 4]));
    await assert.rejects(openCalibration(bad, [1, 2, 2], {}), { code: "BAD_DATA" });
  });

  test("says what it looked for", async () => {
    await assert.rejects(openCalibration(join(folder, "nowhere"), [3, 2, 2], {}), {
      code: "BAD_DATA",
      found: /nothing/,
    });
    const empty = mkdtempSync(join(folder, "empty-"));
    await assert.rejects(openCalibration(empty, [3, 2, 2], {}), { code: "BAD_DATA", found: /0 other entries/ });
    await assert.rejects(openCalibration(file("x.bin", "hello"), [3, 2, 2], {}), { code: "BAD_FILE" });
  });

  test("names an image that cannot be decoded", { skip }, async () => {
    const broken = mkdtempSync(join(folder, "broken-"));
    writeFileSync(join(broken, "x.png"), "no png");
    await assert.rejects(openCalibration(broken, [3, 2, 2], {}), { code: "BAD_DATA", where: join(broken, "x.png") });
  });
});

describe("folders as people have them", { skip }, () => {
  const BMP = Buffer.from(
    `424d3a000000000000003600000028000000010000000100000001001800${"00".repeat(24)}1e3c5a00`,
    "hex",
  );
  const grey = (value, kind = "png") =>
    sharp({ create: { width: 2, height: 2, channels: 3, background: { r: value, g: value, b: value } } })
      .toFormat(kind)
      .toBuffer();

  async function folderOf(files) {
    const path = mkdtempSync(join(folder, "people-"));
    for (const [name, bytes] of Object.entries(files)) {
      mkdirSync(join(path, name, ".."), { recursive: true });
      writeFileSync(join(path, name), await bytes);
    }
    return path;
  }
  const levels = ({ pictures }) =>
    Array.from({ length: pictures.images.length / 12 }, (_, i) => pictures.images[12 * i]);

  test("every kind, whatever its name, hidden files left out, the others named", async () => {
    const path = await folderOf({
      "a.jfif": grey(0, "jpeg"),
      "b.jpe": grey(255, "jpeg"),
      "c.bmp": BMP,
      d: grey(40, "webp"),
      "e.dat": grey(50, "tiff"),
      "f.jpg": grey(60, "gif"),
      "._a.jfif": "Mac OS X",
      "__MACOSX/._a.jfif": "Mac OS X",
      "labels.csv": "a,1\n",
    });
    symlinkSync("a.jfif", join(path, "z.jpg"));
    const opened = await openCalibration(path, [3, 2, 2], {});
    assert.deepEqual(levels(opened), [0, 255, 90, 40, 50, 60]);
    assert.deepEqual(opened.remarks, ['passed over what is no picture: labels.csv (a text that begins with "a,1\\n")']);
  });

  test("a tenth may be broken and is named; of more the first is", async () => {
    const good = Object.fromEntries(Array.from({ length: 18 }, (_, i) => [`g${10 + i}.png`, grey(i)]));
    const few = await folderOf({ ...good, "g11.png": "", "x.png": (await grey(9)).subarray(0, 40), "y.png": grey(77) });
    const { samples, pictures, remarks } = await openCalibration(few, [3, 2, 2], {});
    assert.equal(samples.count, 18);
    assert.equal(pictures.images.length, 18 * 12);
    assert.deepEqual(levels({ pictures }), [0, ...Array.from({ length: 16 }, (_, i) => i + 2), 77]);
    assert.equal(remarks.length, 1);
    assert.match(remarks[0], /^passed over 2 of 20 pictures, which are broken: g11\.png \(an empty file\), x\.png \(/);
    const many = await folderOf({ ...good, "g11.png": "", "g12.png": "no", "g13.png": "" });
    await assert.rejects(openCalibration(many, [3, 2, 2], {}), {
      code: "BAD_DATA",
      where: join(many, "g11.png"),
      found: "3 of 18; this one: an empty file",
    });
  });

  test("one picture, also one that is broken", async () => {
    const path = file("one", await grey(70, "jpeg"));
    const { samples, remarks } = await openCalibration(path, [3, 2, 2], {});
    assert.deepEqual([samples.count, remarks], [1, []]);
    assert.equal((await openCalibration(path, [1, 2, 2], {})).samples.count, 1);
    await assert.rejects(openCalibration(file("empty.png", ""), [3, 2, 2], {}), {
      code: "BAD_FILE",
      where: join(folder, "empty.png"),
      found: "an empty file",
    });
  });

  test("a folder of nothing but hidden and other files says so", async () => {
    const path = await folderOf({ "._a.png": "x", "a.txt": "hello" });
    await assert.rejects(openCalibration(path, [3, 2, 2], {}), {
      code: "BAD_DATA",
      found: /1 other entries: a\.txt \(a text.*, 1 hidden/,
    });
  });
});

describe("arrays as people have them", () => {
  const read = async (path, shape, ...rest) => {
    const { samples, remarks } = await openCalibration(path, shape, {}, ...rest);
    return { count: samples.count, values: [...samples.read(0, samples.count)], remarks };
  };

  test("in the shape that the network has elsewhere: vectors, pictures without channels, sound", async () => {
    const vectors = file("v.npy", npyBytes("<f4", [3, 784], counting(Float32Array, 3 * 784)));
    for (const shape of [
      [784, 1, 1],
      [1, 28, 28],
    ]) {
      assert.deepEqual((await read(vectors, shape)).values, [...counting(Float32Array, 3 * 784)]);
    }
    const flat = file("g.npy", npyBytes("|i1", [3, 28, 28], counting(Int8Array, 3 * 784)));
    assert.equal((await read(flat, [1, 28, 28])).count, 3);
    const sound = file("s.npy", npyBytes("<f8", [2, 1, 8000], counting(Float64Array, 16000)));
    assert.equal((await read(sound, [1, 8000, 1])).count, 2);
    assert.equal((await read(sound, [1, 1, 8000])).count, 2);
    await assert.rejects(read(sound, [1, 28, 28]), {
      code: "BAD_DATA",
      expected: /\(count, 784\)/,
      found: "(2, 1, 8000)",
    });
  });

  test("rows are taken at even distances, with the channels put in front", async () => {
    const values = counting(Float32Array, 10 * 12);
    const path = file("l.npy", npyBytes("<f4", [10, 2, 2, 3], values));
    const some = await read(path, [3, 2, 2], 3);
    const row = (n) => [0, 1, 2].flatMap((c) => [0, 1, 2, 3].map((i) => values[12 * n + 3 * i + c]));
    assert.deepEqual(some.values, [0, 3, 6].flatMap(row));
  });

  test("whole numbers that look like pixels are taken as they are, and that is said", async () => {
    const path = file("i.npy", npyBytes("<i8", [1, 2, 2], BigInt64Array.from([0n, 255n, 7n, 3n])));
    const { values, remarks } = await read(path, [1, 2, 2]);
    assert.deepEqual(values, [0, 255, 7, 3]);
    assert.match(remarks.join(), /int64 values.*uint8/);
    const labels = file("j.npy", npyBytes("<i8", [1, 2, 2], BigInt64Array.from([0n, -5n, 7n, 3n])));
    assert.deepEqual((await read(labels, [1, 2, 2])).remarks, []);
  });

  test("without samples, or with a value that is none, refused", async () => {
    for (const shape of [[0, 1, 2, 2], [0, 4], [0]]) {
      const path = file("none.npy", npyBytes("|u1", shape, new Uint8Array(0)));
      await assert.rejects(openCalibration(path, [1, 2, 2], {}), { code: "BAD_DATA", where: path });
      const zip = npz("none.npz", { "x.npy": npyBytes("|u1", shape, new Uint8Array(0)) });
      await assert.rejects(openCalibration(zip, [1, 2, 2], {}), { code: "BAD_DATA", where: `${zip}: x` });
    }
    const large = file("big.npy", npyBytes("<f8", [1, 4], Float64Array.from([0, 1e300, 0, 0])));
    await assert.rejects(read(large, [1, 2, 2]), { code: "BAD_DATA", where: `${large}: value 1`, found: "Infinity" });
  });

  test("a .npz: the array that fits, of several one for training, or the one that is named", async () => {
    const images = (value) => npyBytes("|u1", [2, 2, 2], new Uint8Array(8).fill(value));
    const labels = npyBytes("|u1", [2], new Uint8Array(2));
    const one = npz("one.npz", { "y.npy": labels, "x.npy": images(5) });
    const { pictures, remarks } = await openCalibration(one, [1, 2, 2], {});
    assert.equal(pictures.images[0], 5);
    assert.deepEqual(remarks, [`took the array x of y (2) uint8; x (2, 2, 2) uint8: ${one}#name takes another`]);
    const mnist = npz("mnist.npz", { "x_test.npy": images(1), "x_train.npy": images(2), "y_test.npy": labels });
    const first = async (path, name) => (await openCalibration(path, [1, 2, 2], {}, 9, name)).pictures.images[0];
    assert.equal(await first(mnist), 2);
    assert.equal(await first(`${mnist}#x_test`), 1);
    assert.equal(await first(mnist, "x_test"), 1);
    await assert.rejects(first(`${mnist}#z`), {
      code: "BAD_DATA",
      expected: "one named z",
      found: /x_test \(2, 2, 2\)/,
    });
    await assert.rejects(first(`${mnist}#y_test`), { code: "BAD_DATA", where: `${mnist}: y_test`, found: "(2)" });
    await assert.rejects(openCalibration(mnist, [3, 5, 5], {}), { code: "BAD_DATA", found: /y_test \(2\) uint8/ });
    // a file whose name has the sign in it
    assert.equal(await first(npz("a#b.npz", { "x.npy": images(9) })), 9);
  });

  test("a broken array among two says what is wrong with it", async () => {
    const arrays = join(folder, "broken arrays");
    mkdirSync(arrays);
    const rows = npyBytes("<f4", [3, 4], counting(Float32Array, 12));
    writeFileSync(join(arrays, "a.npy"), rows);
    writeFileSync(join(arrays, "b.npy"), rows.subarray(0, -4));
    await assert.rejects(openCalibration(arrays, [4, 1, 1], {}), {
      where: join(arrays, "b.npy"),
      found: /^1 of 2; this one: array of the wrong length; expected 48 bytes .*found 44 bytes$/,
    });
  });

  test("a name behind # that no array has says what there is", async () => {
    const rows = npyBytes("<f4", [3, 4], counting(Float32Array, 12));
    const [one, several] = [file("alone.npy", rows), npz("two.npz", { "a.npy": rows, "b.npy": rows })];
    const open = (path) => openCalibration(path, [4, 1, 1], {});
    assert.equal((await open(`${several}#b`)).samples.count, 3);
    await assert.rejects(open(`${several}#`), { where: several, expected: "a name behind #", found: /^a .*; b / });
    await assert.rejects(open(`${several}#c`), { where: several, expected: "one named c" });
    await assert.rejects(open(`${one}#c`), { where: one, message: /only array of this file has no name/ });
    assert.equal((await open(`${one}#`)).samples.count, 3);
  });

  test("a folder of arrays, and a packed IDX file", async () => {
    const path = mkdtempSync(join(folder, "arrays-"));
    writeFileSync(join(path, "b.npy"), npyBytes("<f2", [1, 4], Uint16Array.from([0x3c00, 0, 0, 0])));
    writeFileSync(join(path, "a.npy"), npyBytes("<f4", [2, 2, 2], counting(Float32Array, 8)));
    writeFileSync(join(path, "c.txt"), "x");
    const { values, remarks } = await read(path, [1, 2, 2]);
    assert.deepEqual(values, [0, 1, 2, 3, 4, 5, 6, 7, 1, 0, 0, 0]);
    assert.match(remarks.join(), /passed over what is no array: c\.txt/);
    writeFileSync(join(path, "d.npy"), npyBytes("|u1", [4], new Uint8Array(4)));
    await assert.rejects(read(path, [1, 2, 2]), { code: "BAD_DATA", where: join(path, "d.npy"), found: "uint8" });
    const idx = Buffer.from([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 9, 8, 7, 6]);
    const { pictures } = await openCalibration(file("t10k-images.gz", gzipSync(idx)), [1, 2, 2], {});
    assert.deepEqual([...pictures.images], [9, 8, 7, 6]);
  });

  test("for several inputs one .npz, by their names or by the only shape that fits", async () => {
    const arrays = {
      "left.npy": npyBytes("<f4", [3, 4], counting(Float32Array, 12)),
      "right.npy": npyBytes(
        "<f4",
        [3, 2, 2],
        Float32Array.from({ length: 12 }, (_, i) => -i),
      ),
      "features.npy": npyBytes("<f4", [3, 5], counting(Float32Array, 15)),
      "few.npy": npyBytes("<f4", [2, 6], counting(Float32Array, 12)),
    };
    const input = (name, shape) => ({ name, shape, preprocessing: {} });
    const path = npz("inputs.npz", arrays);
    const inputs = [input("right", [1, 2, 2]), input("left", [1, 2, 2]), input("audio", [5, 1, 1])];
    const opened = await openCalibrations(path, inputs, 2);
    assert.deepEqual([...opened.keys()], ["right", "left", "audio"]);
    assert.deepEqual([...opened.get("right").samples.read(1, 1)], [-4, -5, -6, -7]);
    assert.deepEqual([...opened.get("left").samples.read(1, 1)], [4, 5, 6, 7]);
    assert.deepEqual([...opened.get("audio").samples.read(1, 1)], [5, 6, 7, 8, 9]);
    const uneven = [...inputs, input("x", [6, 1, 1])];
    await assert.rejects(openCalibrations(path, uneven), { code: "BAD_DATA", where: `${path}: x`, found: 2 });
    await assert.rejects(openCalibrations(path, [...inputs, input("x", [7, 1, 1])]), { code: "BAD_DATA" });
    // one array is never taken for two inputs, nor one of several that fit
    const two = [input("p", [5, 1, 1]), input("q", [5, 1, 1])];
    await assert.rejects(openCalibrations(path, two), { code: "BAD_DATA", found: /p took features/ });
    const twins = [input("audio", [5, 1, 1]), input("x", [1, 2, 2])];
    await assert.rejects(openCalibrations(path, twins), {
      code: "BAD_DATA",
      message: /no array for the input x, .*x \(count, 1, 2, 2\)/,
    });
    const vectors = [...two, input("left", [1, 2, 2]), input("scalar", [1, 1, 1])];
    await assert.rejects(openCalibrations(path, vectors), {
      message: /no array for the inputs q, scalar, .*q \(count, 5\), scalar \(count, 1\); found .*p took features/,
    });
    await assert.rejects(openCalibrations(`${path}#left`, inputs), {
      code: "BAD_DATA",
      expected: /right, left, audio/,
    });
    assert.equal((await openCalibrations(path, [input("left", [4, 1, 1])])).get("left").samples.count, 3);
  });

  test("for several inputs a folder with a folder or file of each input's name", { skip }, async () => {
    const path = join(folder, "pairs");
    mkdirSync(join(path, "left"), { recursive: true });
    for (const [i, name] of ["a.png", "b.png"].entries()) {
      writeFileSync(join(path, "left", name), await picture(2, 2, () => i));
    }
    writeFileSync(join(path, "angle.npy"), npyBytes("<f4", [2, 3], counting(Float32Array, 6)));
    const inputs = [
      { name: "left", shape: [3, 2, 2], preprocessing: { channels: "bgr" } },
      { name: "angle", shape: [3, 1, 1], preprocessing: { mean: [1, 2], std: [1] } },
    ];
    const opened = await openCalibrations(path, inputs);
    assert.deepEqual(
      [...opened.get("left").pictures.images.subarray(12)],
      [7, 7, 7, 7, 100, 100, 100, 100, 1, 1, 1, 1],
    );
    assert.deepEqual([...opened.get("angle").samples.read(1, 1)], [3, 4, 5]);
    for (let i = 0; i < 10; i++) writeFileSync(join(path, "left", `c${i}.png`), i ? await picture(2, 2, () => i) : "");
    await assert.rejects(openCalibrations(path, inputs), {
      code: "BAD_DATA",
      where: join(path, "left"),
      found: /1 of 12 pictures, which are broken: c0\.png/,
    });
    rmSync(join(path, "left", "c0.png"));
    await assert.rejects(openCalibrations(path, inputs), { code: "BAD_DATA", where: `${path}: angle`, found: 2 });
    rmSync(join(path, "angle.npy"));
    await assert.rejects(openCalibrations(path, inputs), {
      code: "BAD_DATA",
      message: /no samples for the input angle; .*called angle; or --constant.*found left$/,
    });
  });
});

test("samples are what batches make", () => {
  const set = {
    images: Uint8Array.from({ length: 24 }, (_, i) => 10 * i),
    shape: [2, 2, 3],
    normalization: { mean: [0, 1], std: [1, 2] },
  };
  const samples = samplesOf(set);
  assert.equal(samples.count, 2);
  assert.equal(samples.read(1, 1)[6], Math.fround((180 / 255 - 1) / 2));
});
