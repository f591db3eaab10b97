// codes.test.js: packing of signed digits against its plain twin, at every width and edge.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { createRandom, ShiftwiseError } from "../../dist/base/index.js";
import { digitsPerByte, magnitudes, packCodes, unpackCodes } from "../../dist/format/index.js";
import { unpackCodesPlain } from "../oracle/codes.js";

const WIDTHS = [2, 3, 4, 5];
const seed = 20170211;

const codesOf = (bits) => {
  const k = magnitudes(bits);
  return fc.array(fc.integer({ min: -k, max: k }), { maxLength: 200 }).map((list) => Int8Array.from(list));
};

const streams = (magnitudes, signs) => ({ magnitudes: Uint8Array.from(magnitudes), signs: Uint8Array.from(signs) });

const badFile = (run, place) =>
  assert.throws(
    run,
    (error) => error instanceof ShiftwiseError && error.code === "BAD_FILE" && place.test(error.message),
  );

test("the bytes of the documented examples", () => {
  assert.deepEqual(packCodes(Int8Array.of(3, -8, 0, 1, -1), 5), streams([3 + 9 * 8, 0 + 9 * 1, 1], [0b1010]));
  assert.deepEqual(packCodes(Int8Array.of(-4, 4, 0, 2), 4), streams([4 + 5 * 4 + 25 * 0, 2], [0b001]));
  assert.deepEqual(packCodes(Int8Array.of(1, 2, 0, -2, 1), 3), streams([1 + 3 * 2 + 27 * 2 + 81], [0b0100]));
  assert.deepEqual(packCodes(Int8Array.of(1, 0, -1, 0, 0, 0, 0, 1, -1), 2), streams([0b10000101, 1], [0b1010]));
  assert.deepEqual(packCodes(new Int8Array(0), 5), streams([], []));
});

for (const bits of WIDTHS) {
  test(`${bits} bits: unpacking undoes packing and agrees with the plain twin`, () => {
    fc.assert(
      fc.property(codesOf(bits), (codes) => {
        const packed = packCodes(codes, bits);
        assert.deepEqual(unpackCodes(packed, codes.length, bits), codes);
        assert.deepEqual(unpackCodesPlain(packed, codes.length, bits), codes);
        const nonZero = codes.filter((code) => code !== 0).length;
        assert.equal(packed.magnitudes.length, Math.ceil(codes.length / digitsPerByte(bits)));
        assert.equal(packed.signs.length, Math.ceil(nonZero / 8));
      }),
      { seed, numRuns: 300 },
    );
  });

  test(`${bits} bits: every byte value, alone`, () => {
    const per = digitsPerByte(bits);
    const limit = (magnitudes(bits) + 1) ** per;
    for (let value = 0; value < 256; value++) {
      const packed = streams([value], [0b01010101]);
      if (value >= limit) badFile(() => unpackCodes(packed, per, bits, "w"), /w: magnitudes, byte 0/);
      else {
        const plain = unpackCodesPlain(packed, per, bits);
        const nonZero = plain.filter((code) => code !== 0).length;
        const exact = streams([value], nonZero ? [0b01010101 & (2 ** nonZero - 1)] : []);
        assert.deepEqual(unpackCodes(exact, per, bits), plain);
      }
    }
  });

  test(`${bits} bits: whatever the bytes, either an error or the one way to write the codes`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 4 }), fc.nat(8), (head, signs, less) => {
        const count = Math.max(0, head.length * digitsPerByte(bits) - less);
        const packed = streams(head, signs);
        let codes;
        try {
          codes = unpackCodes(packed, count, bits);
        } catch (error) {
          assert.equal(error.code, "BAD_FILE");
          return;
        }
        assert.equal(codes.length, count);
        assert.deepEqual(packCodes(codes, bits), packed);
      }),
      { seed, numRuns: 2000 },
    );
  });
}

test("wrong lengths, filling digits and unused sign bits are refused", () => {
  assert.deepEqual(packCodes(Int8Array.of(1, -1, 1), 5), streams([10, 1], [0b010]));
  badFile(() => unpackCodes(streams([10, 1], []), 3, 5, "w"), /w: signs.*1 bytes for 3 signs.*found 0/);
  badFile(() => unpackCodes(streams([10, 1], [2, 0]), 3, 5, "w"), /w: signs.*1 bytes.*found 2/);
  badFile(() => unpackCodes(streams([10], [2]), 3, 5, "w"), /w: magnitudes.*2 bytes for 3 codes/);
  badFile(() => unpackCodes(streams([10, 10], [0]), 3, 5, "w"), /w: magnitudes, byte 1.*unused digits/);
  badFile(() => unpackCodes(streams([10, 1], [0b1010]), 3, 5, "w"), /w: signs, byte 0.*unused bits/);
  badFile(() => unpackCodes(streams(new Uint8Array(8), []), 2 ** 45, 2, "w"), /w: magnitudes/);
});

test("a digit beyond the width is refused", () => {
  for (const bits of WIDTHS) {
    assert.throws(() => packCodes(Int8Array.of(0, -magnitudes(bits) - 1), bits), { code: "BAD_GRAPH" });
  }
});

test("a packed weight takes at most its bits, and gzip of the streams is within 5 % of the entropy", () => {
  // Gaussian weights with the largest at 4 sigma, as in a trained layer, rounded by INQ's rule (2 bits: largest at sigma).
  const random = createRandom(1);
  const n = 50000;
  const normal = Float64Array.from({ length: n }, () => random.normal());
  for (const bits of WIDTHS) {
    const n1 = bits === 2 ? 0 : 2;
    const n2 = n1 + 1 - magnitudes(bits);
    const codes = Int8Array.from(normal, (w) => {
      if (Math.abs(w) < 2 ** (n2 - 1)) return 0;
      const exponent = Math.floor(Math.log2((4 * Math.abs(w)) / 3));
      return Math.sign(w) * (Math.min(Math.max(exponent, n2), n1) - n2 + 1);
    });
    const counts = new Map();
    for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
    const entropy = [...counts.values()].reduce((sum, c) => sum - c * Math.log2(c / n), 0) / 8;
    const { magnitudes: head, signs } = packCodes(codes, bits);
    assert.ok(head.length + signs.length <= (n * bits) / 8 + 1);
    assert.ok(gzipSync(head).length + gzipSync(signs).length <= entropy * 1.05, `${bits} bits`);
  }
});
