// crew.test.js: rounding on several threads: the same bits, and errors of threads that fail, die or are stopped.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf } from "../../dist/data/index.js";
import { compileModule, createRoom } from "../../dist/engine/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { levelTable } from "../../dist/quantize/channels.js";
import { calibrate, collectHistograms, insertQuantizers, quantizationPoints } from "../../dist/quantize/index.js";
import { startCrew } from "../../dist/rounding/crew.js";
import { compensate, withCrew } from "../../dist/rounding/index.js";
import { createRounder } from "../../dist/rounding/rounding.js";
import { rowRounders } from "../../dist/rounding/row-rounder.js";
import { activations } from "../../dist/training/index.js";
import { bitsOf, disturb, squares } from "../training/helpers.js";

const DATA = squares(70);
const SAMPLES = samplesOf(DATA);

/** Convolutions with groups and without, a residual, a dense layer; batch norm behind some, biases in others. */
async function mixed(bits = 8) {
  const b = buildNetwork("mixed", createRandom(1));
  const x = b.relu(b.batchNorm(b.conv(b.input([1, 8, 8]), 8)));
  const y = b.relu(b.conv(x, 8, { groups: 8, bias: true }));
  const z = b.relu(b.add(b.batchNorm(b.conv(y, 8, { groups: 2 })), x));
  const network = disturb(b.finish([b.dense(b.maxPool(b.relu(b.conv(z, 12, { kernel: 1, stride: 2 })), 2), 3)]));
  const points = quantizationPoints(network);
  const histograms = await collectHistograms(points, activations(network, DATA, points));
  return insertQuantizers(network, calibrate(network, histograms, { activations: { kind: "linear", bits } }));
}

/** Two inputs, the second of which is read behind the first layer, and a dense layer of so many inputs that they come in blocks. */
function wide() {
  const b = buildNetwork("wide", createRandom(3));
  const x = b.relu(b.conv(b.input([2, 10, 10]), 47, { bias: true }));
  const y = b.conv(b.input([47, 10, 10]), 47, { kernel: 1, bias: true });
  return b.finish([b.dense(b.relu(b.add(x, y)), 4)]);
}

const drawn = (shape, count, factor = () => 1) => {
  const random = createRandom(count);
  const length = shape.reduce((a, b) => a * b);
  const values = Float32Array.from(
    { length: count * length },
    (_, i) => random.normal() * factor(Math.floor(i / length)),
  );
  return { shape, count, read: (from, n) => values.slice(from * length, (from + n) * length) };
};

const levels = () => ({ kind: "powers", bits: 4, scale: "channel" });
const explore = () => [{ kind: "powers", bits: 3, scale: "channel" }];

const crews = await Promise.all([1, 2, 3].map((threads) => startCrew(threads)));
after(() => {
  for (const crew of crews) crew.end();
});

/** Rounds with each of the crews, and compares everything. */
async function alike(network, samples, options = {}) {
  const results = [];
  for (const crew of crews) results.push(await compensate(network, samples, { levels, explore, ...options }, { crew }));
  const [alone, ...others] = results;
  for (const other of others) {
    assert.deepEqual(bitsOf(other.network), bitsOf(alone.network));
    assert.deepEqual(other.layers, alone.layers);
    assert.deepEqual(other.grids, alone.grids);
  }
  return alone;
}

describe("threads of a rounding", () => {
  test("are as many as were asked for", () => {
    assert.deepEqual(
      crews.map(({ threads }) => threads),
      [1, 2, 3],
    );
  });

  test("make the same of a network, with what is measured and tried", async () => {
    const { layers } = await alike(await mixed(), SAMPLES);
    assert.ok(layers.every(({ outputSnr, explored }) => outputSnr > 0 && explored.length === 1));
  });

  test("make the same where nothing is followed or measured, and where the network is followed as it is", async () => {
    const network = await mixed(4);
    await alike(network, SAMPLES, { follow: false, measure: false });
    await alike(network, SAMPLES, { adapted: true });
  });

  test("make the same of several inputs, and of a layer in blocks", async () => {
    const network = wide();
    const [first, second] = network.nodes.filter(({ op }) => op === "input");
    await alike(network, { [first.name]: drawn(first.shape, 21), [second.name]: drawn(second.shape, 21) });
  });

  test("make the same of images whose values are far from 1, where the first ones are zeros", async () => {
    const b = buildNetwork("small", createRandom(5));
    const network = b.finish([b.conv(b.input([2, 6, 6]), 4, { bias: true })]);
    await alike(
      network,
      drawn([2, 6, 6], 24, (image) => (image < 7 ? 0 : 1e-20)),
    );
    await alike(
      network,
      drawn([2, 6, 6], 24, () => 0),
    );
  });

  test("make the same of fewer images than there are threads", async () => {
    await alike(await mixed(), samplesOf(squares(1)));
  });

  test("stay out of it where memory cannot be shared", async () => {
    const { SharedArrayBuffer: kept } = globalThis;
    globalThis.SharedArrayBuffer = undefined;
    try {
      await withCrew(2, async (crew) => assert.equal(crew.threads, 1));
    } finally {
      globalThis.SharedArrayBuffer = kept;
    }
  });
});

const setup = (network) => ({ network, twin: null, module: compileModule(), batch: 1, count: 1, chunks: [0] });

test("rows that threads share are rounded as one thread rounds them", async () => {
  const [rows, n] = [1201, 160];
  const random = createRandom(8);
  const inputs = Array.from({ length: 2 * n }, () => Float64Array.from({ length: n }, () => random.normal()));
  const covariance = Float64Array.from({ length: n * n }, (_, at) =>
    inputs.reduce((sum, x) => sum + x[Math.floor(at / n)] * x[at % n], 0),
  );
  const draw = () => Float64Array.from({ length: rows * n }, () => random.normal());
  const [weights, drift] = [draw(), draw()];
  const tables = [
    [-4, -2, -1, 0, 1, 2, 4],
    [-1, 0, 1],
  ].map(levelTable);
  const fits = {
    scales: Float64Array.from({ length: rows }, () => 0.3 + random.uniform()),
    of: Uint8Array.from({ length: rows }, (_, r) => r % 2),
  };
  const room = createRoom(compileModule());
  const results = [];
  for (const crew of crews) {
    for (let t = 0; t < crew.threads; t++) await crew.ask(t, { kind: "begin", setup: setup(wide()) });
    const rounder = rowRounders(crew, crew.threads, (size) => createRounder(size, room))(rows, n);
    await rounder.prepare(covariance, 0.01);
    const target = await rounder.follow(weights, drift);
    const products = await rounder.times(target);
    const task = { target, products, values: weights, tables, fits, refit: true, price: 0.1, sweeps: 2 };
    const whole = await rounder.round({ ...task, states: null });
    const states = Uint8Array.from({ length: rows * n }, (_, i) => i % 3);
    results.push([target, products, whole, await rounder.round({ ...task, refit: false, states })]);
  }
  for (const other of results.slice(1)) assert.deepEqual(other, results[0]);
  assert.notDeepEqual(results[0][0], weights);
});

describe("a thread", () => {
  test("that refuses what it is asked says why, and goes on", async () => {
    await withCrew(2, async (crew) => {
      const bad = { name: "bad", nodes: [{ op: "relu", name: "r", input: "nothing" }], outputs: ["r"] };
      await assert.rejects(crew.ask(1, { kind: "begin", setup: setup(bad) }), { code: "BAD_GRAPH" });
      await crew.ask(1, { kind: "begin", setup: setup(wide()) });
    });
  });

  test("that dies ends the others, which would wait for it", async () => {
    await withCrew(2, async (crew) => {
      const words = new Int32Array(new SharedArrayBuffer(4));
      const died = { code: "IO", message: /worker thread died/, where: "threads" };
      const network = wide();
      await crew.ask(0, { kind: "begin", setup: setup(network) });
      // the first waits for a chunk that nobody makes
      const outputs = {
        origins: words,
        sums: words,
        squares: words,
        totals: words,
        turn: new Int32Array(words.buffer),
      };
      const values = new Map(
        network.nodes.flatMap(({ op, name, shape }) => (op === "input" ? [[name, drawn(shape, 1).read(0, 1)]] : [])),
      );
      words[0] = 7;
      const run = { kind: "run", segment: 0, chunks: [0], changed: [], values, outputs };
      await crew.ask(0, { kind: "begin", setup: { ...setup(network), twin: "same" } });
      const waits = assert.rejects(crew.ask(0, run), died);
      await assert.rejects(crew.ask(1, null), died);
      await waits;
      await assert.rejects(crew.ask(0, run), died);
    });
  });

  test("stops at once when the work is stopped", async () => {
    const control = new AbortController();
    const network = await mixed();
    const work = withCrew(
      2,
      (crew) => {
        const onProgress = () => control.abort();
        return compensate(network, SAMPLES, { levels }, { crew, onProgress });
      },
      control.signal,
    );
    await assert.rejects(work, { code: "ABORTED" });
  });
});
