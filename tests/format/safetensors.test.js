// safetensors.test.js: the container: what it accepts, and that everything else is a typed error naming its field.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ShiftwiseError } from "../../dist/base/index.js";
import { HEADER_LIMIT, readSafetensors, writeSafetensors } from "../../dist/format/index.js";

/** A file from a header as text or object, filled up with spaces, and data. */
function file(header, data = 0, length) {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const json = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(32);
  json.set(text);
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const tensor = (begin, end, shape = [end - begin], dtype = "U8") => ({ dtype, shape, data_offsets: [begin, end] });

const fails = (bytes, code, place) =>
  assert.throws(
    () => readSafetensors(bytes, "m.safetensors"),
    (error) =>
      error instanceof ShiftwiseError && error.code === code && error.where.startsWith(`m.safetensors: ${place}`),
    `${code} ${place}`,
  );

test("a name that is no text, whose bytes are gone, is no trap", () => {
  const name = new Float32Array(4);
  structuredClone(name, { transfer: [name.buffer] });
  assert.throws(() => readSafetensors(new Uint8Array(3), name), { code: "TRUNCATED" });
});

test("what is written is read back, aligned and without gaps", () => {
  const sizes = { U8: 1, F32: 4, I32: 4, U16: 2, I8: 1, F64: 8 };
  const arbitrary = fc.dictionary(
    fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
      .filter((s) => /^\P{Cc}{1,200}$/u.test(s) && !s.startsWith("__")),
    fc.record({ dtype: fc.constantFrom(...Object.keys(sizes)), shape: fc.array(fc.nat(5), { maxLength: 4 }) }),
    { maxKeys: 6, noNullPrototype: true },
  );
  fc.assert(
    fc.property(arbitrary, (specs) => {
      const tensors = new Map(
        Object.entries(specs).map(([name, { dtype, shape }], t) => {
          const length = shape.reduce((a, b) => a * b, sizes[dtype]);
          return [name, { dtype, shape, bytes: Uint8Array.from({ length }, (_, i) => i * 31 + t) }];
        }),
      );
      const metadata = { format: "x", note: "“ü”" };
      const bytes = writeSafetensors(tensors, metadata);
      const read = readSafetensors(bytes);
      assert.deepEqual(read.metadata, metadata);
      assert.deepEqual(new Map([...read.tensors].sort()), new Map([...tensors].sort()));
      assert.equal((bytes.length - read.data.length) % 8, 0);
      for (const { dtype, bytes: view } of read.tensors.values()) {
        if (view.length > 0) assert.equal((view.byteOffset - bytes.byteOffset) % sizes[dtype], 0);
      }
    }),
    { seed: 3, numRuns: 200 },
  );
});

test("a file at an odd offset of a larger buffer reads the same", () => {
  const bytes = writeSafetensors(new Map([["a", { dtype: "U8", shape: [3], bytes: Uint8Array.of(1, 2, 3) }]]), {});
  const larger = new Uint8Array(bytes.length + 3);
  larger.set(bytes, 3);
  assert.deepEqual([...readSafetensors(larger.subarray(3)).tensors.get("a").bytes], [1, 2, 3]);
});

test("scalars, empty tensors and no tensors at all", () => {
  const { tensors } = readSafetensors(
    file({ a: tensor(0, 0, [0, 3]), b: tensor(0, 4, [], "F32"), c: tensor(4, 4, [0]) }, 4),
  );
  assert.deepEqual([...tensors.keys()], ["a", "b", "c"]);
  assert.equal(readSafetensors(file({})).tensors.size, 0);
});

test("truncation and the header length", () => {
  fails(new Uint8Array(0), "TRUNCATED", "header length");
  fails(new Uint8Array(7), "TRUNCATED", "header length");
  fails(new Uint8Array(8), "BAD_FILE", "header length");
  fails(file("{}", 0, 16), "TRUNCATED", "header");
  for (const length of [2, 7, 9, 12]) fails(file("{}", 100, length), "BAD_FILE", "header length");
  fails(file("{}", 0, HEADER_LIMIT + 1), "BAD_FILE", "header length");
  fails(file("{}", 0, 2n ** 63n), "BAD_FILE", "header length");
  fails(file({ a: tensor(0, 8) }, 7), "TRUNCATED", "tensor a.data_offsets");
});

test("a header that is not a JSON object in UTF-8", () => {
  for (const text of ["[]", "null", "12", '"a"']) fails(file(text), "BAD_FILE", "header");
  for (const text of ["{", "{]", '{"a":}', "{}{}", "\u0000\u0000", "[".repeat(100000)])
    fails(file(text), "BAD_FILE", "header");
  const broken = file('{"__metadata__":{"a":"bc"}}');
  broken[8 + 22] = 0xff;
  fails(broken, "BAD_FILE", "header");
});

test("metadata must be text by name", () => {
  fails(file({ __metadata__: { a: 1 } }), "BAD_FILE", "__metadata__.a");
  fails(file({ __metadata__: [] }), "BAD_FILE", "__metadata__");
  fails(file('{"__metadata__":{"__proto__":"x"}}'), "BAD_FILE", "__metadata__");
});

test("fields of a tensor", () => {
  const good = tensor(0, 4, [4]);
  for (const [field, value] of [
    ["dtype", "F8"],
    ["dtype", 1],
    ["dtype", "toString"],
    ["shape", 4],
    ["shape", [-4]],
    ["shape", [1.5]],
    ["shape", ["4"]],
    ["shape", [2 ** 32]],
    ["shape", [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1]],
    ["shape", [5]],
    ["data_offsets", [0]],
    ["data_offsets", [0, 4, 4]],
    ["data_offsets", [4, 0]],
    ["data_offsets", [-4, 0]],
    ["data_offsets", [0, 1e300]],
    ["data_offsets", null],
  ]) {
    fails(file({ a: { ...good, [field]: value } }, 4), "BAD_FILE", "tensor a.");
  }
  fails(file({ a: { ...good, more: 1 } }, 4), "BAD_FILE", "tensor a");
  fails(file({ a: { dtype: "U8", shape: [4] } }, 4), "BAD_FILE", "tensor a");
  fails(file({ a: null }, 4), "BAD_FILE", "tensor a");
  fails(file('{"__proto__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), "BAD_FILE", "tensor name");
  fails(file({ "": good }, 4), "BAD_FILE", "tensor name");
});

test("overlaps, gaps and bytes that nobody owns", () => {
  fails(file({ a: tensor(0, 4), b: tensor(3, 7) }, 7), "BAD_FILE", "tensor b.data_offsets");
  fails(file({ a: tensor(0, 4), b: tensor(0, 4) }, 4), "BAD_FILE", "tensor b.data_offsets");
  fails(file({ a: tensor(0, 4), b: tensor(5, 9) }, 9), "BAD_FILE", "tensor b.data_offsets");
  fails(file({ a: tensor(1, 4) }, 4), "BAD_FILE", "tensor a.data_offsets");
  fails(file({ a: tensor(0, 4) }, 5), "BAD_FILE", "data");
  fails(file({}, 1), "BAD_FILE", "data");
});

test("whatever the bytes, nothing but a ShiftwiseError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.string({ maxLength: 40 }), (data, text) => {
      for (const bytes of [data, file(text), file(`{${text}}`, data.length)]) {
        try {
          readSafetensors(bytes);
        } catch (error) {
          assert.ok(error instanceof ShiftwiseError, String(error));
        }
      }
    }),
    { seed: 5, numRuns: 1000 },
  );
});

test("JSON is taken however it is spelled, each key once", () => {
  const entry = '{"dtype":"U8","shape":[4],"data_offsets":[0,4]}';
  assert.equal(readSafetensors(file(`{\n "a" : ${entry} }`, 4)).tensors.size, 1);
  assert.equal(readSafetensors(file(`{"\\u0061":${entry.replace("4]", "4.0]")}}`, 4)).tensors.get("a").bytes.length, 4);
  assert.deepEqual(readSafetensors(file('{"__metadata__":{"a:\\"b":"{\\\\\\":"}}')).metadata, { 'a:"b': '{\\":' });
  for (const twice of ["a", "\\u0061"]) fails(file(`{"a":${entry},"${twice}":${entry}}`, 4), "BAD_FILE", "header");
  fails(file('{"__metadata__":{"a":"x","a":"x"}}'), "BAD_FILE", "header");
  fails(file(`{"a":${entry.replace("{", '{"dtype":"U8",')}}`, 4), "BAD_FILE", "header");
});

test("nothing but the header and spaces before the data", () => {
  for (const text of ['{"a":1}\n', ' {"a":1}', "\ufeff{}   ", "{}\u0000     ", "{}    \t ", "{}     \n"]) {
    fails(file(text), "BAD_FILE", "header");
  }
});

test("wider elements come first, wherever empty ones stand", () => {
  fails(file({ a: tensor(0, 1), b: tensor(1, 5, [1], "F32") }, 5), "BAD_FILE", "tensor b");
  fails(file({ a: tensor(0, 4, [1], "F32"), b: tensor(4, 12, [1], "F64") }, 12), "BAD_FILE", "tensor b");
  const empty = { a: tensor(0, 0), b: tensor(0, 4, [1], "F32"), c: tensor(4, 4, [0], "F32"), d: tensor(4, 5) };
  assert.equal(readSafetensors(file(empty, 5)).tensors.size, 4);
});

test("strings are whole characters, names of tensors up to 210 of them", () => {
  fails(file('{"__metadata__":{"a":"\\ud83d"}}'), "BAD_FILE", "__metadata__.a");
  fails(file('{"\\udc00":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), "BAD_FILE", "tensor name");
  assert.equal(readSafetensors(file({ ["😀".repeat(210)]: tensor(0, 0) })).tensors.size, 1);
  fails(file({ ["a".repeat(211)]: tensor(0, 0) }), "BAD_FILE", "tensor name");
});
