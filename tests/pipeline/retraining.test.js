// retraining.test.js: a network and labelled images to a model: what is done around INQ, and wrong use.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import {
  createClassifier,
  measure,
  quantizeByMethod,
  quantizeByRetraining,
  recipeFor,
  withNormalization,
} from "../../dist/pipeline/index.js";
import { QUANTIZERS } from "../../dist/quantize/index.js";
import { evaluate, train } from "../../dist/training/index.js";
import { bitsOf, squares, tinyNetwork } from "../training/helpers.js";

const data = squares(160);
const held = squares(90, 9);
const float = tinyNetwork();
const training = { batchSize: 32, learningRate: 0.1, weightDecay: 1e-3, schedule: { kind: "cosine" } };
await train(float, data, { ...training, epochs: 6 });
const quick = (bits, more) => ({ ...recipeFor(bits), batchSize: 32, augment: {}, ...more });

describe("quantizeByRetraining", () => {
  test("leaves the network alone, and its model answers as its network does", async () => {
    const before = bitsOf(float);
    const steps = [];
    const result = await quantizeByRetraining(float, data, quick(4), {
      test: held,
      onStep: (step) => steps.push(step),
    });
    assert.deepEqual(bitsOf(float), before);
    assert.deepEqual(steps, ["calibrating", "retraining"]);
    assert.deepEqual(result.warnings, []);
    assert.deepEqual(
      result.layers.map(({ name, bits }) => [name, bits]),
      [
        ["conv1", 4],
        ["conv2", 4],
        ["dense1", 4],
      ],
    );
    assert.equal(result.averageBits, 4);
    assert.equal(result.tests.length, 3);
    assert.equal(result.history.length, 2);
    assert.deepEqual([result.pruned, result.pruningHistory], [0, []]);
    const executor = await createClassifier(result.model);
    const { accuracy } = await measure(executor, held);
    executor.dispose();
    const { accuracy: simulated } = await evaluate(result.network, held);
    assert.ok(Math.abs(accuracy / 100 - simulated) < 0.02, `${accuracy} ${simulated}`);
    assert.ok(accuracy > 60);
    const again = await quantizeByRetraining(float, data, quick(4));
    const notes = { ...result.model.notes };
    assert.deepEqual(encodeModel({ ...again.model, notes }), encodeModel(result.model));
  });

  test("a softmax at the end is put aside while labels are learned, and is part of the model", async () => {
    const ended = { ...float, nodes: [...float.nodes, { op: "softmax", name: "shares", input: "dense1", axis: 0 }] };
    ended.outputs = ["shares"];
    const bare = await quantizeByRetraining(float, data, quick(4));
    const whole = await quantizeByRetraining(ended, data, quick(4));
    const losses = ({ history }) => history.map(({ loss }) => loss);
    assert.deepEqual(losses(whole), losses(bare));
    assert.deepEqual(whole.model.layers.slice(0, -1), bare.model.layers);
    assert.deepEqual(whole.model.layers.at(-1), {
      op: "softmax",
      name: "shares",
      input: "dense1",
      output: "shares",
      axis: 0,
    });
    assert.deepEqual(whole.network.outputs, ["shares"]);
    const paper = QUANTIZERS.find(({ name }) => name === "powers-paper");
    const method = { name: "p", quantizer: paper, widths: { kind: "uniform", bits: 4 }, epochs: 0 };
    const settings = { epochs: 0, training: { ...training, batchSize: 32 } };
    const eight = { ...method, activations: { kind: "linear", bits: 8 } };
    const { model } = await quantizeByMethod(ended, data, eight, settings, {});
    assert.equal(model.layers.at(-1).op, "softmax");
  });

  test("bits of single layers, pruning, and a promise that holds the training up", async () => {
    const steps = [];
    let waited = 0;
    const recipe = quick(4, { layers: new Map([["conv2", 2]]), sparsity: 0.5, pruneEpochs: 2 });
    const result = await quantizeByRetraining(float, data, recipe, {
      onStep: (step) => steps.push(step),
      async onProgress() {
        await null;
        waited++;
      },
    });
    assert.deepEqual(steps, ["pruning", "calibrating", "retraining"]);
    assert.equal(waited, (2 + 2) * 5);
    assert.deepEqual(
      result.layers.map(({ bits }) => bits),
      [4, 2, 4],
    );
    assert.ok(Math.abs(result.pruned - 0.5) < 0.02);
    assert.equal(result.pruningHistory.length, 2);
    assert.match(result.model.notes.weights, /conv2 2 bits.*compensation on 160 images, 50\.\d\d % of them pruned/);
  });

  test("a folded network gets its batch norm back, and a warning says so", async () => {
    const b = buildNetwork("folded", createRandom(1));
    const folded = b.finish([b.dense(b.relu(b.conv(b.input([1, 8, 8]), 8, { bias: true, stride: 2 })), 3)]);
    const heard = [];
    const control = { onWarning: (text) => heard.push(text) };
    const { warnings, network, model } = await quantizeByRetraining(folded, data, quick(5), control);
    assert.match(warnings[0], /no batch norm/);
    assert.deepEqual(heard, warnings);
    assert.ok(network.nodes.some(({ op }) => op === "batchNorm"));
    assert.deepEqual(
      model.layers.map(({ op }) => op),
      ["conv", "dense"],
    );
    // the network says nothing about pixels, the set does
    assert.deepEqual(model.inputs[0].normalization, data.normalization);
    const own = { mean: [0.1], std: [0.9] };
    const told = await quantizeByRetraining(withNormalization(folded, own), data, quick(5));
    assert.deepEqual(told.model.inputs[0].normalization, own);
  });

  test("wrong settings are called by their names, before anything is trained", async () => {
    const wrong = [
      ["bits", 6],
      ["bits", new Map([["conv1", 5]])],
      ["layers", new Map([["nothing", 4]])],
      ["layers conv1", new Map([["conv1", 6]]), "layers"],
      ["activations", 8],
      ["share", 1.5],
      ["sparsity", 1],
      ["pruneEpochs", 0],
      ["compensate", -1],
      ["epochs", "2"],
      ["epochs", [1, 1]],
      ["portions", "1"],
      ["learningRate", "0.1"],
      ["batchSize", 0],
      ["batchSize", 161],
      ["threads", 0],
      ["distill", {}],
      ["rate", 0.1],
    ];
    const before = bitsOf(float);
    for (const [where, value, name = where] of wrong) {
      const run = quantizeByRetraining(float, data, quick(4, { [name]: value }));
      await assert.rejects(run, { name: "ShiftwiseError", code: "BAD_OPTION", where: new RegExp(`^${where}\\b`) });
    }
    await assert.rejects(quantizeByRetraining(float, data, 4), { code: "BAD_OPTION", where: "options" });
    await assert.rejects(quantizeByRetraining(float, data, quick(4), { test: 1 }), { code: "BAD_OPTION" });
    for (const set of [undefined, null, {}, [], squares(160).images]) {
      await assert.rejects(quantizeByRetraining(float, set, quick(4)), { code: "BAD_OPTION", where: /^dataset/ });
    }
    for (const other of [{ classes: 7 }, { shape: [1, 4, 16] }]) {
      await assert.rejects(quantizeByRetraining(float, { ...data, ...other }, quick(4)), { code: "BAD_DATA" });
    }
    assert.deepEqual(bitsOf(float), before);
  });
});

describe("quantizeByMethod", () => {
  const quantizer = QUANTIZERS.find(({ name }) => name === "twn");
  const method = {
    name: "twn:2/8",
    quantizer,
    widths: { kind: "uniform", bits: 2 },
    activations: { kind: "linear", bits: 8 },
    epochs: 1,
  };

  test("leaves the network alone and says what became of each layer", async () => {
    const before = bitsOf(float);
    const { model, layers, averageBits } = await quantizeByMethod(float, data, method, { epochs: 2, training });
    assert.deepEqual(bitsOf(float), before);
    assert.equal(model.notes.method, "twn:2/8");
    assert.deepEqual([averageBits, layers.length], [2, 3]);
  });

  test("refuses bits for another number of layers", async () => {
    const widths = { kind: "given", bits: [2, 2] };
    const run = quantizeByMethod(float, data, { ...method, widths }, { epochs: 1, training });
    await assert.rejects(run, { code: "BAD_OPTION", where: "methods twn:2/8" });
  });
});
