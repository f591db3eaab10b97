import assert from "node:assert/strict";
import { test } from "node:test";
import { packFloat, packPlanes, planesOf } from "../../dist/runtime/planes.js";

test("dense codes are packed in planes of bits", () => {
  // levels 1, -8 and 0, 4: above the least 9, 0 and 8, 12
  const weights = { kind: "codes", bits: 5, n1: 0, codes: Int8Array.of(1, -4, 0, 3) };
  assert.deepEqual(planesOf(weights), { least: -8, pairs: 2 });
  const packed = packPlanes(weights, 2, -8, 2);
  assert.equal(packed.length, 2 * 8 * 16);
  // planes 0 and 1 of both outputs, then planes 2 and 3
  assert.deepEqual([packed[0], packed[1], packed[128], packed[129]], [0b0000_0001, 0, 0b0001_0000, 0b0011_0010]);
  assert.equal(packed.filter((byte) => byte !== 0).length, 3);
});

test("float weights are packed in blocks with zeros behind the last output", () => {
  const packed = packFloat(Float32Array.of(1, 2, 3, 4, 5, 6), 3, 4);
  assert.deepEqual([...packed], [1, 3, 5, 0, 2, 4, 6, 0]);
});
