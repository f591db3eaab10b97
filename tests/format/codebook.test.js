// codebook.test.js: packing of indices at every width, against the layout's definition and at its edges.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ShiftwiseError } from "../../dist/base/index.js";
import { codebookWidth, packIndices, unpackIndices } from "../../dist/format/index.js";

test("a code takes ceil(log2(levels)) bits", () => {
  const widths = [2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65, 128].map(codebookWidth);
  assert.deepEqual(widths, [1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]);
});

test("the layout: bit b of the stream is bit b % 8 of byte b >> 3", () => {
  assert.deepEqual([...packIndices(Uint8Array.of(1, 2, 3, 4, 5), 6)], [0b11_010_001, 0b0_101_100_0]);
  assert.deepEqual([...packIndices(Uint8Array.of(1, 0, 1, 1, 0, 0, 0, 1, 1), 2)], [0b10001101, 1]);
  assert.deepEqual([...packIndices(new Uint8Array(0), 2)], []);
});

test("what is packed comes back, bit by bit where it should lie", () => {
  const drawn = fc.integer({ min: 2, max: 128 }).chain((levels) =>
    fc.record({
      levels: fc.constant(levels),
      codes: fc.uint8Array({ max: levels - 1, maxLength: 70 }),
    }),
  );
  fc.assert(
    fc.property(drawn, ({ levels, codes }) => {
      const width = codebookWidth(levels);
      const packed = packIndices(codes, levels);
      assert.equal(packed.length, Math.ceil((codes.length * width) / 8));
      const bits = Array.from(packed).flatMap((byte) => Array.from({ length: 8 }, (_, b) => (byte >> b) & 1));
      const expected = Array.from(codes).flatMap((code) => Array.from({ length: width }, (_, b) => (code >> b) & 1));
      assert.deepEqual(bits.slice(0, expected.length), expected);
      assert.deepEqual(unpackIndices(packed, codes.length, levels), codes);
    }),
    { seed: 3, numRuns: 300 },
  );
});

test("damage is told with its place", () => {
  const refuse = (packed, count, levels, where) =>
    assert.throws(
      () => unpackIndices(Uint8Array.from(packed), count, levels, "conv"),
      (error) => error instanceof ShiftwiseError && error.code === "BAD_FILE" && where.test(error.where),
    );
  refuse([0], 9, 2, /conv.*codes/);
  refuse([0, 0, 0], 9, 2, /conv.*codes/);
  refuse([0b11_00], 2, 3, /codes\[1\]/);
  refuse([0b1000_0000], 7, 2, /byte 0/);
  assert.throws(() => packIndices(Uint8Array.of(0, 3), 3), { code: "BAD_GRAPH", where: "codes[1]" });
});
