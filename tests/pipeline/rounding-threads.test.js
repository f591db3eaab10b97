// rounding-threads.test.js: the threads that a conversion rounds on: as many as are worth it and have room; the model is the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf } from "../../dist/data/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { roundingThreads } from "../../dist/pipeline/rounding-threads.js";
import { roundingMemory } from "../../dist/rounding/index.js";

const b = buildNetwork("middle", createRandom(2));
const x = b.relu(b.conv(b.input([3, 24, 24]), 32, { bias: true }));
const network = b.finish([b.dense(b.relu(b.conv(x, 64, { bias: true, stride: 2 })), 5)]);
const IMAGES = 400;
const { fixed, sample, thread } = roundingMemory(network);
const roomFor = (count, threads) => fixed + sample * count + (threads - 1) * thread;

test("threads get what the samples leave", () => {
  const threads = (memory, wanted) => roundingThreads(network, IMAGES, memory, wanted);
  assert.equal(threads(roomFor(IMAGES, 1), 4), 1);
  assert.equal(threads(roomFor(IMAGES, 2), 4), 2);
  assert.equal(threads(roomFor(IMAGES, 9), 2), 2);
  assert.equal(threads(roomFor(8, 1), 2), 1, "samples that take more than is allowed");
  assert.ok(threads(roomFor(IMAGES, 9), undefined) <= 2);
});

test("a second thread is not started for little work", () => {
  assert.equal(roundingThreads(network, 100, roomFor(100, 9), 8), 1);
  assert.equal(roundingThreads(network, 10 * IMAGES, roomFor(10 * IMAGES, 99), 99), 13);
});

test("a model is the same on one thread and on two", async () => {
  const random = createRandom(1);
  const images = Uint8Array.from({ length: 3 * 576 * IMAGES }, () => random.below(256));
  const samples = samplesOf({
    images,
    shape: [3, 24, 24],
    normalization: { mean: [0.4, 0.4, 0.5], std: [0.3, 0.3, 0.2] },
  });
  const files = [];
  for (const threads of [1, 2]) {
    const { model } = await quantizeFromImages(network, samples, { bits: 4, threads });
    files.push(encodeModel(model));
  }
  assert.deepEqual(files[1], files[0]);
});
