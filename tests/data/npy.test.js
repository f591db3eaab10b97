// npy.test.js: NumPy's files: kinds, orders, damage, and arrays laid out both ways.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { zipSync } from "fflate";
import { imagesOf, readNpy, readNpz } from "../../dist/data/index.js";
import { memoryOfSync } from "../memory.js";

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

/** An array's bytes with the order of each number's turned around. */
const turned = (array) => {
  const bytes = bytesOf(array).slice();
  for (let at = 0; at < bytes.length; at += array.BYTES_PER_ELEMENT) {
    bytes.subarray(at, at + array.BYTES_PER_ELEMENT).reverse();
  }
  return bytes;
};

describe("readNpy", () => {
  const big = BigInt64Array.from([-3n, 2n ** 40n, -(2n ** 63n)]);
  const kinds = [
    ["f4", "float32", VALUES, VALUES],
    ["f8", "float64", Float64Array.from([0.1, -1e300, 3]), [Math.fround(0.1), Number.NEGATIVE_INFINITY, 3]],
    // 1, -2, the smallest, the largest, infinity
    ["f2", "float16", Uint16Array.from([0x3c00, 0xc000, 1, 0x7bff, 0x7c00]), [1, -2, 2 ** -24, 65504, Infinity]],
    ["i1", "int8", Int8Array.from([-128, 0, 127]), [-128, 0, 127]],
    ["i2", "int16", Int16Array.from([-32768, 5]), [-32768, 5]],
    ["i4", "int32", Int32Array.from([-(2 ** 31), 7]), [-(2 ** 31), 7]],
    ["i8", "int64", big, [-3, 2 ** 40, -(2 ** 63)]],
    ["u1", "uint8", Uint8Array.from([0, 255, 7]), [0, 255, 7]],
    ["u2", "uint16", Uint16Array.from([65535, 1]), [65535, 1]],
    ["u4", "uint32", Uint32Array.from([2 ** 31, 1]), [2 ** 31, 1]],
    ["u8", "uint64", BigUint64Array.from([2n ** 63n, 1n]), [2 ** 63, 1]],
    ["b1", "bool", Uint8Array.from([0, 1, 1]), [0, 1, 1]],
  ];
  for (const [key, type, values, expected] of kinds) {
    test(`reads ${type}, little- and big-endian`, () => {
      const little = readNpy(npy(`${values.BYTES_PER_ELEMENT > 1 ? "<" : "|"}${key}`, [values.length], values), "a");
      assert.deepEqual({ ...little, data: [...little.data] }, { shape: [values.length], type, data: [...expected] });
      assert.equal(little.data.constructor, type === "uint8" ? Uint8Array : Float32Array);
      const other = readNpy(npy(`>${key}`, [values.length, 1], turned(values), { version: 2 }), "a");
      assert.deepEqual(other, { ...little, shape: [values.length, 1] });
    });
  }

  test("reads Fortran order as if it were C order", () => {
    const [a, b, c] = [2, 3, 4];
    const index = Array.from({ length: a * b * c }, (_, i) => i);
    // element (i, j, k) of index lies at i + a (j + b k)
    const fortran = index.map((_, at) => (at % a) * b * c + (Math.floor(at / a) % b) * c + Math.floor(at / (a * b)));
    const read = (kind, type) => readNpy(npy(kind, [a, b, c], type.from(fortran), { order: "True" }), "a");
    assert.deepEqual([...read("<f4", Float32Array).data], index);
    assert.deepEqual([...read("|u1", Uint8Array).data], index);
    assert.deepEqual([...readNpy(npy("<f4", [0, 3], new Float32Array(0), { order: "True" }), "a").data], []);
  });

  test("reads what older and newer versions write", () => {
    const text = (fields) => {
      const body = `{${fields}}\n`;
      return new Uint8Array(
        Buffer.concat([Buffer.from([0x93, ...Buffer.from("NUMPY"), 3, 0, body.length, 0, 0, 0]), Buffer.from(body)]),
      );
    };
    const long = text("'descr': '|u1', 'fortran_order': False, 'shape': (0L, 3L), ");
    assert.deepEqual(readNpy(long, "a").shape, [0, 3]);
    const scalar = Buffer.concat([text("'descr': '|i1', 'fortran_order': False, 'shape': ()"), Buffer.from([5])]);
    assert.deepEqual([...readNpy(scalar, "a").data], [5]);
  });

  test("refuses other kinds, and files cut or grown", () => {
    for (const kind of ["<c8", "|O", "<U5", "|V2", "<M8[ns]", "toString", "<f16", ""]) {
      const found = { code: kind === "" ? "BAD_FILE" : "UNSUPPORTED", where: "a" };
      assert.throws(() => readNpy(npy(kind, [6], VALUES), "a"), found, kind);
    }
    const fields = npy("<f4", [6], VALUES);
    const records = Buffer.from(Buffer.from(fields).toString("latin1").replace("'<f4'", "['x']"), "latin1");
    assert.throws(() => readNpy(records, "a"), { code: "UNSUPPORTED", found: "records of several fields" });
    assert.throws(() => readNpy(npy("<f4", [7], VALUES), "a"), { code: "TRUNCATED", found: /^\d+ bytes$/ });
    for (const length of [8, 60]) {
      const cut = npy("<f4", [6], VALUES).subarray(0, length);
      assert.throws(() => readNpy(cut, "a"), {
        code: "TRUNCATED",
        message: /cut within its header; .*found (8|60) bytes/,
      });
    }
    assert.throws(() => readNpy(npy("<f4", [5], VALUES), "a"), { code: "BAD_FILE" });
    assert.throws(() => readNpy(new Uint8Array(0), "a"), { code: "BAD_FILE" });
  });

  test("a size that the file does not have is refused before memory is taken", () => {
    const taken = memoryOfSync(() => {
      for (const shape of [[2 ** 31], [2 ** 40, 2 ** 40], ["9".repeat(80)], [99999999999, 0], [65536, 65536]]) {
        const code = shape.includes(0) ? "BAD_FILE" : "TRUNCATED";
        assert.throws(() => readNpy(npy("<f4", shape, VALUES), "a"), { code }, String(shape));
      }
      const header = npy("<f4", [6], VALUES, { version: 2 });
      new DataView(header.buffer, header.byteOffset).setUint32(8, 0xffffffff, true);
      assert.throws(() => readNpy(header, "a"), { code: "BAD_FILE", expected: "at most 65536 bytes" });
    });
    assert.ok(taken < 100e6, `${taken} bytes`);
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
  const packed = (level, files = { "x.npy": npy("<f4", [6], VALUES) }) => zipSync(files, { level });
  /** An archive with a number of its directory's first entry changed. */
  const changed = (archive, at, change) => {
    const bytes = archive.slice();
    const view = new DataView(bytes.buffer);
    const entry = view.getUint32(bytes.length - 6, true);
    view.setUint32(entry + at, change(view.getUint32(entry + at, true)), true);
    return bytes;
  };
  const [CHECKSUM, SIZE] = [16, 24];

  for (const level of [0, 9]) {
    test(`reads arrays by name, level ${level}`, () => {
      const files = {
        "x.npy": npy("<f4", [6], VALUES),
        "note.txt": new Uint8Array(3),
        "猫.npy": npy("|i1", [1], bytesOf(VALUES).slice(0, 1)),
      };
      const arrays = readNpz(packed(level, files), "z");
      assert.deepEqual([...arrays.keys()], ["x", "猫"]);
      assert.deepEqual(arrays.get("x").data, VALUES);
    });
  }

  test("refuses what is no archive, and one that is damaged", () => {
    const fails = (bytes, more) => assert.throws(() => readNpz(bytes, "z"), { code: "BAD_FILE", ...more });
    fails(new Uint8Array([0x50, 0x4b, 3, 4, 0, 0]), { where: "z" });
    for (const cut of [5, 21, 40, packed(9).length >> 1]) {
      fails(packed(9).subarray(0, -cut), { message: /the archive is cut: .*a directory at its end; found \d+ bytes/ });
    }
    // a directory that is said to stand elsewhere
    const astray = packed(9);
    astray[astray.length - 4] = 0x7f;
    fails(astray, { found: /a directory that is cut, or that leads outside the file/ });
    fails(
      changed(packed(9), CHECKSUM, (sum) => sum ^ 1),
      { where: "z: x.npy", message: /not what was packed/ },
    );
    fails(changed(packed(9), SIZE, (size) => size - 1));
    fails(changed(packed(9), SIZE, (size) => size + 1));
    const stored = packed(0);
    stored[stored.length - 100] ^= 1;
    fails(stored);
  });

  test("a false size, and one that is true but far more than the file, are refused before anything is unpacked", () => {
    const huge = changed(packed(9), SIZE, () => 0xfffffff0);
    const refuse = () =>
      assert.throws(() => readNpz(huge, "z"), {
        code: "BAD_FILE",
        found: "4294967280 bytes",
        expected: /at most 67108864 bytes/,
      });
    assert.ok(memoryOfSync(refuse) < 100e6);
    const zeros = packed(9, { "x.npy": new Uint8Array(2 ** 26 + 1) });
    const found = "67108865 bytes";
    assert.ok(memoryOfSync(() => assert.throws(() => readNpz(zeros, "z"), { code: "BAD_FILE", found })) < 60e6);
  });

  test("answers every cut and changed byte with arrays or a typed error", () => {
    const file = packed(9);
    fc.assert(
      fc.property(fc.nat(file.length), fc.nat(file.length - 1), fc.nat(255), (length, at, byte) => {
        const broken = file.slice(0, length % 2 ? length : file.length);
        broken[at] = byte;
        try {
          readNpz(broken, "z");
        } catch (error) {
          assert.equal(error.name, "ShiftwiseError", String(error));
        }
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});

describe("imagesOf", () => {
  test("takes channels first and last, many and one", () => {
    const first = Uint8Array.from({ length: 12 }, (_, i) => i);
    assert.deepEqual(imagesOf(first, [1, 3, 2, 2], [3, 2, 2], "a"), first);
    assert.deepEqual(imagesOf(first, [3, 2, 2], [3, 2, 2], "a"), first);
    const last = Uint8Array.from([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    assert.deepEqual(imagesOf(last, [1, 2, 2, 3], [3, 2, 2], "a"), first);
    assert.throws(() => imagesOf(first, [2, 3, 2], [3, 2, 2], "a"), { code: "BAD_DATA" });
  });

  test("takes every shape in which count and order of the elements fit, and no other", () => {
    const values = Float32Array.from({ length: 48 }, (_, i) => i);
    const fits = (dimensions, shape) => assert.equal(imagesOf(values, dimensions, shape, "a"), values);
    const refuses = (dimensions, shape) =>
      assert.throws(() => imagesOf(values, dimensions, shape, "a"), { code: "BAD_DATA" });
    for (const shape of [
      [1, 4, 4],
      [16, 1, 1],
      [1, 1, 16],
    ]) {
      for (const dimensions of [
        [3, 16],
        [3, 4, 4],
        [3, 1, 16],
        [3, 4, 4, 1],
        [3, 1, 4, 4],
        [48 / 16, 2, 8],
        [1, 3, 16],
      ]) {
        if (shape[1] === 4 && dimensions[1] === 2) continue;
        fits(dimensions, shape);
      }
      for (const dimensions of [[16, 3], [4, 4, 3], [48], [3, 15]]) refuses(dimensions, shape);
    }
    fits([48], [1, 6, 8]);
    fits([2, 2, 12, 1], [1, 3, 4]);
    fits([1, 48], [3, 4, 4]);
    fits([3, 16], [3, 4, 4]);
    // (height, width) as one axis, channels last
    const turned = imagesOf(values, [16, 3], [3, 4, 4], "a");
    assert.deepEqual(
      [...turned.subarray(0, 16)],
      [...values].filter((_, i) => i % 3 === 0),
    );
    refuses([4, 3, 4], [3, 4, 4]);
    refuses([2, 4, 3, 2], [3, 4, 2]);
    refuses([], [1, 1, 2]);
  });

  test("refuses an array without samples", () => {
    for (const dimensions of [
      [0, 1, 4, 4],
      [0, 16],
      [0, 4, 4, 1],
    ]) {
      const empty = () => imagesOf(new Uint8Array(0), dimensions, [1, 4, 4], "a");
      assert.throws(empty, { code: "BAD_DATA", message: /without samples/, where: "a" });
    }
    assert.throws(() => imagesOf(new Uint8Array(0), [3, 0], [1, 4, 4], "a"), { code: "BAD_DATA" });
  });
});
