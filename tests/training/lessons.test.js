// lessons.test.js: networks that learn from a teacher on samples: floats, several inputs, the same steps as on pixels.
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf, unlabelled } from "../../dist/data/index.js";
import { buildNetwork, lower } from "../../dist/graph/index.js";
import { calibrate, collectHistograms, insertQuantizers, quantizationPoints } from "../../dist/quantize/index.js";
import { distill, sampleActivations, train } from "../../dist/training/index.js";
import { bitsOf, squares, tinyNetwork } from "./helpers.js";

const COUNT = 96;
const random = createRandom(5);
const noise = (shape) => {
  const length = shape.reduce((product, n) => product * n, 1);
  const all = Float32Array.from({ length: COUNT * length }, () => random.normal());
  return { shape, count: COUNT, read: (from, count) => all.slice(from * length, (from + count) * length) };
};

/** Sound and a vector, of which each output sees both. */
function twoInputs(seed) {
  const b = buildNetwork("two", createRandom(seed));
  const sound = b.input([4, 1, 24]);
  const vector = b.input([6, 1, 1]);
  const heard = b.globalAvgPool(b.relu(b.conv(sound, 8)));
  const known = b.concat([heard, b.relu(b.dense(vector, 8))]);
  return b.finish([b.dense(known, 5), b.dense(known, 1)]);
}
const [sound, vector] = twoInputs(1).nodes.filter(({ op }) => op === "input");
const samples = { [sound.name]: noise(sound.shape), [vector.name]: noise(vector.shape) };
const options = { epochs: 4, batchSize: 16, learningRate: 0.05 };

test("samples teach what the same pixels teach, to the bit", async () => {
  const data = squares(COUNT);
  const teacher = tinyNetwork(2);
  for (const threads of [1, 2]) {
    const students = [];
    for (const set of [data, unlabelled(data, 3), samplesOf(data)]) {
      const student = tinyNetwork(9);
      await train(student, set, { ...options, threads, distill: { teacher } });
      students.push(bitsOf(student));
    }
    assert.deepEqual(students[1], students[0]);
    assert.deepEqual(students[2], students[0]);
  }
});

test("a network of several inputs and outputs learns from a teacher, in one thread and in two", async () => {
  const teacher = twoInputs(1);
  for (const threads of [1, 2]) {
    const student = twoInputs(9);
    const { history } = await train(student, samples, { ...options, epochs: 12, threads, distill: { teacher } });
    assert.ok(history[11].loss < history[0].loss / 4, `${history[0].loss} to ${history[11].loss}`);
  }
});

test("distill never ends farther from a float network of several inputs than rounding does", async () => {
  const float = twoInputs(1);
  const points = quantizationPoints(float);
  const histograms = await collectHistograms(points, sampleActivations(float, samples, points));
  const network = insertQuantizers(float, calibrate(float, histograms, { activations: { kind: "linear", bits: 8 } }));
  const levels = () => ({ kind: "powers", bits: 3, scale: "channel" });
  const result = await distill(network, samples, { levels, minutes: 0.01, learningRate: 0.01, batchSize: 16 });
  assert.equal(result.heldOut, COUNT / 8);
  assert.ok(result.attempts.some(({ kept }) => kept));
  assert.ok(result.after.distance < result.before.distance);
  lower(result.network, { grids: result.grids });
});

test("what cannot be learned from samples is refused by name", async () => {
  const distilled = { ...options, distill: { teacher: twoInputs(2) } };
  const fails = (set, more, details) =>
    assert.rejects(train(twoInputs(1), set, more), { name: "ShiftwiseError", ...details });
  await fails(samples, options, { code: "UNSUPPORTED", expected: /teacher and share 1/ });
  const share = { ...distilled, distill: { ...distilled.distill, share: 0.5 } };
  await fails(samples, share, { code: "UNSUPPORTED", expected: /teacher and share 1/ });
  const augment = { crop: 1 };
  await fails(samples, { ...distilled, augment }, { code: "BAD_OPTION", where: "augment.crop" });
  await fails(samples, { ...distilled, batchSize: COUNT + 1 }, { code: "BAD_OPTION", where: "batchSize" });
  await fails({ [sound.name]: samples[sound.name] }, distilled, { code: "BAD_DATA", found: "none" });
  await fails({ ...samples, nobody: noise([1, 1, 1]) }, distilled, { code: "BAD_DATA", found: "nobody" });
  await fails(samples[sound.name], distilled, { code: "BAD_DATA", found: "samples of one input" });
  const flat = { ...samples, [vector.name]: noise([5, 1, 1]) };
  await fails(flat, distilled, { code: "BAD_DATA", expected: "6x1x1", found: "5x1x1" });
  const dataset = { ...squares(COUNT), shape: [1, 8, 8] };
  await fails(dataset, distilled, { code: "UNSUPPORTED", found: `${sound.name}, ${vector.name}` });
  await fails({ ...samples, [vector.name]: { ...noise([6, 1, 1]), count: 3 } }, distilled, { code: "BAD_OPTION" });
  for (const wrong of [null, 5, {}, [], { images: [1] }]) await fails(wrong, distilled, { code: "BAD_OPTION" });
});

test("a checkpoint goes on with its own samples only", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "shiftwise-")), "checkpoint");
  const run = (network, set, more, control) =>
    train(network, set, { ...options, distill: { teacher: twoInputs(2) }, ...more }, control);
  const whole = twoInputs(1);
  await run(whole, samples, {});
  const stopped = new AbortController();
  const onProgress = ({ done }) => done > 0.4 && stopped.abort();
  const checkpoint = { path, resume: true };
  const half = run(twoInputs(1), samples, { checkpoint }, { signal: stopped.signal, onProgress });
  await assert.rejects(half, { code: "ABORTED" });
  const others = { ...samples, [vector.name]: noise(vector.shape) };
  await assert.rejects(run(twoInputs(1), others, { checkpoint }), { code: "BAD_OPTION", message: /samples/ });
  const resumed = twoInputs(1);
  await run(resumed, samples, { checkpoint });
  assert.deepEqual(bitsOf(resumed), bitsOf(whole));
});
