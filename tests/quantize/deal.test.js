// deal.test.js: one choice for each of several things: limits of cost and noise, ties, things with one choice, and best deals found by trying all.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deal } from "../../dist/quantize/index.js";

const choices = (...pairs) => pairs.map(([cost, noise]) => ({ cost, noise }));
const sum = (things, chosen, field) => chosen.reduce((total, choice, i) => total + things[i][choice][field], 0);

test("where a limit is out of reach, things get the choices nearest to it, of equal ones the best", () => {
  const things = [choices([2, 1], [1, 5], [1, 4]), choices([3, 9])];
  assert.deepEqual(deal(things, { cost: 0 }), [2, 0]);
  assert.deepEqual(deal(things, { cost: 4 }), [2, 0]);
  assert.deepEqual(deal(things, { noise: 1 }), [0, 0]);
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

/** The least sum of one field with the sum of the other within a limit, by trying all; Infinity where none is. */
function bestOf(things, [used, other], most) {
  let best = Number.POSITIVE_INFINITY;
  const tryAll = (i, use, value) => {
    if (i === things.length) best = use <= most ? Math.min(best, value) : best;
    else for (const one of things[i]) tryAll(i + 1, use + one[used], value + one[other]);
  };
  tryAll(0, 0, 0);
  return best;
}

for (const fields of [
  ["cost", "noise"],
  ["noise", "cost"],
]) {
  test(`the deal within a limit of ${fields[0]} is the best one, as found by trying all`, () => {
    fc.assert(
      fc.property(things, fc.integer({ min: 0, max: 120 }), (all, most) => {
        const chosen = deal(all, { [fields[0]]: most });
        const best = bestOf(all, fields, most);
        if (best === Number.POSITIVE_INFINITY) {
          const least = all.reduce((total, one) => total + Math.min(...one.map((choice) => choice[fields[0]])), 0);
          assert.equal(sum(all, chosen, fields[0]), least);
          return;
        }
        assert.ok(sum(all, chosen, fields[0]) <= most);
        // 120 units are far fewer than the parts that a limit is counted in, of which every thing may lose one
        assert.ok(sum(all, chosen, fields[1]) <= bestOf(all, fields, most - 0.5));
      }),
      { seed: 23, numRuns: 500 },
    );
  });
}
