// fidelity.test.js: the distance of one network from another, by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf } from "../../dist/data/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { imagesAtOnce } from "../../dist/training/activations.js";
import { fidelityTo } from "../../dist/training/fidelity.js";

/** Logits are the two pixels, the second times `factor`. */
function network(factor) {
  const b = buildNetwork("two", createRandom(1));
  const made = b.finish([b.dense(b.input([2, 1, 1]), 2)]);
  const dense = made.nodes.find(({ op }) => op === "dense");
  dense.weight.data.set([1, 0, 0, factor]);
  dense.bias.data.set([0, 0]);
  return made;
}

/** 17 images, more than are run at a time: pixels 0 and 255, that is logits 0 and 1, in turn. */
const images = Uint8Array.from({ length: 34 }, (_, i) => (((i >> 1) + i) % 2 === 0 ? 0 : 255));
const samples = samplesOf({ images, shape: [2, 1, 1], normalization: { mean: [0, 0], std: [1, 1] } });

test("mean divergence and equal answers", () => {
  const measure = fidelityTo(network(1), samples);
  const { outputs, ...same } = measure(network(1));
  assert.deepEqual(same, { distance: 0, kl: 0, agreement: 1 });
  const [{ between, ...rest }] = outputs;
  assert.deepEqual(rest, { name: "dense1", differs: true, snr: 300, lacks: null, kl: 0, agreement: 1, answers: 17 });
  // 9 of 17 values are 1 in one place, and 8 in the other: each place has the variance 72 / 289, and all values 1 / 4
  assert.ok(Math.abs(between - 288 / 289) < 1e-12, `${between}`);
  // images (0, 1), 9 of 17, become (0, -2): p = 1 / (1 + e^-1) of the second, q = 1 / (1 + e^2)
  const [p, q] = [1 / (1 + Math.exp(-1)), 1 / (1 + Math.exp(2))];
  const kl = p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
  const found = measure(network(-2));
  assert.ok(Math.abs(found.kl - (9 * kl) / 17) < 1e-6, `${found.kl}`);
  assert.equal(found.agreement, 8 / 17);
});

test("whole numbers are answers, compared one by one", () => {
  const steps = [{ fn: "floor", parameters: [], of: [0] }];
  const flat = (factor) => {
    const made = network(factor);
    const [dense] = made.outputs;
    const op = { op: "elementwise", name: "classes", input: dense, steps };
    return { ...made, nodes: [...made.nodes, op], outputs: ["classes"] };
  };
  const [same] = fidelityTo(flat(1), samples)(flat(1)).outputs;
  assert.deepEqual([same.kl, same.agreement, same.answers], [null, 1, 34]);
  // 9 of 17 second values are 1, which become -2
  const [other] = fidelityTo(flat(1), samples)(flat(-2)).outputs;
  assert.deepEqual([other.kl, other.agreement], [null, 25 / 34]);
});

test("signal to noise does not depend on how many samples are run at a time", () => {
  const many = {
    shape: [2, 1, 1],
    count: 40,
    read: (from, count) => Float32Array.from({ length: 2 * count }, (_, i) => 10 + 2 * from + i),
  };
  // 10..50, the second values half as much again
  const values = many.read(0, 40);
  const mean = values.reduce((sum, x) => sum + x / values.length, 0);
  const error = values.reduce((sum, x, i) => sum + (i % 2 === 1 ? (x / 2) ** 2 : 0), 0);
  const signal = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const [{ snr }] = fidelityTo(network(1), many)(network(1.5)).outputs;
  assert.ok(Math.abs(snr - 10 * Math.log10(signal / error)) < 1e-3, `${snr}`);
});

test("logits that are no numbers are infinitely far", () => {
  assert.equal(fidelityTo(network(1), samples)(network(Number.NaN)).kl, Number.POSITIVE_INFINITY);
});

/** Maps of 1 x 2 pixels times `factor`, a softmax over them, and a vector. */
function several(factor) {
  const b = buildNetwork("maps", createRandom(1));
  const map = b.conv(b.input([1, 1, 2]), 1, { kernel: 1 });
  const made = b.finish([map, b.softmax(map, 2), b.dense(map, 3)]);
  made.nodes.find(({ op }) => op === "conv").weight.data.set([factor]);
  return made;
}

test("each output has its signal to noise, a softmax its divergence along every line", () => {
  const images = Uint8Array.of(0, 255, 51, 204, 255, 0, 102, 102);
  const shape = [1, 1, 2];
  const maps = samplesOf({ images, shape, normalization: { mean: [0], std: [1] } });
  const found = fidelityTo(several(1), maps)(several(0.5));
  assert.deepEqual([found.kl, found.agreement], [null, null]);
  const [map, softmax, vector] = found.outputs;
  const values = Array.from(images, (pixel) => pixel / 255);
  const mean = values.reduce((sum, x) => sum + x / 8, 0);
  const signal = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const noise = values.reduce((sum, x) => sum + (x / 2) ** 2, 0);
  assert.ok(Math.abs(map.snr - 10 * Math.log10(signal / noise)) < 1e-4);
  assert.deepEqual([map.kl, map.agreement, vector.kl, vector.agreement], [null, null, null, null]);
  const share = (z) => 1 / (1 + Math.exp(-z));
  let kl = 0;
  for (let i = 0; i < 8; i++) {
    const z = values[i] - values[i ^ 1];
    kl += share(z) * Math.log(share(z) / share(z / 2));
  }
  assert.ok(Math.abs(softmax.kl - kl / 4) < 1e-6);
  assert.equal(softmax.agreement, 1);
  const parts = [10 ** (-map.snr / 10), softmax.kl, 10 ** (-vector.snr / 10)];
  assert.ok(Math.abs(found.distance - (parts[0] + parts[1] + parts[2]) / 3) < 1e-9);
});

test("a vector that a function makes is no list of logits", () => {
  const b = buildNetwork("sigmoids", createRandom(1));
  const made = b.finish([b.activation(b.dense(b.input([2, 1, 1]), 2), "sigmoid")]);
  const { kl, agreement, distance } = fidelityTo(made, samples)(made);
  assert.deepEqual([kl, agreement, distance], [null, null, 0]);
});

test("two networks are run on as many images at a time, though one of them has room for fewer", () => {
  const large = (convolutions) => {
    const b = buildNetwork("large", createRandom(1));
    let x = b.input([8, 1024, 1024]);
    for (let i = 0; i < convolutions; i++) x = b.relu(x);
    return b.finish([x]);
  };
  const alone = imagesAtOnce([large(1)], 100);
  const deeper = imagesAtOnce([large(3)], 100);
  assert.deepEqual([alone, deeper, imagesAtOnce([large(1), large(3)], 100)], [2, 1, 1]);
  assert.equal(imagesAtOnce([large(1)], 1), 1);
});

test("where nothing varies there is no ratio, and a reason", () => {
  const maps = (factor, count) =>
    samplesOf({
      images: new Uint8Array(2 * count).fill(51),
      shape: [1, 1, 2],
      normalization: { mean: [0], std: [factor] },
    });
  const [still] = fidelityTo(several(1), maps(1, 3))(several(0.5)).outputs;
  assert.deepEqual([still.snr, still.lacks], [null, "variation"]);
  const [exact] = fidelityTo(several(1), maps(1, 3))(several(1)).outputs;
  assert.deepEqual([exact.snr, exact.lacks], [300, null]);
  const found = fidelityTo(several(1), maps(1, 3))(several(Number.NaN));
  assert.deepEqual([found.outputs[0].snr, found.outputs[0].lacks], [null, "finite values"]);
  assert.equal(found.distance, Number.POSITIVE_INFINITY);
  // training still has something to bring down: the squared error, as if the variance were 1
  const { distance } = fidelityTo(several(1), maps(1, 3))(several(0.5));
  assert.ok(Math.abs(distance - (0.1 ** 2 + vectorError(0.1)) / 3) < 1e-6 && distance > 0, `${distance}`);
});

/** The mean squared error over the variance of what the dense layer of `several` makes of two values off by `error`. */
function vectorError(error) {
  const { weight, bias } = several(1).nodes.find(({ op }) => op === "dense");
  const make = (x) => [0, 1, 2].map((r) => (weight.data[2 * r] + weight.data[2 * r + 1]) * x + bias.data[r]);
  const [whole, half] = [make(0.2), make(0.2 - error)];
  const mean = (whole[0] + whole[1] + whole[2]) / 3;
  const sum = (values) => values.reduce((all, value) => all + value, 0);
  return sum(whole.map((v, i) => (v - half[i]) ** 2)) / sum(whole.map((v) => (v - mean) ** 2));
}
