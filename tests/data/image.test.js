// image.test.js: pictures told by their content, the first of several, within limits; what is none is named.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeImage, prepareImage } from "../../dist/data/index.js";
import { memoryOf } from "../memory.js";

const sharp = await import("sharp").then(
  ({ default: found }) => found,
  () => null,
);
const skip = sharp ? false : "sharp is not installed";

const plain = (width, height) => sharp({ create: { width, height, channels: 3, background: { r: 90, g: 60, b: 30 } } });

describe("decodeImage", { skip }, () => {
  for (const kind of ["jpeg", "png", "webp", "gif", "tiff", "avif"]) {
    test(kind, async () => {
      const { width, height, pixels } = await decodeImage(await plain(6, 4).toFormat(kind).toBuffer(), "x");
      assert.deepEqual([width, height, pixels.length], [6, 4, 72]);
      assert.ok(Math.abs(pixels[0] - 90) <= 3 && Math.abs(pixels[2] - 30) <= 3, pixels.slice(0, 3).join());
    });
  }

  for (const kind of ["gif", "webp"]) {
    test(`of a ${kind} that moves the first picture`, async () => {
      const frames = Buffer.concat([200, 50].map((grey) => Buffer.alloc(8 * 8 * 3, grey)));
      const raw = { width: 8, height: 16, channels: 3, pageHeight: 8 };
      const moving = await sharp(frames, { raw })
        .toFormat(kind, { delay: [9, 9], loop: 0, lossless: true })
        .toBuffer();
      assert.equal((await sharp(moving).metadata()).pages, 2);
      const { height, pixels } = await decodeImage(moving, "x");
      assert.equal(height, 8);
      assert.ok(Math.abs(pixels[0] - 200) < 3);
    });
  }

  test("what claims to be larger than any photograph is refused by its header", async () => {
    const bytes = await plain(9000, 9000).png().toBuffer();
    const refuse = () =>
      assert.rejects(decodeImage(bytes, "x.png"), {
        code: "BAD_DATA",
        where: "x.png",
        found: "9000x9000",
        expected: "at most 67108864 pixels",
      });
    assert.ok((await memoryOf(refuse)) < 100e6);
  });

  test("large ones are decoded by turns, all of them", async () => {
    const bytes = await plain(4000, 3000).jpeg().toBuffer();
    const broken = bytes.subarray(0, bytes.length / 2);
    const jobs = Array.from({ length: 9 }, (_, i) =>
      i === 4 ? assert.rejects(decodeImage(broken, "x"), { code: "BAD_DATA" }) : decodeImage(bytes, "x"),
    );
    const images = await Promise.all(jobs);
    assert.deepEqual(
      images.map((image) => image?.pixels.length),
      Array.from({ length: 9 }, (_, i) => (i === 4 ? undefined : 36_000_000)),
    );
  });

  test("what is no picture is named, with its file", async () => {
    const cases = [
      [Buffer.alloc(0), "an empty file"],
      [Buffer.from("<!DOCTYPE html><html>"), "an HTML page"],
      [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), "an SVG drawing"],
      [Buffer.from('<?xml version="1.0"?>\n<svg/>'), "an SVG drawing"],
      [Buffer.from("version https://git-lfs.github.com/spec/v1\n"), /^a Git LFS pointer, .*: .*git lfs pull/],
      [Buffer.from("%PDF-1.7"), "a PDF"],
      [Buffer.from("\x1c\0\0\0TFL3"), "a TensorFlow Lite model"],
      [Buffer.from("\0\0\0\x18ftypheic"), /HEIC.*save it as JPEG/],
      [Buffer.from("\x93NUMPY", "latin1"), "a NumPy array (.npy)"],
      [Buffer.from("hello"), 'a text that begins with "hello"'],
      [Buffer.from([0, 1, 2, 3]), "bytes of an unknown kind"],
    ];
    for (const [bytes, found] of cases) {
      await assert.rejects(decodeImage(bytes, "dir/x.jpg"), { code: "BAD_DATA", where: "dir/x.jpg", found });
    }
    for (const kind of ["jpeg", "png", "webp", "gif", "tiff", "avif"]) {
      const bytes = await plain(64, 64).toFormat(kind).toBuffer();
      for (const cut of [12, 20, 40, bytes.length >> 1]) {
        const broken = decodeImage(bytes.subarray(0, cut), "x");
        await broken.catch((error) =>
          assert.deepEqual([error.name, error.where], ["ShiftwiseError", "x"], String(error)),
        );
      }
    }
  });
});

describe("prepareImage", { skip }, () => {
  test("pixels come in the order of the input", async () => {
    const image = { width: 3, height: 2, pixels: Uint8Array.from({ length: 18 }, (_, i) => i) };
    const shape = [3, 2, 3];
    const interleaved = await prepareImage(image, { shape, channelsLast: true }, {}, "x");
    assert.deepEqual([...interleaved], [...image.pixels]);
    const planes = [0, 1, 2].flatMap((c) => [0, 3, 6, 9, 12, 15].map((at) => at + c));
    for (const input of [shape, { shape }, { shape, channelsLast: false, name: "x" }]) {
      assert.deepEqual([...(await prepareImage(image, input, {}, "x"))], planes);
    }
    const swapped = await prepareImage(image, { shape, channelsLast: true }, { channels: "bgr" }, "x");
    assert.deepEqual([...swapped], [2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 17, 16, 15]);
    for (const wrong of [{}, { shape: 3 }, { shape, channelsLast: 1 }, null]) {
      await assert.rejects(prepareImage(image, wrong, {}, "x"), { code: "BAD_OPTION" });
    }
  });

  test("vectors and lines of other data take no pictures but of their own size", async () => {
    const image = { width: 6, height: 4, pixels: new Uint8Array(72).fill(9) };
    for (const shape of [
      [1, 1, 24],
      [1, 24, 1],
      [24, 1, 1],
      [3, 1, 1],
      [3, 1, 6],
      [3, 4, 1],
    ]) {
      await assert.rejects(prepareImage(image, shape, {}, "x"), {
        code: "BAD_OPTION",
        message: /^x: a picture for a network that reads none; expected arrays of \(count, .*found a picture of 6x4/,
      });
    }
    const line = { width: 6, height: 1, pixels: new Uint8Array(18).fill(9) };
    assert.deepEqual([...(await prepareImage(line, [1, 1, 6], {}, "x"))], new Array(6).fill(9));
  });

  test("a picture so narrow that it would become huge is refused", async () => {
    const image = await decodeImage(await plain(1, 20000).png().toBuffer(), "x");
    const refuse = () =>
      assert.rejects(prepareImage(image, [3, 224, 224], { resize: 224 }, "x"), {
        code: "BAD_DATA",
        where: "x",
        found: "1x20000, which becomes 224x4480000",
      });
    assert.ok((await memoryOf(refuse)) < 100e6);
    // a part of it is no larger than the input
    const part = prepareImage(image, [3, 224, 224], {}, "x");
    assert.equal((await part).length, 3 * 224 * 224);
  });
});
