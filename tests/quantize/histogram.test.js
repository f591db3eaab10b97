// histogram.test.js: one-pass counts: bins, extremes, merging, refusal of what is not finite.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BINS_PER_OCTAVE, binLow, occupiedBins } from "../../dist/quantize/histogram.js";
import { addToHistogram, createHistogram, mergeHistograms } from "../../dist/quantize/index.js";

function histogramOf(values) {
  const histogram = createHistogram();
  addToHistogram(histogram, Float32Array.from(values), "x");
  return histogram;
}

test("bins start at the powers of two and are linear between them", () => {
  assert.equal(binLow(0), 2 ** -32);
  assert.equal(binLow(32 * BINS_PER_OCTAVE), 1);
  assert.equal(binLow(32 * BINS_PER_OCTAVE + 128), 1.5);
  assert.equal(binLow(33 * BINS_PER_OCTAVE), 2);
});

test("every value is counted once, near the middle of its bin, in order", () => {
  const value = fc.float({ min: -(2 ** 20), max: 2 ** 20, noNaN: true });
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 50 }), (list) => {
      const histogram = histogramOf(list);
      const bins = occupiedBins(histogram);
      assert.equal(histogram.total, list.length);
      assert.ok(histogram.min === Math.min(...list));
      assert.ok(histogram.max === Math.max(...list));
      assert.equal(
        bins.reduce((sum, bin) => sum + bin.count, 0),
        list.length,
      );
      for (let i = 1; i < bins.length; i++) assert.ok(bins[i - 1].value < bins[i].value);
      const sorted = [...list].sort((a, b) => a - b);
      let at = 0;
      for (const { value, count } of bins) {
        for (let k = 0; k < count; k++, at++) {
          assert.ok(Math.abs(sorted[at] - value) <= Math.abs(value) / BINS_PER_OCTAVE + 2 ** -32);
        }
      }
    }),
    { seed: 20264, numRuns: 200 },
  );
});

test("adding twice, or merging, is counting all together", () => {
  const a = [1, -2, 0, 3e-20];
  const b = [5, 1, -0.25];
  const merged = mergeHistograms([histogramOf(a), histogramOf(b)]);
  assert.deepEqual(merged, histogramOf([...a, ...b]));
  assert.equal(merged.tiny, 2);
});

test("refuses values that are not finite", () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => histogramOf([1, bad]), { code: "BAD_DATA", where: "x[1]" });
  }
});

test("values of any size have bins, whatever came before them", () => {
  const values = [1, -0.75, 0.3, 0.001, 0, 0];
  for (const exponent of [-100, -60, -33, -13, -12, 0, 31, 32, 60, 127]) {
    const scaled = values.map((value) => value * 2 ** exponent);
    const bins = occupiedBins(histogramOf(scaled));
    assert.deepEqual(
      bins.map(({ value, count }) => [value / 2 ** exponent, count]),
      occupiedBins(histogramOf(values)).map(({ value, count }) => [value, count]),
    );
    for (const before of [[0], [2 ** -50], [1], [2 ** 40]]) {
      const added = histogramOf(before);
      addToHistogram(added, Float32Array.from(scaled), "x");
      assert.deepEqual(added, histogramOf([...before, ...scaled]));
      assert.deepEqual(mergeHistograms([histogramOf(scaled), histogramOf(before)]), added);
    }
  }
});
