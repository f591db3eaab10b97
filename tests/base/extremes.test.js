// extremes.test.js: the greatest and the least of few numbers as Math has them, and of more than a call takes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom, greatestOf, leastOf } from "../../dist/base/index.js";

test("as Math.max and Math.min, of none and with NaN too", () => {
  const random = createRandom(7);
  for (let length = 0; length < 50; length++) {
    const values = Array.from({ length }, (_, i) => (i === 40 ? Number.NaN : random.normal()));
    assert.equal(greatestOf(values), Math.max(...values));
    assert.equal(leastOf(values), Math.min(...values));
  }
});

test("of a million numbers", () => {
  const values = Float64Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) % 1_000_003);
  assert.equal(greatestOf(values), 1_000_002);
  assert.equal(leastOf(values), 0);
});
