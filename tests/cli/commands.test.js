// commands.test.js: train, quantize, eval, inspect and profile, one after the other on a small data set.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { decodeModel } from "../../dist/model/index.js";
import { readModel } from "../../dist/onnx/index.js";
import { assertEntries, assertFails, shiftwise, shiftwiseJson, temporaryFolder, writeIdxFolder } from "./helpers.js";

const COMMANDS = [
  ...["demo", "train", "quantize", "eval", "export", "inspect", "profile", "compare"],
  ...["diff", "predict", "calibrate-costs"],
];

test("help names every command, and every command has help", async () => {
  const { status, stdout, stderr } = await shiftwise(["--help"]);
  assert.equal(status, 0);
  assert.equal(stderr, "");
  for (const command of COMMANDS) assert.match(stdout, new RegExp(`^  ${command} `, "m"));
  const helps = await Promise.all(COMMANDS.map((command) => shiftwise([command, "--help"])));
  for (const [i, help] of helps.entries()) {
    assert.equal(help.status, 0);
    assert.match(help.stdout, new RegExp(`^Usage: shiftwise ${COMMANDS[i]} `));
    assert.match(help.stdout, /--json/);
    assert.match(help.stdout, /--verbose/);
    assert.doesNotMatch(help.stdout, /\{"/, "defaults are told in words");
  }
});

test("--version prints the package's", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  assert.deepEqual(await shiftwise(["--version"]), { status: 0, signal: null, stdout: `${version}\n`, stderr: "" });
});

describe("from images to a model", () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const float = join(folder, "float.safetensors");
  const model = join(folder, "model.safetensors");
  let trained;
  let quantized;

  before(async () => {
    mkdirSync(data);
    writeIdxFolder(data, (_name, bytes) => gzipSync(bytes));
    const common = ["--data", data, "--batch", 40, "--threads", 1];
    trained = await shiftwiseJson(["train", "--out", float, "--width", 4, "--epochs", 2, "--lr", 0.05, ...common]);
    quantized = await shiftwiseJson([
      "quantize",
      float,
      "--out",
      model,
      "--epochs",
      1,
      "--portions",
      ".5,1",
      ...common,
    ]);
  });

  test("outputs are whole and alone: no checkpoint, no rest beside them", () => {
    assertEntries(folder, ["data", "float.safetensors", "model.safetensors"]);
    assert.equal(trained.bytes, readFileSync(float).length);
    assert.equal(quantized.bytes, readFileSync(model).length);
    assert.ok(quantized.gzipBytes < quantized.bytes);
  });

  test("train and quantize tell accuracies in percent of the 60 test images", () => {
    for (const { accuracy, correct, total } of [trained, quantized]) {
      assert.equal(total, 60);
      assert.equal(accuracy, (100 * correct) / total);
    }
    assert.equal(quantized.float.accuracy, trained.accuracy);
    assert.equal(quantized.weightBits, 5);
    assert.equal(quantized.activations, "8");
    assert.deepEqual(
      quantized.portions.map(({ portion }) => portion),
      [0.5, 1],
    );
    assert.equal(typeof quantized.portions[0].trainingAccuracy, "number");
    assert.equal(quantized.portions[1].trainingAccuracy, null);
  });

  test("export writes ONNX with a product for every layer that has weights, and refuses what it cannot write", async () => {
    const out = join(folder, "check.onnx");
    for (const form of ["float32", "qdq"]) {
      const result = await shiftwiseJson(["export", model, "--onnx", out, "--form", form]);
      assert.equal(result.bytes, readFileSync(out).length);
      assert.equal(result.form, form);
      const products = readModel(new Uint8Array(readFileSync(out)), null).nodes.filter((node) =>
        ["Conv", "Gemm", "MatMul"].includes(node.op),
      );
      const weighted = decodeModel(new Uint8Array(readFileSync(model))).layers.filter(({ weights }) => weights);
      assert.ok(products.length >= weighted.length, `${products.length} of ${weighted.length}`);
    }
    rmSync(out);
    await assertFails(["export", model, "--onnx", out, "--form", "int4"], "BAD_OPTION", /--form/);
    await assertFails(["export", join(folder, "none"), "--onnx", out], "IO", /none/);
    assert.equal(existsSync(out), false);
  });

  test("eval gives the same by wasm and by reference, in the agreed shape", async () => {
    const wasm = await shiftwiseJson(["eval", model, "--data", data]);
    const reference = await shiftwiseJson(["eval", model, "--data", data, "--executor", "reference"]);
    const names = ["accuracy", "correct", "total", "msPerImage", "executor", "top5", "worst", "classNames"];
    assert.deepEqual(Object.keys(wasm), names);
    assert.deepEqual(Object.keys(reference), names);
    assert.equal(wasm.executor, "wasm");
    assert.equal(reference.executor, "reference");
    assert.equal(wasm.correct, quantized.correct);
    assert.equal(reference.correct, quantized.correct);
    assert.ok(wasm.msPerImage > 0);
  });

  test("eval runs a float network too", async () => {
    const result = await shiftwiseJson(["eval", float, "--data", data]);
    assert.equal(result.correct, trained.correct);
  });

  test("inspect counts what is in the file", async () => {
    const facts = await shiftwiseJson(["inspect", model]);
    const def = decodeModel(readFileSync(model));
    assert.equal(facts.bytes, quantized.bytes);
    assert.match(facts.checksum, /^[0-9a-f]{8}$/);
    assert.deepEqual(
      facts.layers.map(({ name }) => name),
      def.layers.map(({ name }) => name),
    );
    assert.match(facts.notes.accuracy, /of 60 test images/);
    assert.ok(facts.memory.total % 65536 === 0);
    const [conv] = facts.layers;
    const { codes, n1 } = def.layers[0].weights;
    assert.equal(conv.bits, 5);
    assert.equal(conv.weights, codes.length);
    assert.equal(conv.histogram["0"], codes.filter((code) => code === 0).length);
    assert.equal(conv.histogram[`2^${n1}`], codes.filter((code) => Math.abs(code) === 8).length);
    assert.equal(
      Object.values(conv.histogram).reduce((a, b) => a + b),
      codes.length,
    );
    // two digits a byte, one bit a sign, two floats a channel
    const signs = Math.ceil((codes.length - conv.histogram["0"]) / 8);
    assert.equal(conv.bytes, Math.ceil(codes.length / 2) + signs + 8 * conv.output[0]);
  });

  test("profile times every layer", async () => {
    const { layers, msPerImage } = await shiftwiseJson(["profile", model, "--runs", 3]);
    const def = decodeModel(readFileSync(model));
    const named = new Set(layers.map(({ name }) => name));
    for (const { name } of def.layers) assert.ok(named.has(name), name);
    const sum = layers.reduce((total, { ms }) => total + ms, 0);
    assert.ok(Math.abs(sum - msPerImage) < 1e-9);
    // 3x3 on one channel, 4 channels of 28x28
    assert.equal(layers.find(({ name }) => name === def.layers[0].name).macs, 4 * 9 * 28 * 28);
  });

  test("without --json they print text", async () => {
    const results = await Promise.all([
      shiftwise(["eval", model, "--data", data]),
      shiftwise(["inspect", model, "--verbose"]),
      shiftwise(["inspect", float]),
      shiftwise(["profile", model, "--runs", 1]),
    ]);
    for (const { status, stderr } of results) assert.equal(status, 0, stderr);
    const [evaluated, inspected, inspectedFloat, profiled] = results.map(({ stdout }) => stdout);
    assert.match(evaluated, /^\d+\.\d\d % of 60 images correct/);
    assert.match(inspected, /codes, 5 bits/);
    assert.match(inspectedFloat, /network file/);
    assert.match(profiled, /GMAC\/s/);
  });

  test("the same command gives the same file", async () => {
    const again = join(folder, "again.safetensors");
    const common = ["--data", data, "--batch", 40, "--threads", 1];
    await shiftwiseJson(["quantize", float, "--out", again, "--epochs", 1, "--portions", ".5,1", ...common]);
    assert.deepEqual(readFileSync(again), readFileSync(model));
  });

  test("bits, LogQuant activations, random order and seed are honoured", async () => {
    const out = join(folder, "log.safetensors");
    const recipe = ["--recipe", "paper", "--bits", 3];
    const options = ["--activations", "log3", "--partition", "random", "--seed", 9, "--epochs", 0, ...recipe];
    const result = await shiftwiseJson(["quantize", float, "--out", out, "--data", data, "--batch", 40, ...options]);
    assert.equal(result.weightBits, 3);
    assert.equal(result.activations, "log3");
    assert.equal(result.portions.length, 8);
    assert.equal(decodeModel(readFileSync(out)).layers[0].weights.scale, undefined);
    const def = decodeModel(readFileSync(out));
    assert.equal(def.layers[0].weights.bits, 3);
    const levels = def.tensors[def.layers[0].output].encoding;
    assert.equal(levels.kind, "levels");
    assert.ok(levels.levels[levels.levels.length - 1] <= 31);
    assert.match(def.notes.weights, /random/);
    assert.match(def.notes.retraining, /seed 9/);
  });
});
