// checksum.test.js: CRC-32 against zlib's, the golden hash against published FNV-1a vectors and a BigInt twin.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32, goldenHash } from "../../dist/format/index.js";

const seed = 1;
const ascii = (text) => new TextEncoder().encode(text);

/** Bit by bit from the definition. */
function plainCrc(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
}

function plainHash(bytes) {
  let h = 0xcbf29ce484222325n;
  for (const byte of bytes) h = ((h ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return h.toString(16).padStart(16, "0");
}

test("CRC-32: the check value, no bytes, and several parts as one", () => {
  assert.equal(crc32(ascii("123456789")), 0xcbf43926);
  assert.equal(crc32(), 0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 70 }), (a, b) => {
      assert.equal(crc32(a, b), plainCrc(Uint8Array.from([...a, ...b])));
    }),
    { seed },
  );
});

test("golden hash: published vectors of 64-bit FNV-1a", () => {
  assert.equal(goldenHash(), "cbf29ce484222325");
  assert.equal(goldenHash(ascii("a")), "af63dc4c8601ec8c");
  assert.equal(goldenHash(ascii("foobar")), "85944171f73967e8");
});

test("golden hash: bytes of any array, little-endian, one array after the other", () => {
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true, maxLength: 20 }), fc.int8Array({ maxLength: 20 }), (floats, bytes) => {
      const all = new Uint8Array(floats.length * 4 + bytes.length);
      const view = new DataView(all.buffer);
      floats.forEach((value, i) => {
        view.setFloat32(4 * i, value, true);
      });
      all.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), floats.length * 4);
      assert.equal(goldenHash(floats, bytes), plainHash(all));
    }),
    { seed },
  );
});

test("golden hash: tells -0 from 0, and hashes a view alone", () => {
  assert.notEqual(goldenHash(Float32Array.of(0)), goldenHash(Float32Array.of(-0)));
  const whole = Float32Array.of(1, 2, 3);
  assert.equal(goldenHash(whole.subarray(1)), goldenHash(Float32Array.of(2, 3)));
});
