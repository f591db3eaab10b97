// partition.test.js: which weights are next: exact counts, rank and ties.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { frozenCount, selectLargest } from "../../dist/quantize/index.js";
import { selectRandom } from "../../dist/quantize/partition.js";

const runs = { seed: 20262, numRuns: 300 };

test("largest first, ties by index, frozen ones passed over", () => {
  const values = Float32Array.of(1, -3, 2, 3, -2, 2, 0);
  const frozen = Uint8Array.of(0, 1, 0, 0, 0, 0, 0);
  assert.deepEqual([...selectLargest(values, frozen, 0)], []);
  assert.deepEqual([...selectLargest(values, frozen, 1)], [3]);
  assert.deepEqual([...selectLargest(values, frozen, 2)], [2, 3]);
  assert.deepEqual([...selectLargest(values, frozen, 3)], [2, 3, 4]);
  assert.deepEqual([...selectLargest(values, frozen, 6)], [0, 2, 3, 4, 5, 6]);
});

test("exactly as many as asked, never smaller than one left behind", () => {
  const layer = fc.array(fc.tuple(fc.constantFrom(-2, -1, -0.5, 0, 0.5, 1, 2, 4), fc.boolean()), { minLength: 1 });
  fc.assert(
    fc.property(layer, fc.double({ min: 0, max: 1, noNaN: true }), (list, share) => {
      const values = Float32Array.from(list, ([value]) => value);
      const frozen = Uint8Array.from(list, ([, flag]) => Number(flag));
      const free = list.length - frozen.reduce((sum, flag) => sum + flag, 0);
      const count = Math.round(share * free);
      const random = createRandom(count);
      for (const chosen of [selectLargest(values, frozen, count), selectRandom(frozen, count, random)]) {
        assert.equal(chosen.length, count);
        assert.equal(new Set(chosen).size, count);
        for (const index of chosen) assert.equal(frozen[index], 0);
      }
      const chosen = new Set(selectLargest(values, frozen, count));
      const left = [...values.keys()].filter((i) => !frozen[i] && !chosen.has(i));
      const smallest = Math.min(...[...chosen].map((i) => Math.abs(values[i])));
      for (const i of left) assert.ok(Math.abs(values[i]) <= smallest);
    }),
    runs,
  );
});

test("random choice reaches every weight equally often and follows its seed", () => {
  const frozen = Uint8Array.of(0, 0, 1, 0, 0);
  const hits = [0, 0, 0, 0, 0];
  const random = createRandom(5);
  for (let i = 0; i < 4000; i++) for (const index of selectRandom(frozen, 2, random)) hits[index]++;
  assert.equal(hits[2], 0);
  for (const i of [0, 1, 3, 4]) assert.ok(Math.abs(hits[i] - 2000) < 150);
  const draw = (seed) => [...selectRandom(new Uint8Array(100), 10, createRandom(seed))];
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
});

test("counts are rounded shares, and all at 1", () => {
  assert.equal(frozenCount(7, 0.5), 4);
  assert.equal(frozenCount(10, 0.875), 9);
  assert.equal(frozenCount(9, 1), 9);
  assert.equal(frozenCount(0, 0.5), 0);
});
