// bmp.test.js: Windows bitmaps of every depth made here byte by byte, and broken ones.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeBmp } from "../../dist/data/bmp.js";
import { decodeImage } from "../../dist/data/index.js";
import { memoryOfSync } from "../memory.js";

const MOST = 2 ** 20;

/** 3 x 2 pixels, red, green and blue; in the first row red, green, blue, in the second shades that 5 bits hold. */
const PIXELS = [255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 132, 132, 132, 255, 255, 255];
const COLOURS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [0, 0, 0],
  [132, 132, 132],
  [255, 255, 255],
];

/** Rows of pixel bits from the top down, in the order and with the filling that a file has. */
function bitmap({ bits, rows, size = 40, packing = 0, palette = [], extra = [], topDown = false, gap = 0 }) {
  const stride = 4 * Math.ceil((3 * bits) / 32);
  const start = 14 + size + extra.length + palette.flat().length + gap;
  const bytes = Buffer.alloc(start + 2 * stride);
  bytes.write("BM", 0, "latin1");
  bytes.writeUInt32LE(start, 10);
  bytes.writeUInt32LE(size, 14);
  if (size === 12) {
    for (const [i, value] of [3, 2, 1, bits].entries()) bytes.writeUInt16LE(value, 18 + 2 * i);
  } else {
    bytes.writeInt32LE(3, 18);
    bytes.writeInt32LE(topDown ? -2 : 2, 22);
    bytes.writeUInt16LE(1, 26);
    bytes.writeUInt16LE(bits, 28);
    bytes.writeUInt32LE(packing, 30);
  }
  bytes.set([...extra, ...palette.flat()], 14 + Math.min(size, 40));
  for (const [y, row] of rows.entries()) bytes.set(row, start + stride * (topDown ? y : 1 - y));
  return bytes;
}

const words = (bytes, ...values) =>
  values.flatMap((value) => Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255));
const bgr = COLOURS.map(([r, g, b]) => [b, g, r]);
const of5 = ([r, g, b]) =>
  (Math.round((r * 31) / 255) << 10) | (Math.round((g * 31) / 255) << 5) | Math.round((b * 31) / 255);
const palette4 = bgr.map((colour) => [...colour, 0]);
const two = (pixels) => [pixels.slice(0, 3).flat(), pixels.slice(3).flat()];

const FORMS = {
  "1 bit": { bits: 1, rows: [[0b01000000], [0b10100000]], palette: [palette4[3], palette4[5]] },
  "4 bits": {
    bits: 4,
    rows: [
      [0x01, 0x20],
      [0x34, 0x50],
    ],
    palette: palette4,
  },
  "8 bits": {
    bits: 8,
    rows: [
      [0, 1, 2],
      [3, 4, 5],
    ],
    palette: palette4,
  },
  "8 bits, the oldest header": {
    bits: 8,
    size: 12,
    rows: [
      [0, 1, 2],
      [3, 4, 5],
    ],
    palette: bgr,
  },
  "8 bits, pixels further back": {
    bits: 8,
    rows: [
      [0, 1, 2],
      [3, 4, 5],
    ],
    palette: palette4,
    gap: 10,
  },
  "16 bits": { bits: 16, rows: two(COLOURS.map((colour) => words(2, of5(colour)))) },
  "16 bits with masks of 5, 6 and 5": {
    bits: 16,
    packing: 3,
    extra: words(4, 0xf800, 0x7e0, 0x1f),
    rows: two(COLOURS.map(([r, g, b]) => words(2, ((r >> 3) << 11) | ((g >> 2) << 5) | (b >> 3)))),
  },
  "24 bits": { bits: 24, rows: two(bgr) },
  "24 bits, top-down": { bits: 24, rows: two(bgr), topDown: true },
  "24 bits, the oldest header": { bits: 24, size: 12, rows: two(bgr) },
  "24 bits, a long header": { bits: 24, size: 124, rows: two(bgr) },
  "32 bits": { bits: 32, rows: two(bgr.map((colour) => [...colour, 7])) },
  "32 bits with masks in a long header": {
    bits: 32,
    size: 108,
    packing: 3,
    extra: words(4, 0xff000000, 0xff0000, 0xff00, 0xff),
    rows: two(COLOURS.map(([r, g, b]) => [9, b, g, r])),
  },
};

describe("decodeBmp", () => {
  for (const [name, form] of Object.entries(FORMS)) {
    test(name, async () => {
      const bytes = bitmap({ ...form, ...(form.size === 108 && { extra: form.extra }) });
      const { width, height, pixels } = decodeBmp(bytes, MOST, "x");
      assert.deepEqual([width, height], [3, 2]);
      const expected = name === "1 bit" ? [0, 255, 0, 255, 0, 255].flatMap((v) => [v, v, v]) : PIXELS;
      for (const [i, value] of expected.entries()) assert.ok(Math.abs(pixels[i] - value) <= 2, `${[...pixels]}`);
      assert.deepEqual(await decodeImage(bytes, "x"), { width, height, pixels });
    });
  }

  test("refuses compressed ones, what is cut, and sizes that the bytes do not have", () => {
    const good = bitmap(FORMS["24 bits"]);
    const changed = (at, value) => {
      const bytes = Buffer.from(good);
      bytes.writeInt32LE(value, at);
      return bytes;
    };
    assert.throws(() => decodeBmp(changed(30, 1), MOST, "x"), { code: "UNSUPPORTED", found: "RLE8", where: "x" });
    const refuse = () => {
      for (const [at, value] of [
        [18, 2 ** 30],
        [18, 0],
        [18, -3],
        [22, -(2 ** 31)],
        [22, 2000],
        [10, 2 ** 31 - 1],
        [14, 2 ** 31 - 1],
        [14, 0],
        [28, 5],
        [30, 99],
      ]) {
        assert.throws(() => decodeBmp(changed(at, value), MOST, "x"), { code: "BAD_DATA" }, `${value} at ${at}`);
      }
      assert.throws(() => decodeBmp(good, 5, "x"), { code: "BAD_DATA", found: "3x2" });
      for (let length = 0; length < good.length; length++) {
        assert.throws(() => decodeBmp(good.subarray(0, length), MOST, "x"), { name: "ShiftwiseError" }, `${length}`);
      }
    };
    assert.ok(memoryOfSync(refuse) < 100e6);
  });

  test("answers every changed byte with pixels or a typed error", () => {
    const files = Object.values(FORMS).map(bitmap);
    fc.assert(
      fc.property(fc.nat(files.length - 1), fc.nat(80), fc.nat(255), (which, at, byte) => {
        const bytes = Buffer.from(files[which]);
        if (at < bytes.length) bytes[at] = byte;
        try {
          decodeBmp(bytes, MOST, "x");
        } catch (error) {
          assert.equal(error.name, "ShiftwiseError", String(error));
        }
      }),
      { seed: 8, numRuns: 1000 },
    );
  });
});
