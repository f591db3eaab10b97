// measure.test.js: counting right answers, medians, and what is no classifier of these images.
import assert from "node:assert/strict";
import { test } from "node:test";
import { generate } from "../../dist/data/index.js";
import { lower } from "../../dist/graph/index.js";
import {
  checkFits,
  classesOf,
  compareTimes,
  createClassifier,
  freshNetwork,
  measure,
  median,
} from "../../dist/pipeline/index.js";

const { train, test: held } = generate({ train: 20, test: 20 });
const def = lower(freshNetwork("demo", train, 1, 4), { grids: null });

/** Answers class `answer(i)` for the ith image it is given. */
function fake(answer) {
  let i = 0;
  return {
    run() {
      const logits = new Float32Array(10);
      logits[answer(i++)] = 1;
      return logits;
    },
  };
}

test("an image is correct if its label has the largest logit, of equal ones the first", async () => {
  const all = await measure(
    fake((i) => i % 10),
    held,
  );
  assert.equal(all.correct, 20);
  assert.equal(all.total, 20);
  assert.equal(all.accuracy, 100);
  const none = await measure(
    fake((i) => (i + 1) % 10),
    held,
  );
  assert.equal(none.correct, 0);
  const level = await measure({ run: () => new Float32Array(10) }, held);
  assert.equal(level.correct, 2);
  assert.equal(level.accuracy, 10);
});

test("both executors give the same logits", async () => {
  const wasm = await createClassifier(def);
  const reference = await createClassifier(def, "reference");
  const pixels = held.images.subarray(0, 784);
  assert.deepEqual(wasm.run(pixels), reference.run(pixels));
  wasm.dispose();
  assert.throws(() => wasm.run(pixels), { code: "DISPOSED" });
});

test("stops at an aborted signal", async () => {
  const signal = AbortSignal.abort();
  const executor = { run: () => new Float32Array(10) };
  await assert.rejects(measure(executor, held, { signal }), { code: "ABORTED" });
  await assert.rejects(compareTimes([executor], held, { images: 1, turns: 1, signal }), { code: "ABORTED" });
});

test("times as many executors as it is given, each as often", async () => {
  const runs = [0, 0];
  const executors = runs.map((_, e) => ({ run: () => runs[e]++ }));
  const times = await compareTimes(executors, held, { images: 30, turns: 4 });
  assert.equal(times.length, 2);
  // a turn to warm up and four that count, over all 20 images
  assert.deepEqual(runs, [100, 100]);
});

test("medians of odd and even counts", () => {
  assert.equal(median(Float64Array.of(9, 1, 5)), 5);
  assert.equal(median(Float64Array.of(10, 1, 9, 5)), 7);
});

test("refuses models and data that do not go together", async () => {
  assert.equal(classesOf(def), 10);
  checkFits(def, held);
  assert.throws(() => checkFits(def, { ...held, classes: 7, labels: held.labels.map((label) => label % 7) }), {
    code: "BAD_DATA",
    expected: 10,
    found: 7,
  });
  assert.throws(() => checkFits(def, { ...held, shape: [1, 14, 56] }), { code: "BAD_DATA", found: "1x14x56" });
  const blind = { ...def, inputs: def.inputs.map(({ name, tensor }) => ({ name, tensor })) };
  await assert.rejects(createClassifier(blind), { code: "UNSUPPORTED" });
});
