// read.test.js: model files: round trips, and every damaged or foreign file as a typed error.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { ShiftwiseError } from "../../dist/base/index.js";
import { crc32, hex, readSafetensors, sealFile, writeSafetensors } from "../../dist/format/index.js";
import { decodeModel, encodeModel } from "../../dist/model/index.js";
import { changesOf } from "../format/changes.js";
import { everything } from "../models/everything.js";

const valid = encodeModel(everything());
const { tensors, metadata } = readSafetensors(valid);
const seed = 99;

/** The error that decoding throws; fails if it throws nothing or something else. */
function errorOf(bytes, where) {
  try {
    decodeModel(bytes, where);
  } catch (error) {
    assert.ok(error instanceof ShiftwiseError, `not a ShiftwiseError: ${error?.stack}`);
    return error;
  }
  return assert.fail("decoded");
}

/** The valid file with its graph changed and sealed again. */
function withGraph(change) {
  const graph = JSON.parse(metadata.graph);
  change(graph);
  return sealFile("model", graph, tensors, Number(metadata.version));
}

test("a model with every operation, encoding and width comes back as it was", () => {
  const def = everything();
  const bytes = encodeModel(def);
  assert.deepEqual(decodeModel(bytes), def);
  assert.deepEqual(encodeModel(decodeModel(bytes)), bytes);
});

test("decoded arrays are copies", () => {
  const bytes = valid.slice();
  const def = decodeModel(bytes);
  bytes.fill(0);
  assert.deepEqual(def, everything());
});

test("the header: keys, aligned data, all codes before all signs", () => {
  assert.deepEqual(Object.keys(metadata), ["format", "kind", "version", "checksum", "graph"]);
  const kinds = [...tensors.keys()].map((name) => name.split(".").at(-1));
  assert.deepEqual(kinds.slice(-8), [...Array(4).fill("codes"), ...Array(4).fill("signs")]);
});

test("every truncation is TRUNCATED", () => {
  for (let length = 0; length < valid.length; length++) {
    assert.equal(errorOf(valid.subarray(0, length)).code, "TRUNCATED", `${length} bytes`);
  }
});

test("every single flipped bit is found", () => {
  const bytes = valid.slice();
  for (let i = 0; i < bytes.length; i++) {
    for (let bit = 0; bit < 8; bit++) {
      bytes[i] ^= 1 << bit;
      const { code } = errorOf(bytes);
      assert.ok(["BAD_FILE", "TRUNCATED", "CHECKSUM"].includes(code), `byte ${i} bit ${bit}: ${code}`);
      bytes[i] ^= 1 << bit;
    }
  }
});

test("flipped bits of the data are CHECKSUM", () => {
  const bytes = valid.slice();
  for (let i = valid.length - 300; i < valid.length; i++) {
    bytes[i] ^= 1;
    assert.equal(errorOf(bytes).code, "CHECKSUM");
    bytes[i] ^= 1;
  }
});

test("several bytes replaced, inserted or cut: nothing but a ShiftwiseError, or the same model", () => {
  const edit = fc.record({ at: fc.nat(valid.length), cut: fc.nat(4), put: fc.uint8Array({ maxLength: 4 }) });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let bytes = valid;
      for (const { at, cut, put } of edits) {
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...put, ...bytes.subarray(at + cut)]);
      }
      let def;
      try {
        def = decodeModel(bytes);
      } catch (error) {
        assert.ok(error instanceof ShiftwiseError, error?.stack);
        return;
      }
      assert.deepEqual(def, everything());
    }),
    { seed, numRuns: 1500 },
  );
});

test("a graph changed anywhere and sealed again: nothing but a ShiftwiseError, or a valid model", () => {
  fc.assert(
    fc.property(changesOf(JSON.parse(metadata.graph), ["x", "a"]), ({ path, change }) => {
      const bytes = withGraph(change);
      try {
        decodeModel(bytes);
      } catch (error) {
        assert.ok(error instanceof ShiftwiseError, `${path}: ${error?.stack}`);
      }
    }),
    { seed, numRuns: 4000 },
  );
});

test("errors name the file and the field", () => {
  const cases = [
    [(g) => delete g.layers[0].kernel, "BAD_FILE", /^m\.sw: graph\.layers\[0\]: .*"kernel"/],
    [(g) => (g.layers[0].kernel = [3]), "BAD_FILE", /^m\.sw: graph\.layers\[0\]\.kernel/],
    [(g) => (g.layers[0].more = 1), "BAD_FILE", /^m\.sw: graph\.layers\[0\].*found more/],
    [(g) => (g.layers[0].op = "einsum"), "BAD_FILE", /^m\.sw: graph\.layers\[0\]\.op/],
    [(g) => (g.layers[0].weights.bits = 6), "BAD_FILE", /^m\.sw: graph\.layers\[0\]\.weights\.bits/],
    [(g) => (g.layers[0].input = "nowhere"), "BAD_GRAPH", /^m\.sw: .*nowhere/],
    [(g) => (g.layers[0].groups = 3), "BAD_GRAPH", /^m\.sw: graph\.layers\[0\]\.groups/],
    [(g) => (g.layers[0].padding = [0, 1, 1, 1]), "BAD_GRAPH", /^m\.sw: layer conv\.a: output/],
    [(g) => (g.tensors.x.encoding.max = 256), "BAD_GRAPH", /^m\.sw: tensor x\.encoding: max/],
    [(g) => (g.tensors.x.encoding.kind = "int4"), "BAD_FILE", /^m\.sw: graph\.tensors\.x\.encoding\.kind/],
    [(g) => (g.labels = [1]), "BAD_FILE", /^m\.sw: graph\.labels\[0\]/],
    [(g) => g.layers.pop(), "BAD_FILE", /^m\.sw: tensor conv\.f\./],
  ];
  for (const [change, code, place] of cases) {
    const error = errorOf(withGraph(change), "m.sw");
    assert.equal(error.code, code, error.message);
    assert.match(error.message, place);
  }
});

test("tensors missing, left over, of the wrong type or shape", () => {
  const graph = JSON.parse(metadata.graph);
  const seal = (change) => {
    const changed = new Map(tensors);
    change(changed);
    return sealFile("model", graph, changed, Number(metadata.version));
  };
  const scale = tensors.get("conv.a.scale");
  const cases = [
    [(t) => t.delete("conv.a.codes"), /tensor conv\.a\.codes/],
    [(t) => t.set("more", scale), /tensor more/],
    [(t) => t.set("conv.a.scale", { ...scale, dtype: "I32" }), /tensor conv\.a\.scale\.dtype/],
    [(t) => t.set("conv.a.scale", { ...scale, shape: [2, 2] }), /tensor conv\.a\.scale\.shape/],
    [
      (t) => t.set("conv.a.signs", { dtype: "U8", shape: [0], bytes: new Uint8Array(0) }),
      /layers\[0\]\.weights: signs/,
    ],
  ];
  for (const [change, place] of cases) {
    const error = errorOf(seal(change));
    assert.equal(error.code, "BAD_FILE");
    assert.match(error.message, place);
  }
});

test("foreign files, other kinds, other versions, gzip", () => {
  assert.match(errorOf(gzipSync(valid), "m.gz").message, /^m\.gz: .*gzip/);
  const reseal = (change) => writeSafetensors(tensors, { ...metadata, ...change });
  assert.match(errorOf(reseal({ format: "pt" })).where, /format/);
  assert.match(errorOf(reseal({ kind: "network" })).where, /kind/);
  assert.match(errorOf(reseal({ version: "3" })).where, /version/);
  assert.match(errorOf(reseal({ more: "1" })).message, /more/);
  assert.equal(errorOf(reseal({ checksum: "00000000" })).code, "CHECKSUM");
  assert.equal(errorOf(writeSafetensors(tensors, {})).code, "BAD_FILE");
  const { checksum: _, ...rest } = metadata;
  assert.match(errorOf(writeSafetensors(tensors, rest)).message, /checksum/);
  const graph = "{}x";
  const sum = hex(crc32(new TextEncoder().encode(graph), readSafetensors(valid).data));
  assert.match(errorOf(reseal({ graph, checksum: sum })).where, /graph/);
});

test("names may be as long as they are valid: what is stored under them is found again", () => {
  const def = everything();
  def.layers[0].name = "é".repeat(200);
  assert.deepEqual(decodeModel(encodeModel(def)), def);
});

test("nothing is written that cannot be read", () => {
  for (const change of [
    (d) => (d.labels[1] = "\ud83d"),
    (d) => (d.labels[1] = 1),
    (d) => (d.notes.accuracy = 98.1),
    (d) => (d.notes.accuracy = "\udc00"),
    (d) => (d.tensors["\ud83d"] = d.tensors.x),
    (d) => (d.layers[0].kernel = [3, 3, 1]),
    (d) => (d.layers[0].dilation = [1]),
    (d) => (d.tensors.x.shape = ["2", 6, 6]),
    (d) => (d.layers[4].value = -0),
  ]) {
    const def = everything();
    change(def);
    assert.throws(() => encodeModel(def), ShiftwiseError, change.toString());
  }
});

test("-0 is no number of a graph", () => {
  const sealed = (from, to) => {
    const graph = metadata.graph.replace(from, to);
    assert.notEqual(graph, metadata.graph);
    const checksum = hex(crc32(new TextEncoder().encode(graph), readSafetensors(valid).data));
    return writeSafetensors(tensors, { ...metadata, graph, checksum });
  };
  assert.deepEqual(decodeModel(sealed('"value":0.5', '"value" : 5.0e-1')), everything());
  assert.match(errorOf(sealed('"value":0.5', '"value":-0.0')).message, /value: .*other than -0; found -0/);
  assert.match(errorOf(sealed('"value":0.5', '"value":1e999')).message, /value: .*finite number; found Infinity/);
});

test("infinite scales and huge shapes are refused without being allocated", () => {
  const huge = withGraph((g) => {
    g.tensors.a.shape = [2 ** 31 - 1, 2 ** 31 - 1, 6];
  });
  assert.equal(errorOf(huge).code, "BAD_FILE");
  const changed = new Map(tensors);
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setFloat32(4, Infinity, true);
  changed.set("conv.a.scale", { dtype: "F32", shape: [4], bytes });
  const error = errorOf(sealFile("model", JSON.parse(metadata.graph), changed, Number(metadata.version)));
  assert.equal(error.code, "BAD_GRAPH");
  assert.match(error.where, /layer conv\.a: scale\[1\]/);
});

test("a layer may name more tensors than a call takes arguments", () => {
  const encoding = { kind: "float32" };
  const count = 200_000;
  const def = {
    name: "wide",
    inputs: [{ name: "x", tensor: "x" }],
    outputs: [{ name: "y", tensor: "y" }],
    tensors: { x: { shape: [1, 1, 1], encoding }, y: { shape: [count, 1, 1], encoding } },
    layers: [{ op: "concat", name: "joined", inputs: new Array(count).fill("x"), output: "y" }],
  };
  assert.equal(decodeModel(encodeModel(def)).layers[0].inputs.length, count);
});
