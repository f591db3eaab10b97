// channels.test.js: scales fitted to channels, and levels of two powers.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { fitScales, powerLevels, twoTermLevels } from "../../dist/quantize/index.js";

const errorOf = (row, importance, levels, scale) =>
  row.reduce((sum, w, i) => sum + importance[i] * Math.min(...levels.map((level) => (w - scale * level) ** 2)), 0);

describe("fitScales", () => {
  test("a row of zeros stays all but zero on levels without 0", () => {
    const [scale, one] = [
      [-1, 1],
      [-1, 0, 1],
    ].map((levels) => {
      return fitScales(new Float64Array(3), new Float64Array(3).fill(1), Float64Array.from(levels))[0];
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
        const [scale] = fitScales(Float64Array.from(row), importance, Float64Array.from(levels));
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

  test("finds scales that leave no error, and 1 for zeros", () => {
    const levels = powerLevels(4, 0);
    const rows = Float64Array.from([3, -1.5, 0.375, 0, 0, 0, 0, 0]);
    const [first, second] = fitScales(rows, new Float64Array(4).fill(1), levels);
    assert.equal(errorOf([...rows.subarray(0, 4)], [1, 1, 1, 1], [...levels], first), 0);
    assert.equal(second, 1);
  });
});

describe("levels", () => {
  test("of powers are INQ's", () => {
    assert.deepEqual([...powerLevels(4, 1)], [-2, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 2]);
    assert.deepEqual([...powerLevels(2, 0)], [-1, 0, 1]);
  });

  test("of two terms are the integers with two signed digits", () => {
    assert.deepEqual(twoTermLevels(4), [-7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7]);
    const six = twoTermLevels(6);
    assert.equal(six.length, 63);
    const powers = [0, ...Array.from({ length: 8 }, (_, e) => 2 ** e)];
    const sums = new Set(powers.flatMap((a) => powers.flatMap((b) => [a + b, a - b])));
    for (const level of six) assert.ok(sums.has(Math.abs(level)), `${level}`);
    const skipped = Array.from({ length: 64 }, (_, i) => i).filter((i) => !six.includes(i));
    for (const integer of skipped) assert.ok(integer > six.at(-1) || !sums.has(integer), `${integer}`);
    for (const bits of [3, 7, 4.5]) assert.throws(() => twoTermLevels(bits), { code: "BAD_OPTION" });
  });
});
