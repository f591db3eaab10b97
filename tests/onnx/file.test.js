// file.test.js: weights that stand in files of their own, beside the model and nowhere else.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ShiftwiseError } from "../../dist/base/index.js";
import { importOnnx, importOnnxFile } from "../../dist/onnx/index.js";
import { encodeMessage } from "../../dist/onnx/wire.js";
import { build, floats, message } from "./build.js";

const w = (...dims) => floats(dims);

test("a graph that exporters call as every other is called as its file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "shiftwise-onnx-"));
  try {
    const path = join(folder, "face.v2.onnx");
    const nameOf = async (name, options) => {
      const built = message({ nodes: [["Relu", "x", "y"]] });
      const bytes = encodeMessage("ModelProto", { ...built, graph: { ...built.graph, name } });
      writeFileSync(path, bytes);
      const own = importOnnx(bytes).name;
      return [(await importOnnxFile(path, options)).name, own];
    };
    for (const name of [
      "torch_jit",
      "torch-jit-export",
      "torch_jit_export",
      "main_graph",
      "main",
      "graph",
      "tf2onnx",
    ]) {
      assert.deepEqual(await nameOf(name), ["face.v2", name]);
    }
    assert.deepEqual(await nameOf(""), ["face.v2", "network"]);
    for (const name of ["resnet50", "torch_jit_2", "my main graph"]) assert.deepEqual(await nameOf(name), [name, name]);
    assert.equal((await nameOf("main_graph", { name: "mine" }))[0], "mine");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("external data: beside the model, and nowhere else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "shiftwise-onnx-"));
  try {
    const inside = join(folder, "models");
    mkdirSync(inside);
    const values = Float32Array.from({ length: 72 }, (_, i) => i);
    const raw = new Uint8Array(8 + values.byteLength);
    raw.set(new Uint8Array(values.buffer), 8);
    for (const path of [join(inside, "data.bin"), join(folder, "secret.bin")]) writeFileSync(path, raw);
    symlinkSync(join(folder, "secret.bin"), join(inside, "link.bin"));
    const write = (location, offset, length) => {
      const entries = { location, offset, length };
      const externalData = Object.entries(entries).flatMap(([key, value]) =>
        value === undefined ? [] : [{ key, value: String(value) }],
      );
      const tensor = { ...w(2, 4, 3, 3), floatData: [], dataLocation: 1, externalData };
      const path = join(inside, "model.onnx");
      writeFileSync(path, build({ nodes: [["Conv", "x w", "y"]], constants: { w: tensor } }));
      return importOnnxFile(path);
    };
    const network = await write("data.bin", 8, 288);
    assert.deepEqual([...network.nodes[1].weight.data], [...values]);
    await write("./data.bin", 8);
    execFileSync("mkfifo", [join(inside, "pipe")]);
    for (const [location, offset, length] of [
      ["../secret.bin", 8, 288],
      [join(folder, "secret.bin"), 8, 288],
      ["link.bin", 8, 288],
      ["missing.bin", 0, 288],
      [".", 0, 288],
      ["pipe", 0, 288],
      ["data.bin", 9, 288],
      ["data.bin", 2 ** 40, 288],
      ["data.bin", 8, 280],
      ["data.bin", "-8", 288],
    ]) {
      await assert.rejects(write(location, offset, length), (error) => {
        assert.ok(error instanceof ShiftwiseError, error.stack);
        assert.equal(error.code, "BAD_FILE", error.message);
        assert.match(error.message, /model\.onnx: initializer w/);
        return true;
      });
    }
    await assert.rejects(write("missing.bin", 0, 288), {
      message: /another file, which is missing; expected missing\.bin beside/,
    });
    await assert.rejects(importOnnxFile(join(folder, "none.onnx")), { code: "IO" });
    const again = (i) => ({
      ...w(2, 4, 3, 3),
      floatData: [],
      dataLocation: 1,
      externalData: [
        { key: "location", value: i % 2 ? "data.bin" : "./data.bin" },
        { key: "offset", value: "8" },
      ],
    });
    const constants = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`w${i}`, again(i)]));
    const path = join(inside, "model.onnx");
    writeFileSync(path, build({ nodes: [["Conv", "x w0", "y"]], constants }));
    await assert.rejects(importOnnxFile(path), { code: "BAD_FILE", message: /w4: external data.*1184 bytes in all/ });
    const bare = {
      ...w(2, 4, 3, 3),
      floatData: [],
      dataLocation: 1,
      externalData: [{ key: "location", value: "data.bin" }],
    };
    const inMemory = build({ nodes: [["Conv", "x w", "y"]], constants: { w: bare } });
    assert.throws(() => importOnnx(inMemory), { code: "UNSUPPORTED" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
