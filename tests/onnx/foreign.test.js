// foreign.test.js: files that are no ONNX models are told apart by name, with what to do.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { readAnyNetwork } from "../../dist/cli/files.js";
import { lower } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { importOnnx, importOnnxFile } from "../../dist/onnx/index.js";
import { Model } from "../../dist/runtime/index.js";
import { build } from "./build.js";

const VALID = readFileSync(fileURLToPath(new URL("cases/tiny_softmax.onnx", import.meta.url)));
const text = (string) => new TextEncoder().encode(string);
const latin = (string, length = 200) => Uint8Array.from({ length }, (_, i) => string.charCodeAt(i) || 7);
const network = importOnnx(VALID);

/** A protobuf message of TensorFlow: field 1, a node with name and operator. */
const GRAPH_DEF = Uint8Array.of(10, 22, 10, 5, ...text("input"), 18, 11, ...text("Placeholder"), 26, 0);
const SAVED_MODEL = Uint8Array.of(
  8,
  1,
  18,
  40,
  10,
  38,
  18,
  5,
  ...text("serve"),
  255,
  254,
  253,
  ...new Array(60).fill(3),
);

const FILES = {
  "empty.onnx": [new Uint8Array(), /an empty file/],
  "zeros.onnx": [new Uint8Array(4096), /a file of zeros/],
  "page.onnx": [text("<!DOCTYPE html>\n<html><head><title>404</title></head></html>"), /an HTML page: the address led/],
  "xml.onnx": [text('\n<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'), /an XML file: the address led/],
  "pointer.onnx": [
    text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 45\n"),
    /Git LFS pointer.*git lfs pull/,
  ],
  "net.pth": [
    zipSync({ "net/data.pkl": new Uint8Array(9), "net/version": text("3") }),
    /PyTorch checkpoint.*torch\.onnx\.export/,
  ],
  "old.pth": [latin("\x80\x02\x8a\x0a"), /pickle \(of Python\).*torch\.onnx\.export/],
  "net.keras": [zipSync({ "config.json": text("{}") }), /Keras model.*tf2onnx/],
  "net.mlpackage": [zipSync({ "Data/com.apple.CoreML/model.mlmodel": text("x") }), /Core ML package/],
  "files.zip": [zipSync({ "notes.txt": text("x") }), /ZIP archive/],
  "net.mlmodel": [latin("\x08\x04\x12\x21\x0a\x09\x0a\x05image\xff"), /Core ML model/],
  "files.tar": [latin(`${"net/".padEnd(257)}ustar`, 512), /tar archive: unpack it/],
  "engine.trt": [latin("ftrt"), /TensorRT engine/],
  "llama.gguf": [latin("GGUF"), /GGUF/],
  "net.xml": [text('<?xml version="1.0"?>\n<net name="a" version="11">'), /OpenVINO model/],
  "bom.onnx": [text("\ufeff<!DOCTYPE html><html>"), /an HTML page/],
  "gone.onnx": [text("404: Not Found"), /message of a server: the address led to an error.*found 404: Not Found/],
  "entry.onnx": [text("Entry not found"), /message of a server/],
  "net.cfg": [text("[net]\nbatch=1\n"), /a text file; found \[net\]/],
  "weights.safetensors": [
    Uint8Array.of(33, 0, 0, 0, 0, 0, 0, 0, ...text('{"__metadata__":{"format":"pt"} }')),
    /weights without a network/,
  ],
  "net.tflite": [latin("\x1c\x00\x00\x00TFL3"), /TensorFlow Lite model.*tf2onnx/],
  "net.ort": [latin("\x18\x00\x00\x00ORTM"), /ORT model/],
  "net.h5": [latin("\x89HDF\r\n\x1a\n"), /HDF5 file/],
  "graph.pb": [GRAPH_DEF, /protobuf file of another program.*tf2onnx/],
  "saved_model.pb": [SAVED_MODEL, /protobuf file of another program/],
  "model.safetensors": [encodeModel(lower(network, { grids: null })), /safetensors file of shiftwise/],
  "net.onnx.gz": [gzipSync(VALID), /gzip file: unpack it/],
  "array.npy": [latin("\x93NUMPY\x01"), /NumPy array/],
  "model.json": [text('{"format": "graph-model"}'), /JSON file/],
  "paper.onnx": [latin("%PDF-1.7"), /a PDF/],
  "picture.onnx": [latin("\xff\xd8\xff\xe0"), /a picture \(JPEG\)/],
  "notes.onnx": [text("These are notes about a network.\n"), /a text file/],
};

for (const [name, [bytes, pattern]] of Object.entries(FILES)) {
  test(`${name}: ${pattern.source}`, async () => {
    const check = (error) => {
      assert.equal(error.code, "BAD_FILE", error.message);
      assert.match(error.message, pattern);
      assert.match(error.message, /not an ONNX model, but/);
      return true;
    };
    assert.throws(() => importOnnx(bytes), check);
    const folder = mkdtempSync(join(tmpdir(), "shiftwise-foreign-"));
    try {
      writeFileSync(join(folder, name), bytes);
      await assert.rejects(importOnnxFile(join(folder, name)), (error) => check(error) && error.message.includes(name));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("a file that is cut off", () => {
  for (const part of [0.3, 0.6, 0.9, 0.99]) {
    const length = Math.floor(VALID.length * part);
    assert.throws(() => importOnnx(VALID.subarray(0, length), { where: "net.onnx" }), {
      code: "TRUNCATED",
      message: `net.onnx: the file is cut off: it ends before its last message does; found ${length} bytes`,
    });
  }
});

test("a file that is cut off, with names as TensorFlow has them", () => {
  const nodes = [
    ["Relu", "x", "serving_default"],
    ["Relu", "serving_default", "y"],
  ];
  const bytes = build({ nodes, x: [1, 3, 4, 4] });
  for (const cut of [1, 9, 40]) {
    assert.throws(() => importOnnx(bytes.subarray(0, bytes.length - cut)), { code: "TRUNCATED" }, `${cut}`);
  }
});

test("bytes of no known kind", () => {
  for (const bytes of [latin("\x05\xf1\x9a"), VALID.subarray(30), latin("\xff\xff\xff")]) {
    assert.throws(() => importOnnx(bytes), {
      code: "BAD_FILE",
      message: /file of an unknown kind, or a damaged one; found bytes/,
    });
  }
});

test("what is no bytes", () => {
  for (const value of [undefined, null, "net.onnx", 3, {}, [8, 1], new Float32Array(3)]) {
    assert.throws(() => importOnnx(value), { code: "BAD_DATA", message: /a Uint8Array/ });
  }
  assert.equal(
    importOnnx(VALID.buffer.slice(VALID.byteOffset, VALID.byteOffset + VALID.length)).nodes.length,
    network.nodes.length,
  );
});

test("the command and a model's address name them too", async () => {
  const folder = mkdtempSync(join(tmpdir(), "shiftwise-foreign-"));
  try {
    for (const [name, [bytes, pattern]] of Object.entries(FILES)) {
      if (name === "model.safetensors") continue;
      writeFileSync(join(folder, name), bytes);
      await assert.rejects(
        readAnyNetwork(join(folder, name), {}, () => {}),
        (error) => error.code === "BAD_FILE" && pattern.test(error.message),
        name,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  for (const [name, what] of [
    ["page.onnx", /a web page came instead/],
    ["pointer.onnx", /a Git LFS pointer.* came instead/],
    ["net.pth", /a zip archive.* came instead/],
    ["net.tflite", /a TensorFlow Lite model came instead/],
    ["model.json", /a JSON file came instead/],
  ]) {
    await assert.rejects(Model.load(FILES[name][0]), { code: "BAD_FILE", message: what }, name);
  }
  await assert.rejects(Model.load(VALID), { code: "BAD_FILE", message: /an ONNX network, which shiftwise quantize/ });
});
