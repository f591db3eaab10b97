// diff.test.js: quantize with --val and --report, diff and predict on one small network of pictures.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
import { decodeModel } from "../../dist/model/index.js";
import { exportOnnx } from "../../dist/onnx/index.js";
import { bmp } from "../data/bmp.js";
import { assertFails, shiftwise, shiftwiseJson, temporaryFolder } from "./helpers.js";

describe("quantize --val, diff and predict", () => {
  const folder = temporaryFolder();
  const at = (...parts) => join(folder, ...parts);
  const quantize = ["quantize", at("net.onnx"), "--calibrate", at("pictures"), "--out", at("model.safetensors")];
  let result;

  before(async () => {
    const b = buildNetwork("net", createRandom(2));
    const x = b.relu(b.conv(b.input([1, 8, 8], { mean: [0], std: [1] }), 8, { bias: true }));
    const network = b.finish([b.dense(b.relu(b.conv(x, 8, { bias: true })), 3)]);
    writeFileSync(at("net.safetensors"), encodeNetwork(network));
    writeFileSync(at("net.onnx"), exportOnnx(lower(network, { grids: null }), { form: "float32" }));
    for (const [i, name] of ["cat", "dog", "newt"].entries()) {
      mkdirSync(at("pictures", name), { recursive: true });
      for (let n = 0; n < 4; n++) {
        const picture = bmp(8, 8, (column, row) => (i * 70 + 31 * n * column + 17 * (i + 1) * row) % 256);
        writeFileSync(at("pictures", name, `${n}.bmp`), picture);
      }
    }
    const options = ["--bits", 3, "--two-term", "none", "--val", at("pictures"), "--report", at("report.html")];
    result = await shiftwiseJson([...quantize, ...options]);
  });

  test("quantize ends with both accuracies, sizes and times", () => {
    assert.deepEqual(Object.keys(result.val), ["total", "float", "model", "changes"]);
    assert.equal(result.val.total, 12);
    for (const value of [result.val.float, result.val.model]) assert.ok(value >= 0 && value <= 100);
    assert.ok(result.float.bytes > result.bytes);
    assert.ok(result.msPerSample > 0 && result.float.msPerSample > 0);
    // folders of labelled pictures name the classes of a network that has no names
    assert.deepEqual(decodeModel(new Uint8Array(readFileSync(at("model.safetensors")))).labels, ["cat", "dog", "newt"]);
  });

  test("its report has the command, the layers and the accuracies, and opens without a network", () => {
    const page = readFileSync(at("report.html"), "utf8");
    for (const part of [
      /<code>shiftwise quantize .*--val/,
      /Size and time/,
      /Accuracy/,
      /Answers that changed/,
      /Layers/,
    ])
      assert.match(page, part);
    assert.doesNotMatch(page, /<script|<link|https?:/);
  });

  test("what --val cannot measure is known before the work", async () => {
    await assertFails(
      [...quantize, "--json", "--val", at("pictures", "cat")],
      "BAD_DATA",
      /--val .*: nothing to measure accuracy on/,
    );
    await assertFails([...quantize, "--json", "--val", at("none")], "BAD_DATA", /no folder or file of that name/);
    await assertFails([...quantize, "--report", at("net.onnx")], "BAD_OPTION", /would be replaced/);
  });

  test("diff tells where two models part", async () => {
    const files = ["diff", at("net.onnx"), at("model.safetensors"), "--data", at("pictures")];
    const { tensors, samples, parted } = await shiftwiseJson([...files, "--report", at("diff.html")]);
    assert.equal(samples, 12);
    assert.ok(tensors.length >= 3);
    const first = tensors.find(({ snr }) => snr !== null && snr < 20);
    assert.equal(parted, first?.tensor ?? null);
    assert.match(readFileSync(at("diff.html"), "utf8"), /Where they part.*Answers that changed/s);
    const same = await shiftwise(["diff", at("net.safetensors"), at("net.safetensors"), "--data", at("pictures")]);
    assert.match(same.stdout, /no layer is below 20 dB/);
    assert.match(same.stdout, / exact │/);
    const unlabelled = ["diff", at("net.onnx"), at("model.safetensors"), "--calibrate", at("pictures")];
    assert.deepEqual((await shiftwiseJson(unlabelled)).tensors, tensors);
    await assertFails([...unlabelled, "--data", at("pictures")], "BAD_OPTION", /what to compare on; .*found both$/);
    await assertFails(unlabelled.slice(0, 3), "BAD_OPTION", /what to compare on; .*found neither$/);
    await assertFails(
      ["diff", at("model.safetensors"), at("net.onnx"), "--data", at("pictures")],
      "BAD_FILE",
      /not a float network/,
    );
  });

  test("diff says that outputs are close where only a layer inside is far", async () => {
    const small = buildNetwork("small", createRandom(2));
    const x = small.input([1, 8, 8], { mean: [0], std: [1] });
    const tiny = small.conv(x, 4);
    const network = small.finish([small.add(small.conv(x, 4), tiny)]);
    /** The network with one layer's weights changed. */
    const put = (file, change) => {
      const nodes = network.nodes.map((node) =>
        node.name === tiny ? { ...node, weight: { ...node.weight, data: node.weight.data.map(change) } } : node,
      );
      writeFileSync(at(file), encodeNetwork({ ...network, nodes }));
    };
    const files = ["one.safetensors", "two.safetensors"];
    const compared = async (factor) => {
      put(files[0], (w) => factor * w);
      put(files[1], (w, i) => factor * (i % 2 ? w : -w));
      return (await shiftwise(["diff", ...files.map((file) => at(file)), "--calibrate", at("pictures")])).stdout;
    };
    assert.match(
      await compared(1e-3),
      /"conv1" \(conv\) is the first below 20 dB: .*; yet the outputs are very close\n/,
    );
    assert.match(await compared(1e-7), /; yet the outputs are (very close|the same)\n/);
    assert.match(await compared(1), /they part at "conv1" \(conv\), the first below 20 dB: .*\n/);
  });

  test("predict names the likeliest classes of every picture", async () => {
    const picture = at("pictures", "dog", "1.bmp");
    const { results } = await shiftwiseJson(["predict", at("model.safetensors"), picture, "--top", 2]);
    assert.equal(results[0].picture, picture);
    assert.equal(results[0].top.length, 2);
    assert.ok(["cat", "dog", "newt"].includes(results[0].top[0].label));
    const { stdout } = await shiftwise(["predict", at("net.onnx"), picture, at("pictures", "cat", "0.bmp")]);
    assert.match(stdout, /dog.1\.bmp:\n.*class │ name +│ +share/s);
    await assertFails(["predict", at("model.safetensors"), at("net.onnx")], "BAD_DATA", /found an ONNX network/);
    await assertFails(["predict", at("model.safetensors")], "BAD_OPTION", /missing required argument 'picture'/);
  });

  test("predict says how nameless classes get names, and which names fit no output", async () => {
    const picture = at("pictures", "dog", "1.bmp");
    const said = async (...args) => (await shiftwise(["predict", ...args, picture])).stdout;
    assert.match(await said(at("net.onnx")), /no names here: give --labels a text file with 3 names/);
    writeFileSync(at("labels.txt"), "cat\ndog\nnewt\n");
    for (const named of [[at("net.onnx"), "--labels", at("labels.txt")], [at("model.safetensors")]]) {
      assert.doesNotMatch(await said(...named), /no names here/);
    }
    const b = buildNetwork("heads", createRandom(2));
    const x = b.input([1, 8, 8], { mean: [0], std: [1] });
    writeFileSync(at("heads.safetensors"), encodeNetwork(b.finish([b.dense(x, 4), b.dense(x, 2)])));
    const wrong = await said(at("heads.safetensors"), "--labels", at("labels.txt"));
    assert.match(wrong, /labels\.txt has 3, and no output has so many values, but 2 or 4/);
    writeFileSync(at("map.safetensors"), encodeNetwork(b.finish([b.conv(x, 4)])));
    assert.doesNotMatch(await said(at("map.safetensors")), /no names here/);
  });

  test("pictures for a network that reads none are refused with the arrays that it reads", async () => {
    const b = buildNetwork("vector", createRandom(2));
    writeFileSync(
      at("vector.safetensors"),
      encodeNetwork(b.finish([b.dense(b.relu(b.dense(b.input([64, 1, 1]), 8)), 3)])),
    );
    const vector = at("vector.safetensors");
    const commands = [
      ["predict", vector, at("pictures", "dog", "1.bmp")],
      ["eval", vector, "--data", at("pictures"), "--range", 1],
      ["quantize", vector, "--calibrate", at("pictures"), "--out", at("never.safetensors")],
    ];
    for (const args of commands) {
      await assertFails([...args, "--json"], "BAD_OPTION", /network that reads none.*\(count, 64\).*picture of 8x8/);
    }
  });

  test("inspect shows an ONNX file as it would run", async () => {
    const facts = await shiftwiseJson(["inspect", at("net.onnx")]);
    assert.equal(facts.kind, "onnx");
    assert.deepEqual(facts.inputs[0].normalization, { mean: [0], std: [1] });
    assert.equal(facts.bytes, statSync(at("net.onnx")).size);
  });

  test("profile runs an ONNX file in float32", async () => {
    const { layers } = await shiftwiseJson(["profile", at("net.onnx"), "--runs", 1]);
    assert.ok(layers.some(({ op }) => op === "conv"));
    const found = await shiftwise(["profile", at("pictures", "cat", "0.bmp")]);
    assert.match(found.stderr, /expected an ONNX file, a model/);
  });

  test("predict names the classes of each output that is a vector", async () => {
    const b = buildNetwork("two", createRandom(2));
    const map = b.conv(b.input([1, 8, 8], { mean: [0], std: [1] }), 2, { bias: true });
    writeFileSync(at("two.safetensors"), encodeNetwork(b.finish([map, b.dense(map, 3)])));
    const args = ["predict", at("two.safetensors"), at("pictures", "dog", "1.bmp")];
    const [{ top, outputs }] = (await shiftwiseJson(args)).results;
    assert.equal(outputs[0].top, null);
    assert.equal(outputs[1].top.length, 3);
    assert.deepEqual(top, outputs[1].top);
    const { stdout } = await shiftwise(args);
    assert.ok(stdout.includes(`output ${outputs[1].name}:\n`));
    assert.match(stdout, /class │ name +│ +share.*output +│ shape/s);
  });
});
