// allocate.test.js: bits dealt out among layers.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { allocateBits } from "../../dist/quantize/index.js";

const layer = (name, weights, ...noises) => ({
  name,
  weights,
  choices: noises.map((noise, i) => ({ bits: i + 2, noise })),
});
const averageOf = (layers, chosen) =>
  layers.reduce((sum, { name, weights, choices }) => sum + weights * choices[chosen.get(name)].bits, 0) /
  layers.reduce((sum, { weights }) => sum + weights, 0);

test("gives bits where they take most noise away", () => {
  const layers = [layer("large", 1000, 0.1, 0.05, 0.02), layer("small", 10, 0.5, 0.3, 0.001)];
  const chosen = allocateBits(layers, 2.1);
  assert.deepEqual(
    [...chosen],
    [
      ["large", 0],
      ["small", 2],
    ],
  );
  assert.deepEqual(
    [...allocateBits(layers, 4)].map(([, choice]) => choice),
    [2, 2],
  );
});

test("skips a choice that is worth nothing by itself", () => {
  assert.equal(allocateBits([layer("a", 10, 0.5, 0.5, 0.01)], 4).get("a"), 2);
});

test("stays within the budget and spends what it can", () => {
  const arbitrary = fc.array(
    fc.record({
      weights: fc.integer({ min: 1, max: 1000 }),
      noises: fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 5 }),
    }),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(
    fc.property(arbitrary, fc.double({ min: 2, max: 6, noNaN: true }), (given, average) => {
      const layers = given.map(({ weights, noises }, i) => layer(String(i), weights, ...noises.sort((a, b) => b - a)));
      const chosen = allocateBits(layers, average);
      assert.ok(averageOf(layers, chosen) <= average + 1e-9);
      const total = layers.reduce((sum, { weights }) => sum + weights, 0);
      const left = (average - averageOf(layers, chosen)) * total;
      for (const { name, weights, choices } of layers) {
        const now = choices[chosen.get(name)];
        for (const other of choices)
          assert.ok(other.noise >= now.noise || weights * (other.bits - now.bits) > left - 1e-6);
      }
    }),
    { seed: 3, numRuns: 200 },
  );
});

test("refuses a budget below the fewest bits", () => {
  assert.throws(() => allocateBits([layer("a", 10, 0.5)], 1.5), { code: "BAD_OPTION", where: "budget" });
});
