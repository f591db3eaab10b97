// calibration.test.js: unlabelled images from folders and arrays, prepared as described.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { normalizationOf, openCalibration, readPreprocessing, samplesOf, unlabelled } from "../../dist/data/index.js";

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

function npyFile(name, descr, shape, values) {
  const fields = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
  const text = `${fields.padEnd(117)}\n`;
  const head = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, text.length, 0]);
  return file(name, Buffer.concat([head, Buffer.from(text), Buffer.from(values.buffer)]));
}

describe("openCalibration", () => {
  test("cuts the middle out of images in folders, by path, at most so many", { skip }, async () => {
    const images = join(folder, "images");
    mkdirSync(join(images, "b"), { recursive: true });
    writeFileSync(join(images, "b", "2.png"), await picture(5, 4, (x, y) => 10 * x + y));
    writeFileSync(join(images, "a.png"), await picture(2, 2, () => 200));
    writeFileSync(join(images, "notes.txt"), "no image");
    const { pictures, samples } = await openCalibration(images, [3, 2, 2], { mean: [0.5], std: [0.25] });
    assert.equal(samples.count, 2);
    assert.deepEqual([...pictures.images.subarray(0, 4)], [200, 200, 200, 200]);
    assert.deepEqual([...pictures.images.subarray(12)], [11, 21, 12, 22, 100, 100, 100, 100, 7, 7, 7, 7]);
    assert.ok(Math.abs(samples.read(1, 1)[0] - (11 / 255 - 0.5) / 0.25) < 1e-6);
    const one = await openCalibration(images, [3, 2, 2], { channels: "bgr" }, 1);
    assert.deepEqual([...one.pictures.images], [7, 7, 7, 7, 100, 100, 100, 100, 200, 200, 200, 200]);
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

describe("preprocessing", () => {
  test("is read from JSON, every field checked", async () => {
    const all = { resize: 256, channels: "bgr", range: 255, mean: [1, 2, 3], std: [4, 5, 6] };
    assert.deepEqual(await readPreprocessing(file("p.json", JSON.stringify(all))), all);
    for (const wrong of [{ resize: 0 }, { channels: "yuv" }, { range: 2 }, { mean: "x" }, { size: 1 }, []]) {
      await assert.rejects(readPreprocessing(file("q.json", JSON.stringify(wrong))), { code: "BAD_FILE" });
    }
    await assert.rejects(readPreprocessing(file("r.json", "{")), { code: "BAD_FILE" });
    await assert.rejects(readPreprocessing(join(folder, "none.json")), { code: "IO" });
  });

  test("becomes mean and deviation of pixels / 255", () => {
    assert.deepEqual(normalizationOf({}, 3), { mean: [0, 0, 0], std: [1, 1, 1] });
    assert.deepEqual(normalizationOf({ range: 255, mean: [51], std: [255, 51] }, 2), {
      mean: [0.2, 0.2],
      std: [1, 0.2],
    });
    assert.throws(() => normalizationOf({ mean: [1, 2] }, 3), { code: "BAD_OPTION", where: "mean" });
    assert.throws(() => normalizationOf({ std: [0] }, 3), { code: "BAD_OPTION", where: "std" });
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
});
