// demo.test.js: the demo on a small scale, in this process, and its options on the command line.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runDemo } from "../../dist/cli/demo.js";
import { generate } from "../../dist/data/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { decodeModel, runReference } from "../../dist/model/index.js";
import { assertEntries, temporaryFolder } from "./helpers.js";

const SCALE = {
  trainImages: 256,
  testImages: 100,
  width: 4,
  floatEpochs: 2,
  portionEpochs: 1,
  turns: 3,
  turnImages: 4,
};

/** A screen that keeps what it is given. */
function recorder() {
  const labels = [];
  const results = [];
  const line = { update() {}, done() {} };
  const screen = {
    result: (json, text) => results.push({ json, text }),
    progress(label) {
      labels.push(label);
      return line;
    },
    close() {},
  };
  return { screen, labels, results };
}

async function demo(options, signal = new AbortController().signal) {
  const { screen, labels, results } = recorder();
  const defaults = { seed: 1, bits: 5, activations: { kind: "linear", bits: 8 }, threads: 1 };
  await runDemo({ ...defaults, ...options }, { screen, signal }, SCALE);
  assert.equal(results.length, 1);
  return { ...results[0], labels };
}

describe("demo", () => {
  const folder = temporaryFolder();

  test("writes a model whose hash the reference executor confirms, and prints the agreed object", async () => {
    const out = join(folder, "demo.safetensors");
    const { json, text, labels } = await demo({ out });
    assertEntries(folder, ["demo.safetensors"]);
    const file = readFileSync(out);
    const def = decodeModel(file);

    assert.deepEqual(Object.keys(json), ["float", "shift", "goldenHash"]);
    assert.deepEqual(Object.keys(json.float), ["accuracy", "bytes", "msPerImage"]);
    assert.deepEqual(Object.keys(json.shift), ["accuracy", "bytes", "gzipBytes", "msPerImage", "weightBits"]);
    assert.equal(json.shift.weightBits, 5);
    assert.equal(json.shift.bytes, file.length);
    const weights = def.layers.flatMap((layer) => ("weights" in layer ? [layer.weights.codes.length] : []));
    assert.equal(json.float.bytes, 4 * weights.reduce((a, b) => a + b));

    const { test: held } = generate({ seed: 1, train: SCALE.trainImages, test: SCALE.testImages });
    const logits = Array.from({ length: 100 }, (_, i) => {
      const pixels = held.images.subarray(i * 784, (i + 1) * 784);
      return Object.values(runReference(def, { [def.inputs[0].name]: pixels }).outputs)[0];
    });
    assert.equal(json.goldenHash, goldenHash(...logits.slice(0, 64)));
    const correct = logits.filter((values, i) => values.indexOf(Math.max(...values)) === held.labels[i]).length;
    assert.equal(json.shift.accuracy, correct);

    assert.match(text, new RegExp(json.goldenHash));
    for (const part of ["accuracy on 100 held-out images", "time per image", "5-bit weights, 8-bit activations"]) {
      assert.match(text, new RegExp(part));
    }
    assert.deepEqual(labels, [
      "generating images",
      "training float",
      "testing float",
      "calibrating",
      "retraining (INQ)",
      "testing shift",
      "timing",
    ]);
  });

  test("the same seed gives the same hash, another another; bits and activations reach the file", async () => {
    const out = join(folder, "other.safetensors");
    const { json: first } = await demo({ out: join(folder, "first.safetensors") });
    const { json: again } = await demo({ out });
    assert.equal(again.goldenHash, first.goldenHash);
    assert.deepEqual(readFileSync(out), readFileSync(join(folder, "first.safetensors")));
    const { json: other } = await demo({ out, seed: 2, bits: 4, activations: { kind: "log", bits: 4, largest: 255 } });
    assert.notEqual(other.goldenHash, first.goldenHash);
    assert.equal(other.shift.weightBits, 4);
    const def = decodeModel(readFileSync(out));
    assert.equal(def.layers[0].weights.bits, 4);
    assert.equal(def.tensors[def.layers[0].output].encoding.kind, "levels");
  });

  test("stops when told to, with nothing written", async () => {
    const aborted = AbortSignal.abort();
    const empty = temporaryFolder();
    await assert.rejects(demo({ out: join(empty, "demo.safetensors") }, aborted), { code: "ABORTED" });
    assertEntries(empty, []);
  });
});
