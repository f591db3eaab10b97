// source.test.js: networks of several inputs, calibrated, measured and exported; images by the inputs' names, and wrong ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf } from "../../dist/data/index.js";
import { decodeNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
import { decodeModel, encodeModel, runReference } from "../../dist/model/index.js";
import { evaluateModel, exportOnnx, importOnnx, readModel } from "../../dist/onnx/index.js";
import { measureOutputs, quantizeByRetraining, quantizeFromImages, recipeFor } from "../../dist/pipeline/index.js";
import { Model } from "../../dist/runtime/index.js";
import { build, floats, ints } from "../onnx/build.js";

const COUNT = 24;
const NORMALIZATION = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.25] };

/** Two pictures through convolutions of their own, their difference and a vector through a dense layer. */
const file = build({
  nodes: [
    ["Conv", "x w1", "a", { pads: [1, 1, 1, 1], strides: [2, 2] }],
    ["Relu", "a", "ar"],
    ["Conv", "right w2", "b", { pads: [1, 1, 1, 1], strides: [2, 2] }],
    ["Relu", "b", "br"],
    ["Sub", "ar br", "d"],
    ["Conv", "d w3", "e"],
    ["Relu", "e", "er"],
    ["GlobalAveragePool", "er", "g"],
    ["Reshape", "g shape", "f"],
    ["Concat", "f vector", "j", { axis: 1 }],
    ["Gemm", "j w4", "y", { transB: 1 }],
  ],
  constants: {
    w1: floats([8, 3, 3, 3]),
    w2: floats([8, 1, 3, 3]),
    w3: floats([8, 8, 1, 1]),
    w4: floats([4, 14]),
    shape: ints(1, -1),
  },
  x: [1, 3, 12, 12],
  inputs: [
    ["right", [1, 1, 12, 12]],
    ["vector", [1, 6]],
    ["nobody", [1, 7]],
  ],
});
const float = importOnnx(file);

const random = createRandom(3);
const pixels = (channels, normalization) => ({
  images: Uint8Array.from({ length: 144 * channels * COUNT }, () => random.below(256)),
  shape: [channels, 12, 12],
  ...(normalization && { normalization }),
});
const values = Float32Array.from({ length: 6 * COUNT }, () => random.uniform() * 4 - 2);
const vector = { shape: [6, 1, 1], count: COUNT, read: (from, count) => values.slice(6 * from, 6 * (from + count)) };
const images = { x: pixels(3, NORMALIZATION), right: pixels(1), vector };

test("every input is calibrated with its own samples and preprocessing; quality, measureOutputs and export follow", async () => {
  const { model, quality, warnings, network } = await quantizeFromImages(float, images, { bits: 5 });
  assert.deepEqual(
    model.inputs.map(({ name, normalization }) => [name, normalization]),
    [
      ["x", NORMALIZATION],
      ["right", { mean: [0], std: [1] }],
      ["vector", undefined],
    ],
  );
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /what a pixel of right is: assumed mean 0 and deviation 1/);
  assert.ok(quality.outputs[0].snr > 14, `${quality.outputs[0].snr} dB`);
  assert.equal(quality.images, COUNT / 4);
  const samples = {
    x: samplesOf(images.x),
    right: samplesOf({ ...images.right, ...{ normalization: { mean: [0], std: [1] } } }),
    vector,
  };
  for (const executor of ["wasm", "reference"]) {
    const { outputs, samples: count } = await measureOutputs(model, float, samples, executor);
    assert.equal(count, COUNT);
    assert.ok(outputs[0].snr > 14, `${outputs[0].snr} dB`);
  }
  const read = decodeModel(encodeModel(model));
  const taken = Object.fromEntries(Object.entries(samples).map(([name, one]) => [name, one.read(5, 1)]));
  const expected = runReference(read, taken).outputs.y;
  const running = await Model.from(read);
  assert.deepEqual(running.runSync(taken).y, expected);
  const mixed = { ...taken, x: images.x.images.subarray(5 * 432, 6 * 432) };
  assert.deepEqual(running.runSync(mixed).y, expected);
  running.dispose();
  const exported = readModel(exportOnnx(read, { form: "float32" }), null);
  const ports = exported.inputs.map(({ name, dims }) => [
    name,
    { type: "float32", dims: dims.with(0, 1), data: taken[name] },
  ]);
  assert.deepEqual(evaluateModel(exported, new Map(ports)).get("y").data, expected);
  // a network file holds them, too, and says its version
  const bytes = encodeNetwork(network);
  assert.deepEqual(encodeNetwork(decodeNetwork(bytes).network), bytes);
});

test("a Map of calibrations is taken as an object of them; a network of one input takes both", async () => {
  const asMap = new Map(
    Object.entries(images).map(([name, one]) => [name, one === vector ? vector : { samples: null, pictures: one }]),
  );
  const options = { bits: 4 };
  const [first, second] = await Promise.all([images, asMap].map((form) => quantizeFromImages(float, form, options)));
  assert.deepEqual(encodeModel(first.model), encodeModel(second.model));
  const nodes = [["Conv", "x w", "y"]];
  const single = importOnnx(build({ nodes, constants: { w: floats([4, 3, 3, 3]) }, x: [1, 3, 12, 12] }));
  const files = [];
  for (const form of [images.x, { x: images.x }, new Map([["x", images.x]])]) {
    files.push(encodeModel((await quantizeFromImages(single, form)).model));
  }
  assert.deepEqual(files[1], files[0]);
  assert.deepEqual(files[2], files[0]);
});

test("a float network of several inputs teaches the quantized one, in one thread and in two", async () => {
  for (const threads of [1, 2]) {
    const settings = { bits: 3, minutes: 0.02, batchSize: 8, learningRate: 0.01, threads };
    const { model, distillation, quality } = await quantizeFromImages(float, images, settings);
    const { before, after, heldOut, attempts } = distillation;
    assert.equal(
      attempts.some(({ kept }) => kept),
      after.distance < before.distance,
    );
    assert.deepEqual([heldOut, quality.outputs], [COUNT / 4, after.outputs]);
    assert.deepEqual(encodeModel(decodeModel(encodeModel(model))), encodeModel(model));
  }
});

test("wrong images of several inputs are refused by name", async () => {
  const fails = (given, details, settings = {}) =>
    assert.rejects(quantizeFromImages(float, given, settings), {
      name: "ShiftwiseError",
      code: "BAD_DATA",
      ...details,
    });
  await fails(images.x, { expected: /each of x, right, vector/ });
  await fails({ x: images.x, right: images.right }, { where: "vector", expected: /the shape 6, 1, 1/ });
  await fails({ ...images, nobody: vector }, { found: "nobody" });
  await fails({ ...images, vector: { ...vector, count: 3 } }, { where: "vector", found: 3 });
  await fails({ ...images, right: images.x }, { where: "right", expected: "the shape 1, 12, 12" });
  await fails(null, {});
  const augment = { crop: 1 };
  await fails(images, { code: "BAD_OPTION", where: "augment", found: /several inputs/ }, { minutes: 0.01, augment });
  const dataset = { ...images.x, labels: new Uint8Array(COUNT), classes: 4 };
  const labelled = quantizeByRetraining(float, dataset, recipeFor(4));
  await assert.rejects(labelled, { code: "UNSUPPORTED", found: "x, right, vector" });
  const def = lower(float, { grids: null });
  const samples = samplesOf(images.x);
  await assert.rejects(measureOutputs(def, float, samples), { code: "BAD_DATA", found: "samples of one input" });
  await assert.rejects(measureOutputs(def, float, { x: samples }), { code: "BAD_DATA", found: "none" });
});
