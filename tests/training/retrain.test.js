// retrain.test.js: INQ retraining: what is frozen stays, what is left is on the grid, accuracy survives.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { lower } from "../../dist/graph/index.js";
import {
  calibrate,
  collectHistograms,
  insertQuantizers,
  QUANTIZERS,
  quantizationPoints,
} from "../../dist/quantize/index.js";
import { activations, evaluate, prune, retrain, train } from "../../dist/training/index.js";
import { bitsOf, squares, tinyNetwork } from "./helpers.js";

const data = squares(320);
const common = { batchSize: 32, learningRate: 0.05, nesterov: true, weightDecay: 1e-3, schedule: { kind: "cosine" } };

const float = tinyNetwork();
await train(float, data, { ...common, learningRate: 0.1, epochs: 6 });
const copy = () => structuredClone(float);
async function encodingsOf(network) {
  const points = quantizationPoints(network);
  const histograms = await collectHistograms(points, activations(network, data, points));
  return calibrate(network, histograms, { activations: { kind: "linear", bits: 8 } });
}
const weightNodes = (network) => network.nodes.filter((node) => node.op === "conv" || node.op === "dense");

for (const bits of [2, 3, 4, 5]) {
  test(`at ${bits} bits every weight ends on its grid and the network still works`, async () => {
    const network = copy();
    const { grids, history } = await retrain(network, data, { ...common, bits, epochs: 2 });
    assert.deepEqual(
      [...grids.keys()],
      weightNodes(network).map((node) => node.name),
    );
    for (const node of weightNodes(network)) {
      const { n1, frozen } = grids.get(node.name);
      assert.ok(frozen.every((flag) => flag === 1));
      const lowest = n1 + 1 - 2 ** (bits - 2);
      for (const w of node.weight.data) {
        const exponent = Math.log2(Math.abs(w));
        assert.ok(w === 0 || (Number.isInteger(exponent) && exponent >= lowest && exponent <= n1), `${w}`);
      }
    }
    assert.equal(history.at(-1).stage, { 2: 9, 3: 7, 4: 5, 5: 3 }[bits]);
    const { accuracy } = await evaluate(network, squares(300, 9));
    assert.ok(accuracy > 0.9, `accuracy ${accuracy}`);
  });
}

for (const [name, bits, compensate] of [
  ["apot", 4, 0],
  ["twn", 2, 64],
  ["bwn", 1, 64],
]) {
  test(`INQ on the levels of ${name}: every weight ends on them and the network still works`, async () => {
    const network = copy();
    network.nodes = insertQuantizers(network, await encodingsOf(network)).nodes;
    const quantizer = QUANTIZERS.find((candidate) => candidate.name === name);
    const { grids } = await retrain(network, data, { ...common, bits, epochs: 1, quantizer, compensate });
    for (const { frozen, kind } of grids.values()) {
      assert.equal(kind, "codebook");
      assert.ok(frozen.every((flag) => flag === 1));
    }
    assert.equal(
      lower(network, { grids }).layers.filter(({ weights }) => weights?.kind === "codebook").length,
      grids.size,
    );
    const { accuracy } = await evaluate(network, squares(300, 9));
    assert.ok(accuracy > 0.9, `accuracy ${accuracy}`);
  });
}

test("portions freeze what they say and nothing frozen moves", async () => {
  const network = copy();
  const seen = [];
  const portions = [0.3, 0.6, 1];
  const onProgress = ({ stage, stages, epoch, epochs, step }) => {
    assert.equal(stages, 3);
    assert.equal(epochs, 1);
    if (epoch === 0 && step === 1) seen.push(stage);
  };
  const { grids } = await retrain(network, data, { ...common, bits: 5, portions, epochs: 1 }, { onProgress });
  assert.deepEqual(seen, [0, 1, 2]);
  // the largest 30 % were rounded first and never trained again, so they are the rounded float weights
  for (const node of weightNodes(float)) {
    const after = weightNodes(network).find(({ name }) => name === node.name).weight.data;
    const order = [...node.weight.data.keys()].sort(
      (a, b) => Math.abs(node.weight.data[b]) - Math.abs(node.weight.data[a]),
    );
    const { n1 } = grids.get(node.name);
    for (const i of order.slice(0, Math.floor(0.3 * order.length))) {
      const k = Math.min(Math.floor(Math.log2((4 * Math.abs(node.weight.data[i])) / 3)), n1);
      assert.equal(after[i], Math.sign(node.weight.data[i]) * 2 ** k, `${node.name}[${i}]`);
    }
  }
});

test("no epochs after the last portion leave biases and batch norm alone; statistics can be measured anew", async () => {
  const run = async (reestimate) => {
    const network = copy();
    await retrain(network, data, { ...common, bits: 5, portions: [1], epochs: 0, reestimate });
    return network.nodes.find((node) => node.op === "batchNorm");
  };
  const before = float.nodes.find((node) => node.op === "batchNorm");
  const [same, measured] = [await run(0), await run(10)];
  assert.deepEqual(same.mean.data, before.mean.data);
  assert.deepEqual(measured.gamma.data, before.gamma.data);
  assert.notDeepEqual(measured.mean.data, before.mean.data);
});

test("epochs after the last portion train biases and batch norm alone, and the network gets better", async () => {
  const run = async (epochs, more = {}) => {
    const network = copy();
    const { grids, history } = await retrain(network, data, { ...common, bits: 2, portions: [1], epochs, ...more });
    for (const { frozen } of grids.values()) assert.ok(frozen.every((flag) => flag === 1));
    return { network, history, norm: network.nodes.find((node) => node.op === "batchNorm") };
  };
  for (const more of [{}, { compensate: 64, scale: "channel" }, { average: 0.9 }]) {
    const [before, after] = [await run(0, more), await run(3, more)];
    assert.deepEqual(
      after.history.map(({ stage, epoch }) => [stage, epoch]),
      [
        [0, 0],
        [0, 1],
        [0, 2],
      ],
    );
    for (const [i, node] of weightNodes(after.network).entries()) {
      assert.deepEqual(node.weight.data, weightNodes(before.network)[i].weight.data);
      // all parameters but the weights of this network: the dense layer's bias, gamma, beta
      if (node.bias) assert.notDeepEqual(node.bias.data, weightNodes(before.network)[i].bias.data);
    }
    for (const field of ["gamma", "beta", "mean", "variance"]) {
      assert.notDeepEqual(after.norm[field].data, before.norm[field].data, field);
      assert.ok(after.norm[field].data.every(Number.isFinite));
    }
    const losses = await Promise.all([before, after].map(({ network }) => evaluate(network, data)));
    assert.ok(losses[1].loss < losses[0].loss, `${losses[0].loss} became ${losses[1].loss}`);
  }
});

test("statistics are measured anew on images as training sees them", async () => {
  const run = async (augment) => {
    const network = copy();
    await retrain(network, data, { ...common, bits: 5, portions: [1], epochs: 0, reestimate: 10, augment });
    return network.nodes.find((node) => node.op === "batchNorm").mean.data;
  };
  const covered = await run({ cutout: 8 });
  assert.notDeepEqual(covered, await run({}));
  assert.deepEqual(covered, await run({ cutout: 8 }));
});

test("the random partition differs from the magnitude partition and follows the seed", async () => {
  const run = async (more) => {
    const network = copy();
    await retrain(network, data, { ...common, bits: 5, portions: [0.5, 1], epochs: [1, 0], ...more });
    return weightNodes(network)[0].weight.data;
  };
  const [magnitude, random] = [await run({}), await run({ partition: "random" })];
  assert.notDeepEqual(random, magnitude);
  assert.deepEqual(await run({ partition: "random" }), random);
});

test("portions and epochs that do not fit are refused before a weight changes", async () => {
  const network = copy();
  const attempt = (more) => retrain(network, data, { ...common, bits: 5, epochs: 1, ...more });
  await assert.rejects(attempt({ portions: [0.5, 0.4, 1] }), { code: "BAD_OPTION", where: "portions[1]" });
  await assert.rejects(attempt({ portions: [0.5] }), { code: "BAD_OPTION", where: "portions" });
  await assert.rejects(attempt({ portions: [0.5, 1], epochs: [1] }), { code: "BAD_OPTION", where: "epochs" });
  await assert.rejects(attempt({ epochs: [1, -1, 1, 1] }), { code: "BAD_OPTION", where: "epochs[1]" });
  await assert.rejects(attempt({ bits: 6 }), { code: "BAD_OPTION" });
  assert.deepEqual(network, float);
});

test("portions rounded with compensation lose less, and end on the grid", async () => {
  const settings = { ...common, bits: 3, portions: [0.4, 1], epochs: 0, seed: 2 };
  const correct = {};
  for (const [name, more] of Object.entries({
    plain: {},
    compensated: { compensate: 64 },
    channels: { compensate: 64, scale: "channel" },
  })) {
    const network = copy();
    const { grids, tests } = await retrain(network, data, { ...settings, ...more, test: squares(300, 9) });
    assert.equal(tests.length, 2);
    assert.equal(tests[1], (await evaluate(network, squares(300, 9))).accuracy);
    assert.ok([...grids.values()].every(({ frozen }) => frozen.every((flag) => flag === 1)));
    lower(insertQuantizers(network, await encodingsOf(network)), { grids });
    correct[name] = tests[1];
  }
  assert.ok(correct.compensated >= correct.plain && correct.channels >= correct.plain, JSON.stringify(correct));
});

test("every way of choosing a portion can be rounded with compensation", async () => {
  const { pruned } = await prune(copy(), data, { ...common, sparsity: 0.5, epochs: 1 });
  const bare = copy();
  for (const { name, weight } of weightNodes(bare)) {
    weight.data.set(weight.data.map((w, i) => (pruned.get(name)[i] ? 0 : w)));
  }
  // the channels of some tables have no 0
  const narrow = { quantizer: QUANTIZERS.find(({ name }) => name === "two-term"), bits: 2 };
  for (const more of [{ partition: "random" }, { ranking: "global" }, { pruned }, narrow, { pruned, ...narrow }]) {
    const network = structuredClone(bare);
    const options = { ...common, bits: 4, portions: [0.5, 1], epochs: 0, compensate: 32, ...more };
    const { grids } = await retrain(network, data, options);
    lower(insertQuantizers(network, await encodingsOf(network)), { grids });
    if (!more.pruned) continue;
    for (const node of weightNodes(network)) {
      assert.ok(node.weight.data.every((w, i) => w === 0 || pruned.get(node.name)[i] === 0));
    }
  }
  for (const images of [321, 1.5]) {
    const run = retrain(copy(), data, { ...common, bits: 4, epochs: 0, compensate: images });
    await assert.rejects(run, { code: "BAD_OPTION", where: "compensate" });
  }
});

test("a schedule over the run goes on where the portion before has left it", async () => {
  const rates = async (anneal) => {
    const seen = [];
    const settings = { ...common, bits: 5, portions: [0.5, 0.8, 1], epochs: [2, 1, 1], anneal };
    await retrain(copy(), data, settings, { onProgress: ({ rate }) => seen.push(rate) });
    return seen;
  };
  const [anew, once] = [await rates("portion"), await rates("run")];
  assert.equal(once.length, 40);
  assert.ok(once.every((rate, i) => i === 0 || rate < once[i - 1]));
  assert.equal(once[20], 0.025);
  assert.equal(anew[20], 0.05);
});

test("progress is the share of all steps, however the epochs lie on the portions", async () => {
  const seen = [];
  const settings = { ...common, bits: 5, portions: [0.5, 0.8, 1], epochs: [3, 1, 0] };
  await retrain(copy(), data, settings, { onProgress: ({ done }) => seen.push(done) });
  assert.deepEqual(
    seen,
    Array.from({ length: 40 }, (_, i) => (i + 1) / 40),
  );
});

test("the moving average of the weights is what each portion ends with, frozen weights exactly", async () => {
  const network = copy();
  const settings = { ...common, bits: 5, portions: [0.5, 1], epochs: [1, 1], average: 0.9 };
  const { grids } = await retrain(network, data, settings);
  lower(insertQuantizers(network, await encodingsOf(network)), { grids });
  const other = copy();
  await retrain(other, data, { ...settings, average: 0.5 });
  assert.notDeepEqual(bitsOf(network), bitsOf(other));
});

test("a run is stopped while a portion is rounded or tested, too, and resumes from the portion before", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shiftwise-"));
  const settings = { ...common, bits: 4, portions: [0.5, 1], epochs: [1, 0], compensate: 32, test: data };
  const whole = copy();
  await retrain(whole, data, settings);
  const path = join(folder, "stopped.safetensors");
  const controller = new AbortController();
  const checkpoint = { path, resume: true };
  const stopped = retrain(
    copy(),
    data,
    { ...settings, checkpoint },
    {
      signal: controller.signal,
      // the last step of the first portion: what follows is its test
      onProgress: ({ step, steps }) => step === steps && controller.abort(),
    },
  );
  await assert.rejects(stopped, { code: "ABORTED" });
  const network = copy();
  const { tests } = await retrain(network, data, { ...settings, checkpoint });
  assert.equal(tests.length, 2);
  assert.deepEqual(bitsOf(network), bitsOf(whole));
  await rm(folder, { recursive: true });
});
