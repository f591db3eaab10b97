// npy.test.js: NumPy's files: kinds, orders, damage, and arrays laid out both ways.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { zipSync } from "fflate";
import { imagesOf, readNpy, readNpz } from "../../dist/data/index.js";

const bytesOf = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function npy(descr, shape, values, { order = "False", version = 1 } = {}) {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${sizes}), }`;
  const prefix = version === 1 ? 10 : 12;
  const header = `${text.padEnd(64 * Math.ceil((prefix + text.length + 1) / 64) - prefix - 1)}\n`;
  const head = new Uint8Array(prefix);
  head.set([0x93, ...Buffer.from("NUMPY"), version, 0]);
  const view = new DataView(head.buffer);
  if (version === 1) view.setUint16(8, header.length, true);
  else view.setUint32(8, header.length, true);
  return new Uint8Array(Buffer.concat([head, Buffer.from(header, "latin1"), bytesOf(values)]));
}

const VALUES = Float32Array.from([1, -2, 0.5, 4, 5, 6]);

describe("readNpy", () => {
  test("reads float32, float64 and uint8, both header versions", () => {
    assert.deepEqual(readNpy(npy("<f4", [2, 3], VALUES), "a"), { shape: [2, 3], data: VALUES });
    assert.deepEqual(readNpy(npy("<f8", [6], Float64Array.from(VALUES), { version: 2 }), "a"), {
      shape: [6],
      data: VALUES,
    });
    const pixels = Uint8Array.from([0, 255, 7]);
    assert.deepEqual(readNpy(npy("|u1", [3, 1], pixels), "a"), { shape: [3, 1], data: pixels });
  });

  test("refuses other kinds and orders, and files cut or grown", () => {
    assert.throws(() => readNpy(npy(">f4", [6], VALUES), "a"), { code: "UNSUPPORTED", where: "a" });
    assert.throws(() => readNpy(npy("<i8", [3], VALUES), "a"), { code: "UNSUPPORTED" });
    assert.throws(() => readNpy(npy("<f4", [2, 3], VALUES, { order: "True" }), "a"), { code: "UNSUPPORTED" });
    assert.throws(() => readNpy(npy("<f4", [7], VALUES), "a"), { code: "TRUNCATED" });
    assert.throws(() => readNpy(npy("<f4", [5], VALUES), "a"), { code: "BAD_FILE" });
    assert.throws(() => readNpy(new Uint8Array(0), "a"), { code: "BAD_FILE" });
  });

  test("answers every cut and changed byte with a value or a typed error", () => {
    const file = npy("<f4", [2, 3], VALUES);
    fc.assert(
      fc.property(fc.nat(file.length), fc.nat(file.length - 1), fc.nat(255), (length, at, byte) => {
        const broken = file.slice(0, length);
        if (at < length) broken[at] = byte;
        try {
          readNpy(broken, "a");
        } catch (error) {
          assert.equal(error.name, "ShiftwiseError", String(error));
        }
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});

describe("readNpz", () => {
  test("reads arrays by name", () => {
    const arrays = readNpz(zipSync({ "x.npy": npy("<f4", [6], VALUES), "note.txt": new Uint8Array(3) }), "z");
    assert.deepEqual([...arrays.keys()], ["x"]);
    assert.deepEqual(arrays.get("x").data, VALUES);
  });

  test("refuses what is no archive", () => {
    assert.throws(() => readNpz(new Uint8Array([0x50, 0x4b, 3, 4, 0, 0]), "z"), { code: "BAD_FILE", where: "z" });
  });
});

describe("imagesOf", () => {
  test("takes channels first and last, many and one", () => {
    const first = Uint8Array.from({ length: 12 }, (_, i) => i);
    assert.deepEqual(imagesOf(first, [1, 3, 2, 2], [3, 2, 2], "a"), first);
    assert.deepEqual(imagesOf(first, [3, 2, 2], [3, 2, 2], "a"), first);
    const last = Uint8Array.from([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    assert.deepEqual(imagesOf(last, [1, 2, 2, 3], [3, 2, 2], "a"), first);
    assert.throws(() => imagesOf(first, [1, 2, 6], [3, 2, 2], "a"), { code: "BAD_DATA" });
  });
});
