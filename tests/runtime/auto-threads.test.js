// auto-threads.test.js: how many threads models get where nobody chooses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { elements } from "../../dist/ops/index.js";
import { Model, planMemory } from "../../dist/runtime/index.js";
import { coresHere, threadsWorth } from "../../dist/runtime/threads/auto.js";
import { convModel, inputsFor } from "../models/random.js";

const small = convModel({ shape: [8, 20, 20], channels: 16 });
const large = convModel({ shape: [256, 112, 112], channels: 256 });

test("a small model gets one thread, a large one as many as there are, up to four", () => {
  assert.deepEqual(
    [1, 2, 3, 8, 64].map((cores) => threadsWorth(small, cores, elements)),
    [1, 1, 1, 1, 1],
  );
  assert.deepEqual(
    [1, 2, 3, 8, 64].map((cores) => threadsWorth(large, cores, elements)),
    [1, 2, 3, 4, 4],
  );
  assert.ok(coresHere() >= 1);
});

test('"auto" loads, runs and gives the same bits; a plan of memory wants a number, and a module one thread', async () => {
  const one = await Model.from(small);
  const auto = await Model.from(small, { threads: "auto" });
  assert.equal(auto.threads, 1);
  const { x } = inputsFor(small);
  assert.deepEqual(auto.runSync(x), one.runSync(x));
  one.dispose();
  auto.dispose();
  assert.throws(() => planMemory(small, { threads: "auto" }), { code: "BAD_OPTION", where: "threads" });
  const wrong = { tensors: {}, layers: [] };
  await assert.rejects(Model.from(wrong, { threads: "auto" }), { name: "ShiftwiseError" });
  await assert.rejects(Model.from(small, { threads: "two" }), { code: "BAD_OPTION", expected: /1\.\.16, or "auto"/ });
});
