import assert from "node:assert/strict";
import { test } from "node:test";
import workerThreads from "node:worker_threads";
import { ShiftwiseError } from "../../dist/base/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { Model } from "../../dist/runtime/index.js";
import { createWords, lead } from "../../dist/runtime/threads/team.js";
import { FLOAT32, linear } from "../models/layers.js";
import { convModel, inputsFor } from "../models/random.js";

const MODELS = [
  convModel({ shape: [16, 40, 40], channels: 24 }),
  convModel({ shape: [16, 41, 33], channels: 24, stride: [2, 2], input: linear(15) }),
  convModel({ shape: [32, 30, 30], channels: 32, groups: 32, residual: linear() }),
  convModel({ shape: [8, 40, 40], channels: 8, input: FLOAT32, output: FLOAT32 }),
  // one tile, shared by output channels
  convModel({ shape: [16, 7, 7], channels: 100, residual: linear() }),
  convModel({ shape: [16, 10, 9], channels: 50, input: linear(15) }),
  // dense layers, shared by blocks of 16 outputs
  convModel({ shape: [90, 1, 1], channels: 115, kernel: [1, 1], padding: [0, 0, 0, 0] }),
  convModel({
    shape: [33, 1, 1],
    channels: 50,
    kernel: [1, 1],
    padding: [0, 0, 0, 0],
    input: FLOAT32,
    output: FLOAT32,
  }),
  // the same of depthwise layers, whose blocks keep the channels of one plane together
  convModel({ shape: [97, 7, 7], channels: 97, groups: 97 }),
  convModel({ shape: [37, 9, 9], channels: 111, groups: 37, residual: linear() }),
];

test("threads give the bits of one thread, run after run", async () => {
  for (const def of MODELS) {
    const inputs = inputsFor(def);
    const alone = await Model.from(def);
    const expected = goldenHash(alone.runSync(inputs).y);
    for (const threads of [2, 3]) {
      const model = await Model.from(def, { threads });
      assert.equal(model.threads, threads);
      for (let i = 0; i < 50; i++) assert.equal(goldenHash(model.runSync(inputs).y), expected);
      model.dispose();
    }
    alone.dispose();
  }
});

test("helpers that slept wake up for the next run", async () => {
  const [def] = MODELS;
  const inputs = inputsFor(def);
  const model = await Model.from(def, { threads: 2 });
  const expected = goldenHash(model.runSync(inputs).y);
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(goldenHash(model.runSync(inputs).y), expected);
  }
  model.dispose();
});

test("threads out of range are refused", async () => {
  for (const threads of [0, 17, 1.5, Number.NaN]) {
    await assert.rejects(Model.from(MODELS[0], { threads }), (error) => {
      return error instanceof ShiftwiseError && error.code === "BAD_OPTION" && error.where === "threads";
    });
  }
});

test("a model without steps has nothing to share: no helper is started that would die of it", async () => {
  const tensors = { x: { shape: [2, 3, 4], encoding: FLOAT32 } };
  const ports = [{ name: "x", tensor: "x" }];
  const model = await Model.from({ name: "empty", inputs: ports, outputs: ports, tensors, layers: [] }, { threads: 2 });
  assert.equal(model.threads, 1);
  const values = Float32Array.from({ length: 24 }, (_, i) => i);
  assert.deepEqual(model.runSync(values).x, values);
  model.dispose();
});

test("a disposed model says so", async () => {
  const model = await Model.from(MODELS[0], { threads: 2 });
  model.dispose();
  assert.throws(() => model.runSync(inputsFor(MODELS[0])), { code: "DISPOSED" });
});

test("when a helper dies one run fails, and the model goes on with one thread", async () => {
  const spawned = [];
  const { Worker } = workerThreads;
  workerThreads.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      spawned.push(this);
    }
  };
  const [def] = MODELS;
  const inputs = inputsFor(def);
  const model = await Model.from(def, { threads: 2 });
  workerThreads.Worker = Worker;
  const expected = goldenHash(model.runSync(inputs).y);
  assert.equal(spawned.length, 1);
  await spawned[0].terminate();
  assert.throws(() => model.runSync(inputs), { code: "UNSUPPORTED" });
  assert.equal(model.threads, 1);
  assert.equal(goldenHash(model.runSync(inputs).y), expected);
  model.dispose();
});

test("a thread left alone runs the units of every range once, its own first", () => {
  for (const units of [1, 2, 3, 10, 97]) {
    for (const seat of [0, 1, 2]) {
      const ran = [];
      const run = (_kernels, first, last) => {
        for (let unit = first; unit < last; unit++) ran.push(unit);
      };
      const steps = [{ name: "step", op: "conv", units, run }];
      assert.equal(lead({ words: createWords(3), steps, kernels: {}, scratch: 0, seat, threads: 3 }, 0, 1000), true);
      const start = Math.floor((units * seat) / 3);
      assert.deepEqual(
        ran,
        Array.from({ length: units }, (_, i) => (start + i) % units),
      );
    }
  }
});

test("a thread that claimed work and died is noticed", () => {
  const words = createWords(1);
  let ran = 0;
  const steps = [{ name: "step", op: "conv", units: 3, run: () => ran++ }];
  const seat = { words, steps, kernels: {}, scratch: 0, seat: 0, threads: 1 };
  assert.equal(lead(seat, 0, 1000), true);
  assert.equal(ran, 3);
  // the first unit goes to a thread that never finishes it
  steps[0].run = () => {
    if (ran++ === 3) Atomics.sub(words, 0, 1);
  };
  assert.equal(lead(seat, 0, 30), false);
});
