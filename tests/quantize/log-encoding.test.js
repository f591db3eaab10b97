// log-encoding.test.js: logarithmic levels as integer tables.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { validateEncoding } from "../../dist/ops/index.js";
import { encodingError } from "../../dist/quantize/activations.js";
import { addToHistogram, createHistogram, fitLog, fitWeightedEntropy } from "../../dist/quantize/index.js";
import { logEncoding } from "../../dist/quantize/log-encoding.js";

function histogramOf(values) {
  const histogram = createHistogram();
  addToHistogram(histogram, Float32Array.from(values), "x");
  return histogram;
}

function levelOf(value, { scale, levels, thresholds }) {
  let k = 0;
  while (k < thresholds.length && value / scale >= thresholds[k]) k++;
  return scale * levels[k];
}

test("base 2: powers of two, exact, in the smallest table that holds them", () => {
  const encoding = logEncoding(-32, 16, { bits: 3, largest: 255 });
  assert.equal(encoding.scale, 0.25);
  assert.deepEqual(encoding.levels, [0, 1, 2, 4, 8, 16, 32, 64]);
  const root = Math.SQRT1_2;
  assert.deepEqual(
    encoding.thresholds,
    [1, 2, 4, 8, 16, 32, 64].map((level) => Math.fround(level * root)),
  );
  assert.deepEqual(logEncoding(0, 16, { bits: 2, largest: 31 }).levels, [0, 1, 2, 4]);
});

test("base sqrt 2, 3 bits: seven levels within 31, each near its ideal", () => {
  const encoding = logEncoding(0, 8, { bits: 3, largest: 31 });
  assert.equal(encoding.levels.length, 8);
  assert.ok(encoding.levels[7] <= 31);
  for (let i = 1; i < 8; i++) {
    assert.ok(Math.abs((encoding.scale * encoding.levels[i]) / 2 ** ((i - 1) / 2) - 1) < 0.05);
  }
});

test("the scale has the least squared relative error of all that fit", () => {
  const relative = (scale, step, bits) => {
    let sum = 0;
    for (let i = 0; i < 2 ** bits - 1; i++) {
      const ideal = 2 ** ((step * i) / 16);
      sum += ((Math.round(ideal / scale) * scale) / ideal - 1) ** 2;
    }
    return sum;
  };
  for (const [step, bits, largest] of [
    [8, 3, 31],
    [4, 4, 255],
    [10, 3, 31],
  ]) {
    const chosen = relative(logEncoding(0, step, { bits, largest }).scale, step, bits);
    const top = 2 ** ((step * (2 ** bits - 2)) / 16);
    for (let t = 1; t <= largest; t += 0.5) assert.ok(chosen <= relative(top / t, step, bits) + 1e-6);
  }
});

test("levels that fall on one integer are merged, their zones joined", () => {
  const encoding = logEncoding(0, 16, { bits: 4, largest: 31 });
  const { levels, thresholds } = encoding;
  assert.equal(levels[0], 0);
  assert.ok(levels.length < 16 && levels[levels.length - 1] <= 31);
  assert.equal(thresholds.length, levels.length - 1);
});

test("every table is well formed", () => {
  const steps = fc.integer({ min: 1, max: 16 }).map((half) => 2 * half);
  fc.assert(
    fc.property(
      fc.integer({ min: -200, max: 200 }),
      steps,
      fc.integer({ min: 2, max: 6 }),
      fc.constantFrom(31, 255),
      (fsr, step, bits, largest) => {
        const { scale, levels, thresholds } = logEncoding(fsr, step, { bits, largest });
        assert.ok(scale > 0 && Math.fround(scale) === scale);
        assert.equal(levels[0], 0);
        assert.ok(levels.length >= 2 && levels.length <= 2 ** bits);
        assert.equal(thresholds.length, levels.length - 1);
        for (const level of levels) assert.ok(Number.isInteger(level) && level <= largest);
        for (let i = 1; i < levels.length; i++) {
          assert.ok(levels[i] > levels[i - 1]);
          assert.ok(Math.fround(thresholds[i - 1]) === thresholds[i - 1] && thresholds[i - 1] > 0);
          if (i > 1) assert.ok(thresholds[i - 1] > thresholds[i - 2]);
        }
      },
    ),
    { seed: 20266, numRuns: 200 },
  );
});

test("rounds in the log domain: a value takes the level of WEQ algorithm 2", () => {
  const [fsr, step] = [-20, 16];
  const encoding = logEncoding(fsr, step, { bits: 3, largest: 255 });
  fc.assert(
    fc.property(fc.double({ min: -6, max: 8, noNaN: true }), (log) => {
      const exact = (16 * log - fsr) / step;
      const fraction = exact - Math.floor(exact);
      fc.pre(Math.abs(fraction - 0.5) > 1e-5);
      const k = Math.min(Math.round(exact), 6);
      const expected = k < 0 ? 0 : 2 ** ((fsr + k * step) / 16);
      assert.ok(Math.abs(levelOf(2 ** log, encoding) - expected) <= 1e-6 * expected);
    }),
    { seed: 20267, numRuns: 500 },
  );
});

test("the fit is the best of its own candidates and beats linear at 3 bits on a heavy tail", () => {
  const random = createRandom(4);
  const histogram = histogramOf(Array.from({ length: 20000 }, () => Math.max(0, random.normal()) ** 3));
  const shape = { bits: 3, largest: 31 };
  const best = fitLog(histogram, shape);
  const least = encodingError(histogram, best);
  for (const step of [4, 8, 12, 16]) {
    for (let fsr = -100; fsr <= 100; fsr += 7) {
      assert.ok(least <= encodingError(histogram, logEncoding(fsr, step, shape)) + 1e-12);
    }
  }
  const only = fitLog(histogram, { ...shape, steps: [16] });
  assert.deepEqual(only.levels, logEncoding(0, 16, shape).levels);
  assert.ok(encodingError(histogram, only) >= least);
});

test("data on the levels of base 2 is kept exactly", () => {
  const values = [1, 2, 4, 8, 16, 32, 64].flatMap((v) => [v, v]);
  const encoding = fitLog(histogramOf(values), { bits: 3, largest: 255, steps: [16] });
  for (const value of values) assert.equal(levelOf(value, encoding), value);
});

test("zeros alone, and refusals", () => {
  assert.equal(levelOf(0, fitLog(histogramOf([0]), { bits: 3, largest: 31 })), 0);
  const shape = { bits: 3, largest: 31 };
  assert.throws(() => fitLog(createHistogram(), shape), { code: "BAD_DATA" });
  assert.throws(() => fitLog(histogramOf([-1, 1]), shape), { code: "BAD_DATA", found: -1 });
  assert.throws(() => fitLog(histogramOf([1]), { ...shape, steps: [] }), { code: "BAD_OPTION", where: "steps" });
  for (const step of [0, 3, 34, 1.5]) {
    assert.throws(() => logEncoding(0, step, shape), { code: "BAD_OPTION", where: "step" });
  }
  for (const bits of [1, 7, 2.5]) {
    assert.throws(() => logEncoding(0, 8, { bits, largest: 31 }), { code: "BAD_OPTION", where: "bits" });
  }
  assert.throws(() => logEncoding(0, 8, { bits: 3, largest: 100 }), { code: "BAD_OPTION", where: "largest" });
  assert.throws(() => logEncoding(0.5, 8, shape), { code: "BAD_OPTION", where: "fsr" });
});

/** The weighted entropy of an encoding's ideal levels over values, straight from its definition. */
function weightedEntropy(values, fsr, step, bits) {
  const counts = new Map();
  for (const value of values) {
    const exponent = Math.floor(16 * Math.log2(value));
    const k = Math.min(Math.floor((exponent - fsr) / step + 0.5), 2 ** bits - 2);
    if (k >= 0) counts.set(k, (counts.get(k) ?? 0) + 1);
  }
  let sum = 0;
  for (const [k, n] of counts) {
    const share = n / values.length;
    sum -= 2 ** ((fsr + step * k) / 16) * share * Math.log(share);
  }
  return sum;
}

test("the weighted-entropy fit has the largest entropy of all the candidates of algorithm 2", () => {
  const random = createRandom(9);
  const values = Array.from({ length: 4000 }, () => Math.exp(random.normal()));
  const histogram = histogramOf(values);
  const bits = 3;
  const found = fitWeightedEntropy(histogram, { bits, largest: 255 });
  const exponents = values.map((value) => Math.floor(16 * Math.log2(value)));
  const [low, high] = [Math.min(...exponents), Math.max(...exponents)];
  let best;
  let most = -1;
  for (let step = 2; step <= 32; step += 2) {
    for (let fsr = low + 40; fsr + step * (2 ** bits - 2.5) <= high; fsr++) {
      const entropy = weightedEntropy(values, fsr, step, bits);
      if (entropy > most * (1 + 1e-9)) [best, most] = [logEncoding(fsr, step, { bits, largest: 255 }), entropy];
    }
  }
  assert.deepEqual(found, best);
});

test("weighted entropy on data too narrow for its margins, on one value, on zeros", () => {
  for (const values of [
    [1, 1.01, 1.02],
    [5, 5, 5],
    [0.001, 3000],
  ]) {
    for (const bits of [2, 4, 6]) {
      const encoding = fitWeightedEntropy(histogramOf(values), { bits, largest: 255 });
      assert.ok(encoding.scale > 0 && encoding.levels.length >= 2);
      assert.ok(levelOf(Math.max(...values), encoding) > 0);
    }
  }
  const never = fitWeightedEntropy(histogramOf([0, 0]), { bits: 4, largest: 255 });
  assert.equal(levelOf(0, never), 0);
  assert.throws(() => fitWeightedEntropy(histogramOf([-1]), { bits: 4, largest: 255 }), { code: "BAD_DATA" });
  assert.throws(() => fitWeightedEntropy(createHistogram(), { bits: 4, largest: 255 }), { code: "BAD_DATA" });
});

test("values of any size get a table as good as values around 1", () => {
  const random = createRandom(4);
  const values = Float32Array.from({ length: 500 }, () => Math.abs(random.normal()));
  const shape = { bits: 4, largest: 31 };
  for (const fit of [fitLog, fitWeightedEntropy]) {
    const noise = (exponent) => {
      const histogram = histogramOf(values.map((x) => x * 2 ** exponent));
      const encoding = fit(histogram, shape);
      validateEncoding(encoding);
      return encodingError(histogram, encoding) / 4 ** exponent;
    };
    for (const exponent of [-100, -50, 33, 125])
      assert.ok(noise(exponent) < 1.05 * noise(0), `${fit.name} 2^${exponent}`);
    for (const all of [[0], [1e-45], [3.4028234663852886e38]]) validateEncoding(fit(histogramOf(all), shape));
  }
});
