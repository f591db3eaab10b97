// huffman.test.js: the size of Huffman codes worked by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { huffmanBytes, streamBits } from "../../../dist/quantize/quantizers/huffman.js";

test("bits of a stream: 5 of a, 2 of b, 1 of c, 1 of d take 1, 2, 3, 3 bits each", () => {
  assert.equal(
    streamBits(
      new Map([
        ["a", 5],
        ["b", 2],
        ["c", 1],
        ["d", 1],
      ]),
    ),
    5 + 4 + 3 + 3,
  );
  assert.equal(streamBits(new Map([["a", 7]])), 7);
  assert.equal(streamBits(new Map()), 0);
});

test("a layer is its codes, its gaps, their tables and the levels; long runs of zeros take a filler", () => {
  // weights 1 and 2, gaps 1 and 0: 1 bit each, 4 symbols of 5 bits: 24 bits; 3 levels of 4 bytes
  assert.equal(huffmanBytes([0, 5, 9], Uint8Array.of(0, 1, 2)), 3 + 12);
  // 31 zeros, a filler of zero, then the weight: two codes, two gaps
  assert.equal(
    huffmanBytes(
      [0, 5],
      Uint8Array.from({ length: 33 }, (_, i) => Number(i === 32)),
    ),
    3 + 8,
  );
});
