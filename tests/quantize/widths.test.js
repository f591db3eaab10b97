// widths.test.js: bits by shape and by budget, worked by hand and against trying everything.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { averageBits, budgetBits, shapedBits } from "../../dist/quantize/widths.js";

const LAYERS = Array.from({ length: 7 }, (_, i) => ({ name: `l${i}`, count: 100 }));
const bitsOf = (map) => LAYERS.map(({ name }) => map.get(name));

test("shapes of equal layers", () => {
  assert.deepEqual(bitsOf(shapedBits(LAYERS, "inc", 3)), [2, 2, 3, 3, 3, 4, 4]);
  assert.deepEqual(bitsOf(shapedBits(LAYERS, "dec", 3)), [5, 4, 4, 3, 2, 2, 1]);
  assert.deepEqual(bitsOf(shapedBits(LAYERS, "convex", 3)), [5, 4, 2, 1, 2, 3, 4]);
  assert.deepEqual(bitsOf(shapedBits(LAYERS, "concave", 3)), [2, 3, 4, 5, 4, 2, 1]);
});

test("shapes stay within the average and 1..5", () => {
  const drawn = fc.record({
    counts: fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 9 }),
    shape: fc.constantFrom("convex", "concave", "inc", "dec"),
    average: fc.double({ min: 1, max: 5, noNaN: true }),
  });
  fc.assert(
    fc.property(drawn, ({ counts, shape, average }) => {
      const layers = counts.map((count, i) => ({ name: `l${i}`, count }));
      const bits = shapedBits(layers, shape, average);
      assert.ok([...bits.values()].every((b) => Number.isInteger(b) && b >= 1 && b <= 5));
      assert.ok(averageBits(layers, bits) <= average + 1e-9);
    }),
    { seed: 2, numRuns: 200 },
  );
});

test("the sensitive layer gets the bits", () => {
  const drops = (...values) => new Map(values.map((drop, i) => [i + 2, drop]));
  const layers = [
    { name: "a", count: 100, drops: drops(9, 1, 0.1, 0) },
    { name: "b", count: 100, drops: drops(0.2, 0.1, 0, 0) },
  ];
  assert.deepEqual(
    [...budgetBits(layers, 3)],
    [
      ["a", 4],
      ["b", 2],
    ],
  );
  assert.deepEqual(
    [...budgetBits(layers, 5)],
    [
      ["a", 5],
      ["b", 4],
    ],
  );
  assert.deepEqual(
    [...budgetBits(layers, 2)],
    [
      ["a", 2],
      ["b", 2],
    ],
  );
  assert.throws(() => budgetBits(layers, 1.5), { code: "BAD_OPTION", where: "budget" });
  assert.throws(() => budgetBits(layers, 0.5), { code: "BAD_OPTION", where: "bits" });
});

test("within the budget, and no worse than any uniform width that fits", () => {
  const drawn = fc.array(
    fc.record({
      count: fc.integer({ min: 1, max: 500 }),
      falls: fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 4, maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(drawn, fc.double({ min: 1, max: 5, noNaN: true }), (specs, average) => {
      const layers = specs.map(({ count, falls }, i) => {
        // convex: each bit more saves less than the one before
        const steps = falls.slice().sort((a, b) => b - a);
        let drop = steps.reduce((sum, step) => sum + step, 0);
        const drops = new Map([[1, drop]]);
        steps.forEach((step, k) => {
          drop -= step;
          drops.set(k + 2, drop);
        });
        return { name: `l${i}`, count, drops };
      });
      const bits = budgetBits(layers, average);
      assert.ok(averageBits(layers, bits) <= average + 1e-9);
      const total = (of) => layers.reduce((sum, { name, drops }) => sum + drops.get(of(name)), 0);
      // the last step that did not fit is all that can be lost
      const slack = Math.max(...layers.map(({ drops }) => drops.get(1) - drops.get(2)));
      assert.ok(total((name) => bits.get(name)) <= total(() => Math.floor(average)) + slack + 1e-9);
    }),
    { seed: 3, numRuns: 200 },
  );
});
