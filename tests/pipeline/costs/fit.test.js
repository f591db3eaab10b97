import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../../dist/base/index.js";
import { fitPrices } from "../../../dist/pipeline/costs/fit.js";

const PRICES = { a: 2, b: 300, c: 0.25, d: 0 };
const names = Object.keys(PRICES);

function samplesOf(count, noise) {
  const random = createRandom(3);
  return Array.from({ length: count }, () => {
    const counts = Object.fromEntries(names.map((name) => [name, random.below(1000)]));
    const exact = names.reduce((sum, name) => sum + PRICES[name] * counts[name], 0);
    return { counts, time: exact * (1 + noise * random.normal()) };
  });
}

const near = (prices, part) => {
  for (const name of names) assert.ok(Math.abs(prices.get(name) - PRICES[name]) <= part * PRICES[name] + 1e-3, name);
};

test("prices behind exact times come back", () => near(fitPrices(samplesOf(40, 0), names), 1e-3));

test("a few wild times do not move them", () => {
  const samples = samplesOf(60, 0.001);
  for (const i of [3, 30, 50]) samples[i].time *= 5;
  const prices = fitPrices(samples, names);
  assert.ok(Math.abs(prices.get("b") - 300) < 3);
});

test("no price is negative, and what no sample has costs nothing", () => {
  const samples = [
    { counts: { a: 100, b: 0 }, time: 10_000 },
    { counts: { a: 100, b: 100 }, time: 5000 },
  ];
  const prices = fitPrices(samples, ["a", "b", "unseen"]);
  assert.ok(prices.get("a") > 0);
  assert.deepEqual([prices.get("b"), prices.get("unseen")], [0, 0]);
});
