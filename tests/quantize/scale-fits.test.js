// scale-fits.test.js: scales and tables of rows, to the bit those of the plain search.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createScaleFitter, fitScales, levelTable, powerLevels, quantizerNamed } from "../../dist/quantize/index.js";
import { fitScales as plainFits } from "../oracle/scale-fits.js";

/** A generator of numbers in 0..1. */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const bellOf = (next) => next() + next() + next() - 1.5;
const books = [2, 3, 4, 5, 6].map((bits) => quantizerNamed("two-term").tables(bits).map(levelTable));
books.push(
  [levelTable(powerLevels(4, 0))],
  [levelTable([-1, 1])],
  [levelTable([-8, -4, -2, 0, 1])],
  [levelTable([0, 1])],
);

describe("createScaleFitter", () => {
  for (const [rows, n] of [
    [7, 1],
    [5, 9],
    [3, 200],
    [70, 33],
    [2, 6000],
  ]) {
    test(`gives ${rows} rows of ${n} weights what the plain search gives`, () => {
      const next = numbers(rows * n);
      const weights = Float64Array.from({ length: rows * n }, () => bellOf(next) * 2 ** (8 * next() - 4));
      weights.fill(0, 0, n);
      const importance = Float64Array.from({ length: n }, () => next() ** 2);
      const fitter = createScaleFitter(weights, importance);
      for (const tables of books) {
        for (const price of [0, 1e-6, 0.02, 3]) {
          const expected = plainFits(weights, importance, tables, price);
          assert.deepEqual(fitter.fit(tables, price), expected);
          assert.deepEqual(fitScales(weights, importance, tables, price), expected);
        }
      }
    });
  }

  test("takes inputs of no importance, and equal weights", () => {
    const weights = Float64Array.from({ length: 24 }, (_, i) => (i < 12 ? 0.5 : -0.25));
    for (const importance of [new Float64Array(12), new Float64Array(12).fill(2)]) {
      for (const price of [0, 0.1]) {
        const found = createScaleFitter(weights, importance).fit(books[1], price);
        assert.deepEqual(found, plainFits(weights, importance, books[1], price));
      }
    }
  });

  test("a row with a weight of 0 takes a table that has a level 0", () => {
    const tables = quantizerNamed("two-term").tables(2).map(levelTable);
    const even = [-3, -1, 1, 3, -3, -1, 1, 3];
    const rows = Float64Array.from([even, even.with(5, 0)].flat(), (w) => w / 4);
    const { of } = fitScales(rows, new Float64Array(8).fill(1), tables);
    assert.equal(tables[of[0]].levels.includes(0), false);
    assert.equal(tables[of[1]].levels.includes(0), true);
    // the weights that the fit is made for may have moved since
    const moved = rows.map((w) => w + 0.01);
    assert.deepEqual(createScaleFitter(moved, new Float64Array(8).fill(1), rows).fit(tables).of, of);
  });
});
