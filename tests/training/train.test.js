// train.test.js: training learns, repeats to the bit, and stops with a reason.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { compileModule } from "../../dist/engine/wasm.js";
import { buildNetwork, demoNetwork, vgg } from "../../dist/graph/index.js";
import { activations, evaluate, train } from "../../dist/training/index.js";
import { createPool } from "../../dist/training/worker-pool.js";
import { bitsOf, squares, tinyNetwork } from "./helpers.js";

const data = squares(320);
const options = {
  epochs: 3,
  batchSize: 32,
  learningRate: 0.1,
  nesterov: true,
  weightDecay: 1e-3,
  schedule: { kind: "cosine", warmUp: 0.2 },
  augment: { shift: 1 },
  labelSmoothing: 0.05,
  clip: 5,
  seed: 4,
};

async function trained(more = {}, control = {}) {
  const network = tinyNetwork();
  const result = await train(network, data, { ...options, ...more }, control);
  return { network, ...result };
}

test("training learns what evaluation then finds", async () => {
  const { network, history } = await trained({ epochs: 6 });
  assert.equal(history.length, 6);
  assert.ok(history[5].loss < history[0].loss / 1.5, JSON.stringify(history));
  const { accuracy, correct, total } = await evaluate(network, squares(200, 9));
  assert.ok(accuracy > 0.9, `accuracy ${accuracy}`);
  assert.equal(total, 200);
  assert.equal(correct, Math.round(accuracy * 200));
});

test("a VGG learns through its pools and the batch norm of its dense layers", async () => {
  const network = vgg([1, 8, 8], 3, 1, 4);
  const before = structuredClone(network);
  const { history } = await train(network, data, { ...options, labelSmoothing: 0, epochs: 5 });
  assert.ok(history[4].loss < history[0].loss / 1.5, JSON.stringify(history));
  for (const [i, node] of network.nodes.entries()) {
    if (node.weight) assert.notDeepEqual(node.weight, before.nodes[i].weight, node.name);
    if (node.op === "batchNorm") assert.notDeepEqual(node.variance, before.nodes[i].variance, node.name);
  }
});

for (const threads of [1, 2, 3]) {
  test(`the same run on ${threads} threads gives the same bits`, async () => {
    const [a, b] = [await trained({ threads }), await trained({ threads })];
    assert.deepEqual(bitsOf(a.network), bitsOf(b.network));
    assert.deepEqual(
      a.history.map(({ loss, accuracy }) => [loss, accuracy]),
      b.history.map(({ loss, accuracy }) => [loss, accuracy]),
    );
  });
}

test("without batch norm the threads only change the order of sums", async () => {
  const plain = () => {
    const b = buildNetwork("plain", createRandom(1));
    return b.finish([b.dense(b.relu(b.conv(b.input([1, 8, 8]), 4)), 3)]);
  };
  const networks = [];
  for (const threads of [1, 3]) {
    const network = plain();
    await train(network, data, { ...options, epochs: 1, threads });
    networks.push(network);
  }
  const [one, three] = networks.map((network) => network.nodes[1].weight.data);
  for (let i = 0; i < one.length; i++) assert.ok(Math.abs(one[i] - three[i]) < 1e-4);
});

test("another seed gives another result", async () => {
  const [a, b] = [await trained(), await trained({ seed: 5 })];
  assert.notDeepEqual(bitsOf(a.network), bitsOf(b.network));
});

test("evaluation does not depend on threads and batch size", async () => {
  const { network } = await trained({ epochs: 1 });
  const found = [];
  for (const more of [{}, { threads: 2 }, { threads: 3, batchSize: 7 }]) {
    const { correct, loss } = await evaluate(network, data, more);
    found.push([correct, loss.toFixed(9)]);
  }
  assert.deepEqual(found[1], found[0]);
  assert.deepEqual(found[2], found[0]);
});

test("masked weights and, when frozen, batch norm statistics stay", async () => {
  const network = tinyNetwork();
  const conv = network.nodes.find((node) => node.op === "conv");
  const norm = network.nodes.find((node) => node.op === "batchNorm");
  const frozen = Uint8Array.from(conv.weight.data, (_, i) => i % 2);
  const before = conv.weight.data.slice();
  const mean = norm.mean.data.slice();
  const grids = new Map([[conv.name, { kind: "powers", bits: 5, n1: 0, scale: null, frozen }]]);
  await train(network, data, { ...options, epochs: 1, grids, batchNorm: "frozen" });
  for (let i = 0; i < before.length; i++) {
    assert.equal(conv.weight.data[i] === before[i], i % 2 === 1, `weight ${i}`);
  }
  assert.deepEqual(norm.mean.data, mean);
  const wrong = new Map([[conv.name, { kind: "powers", bits: 5, n1: 0, scale: null, frozen: new Uint8Array(3) }]]);
  await assert.rejects(train(network, data, { ...options, grids: wrong }), { code: "BAD_OPTION", found: 3 });
});

test("progress counts every step and ends with no time left", async () => {
  const events = [];
  await trained({ epochs: 2 }, { onProgress: (event) => events.push(event) });
  assert.equal(events.length, 20);
  assert.deepEqual(
    events.map(({ epoch, step }) => epoch * 10 + step),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  const last = events.at(-1);
  assert.equal(last.secondsLeft, 0);
  assert.ok(last.imagesPerSecond > 0 && last.loss > 0 && last.accuracy > 0.3 && last.accuracy <= 1);
  assert.equal(events[0].rate, 0);
});

test("a promise that onProgress returns holds the run", async () => {
  let steps = 0;
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  const control = { onProgress: () => (++steps === 3 ? held : undefined) };
  const running = trained({}, control);
  while (steps < 3) await new Promise(setImmediate);
  // a run that does not wait would make many steps in that time
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(steps, 3);
  release();
  assert.deepEqual(bitsOf((await running).network), bitsOf((await trained()).network));
  assert.equal(steps, 30);
});

test("an aborted run rejects with ABORTED and keeps what it has reached", async () => {
  const controller = new AbortController();
  const network = tinyNetwork();
  const before = bitsOf(network);
  const onProgress = ({ step }) => step === 4 && controller.abort();
  await assert.rejects(train(network, data, options, { signal: controller.signal, onProgress }), {
    code: "ABORTED",
    where: "stage 1, epoch 1, step 5",
  });
  assert.notDeepEqual(bitsOf(network), before);
});

test("a rate far too high ends in DIVERGED with step and layer, the network untouched", async () => {
  const network = tinyNetwork();
  const before = bitsOf(network);
  await assert.rejects(train(network, data, { ...options, learningRate: 1e30, schedule: undefined, clip: undefined }), {
    code: "DIVERGED",
    where: /epoch 1, step \d+/,
  });
  assert.deepEqual(bitsOf(network), before);
});

test("a NaN in the network names the first layer that shows it", async () => {
  const network = tinyNetwork();
  const second = network.nodes.filter((node) => node.op === "conv")[1];
  second.weight.data[0] = Number.NaN;
  await assert.rejects(train(network, data, options), { code: "DIVERGED", message: /first in conv2/ });
});

test("options out of range and data that does not fit are refused", async () => {
  const cases = [
    [{ epochs: 0 }, "BAD_OPTION"],
    [{ batchSize: 0 }, "BAD_OPTION"],
    [{ batchSize: 321 }, "BAD_OPTION"],
    [{ learningRate: Number.NaN }, "BAD_OPTION"],
    [{ momentum: 1 }, "BAD_OPTION"],
    [{ weightDecay: -1 }, "BAD_OPTION"],
    [{ labelSmoothing: 1 }, "BAD_OPTION"],
    [{ clip: 0 }, "BAD_OPTION"],
    [{ threads: 0.5 }, "BAD_OPTION"],
    [{ schedule: { kind: "constant", warmUp: -1 } }, "BAD_OPTION"],
    [{ augment: { shift: 9 } }, "BAD_OPTION"],
  ];
  for (const [more, code] of cases) await assert.rejects(trained(more), { code }, JSON.stringify(more));
  const other = { ...data, classes: 4 };
  await assert.rejects(train(tinyNetwork(), other, options), { code: "BAD_DATA", found: 4 });
  await assert.rejects(evaluate(tinyNetwork(), { ...data, shape: [1, 4, 16] }), { code: "BAD_DATA", found: "1x4x16" });
});

test("a worker that dies rejects the run with IO", async () => {
  const network = tinyNetwork();
  const broken = { ...network, nodes: network.nodes.map((node) => ({ ...node })) };
  const pool = createPool(broken, { batch: 4, threads: 2, gradients: true, module: compileModule() });
  const run = pool.run(new Map([["input", new Float32Array(256)]]), new Uint8Array(4), "train", 0);
  await Promise.all([pool.close(), assert.rejects(run, { code: "IO", message: /worker thread died/ })]);
  await assert.rejects(pool.run(new Map([["input", new Float32Array(256)]]), new Uint8Array(4), "train", 0), {
    code: "IO",
  });
});

test("activations are those of eval mode, image by image", async () => {
  const network = tinyNetwork();
  await train(network, data, { ...options, epochs: 1 });
  const sizes = [];
  for (const batch of activations(network, data, ["relu1", "bn2"], 150)) {
    sizes.push([batch.get("relu1").length, batch.get("bn2").length]);
    assert.ok(batch.get("relu1").every((value) => value >= 0));
    assert.ok(batch.get("bn2").some((value) => value < 0));
  }
  assert.deepEqual(sizes, [
    [150 * 512, 150 * 512],
    [150 * 512, 150 * 512],
    [20 * 512, 20 * 512],
  ]);
  assert.throws(() => [...activations(network, data, ["nowhere"])], { code: "BAD_OPTION", found: "nowhere" });
});

test("a network learns from a teacher alone what the teacher knows", async () => {
  const teacher = tinyNetwork();
  await train(teacher, data, { epochs: 6, batchSize: 16, learningRate: 0.05 });
  const known = await evaluate(teacher, data);
  const unlabelled = { ...data, labels: new Uint8Array(320) };
  const distill = { teacher, temperature: 2, share: 1 };
  const students = [];
  for (const threads of [1, 1, 2]) {
    const student = tinyNetwork(9);
    const before = await evaluate(student, data);
    await train(student, unlabelled, { epochs: 6, batchSize: 16, learningRate: 0.05, distill, threads });
    const { accuracy } = await evaluate(student, data);
    assert.ok(accuracy > known.accuracy - 0.1 && accuracy > before.accuracy, `${accuracy} of ${known.accuracy}`);
    students.push(student);
  }
  assert.deepEqual(bitsOf(students[0]), bitsOf(students[1]));
  for (const [name, wrong] of Object.entries({
    temperature: 0,
    share: 1.5,
    teacher: demoNetwork([1, 8, 8], 5, 1, 4),
  })) {
    const run = train(tinyNetwork(), data, {
      epochs: 1,
      batchSize: 16,
      learningRate: 1,
      distill: { ...distill, [name]: wrong },
    });
    await assert.rejects(run, { code: name === "teacher" ? "BAD_DATA" : "BAD_OPTION" });
  }
});

test("batch norm statistics measured anew are those of the batches, whatever has faded in", async () => {
  const [a, b] = [tinyNetwork(), tinyNetwork()];
  for (const node of b.nodes) if (node.op === "batchNorm") node.mean.data.fill(7);
  for (const network of [a, b]) await train(network, data, { ...options, epochs: 1, reestimate: 4 });
  assert.deepEqual(bitsOf(a), bitsOf(b));
  const { network } = await trained({ epochs: 1 });
  assert.notDeepEqual(bitsOf(network), bitsOf(a));
});
