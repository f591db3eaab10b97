import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ShiftwiseError } from "../../dist/base/index.js";
import { Model, planMemory } from "../../dist/runtime/index.js";
import { packArena, planeBytesOf } from "../../dist/runtime/memory.js";
import { convModel, inputsFor } from "../models/random.js";

test("buffers that live at the same time never overlap", () => {
  const buffer = fc
    .record({ bytes: fc.integer({ min: 1, max: 5000 }), a: fc.nat(20), b: fc.nat(20) })
    .map(({ bytes, a, b }) => ({ bytes, from: Math.min(a, b), to: Math.max(a, b) }));
  fc.assert(
    fc.property(fc.array(buffer, { maxLength: 40 }), (buffers) => {
      const { offsets, bytes } = packArena(buffers);
      buffers.forEach((x, i) => {
        assert.ok(offsets[i] + x.bytes <= bytes);
        buffers.slice(0, i).forEach((y, j) => {
          if (x.from > y.to || y.from > x.to) return;
          assert.ok(offsets[i] >= offsets[j] + y.bytes || offsets[j] >= offsets[i] + x.bytes);
        });
      });
    }),
    { seed: 3, numRuns: 300 },
  );
});

test("a chain of equal tensors needs two of them", () => {
  const chain = Array.from({ length: 10 }, (_, i) => ({ bytes: 960, from: i, to: i + 1 }));
  assert.equal(packArena(chain).bytes, 2048);
});

test("planes are whole vectors apart and never a multiple of 512 bytes", () => {
  assert.equal(planeBytesOf([3, 7, 7], 1), 64);
  assert.equal(planeBytesOf([3, 32, 32], 1), 1088);
  assert.equal(planeBytesOf([3, 1, 1], 4), 4);
});

test("the plan is what the model takes, and it does not grow", async () => {
  const def = convModel({ shape: [8, 40, 40], channels: 16 });
  const model = await Model.from(def);
  assert.deepEqual(model.memory, planMemory(def));
  const { total, constants, scratch, arena } = model.memory;
  assert.ok(constants + scratch + arena <= total && total - (constants + scratch + arena) < 2 * 65536);
  model.runSync(inputsFor(def));
  assert.deepEqual(model.memory, planMemory(def));
});

test("a memory limit is an error with numbers before anything is allocated", async () => {
  const def = convModel({ shape: [64, 64, 64], channels: 64 });
  await assert.rejects(Model.from(def, { memoryLimit: 65536 }), (error) => {
    assert.ok(error instanceof ShiftwiseError);
    assert.equal(error.code, "OVERFLOW");
    assert.match(error.message, /65536 bytes/);
    return true;
  });
});

test("activations over the limit are refused before any schedule is compiled, schedules before they are made", () => {
  const def = convModel({ shape: [64, 64, 64], channels: 64 });
  const { arena, constants } = planMemory(def);
  const refused = (limit, numbers) => (error) => {
    assert.ok(error instanceof ShiftwiseError);
    assert.equal(error.code, "OVERFLOW");
    assert.match(error.message, new RegExp(`at most ${limit} bytes`));
    assert.match(error.message, numbers);
    return true;
  };
  const [{ weights }] = def.layers;
  const { codes } = weights;
  let reads = 0;
  Object.defineProperty(weights, "codes", {
    get: () => {
      reads++;
      return codes;
    },
  });
  assert.throws(
    () => planMemory(def, { limit: arena }),
    refused(arena, new RegExp(`of them ${arena} for activations`)),
  );
  assert.equal(reads, 0);
  const limit = arena + 8192 + Math.floor(constants / 2);
  assert.throws(() => planMemory(def, { limit }), refused(limit, /at least \d+ bytes/));
  assert.equal(reads, 1, "counted, not compiled");
});
