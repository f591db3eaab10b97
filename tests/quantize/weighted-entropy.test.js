// weighted-entropy.test.js: weighted-entropy clusters: the worked example, the exhaustive search, ties, and layers with little in them.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { entropy, fitWeq } from "../../dist/quantize/weighted-entropy.js";

const near = (found, expected, digits = 4) =>
  assert.deepEqual(
    Array.from(found, (x) => Number(x.toFixed(digits))),
    expected,
  );

/** Prefix sums of the squares of rising magnitudes. */
const sumsOf = (magnitudes) => {
  const sums = [0];
  for (const m of magnitudes) sums.push(sums.at(-1) + m * m);
  return Float64Array.from(sums);
};

test("the entropy of the worked example: |w| = .1 .2 .3 1 in two clusters", () => {
  const sums = sumsOf([0.1, 0.2, 0.3, 1]);
  const at = (c) => entropy(sums, [0, c, 4], { share: 1, zero: false }) / 4;
  near([at(1), at(2), at(3)], [0.0847, 0.1975, 0.3566]);
});

test("the worked example splits after .3; a weight on a boundary goes up", () => {
  const weights = Float32Array.of(0.1, -0.2, 0.3, 1, -0.95);
  const { levels, codes } = fitWeq(weights.subarray(0, 4), { levels: 4, form: "code" }, "conv");
  near(levels, [-1, -0.216, 0.216, 1]);
  assert.deepEqual([...codes], [2, 1, 2, 3]);
});

test("the paper's form clusters the signs apart, positive weights get the odd level", () => {
  const weights = Float32Array.of(-0.5, -0.1, 0.1, 0.2, 0.3, 1, 0);
  const { levels, codes } = fitWeq(weights, { levels: 3 }, "conv");
  near(
    levels,
    [-Math.sqrt((0.25 + 0.01) / 2), Math.sqrt(0.14 / 4), 1].map((x) => Number(x.toFixed(4))),
  );
  assert.deepEqual([...codes], [0, 0, 1, 1, 1, 2, 1]);
});

test("an odd number of levels in the released form has an exact zero", () => {
  const random = createRandom(2);
  const weights = Float32Array.from({ length: 500 }, () => random.normal());
  const { levels, codes } = fitWeq(weights, { levels: 7, form: "code" }, "conv");
  assert.equal(levels.length, 7);
  assert.equal(levels[3], 0);
  for (let k = 0; k < 3; k++) assert.equal(levels[k], -levels[6 - k]);
  assert.ok(codes.includes(3));
});

test("one bit is the root mean square with a sign", () => {
  const { levels, codes } = fitWeq(Float32Array.of(3, -4), { levels: 2, form: "code" }, "conv");
  near(levels, [-3.5355, 3.5355]);
  assert.deepEqual([...codes], [1, 0]);
});

/** Where no single boundary can be moved to raise the entropy: what the search has to reach. */
test("no move of a boundary raises the entropy, whatever is drawn", () => {
  const drawn = fc.record({
    count: fc.integer({ min: 4, max: 300 }),
    clusters: fc.integer({ min: 2, max: 8 }),
    power: fc.constantFrom(1, 3),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(drawn, ({ count, clusters, power, seed }) => {
      const random = createRandom(seed);
      const weights = Float32Array.from({ length: count }, () => random.uniform() ** power + 0.001);
      const { codes } = fitWeq(weights, { levels: 2 * clusters }, "conv");
      const sums = sumsOf([...weights].sort((a, b) => a - b));
      const sizes = [];
      for (const code of codes) sizes[code] = (sizes[code] ?? 0) + 1;
      const ends = [0];
      for (const size of sizes.filter((n) => n > 0)) ends.push(ends.at(-1) + size);
      const objective = { share: 1, zero: false };
      const best = entropy(sums, ends, objective);
      for (let k = 1; k < ends.length - 1; k++) {
        for (let at = ends[k - 1] + 1; at < ends[k + 1]; at++) {
          const moved = entropy(sums, ends.with?.(k, at) ?? ends.map((end, i) => (i === k ? at : end)), objective);
          assert.ok(moved <= best * (1 + 1e-9), `boundary ${k} at ${at}: ${moved} > ${best}`);
        }
      }
    }),
    { seed: 7, numRuns: 100 },
  );
});

test("levels are root mean squares of their weights, signs kept", () => {
  const random = createRandom(4);
  const weights = Float32Array.from({ length: 3000 }, () => random.normal());
  for (const form of ["paper", "code"]) {
    const { levels, codes } = fitWeq(weights, { levels: 8, form }, "conv");
    assert.equal(levels.length, 8);
    for (const [k, level] of levels.entries()) {
      const pooled = (i) => (form === "code" ? Math.abs(levels[codes[i]]) === Math.abs(level) : codes[i] === k);
      const members = [...weights].filter((_, i) => pooled(i));
      const rms = Math.sqrt(members.reduce((sum, w) => sum + w * w, 0) / members.length);
      assert.ok(Math.abs(Math.abs(level) - rms) < 1e-6);
    }
    assert.ok(codes.every((code, i) => weights[i] < 0 === levels[code] < 0));
  }
});

test("a warm start ends where the cold one does on an easy layer, and one that does not fit is passed over", () => {
  const weights = Float32Array.from({ length: 400 }, (_, i) => (i % 4 === 3 ? 1 : 0.1) + i / 1e5);
  const cold = fitWeq(weights, { levels: 4, form: "code" }, "conv");
  const warm = fitWeq(weights, { levels: 4, form: "code", start: cold.boundaries }, "conv");
  assert.deepEqual(warm, cold);
  assert.deepEqual(fitWeq(weights, { levels: 4, form: "code", start: [900] }, "conv"), cold);
});

test("zeros, constants, one sign, fewer weights than levels: still at least two levels, and every weight on one", () => {
  for (const form of ["paper", "code"]) {
    for (const values of [[0, 0, 0], [0.5, 0.5], [-2], [-1, -2, -3], [0], [1, 1, 2, 2, 2], [-0, 5]]) {
      for (const count of [2, 3, 16, 31]) {
        const weights = Float32Array.from(values);
        const { levels, codes } = fitWeq(weights, { levels: count, form }, "conv");
        assert.ok(levels.length >= 2 && levels.every((level, k) => k === 0 || level > levels[k - 1]));
        assert.ok(codes.every((code) => code < levels.length));
        if (new Set(values.map(Math.abs)).size === 1) {
          values.forEach((value, i) => {
            assert.equal(Math.abs(levels[codes[i]]), Math.abs(value));
          });
        }
      }
    }
  }
});

test("equal weights take one level", () => {
  const weights = Float32Array.of(1, 1, 1, 1, 1, 1, 2, 2, 3);
  const { codes } = fitWeq(weights, { levels: 6 }, "conv");
  assert.equal(new Set(codes.subarray(0, 6)).size, 1);
  assert.equal(codes[6], codes[7]);
});

test("what is no layer of weights is refused with the layer's name", () => {
  assert.throws(() => fitWeq(Float32Array.of(1, Number.NaN), { levels: 4 }, "conv3"), {
    code: "BAD_DATA",
    where: "conv3[1]",
  });
  assert.throws(() => fitWeq(new Float32Array(0), { levels: 4 }, "conv3"), { code: "BAD_DATA", where: "conv3" });
  for (const levels of [1, 33, 2.5]) {
    assert.throws(() => fitWeq(Float32Array.of(1), { levels }, "conv3"), { code: "BAD_OPTION", where: "conv3" });
  }
});
