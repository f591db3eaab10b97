// activations.test.js: linear encodings fitted to histograms.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { validateEncoding } from "../../dist/ops/index.js";
import { encodingError } from "../../dist/quantize/activations.js";
import { addToHistogram, createHistogram, fitLinear } from "../../dist/quantize/index.js";

function histogramOf(values) {
  const histogram = createHistogram();
  addToHistogram(histogram, Float32Array.from(values), "x");
  return histogram;
}

const f = Math.fround;

test("after a relu: zero is 0 and the largest value the top level", () => {
  const histogram = histogramOf([0, 0, 1.5, 5.1]);
  assert.deepEqual(fitLinear(histogram, { bits: 8, clip: "minmax" }), {
    kind: "linear",
    scale: f(f(5.1) / 255),
    zero: 0,
    max: 255,
  });
  assert.deepEqual(fitLinear(histogram, { bits: 4, clip: "minmax" }), {
    kind: "linear",
    scale: f(f(5.1) / 15),
    zero: 0,
    max: 15,
  });
});

test("signed: the zero point lies inside and real zero is exact", () => {
  const encoding = fitLinear(histogramOf([-1, 3]), { bits: 8, clip: "minmax" });
  assert.deepEqual(encoding, { kind: "linear", scale: f(4 / 255), zero: 64, max: 255 });
  const negative = fitLinear(histogramOf([-4, -1]), { bits: 2, clip: "minmax" });
  assert.deepEqual(negative, { kind: "linear", scale: f(4 / 3), zero: 3, max: 3 });
});

test("percentile leaves the far tail out, on either side", () => {
  const values = [...Array.from({ length: 999 }, (_, i) => (i + 1) / 1000), 100];
  const clipped = fitLinear(histogramOf(values), { bits: 8, clip: "percentile", percentile: 99.9 });
  assert.ok(Math.abs(clipped.scale * 255 - 1) < 0.01);
  const all = fitLinear(histogramOf(values), { bits: 8, clip: "percentile", percentile: 100 });
  assert.ok(Math.abs(all.scale * 255 - 100) < 0.4);
  const signed = fitLinear(histogramOf([...values, ...values.map((v) => -2 * v)]), {
    bits: 8,
    clip: "percentile",
    percentile: 99.9,
  });
  assert.ok(Math.abs(signed.scale * 255 - 3) < 0.02);
  assert.equal(signed.zero, 170);
});

test("mse clips a heavy tail at few bits and is never worse than the other rules", () => {
  const random = createRandom(9);
  const tail = Array.from({ length: 20000 }, () => Math.max(0, random.normal()) ** 3);
  const histogram = histogramOf(tail);
  for (const bits of [2, 3, 4, 8]) {
    const error = (clip) => encodingError(histogram, fitLinear(histogram, { bits, clip }));
    assert.ok(error("mse") <= error("minmax"));
    assert.ok(error("mse") <= error("percentile") * 1.02);
    if (bits <= 4) assert.ok(error("mse") < 0.6 * error("minmax"));
  }
  assert.deepEqual(fitLinear(histogram, { bits: 4 }), fitLinear(histogram, { bits: 4, clip: "mse" }));
});

test("mse on a uniform tensor keeps nearly the whole range", () => {
  const histogram = histogramOf(Array.from({ length: 10000 }, (_, i) => i / 10000));
  const { scale } = fitLinear(histogram, { bits: 4 });
  assert.ok(scale * 15 > 0.9 && scale * 15 <= 1);
});

test("any tensor gets a valid encoding that represents zero", () => {
  const value = fc.float({ min: -1000, max: 1000, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom("minmax", "percentile", "mse"),
      (list, bits, clip) => {
        const { scale, zero, max } = fitLinear(histogramOf(list), { bits, clip });
        assert.ok(scale > 0 && Number.isFinite(scale) && f(scale) === scale);
        assert.equal(max, 2 ** bits - 1);
        assert.ok(Number.isInteger(zero) && zero >= 0 && zero <= max);
        if (Math.min(...list) >= 0) assert.equal(zero, 0);
      },
    ),
    { seed: 20265, numRuns: 60 },
  );
});

test("zeros alone, and refusals", () => {
  assert.deepEqual(fitLinear(histogramOf([0, 0]), { bits: 8 }), { kind: "linear", scale: 1, zero: 0, max: 255 });
  for (const clip of ["minmax", "mse", "percentile"]) {
    for (const tiny of [1e-38, 1e-40, 1e-45]) {
      validateEncoding(fitLinear(histogramOf([0, tiny, -tiny]), { bits: 8, clip }));
    }
  }
  assert.throws(() => fitLinear(createHistogram(), { bits: 8 }), { code: "BAD_DATA" });
  for (const bits of [0, 9, 1.5]) {
    assert.throws(() => fitLinear(histogramOf([1]), { bits }), { code: "BAD_OPTION", where: "bits" });
  }
  for (const percentile of [0, 101, Number.NaN]) {
    assert.throws(() => fitLinear(histogramOf([1]), { bits: 8, percentile }), { where: "percentile" });
  }
});

test("the error of an encoding by hand", () => {
  const histogram = histogramOf([0, 0, 0, 2]);
  const bin = 2 + 2 / 512;
  assert.equal(encodingError(histogram, { kind: "float32" }), 0);
  assert.equal(encodingError(histogram, { kind: "linear", scale: 1, zero: 0, max: 1 }), (bin - 1) ** 2 / 4);
  const levels = { kind: "levels", scale: 2, levels: [0, 1, 3], thresholds: [0.5, 2] };
  assert.equal(encodingError(histogram, levels), (bin - 2) ** 2 / 4);
});

test("values of any size get the encoding of values around 1, scaled; next to nothing gets scale 1", () => {
  const random = createRandom(4);
  const values = Float32Array.from({ length: 500 }, () => random.normal());
  for (const clip of ["minmax", "percentile", "mse"]) {
    const expected = fitLinear(histogramOf(values), { bits: 8, clip });
    for (const exponent of [-110, -50, 33, 120]) {
      const found = fitLinear(histogramOf(values.map((x) => x * 2 ** exponent)), { bits: 8, clip });
      assert.deepEqual(found, { ...expected, scale: expected.scale * 2 ** exponent }, `${clip} 2^${exponent}`);
    }
    for (const nothing of [
      [0, 0],
      [1e-44, -1e-44],
    ])
      assert.equal(fitLinear(histogramOf(nothing), { bits: 8, clip }).scale, 1);
    for (const most of [
      [0, 3.4028234663852886e38],
      [-3.4028234663852886e38, 3.4028234663852886e38],
      [-3.4e38, 0],
    ]) {
      for (const bits of [1, 8]) validateEncoding(fitLinear(histogramOf(most), { bits, clip }));
    }
  }
});
