// channels.test.js: scales and tables fitted to channels, and levels of powers.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { fitScales, levelTable, powerLevels } from "../../dist/quantize/index.js";

const errorOf = (row, importance, levels, scale) =>
  row.reduce((sum, w, i) => sum + importance[i] * Math.min(...levels.map((level) => (w - scale * level) ** 2)), 0);

describe("fitScales", () => {
  test("a row of zeros stays all but zero on levels without 0", () => {
    const [scale, one] = [
      [-1, 1],
      [-1, 0, 1],
    ].map((levels) => {
      return fitScales(new Float64Array(3), new Float64Array(3).fill(1), [levelTable(levels)]).scales[0];
    });
    assert.ok(Math.fround(scale) > 0 && scale < 1e-20);
    assert.equal(one, 1);
  });

  test("is as good as the best of many scales, nearly", () => {
    const weight = fc.double({ min: -4, max: 4, noNaN: true }).map((w) => (Math.abs(w) < 1e-30 ? 0 : w));
    const numbers = fc.array(weight, { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(numbers, fc.integer({ min: 2, max: 5 }), (row, bits) => {
        const levels = [...powerLevels(bits, 0)];
        const importance = Float64Array.from(row, (_, i) => 1 + (i % 3));
        const [scale] = fitScales(Float64Array.from(row), importance, [levelTable(levels)]).scales;
        assert.ok(scale > 0);
        const error = errorOf(row, importance, levels, scale);
        const largest = Math.max(...row.map(Math.abs));
        let best = errorOf(row, importance, levels, 1);
        for (let e = -2; e <= 2; e += 1 / 64) best = Math.min(best, errorOf(row, importance, levels, largest * 2 ** e));
        const energy = row.reduce((sum, w, i) => sum + importance[i] * w * w, 0);
        assert.ok(error <= best + 0.01 * energy, `${error}, ${best}`);
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  test("counts the price of weights that are not 0", () => {
    const tables = [
      [-2, -1, 0, 1, 2, 3, 4, 8],
      [-1, 1],
      [-8, -4, -2, 0, 1],
    ];
    const costOf = (row, levels, scale, price) =>
      row.reduce((sum, w) => sum + Math.min(...levels.map((l) => (w - scale * l) ** 2 + (l === 0 ? 0 : price))), 0);
    const numbers = fc.array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(numbers, fc.double({ min: 0, max: 4, noNaN: true }), (row, price) => {
        const even = new Float64Array(row.length).fill(1);
        const largest = Math.max(...row.map(Math.abs));
        fc.pre(largest > 1e-3);
        const energy = row.reduce((sum, w) => sum + w * w, 0);
        for (const levels of tables) {
          const [scale] = fitScales(Float64Array.from(row), even, [levelTable(levels)], price).scales;
          let best = Number.POSITIVE_INFINITY;
          for (let e = -4; e <= 0; e += 1 / 12) best = Math.min(best, costOf(row, levels, largest * 2 ** e, price));
          const found = costOf(row, levels, scale, price);
          assert.ok(found <= best + 0.01 * (energy + price), `${found}, ${best}`);
        }
      }),
      { seed: 12, numRuns: 200 },
    );
  });

  test("gives every row the table that errs least", () => {
    const tables = [
      [-4, -2, -1, 0, 1, 2, 4, 6],
      [-6, -4, -2, -1, 0, 1, 2, 4],
      [-3, -1, 1, 3],
    ].map(levelTable);
    const rows = [
      [6, 4, -2, 1, 0, -4, 2, -1],
      [-6, 4, -2, 1, 0, -4, 2, -1],
      [3, 1, -1, -3, 3, -1, 1, -3],
    ];
    const { scales, of } = fitScales(
      Float64Array.from(rows.flat(), (w) => w / 4),
      new Float64Array(8).fill(1),
      tables,
    );
    assert.deepEqual([...of], [0, 1, 2]);
    for (const scale of scales) assert.ok(Math.abs(scale - 0.25) < 0.01, `${scale}`);
  });

  test("finds scales that leave no error, and 1 for zeros", () => {
    const levels = powerLevels(4, 0);
    const rows = Float64Array.from([3, -1.5, 0.375, 0, 0, 0, 0, 0]);
    const [first, second] = fitScales(rows, new Float64Array(4).fill(1), [levelTable(levels)]).scales;
    assert.equal(errorOf([...rows.subarray(0, 4)], [1, 1, 1, 1], [...levels], first), 0);
    assert.equal(second, 1);
  });
});

describe("levels", () => {
  test("of powers are INQ's", () => {
    assert.deepEqual([...powerLevels(4, 1)], [-2, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 2]);
    assert.deepEqual([...powerLevels(2, 0)], [-1, 0, 1]);
  });
});
