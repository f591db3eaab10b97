// refusals-container.js: each rule of the container and the packing broken in a model file.

import { HEADER_LIMIT } from "../../dist/format/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { everything, tiny } from "../models/everything.js";
import { patched, variants, withHeader } from "./refusals.js";

const model = variants(encodeModel(everything()), "model");
const { valid, raw, header, text, change, tensors } = model;

const withLength = (length) => raw((bytes) => new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true));
const length = Number(new DataView(valid.buffer).getBigUint64(0, true));
const data = valid.subarray(8 + length);
const entry = (name, fields) => header((h) => Object.assign(h[name], fields));
/** The header as text with something replaced. */
const spelled = (from, to) => {
  const json = new TextDecoder().decode(valid.subarray(8, 8 + length)).trimEnd();
  if (!json.includes(from)) throw new Error(from);
  return withHeader(json.replace(from, to), data);
};
const metadata = (fields) => header((h) => Object.assign(h.__metadata__, fields));
const byte = (name, at, value) => tensors((t) => t.set(name, patched(t.get(name), at, value)));
/** One byte more, or the last one less. */
const resized = (name, by) =>
  tensors((t) => {
    const bytes = new Uint8Array(t.get(name).bytes.length + by);
    bytes.set(t.get(name).bytes.subarray(0, bytes.length));
    t.set(name, { dtype: "U8", shape: [bytes.length], bytes });
  });
/** Names of tensors by what is wrong with them. */
const renamed = (name) => spelled('"conv.a.scale":', `${JSON.stringify(name)}:`);

export const container = { ...model, valid };

export const containerRefusals = {
  size: [
    [valid.subarray(0, 7), /header length/],
    [valid.subarray(0, 7 + length), /header:/],
    [valid.subarray(0, valid.length - 1), /data_offsets/],
    [withLength(length + 8 * data.length), /header:/],
  ],
  gzip: [[raw((bytes) => Uint8Array.of(0x1f, 0x8b, ...bytes)), /gzip/]],
  "header-length": [
    [withLength(0), /header length/],
    [withLength(length + 4), /header length: .*multiple of 8/],
    [withLength(HEADER_LIMIT + 8), /header length/],
    [withLength(2n ** 63n), /header length/],
  ],
  header: [
    [raw((bytes) => bytes.fill(0xff, 9, 10)), /header: not JSON/],
    [spelled("{", "\ufeff{"), /header: .*\{ at its beginning/],
    [spelled("{", " {"), /header: .*\{ at its beginning/],
    [withHeader("[1]", data), /header/],
    [withHeader("{}{}", data), /header: not JSON/],
    [spelled('"__metadata__"', '"a":1e,"__metadata__"'), /header: not JSON/],
    [raw((bytes) => bytes.fill(0x0a, 7 + length, 8 + length)), /header: .*spaces at its end/],
    [raw((bytes) => bytes.fill(0, 7 + length, 8 + length)), /header: .*spaces at its end/],
  ],
  "key-once": [
    [
      spelled('"conv.a.scale":', '"conv.a.scale":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"conv.a.scale":'),
      /once/,
    ],
    [spelled('"kind":"model"', '"k\\u0069nd":"network","kind":"model"'), /header: .*every key once/],
    [spelled('"dtype":"F32"', '"dtype":"U8","dtype":"F32"'), /header: .*every key once/],
    [text((graph) => graph.replace('"name":', '"name":"other","name":')), /graph: .*every key once/],
    [text((graph) => graph.replace('"groups":', '"groups":1,"groups":')), /graph: .*every key once/],
  ],
  "whole-characters": [
    [change((g) => (g.labels[0] = "\ud83d")), /labels\[0\]: .*surrogates/],
    [change((g) => (g.notes["\udc00"] = "")), /notes: .*surrogates/],
    [renamed("\ud83d"), /tensor name: .*surrogates/],
    [metadata({ graph: "\ud83d" }), /__metadata__.graph: .*surrogates/],
  ],
  "tensor-name": [
    [renamed(""), /tensor name/],
    [renamed("a\u0007"), /tensor name/],
    [renamed("😀".repeat(211)), /tensor name: .*1 to 210/],
    [renamed("__proto__"), /tensor name/],
  ],
  entry: [
    [entry("conv.a.scale", { more: 1 }), /tensor conv\.a\.scale: .*no other field/],
    [header((h) => delete h["conv.a.scale"].shape), /tensor conv\.a\.scale: .*"shape"/],
    [header((h) => (h["conv.a.scale"] = null)), /tensor conv\.a\.scale: .*an object/],
    [entry("conv.a.scale", { dtype: 1 }), /dtype: .*a string/],
    [entry("conv.a.scale", { shape: 4 }), /shape: .*an array/],
    [entry("conv.a.scale", { shape: [4.5] }), /shape\[0\]: .*an integer/],
    [entry("conv.a.scale", { shape: [2 ** 31, 0] }), /shape\[0\]: .*an integer in 0\.\.2147483647/],
    [entry("conv.a.scale", { data_offsets: [0] }), /data_offsets: .*an array of 2/],
    [entry("conv.a.scale", { data_offsets: [-16, 0] }), /data_offsets\[0\]: .*an integer/],
  ],
  dtype: [[entry("conv.a.scale", { dtype: "F8" }), /dtype: .*one of U8/]],
  span: [
    [entry("conv.a.scale", { shape: [5] }), /data_offsets: .*a span of 20 bytes/],
    [entry("conv.a.scale", { dtype: "F16" }), /data_offsets: .*a span of 8 bytes/],
    [entry("conv.a.scale", { data_offsets: [16, 0] }), /data_offsets: .*a span/],
  ],
  tiling: [
    [entry("conv.a.offset", { data_offsets: [0, 16] }), /a begin of 16/],
    [withHeader(new TextDecoder().decode(valid.subarray(8, 8 + length)), Uint8Array.of(...data, 0)), /data: .*bytes/],
    [header((h) => delete h["conv.a.scale"]), /a begin of 0/],
    [header((h) => delete h["conv.a.offset"]), /a begin of 16/],
  ],
  "wide-first": [[narrowFirst(), /before all narrower elements/]],
  metadata: [
    [metadata({ more: "1" }), /__metadata__: .*no other field/],
    [metadata({ checksum: undefined }), /__metadata__: .*"checksum"/],
    [metadata({ graph: undefined }), /__metadata__: .*"graph"/],
    [metadata({ checksum: 1 }), /__metadata__\.checksum: .*a string/],
    [header((h) => (h.__metadata__ = [])), /__metadata__: .*an object/],
    [metadata({ "": "" }), /__metadata__: .*a name/],
  ],
  format: [
    [metadata({ format: "pt" }), /format: .*"shiftwise"/],
    [header((h) => delete h.__metadata__), /format: .*"shiftwise"/],
  ],
  kind: [[metadata({ kind: "network" }), /kind: .*"model"/]],
  version: [
    [metadata({ version: "999" }), /written by a later shiftwise: update shiftwise.*found 999/],
    [metadata({ version: "0" }), /version: .*found 0/],
    [metadata({ version: "1.0" }), /version: .*found 1\.0/],
  ],
  checksum: [
    [metadata({ checksum: "00000000" }), /not what was written/],
    [raw((bytes) => (bytes[bytes.length - 1] ^= 1)), /not what was written/],
  ],
  graph: [
    [text(() => "[1,2]"), /graph: .*an object/],
    [text((graph) => `${graph}}`), /graph: not JSON/],
    [text((graph) => `\ufeff${graph}`), /graph: not JSON/],
  ],
  tensors: [
    [tensors((t) => t.delete("conv.a.scale")), /tensor conv\.a\.scale: .*found none/],
    [tensors((t) => t.set("more", t.get("real.scale"))), /tensor more: .*no tensor besides/],
    [tensors((t) => t.set("conv.a.scale", { ...t.get("conv.a.scale"), dtype: "I32" })), /dtype: .*F32/],
    [tensors((t) => t.set("conv.a.scale", { ...t.get("conv.a.scale"), shape: [2, 2] })), /shape: .*\[4\]/],
    [tensors((t) => t.set("conv.f.weight", { ...t.get("conv.f.weight"), shape: [18] })), /\[2,1,3,3\]/],
    [tensors((t) => t.set("wide.codes", { ...t.get("wide.codes"), shape: [2, 3] })), /one dimension/],
  ],
  "magnitude-bytes": [
    [resized("conv.a.codes", 1), /magnitudes: .*36 bytes for 72 codes/],
    [resized("conv.a.codes", -1), /magnitudes: .*36 bytes for 72 codes/],
  ],
  "magnitude-range": [
    [byte("conv.a.codes", 3, 81), /magnitudes, byte 3: .*below 81/],
    [byte("conv.b.codes", 3, 243), /magnitudes, byte 3: .*below 243/],
    [byte("conv.d.codes", 3, 125), /magnitudes, byte 3: .*below 125/],
  ],
  "magnitude-filling": [[filling(), /magnitudes, byte 7: .*unused digits/]],
  "sign-bytes": [
    [resized("conv.a.signs", 1), /signs: .* bytes for \d+ signs/],
    [resized("conv.a.signs", -1), /signs: .* bytes for \d+ signs/],
  ],
  "sign-filling": [[byte("conv.a.signs", 8, 0x80), /signs, byte \d+: .*unused bits/]],
  "index-bytes": [
    [resized("wide.codes", 1), /codes: .*6 bytes for 16 codes/],
    [resized("wide.codes", -1), /codes: .*6 bytes for 16 codes/],
  ],
  "index-range": [[byte("wide.codes", 0, 0x05), /codes\[0\]: .*below 5/]],
  "index-filling": [
    [
      smallCodebook().tensors((t) => t.set("d.codes", patched(t.get("d.codes"), 2, 0x80))),
      /codes, byte \d+: .*unused bits/,
    ],
  ],
};

/** The same tensors, one of bytes before all of float32. */
function narrowFirst() {
  return header((h) => {
    const size = h["wide.codes"].data_offsets[1] - h["wide.codes"].data_offsets[0];
    for (const tensor of Object.values(h)) {
      const at = tensor.data_offsets;
      if (at && at[0] < h["wide.codes"].data_offsets[0]) tensor.data_offsets = [at[0] + size, at[1] + size];
    }
    h["wide.codes"].data_offsets = [0, size];
  });
}

/** conv.b has 36 weights, 5 digits of base 3 a byte: the last byte holds one. */
function filling() {
  return tensors((t) => {
    const codes = t.get("conv.b.codes");
    t.set("conv.b.codes", patched(codes, 7, codes.bytes[7] + 3));
  });
}

/** A dense layer of 6 weights of 3 bits: 18 bits in 3 bytes. */
function smallCodebook() {
  const def = tiny();
  const codes = Uint8Array.of(0, 4, 2, 1, 3, 0);
  const weights = { kind: "codebook", levels: [-2, -1, 0, 1, 2], codes };
  return variants(encodeModel({ ...def, layers: [{ ...def.layers[0], weights }] }), "model");
}
