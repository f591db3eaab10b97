// deal.test.js: one choice for each of several things: limits of cost and noise, ties, things with one choice, and best deals found by trying all.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deal } from "../../dist/quantize/index.js";

const choices = (...pairs) => pairs.map(([cost, noise]) => ({ cost, noise }));
const sum = (things, chosen, field) => chosen.reduce((total, choice, i) => total + things[i][choice][field], 0);

test("things start at their cheapest choices, of equal ones at the one of least noise", () => {
  const things = [choices([2, 1], [1, 5], [1, 4]), choices([3, 9])];
  assert.deepEqual(deal(things, { cost: 0 }), [2, 0]);
  assert.deepEqual(deal(things, { noise: 100 }), [2, 0]);
  assert.deepEqual(deal([], { noise: 0 }), []);
});

test("cost goes where noise falls most for it, and a step may skip a choice", () => {
  const things = [choices([1, 10], [2, 9], [3, 1]), choices([1, 4], [2, 2])];
  assert.deepEqual(deal(things, { cost: 4 }), [2, 0]);
  assert.deepEqual(deal(things, { cost: 5 }), [2, 1]);
  // what does not fit is left, and something cheaper is taken
  assert.deepEqual(deal(things, { cost: 3 }), [0, 1]);
});

test("no more is spent than the noise asks for", () => {
  const things = [choices([1, 10], [3, 1]), choices([1, 4], [2, 2])];
  assert.deepEqual(deal(things, { noise: 14 }), [0, 0]);
  assert.deepEqual(deal(things, { noise: 6 }), [1, 0]);
  assert.deepEqual(deal(things, { noise: 3 }), [1, 1]);
  assert.deepEqual(deal(things, { noise: 0 }), [1, 1]);
});

const thing = fc.array(fc.record({ cost: fc.integer({ min: 0, max: 20 }), noise: fc.integer({ min: 0, max: 50 }) }), {
  minLength: 1,
  maxLength: 4,
});
const things = fc.array(thing, { minLength: 1, maxLength: 4 });

test("a limit of cost holds wherever it can, and nothing that would fit is left", () => {
  fc.assert(
    fc.property(things, fc.integer({ min: 0, max: 60 }), (all, most) => {
      const chosen = deal(all, { cost: most });
      const cost = sum(all, chosen, "cost");
      const least = all.reduce((total, one) => total + Math.min(...one.map((choice) => choice.cost)), 0);
      assert.ok(cost <= Math.max(most, least));
      for (const [i, one] of all.entries()) {
        for (const next of one) {
          const now = one[chosen[i]];
          if (next.noise >= now.noise || next.cost <= now.cost) continue;
          assert.ok(cost + next.cost - now.cost > most, "a better choice would fit");
        }
      }
    }),
    { seed: 22, numRuns: 500 },
  );
});

test("noise is brought down as far as it can be, and the deal is near the best one where choices lie on a curve", () => {
  // on convex curves a greedy deal spends at most one step more than the cheapest one
  const convex = fc
    .array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 4 })
    .map((drops) => drops.sort((a, b) => b - a))
    .map((drops) =>
      [...drops, 0].map((_, cost) => ({ cost, noise: drops.slice(cost).reduce((sum, d) => sum + d, 0) })),
    );
  fc.assert(
    fc.property(fc.array(convex, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 300 }), (all, enough) => {
      const chosen = deal(all, { noise: enough });
      assert.ok(sum(all, chosen, "noise") <= enough);
      const cost = sum(all, chosen, "cost");
      let best = Number.POSITIVE_INFINITY;
      const tryAll = (i, spent, noise) => {
        if (i === all.length) best = noise <= enough ? Math.min(best, spent) : best;
        else for (const one of all[i]) tryAll(i + 1, spent + one.cost, noise + one.noise);
      };
      tryAll(0, 0, 0);
      assert.ok(cost <= best + 1, `${cost} for ${best}`);
    }),
    { seed: 23, numRuns: 300 },
  );
});
