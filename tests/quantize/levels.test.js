// levels.test.js: INQ's codebook and rounding: the paper's vectors, every boundary, and properties.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseExponent, powersOfTwo, quantizeToLevel } from "../../dist/quantize/index.js";
import { digitOf, largestExponent, levelOf, squaredError } from "../../dist/quantize/levels.js";

const runs = { seed: 20261, numRuns: 500 };
const anyBits = fc.constantFrom(2, 3, 4, 5);
const anyExponent = fc.integer({ min: -60, max: 60 });

/** The float32 neighbour of a positive value, `step` representable numbers away. */
function neighbour(value, step) {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] += step;
  return new Float32Array(bits.buffer)[0];
}

/** Eq. 4 as it stands, over sorted non-negative levels, with the overflow hole closed. */
function equationFour(value, { magnitudes }) {
  const levels = [0, ...magnitudes];
  const top = levels[levels.length - 1];
  const magnitude = Math.abs(value);
  if (magnitude >= 1.5 * top) return Math.sign(value) * top;
  for (let i = 1; i < levels.length; i++) {
    const [alpha, beta] = [levels[i - 1], levels[i]];
    // With 3 beta / 2 as the upper end two levels may claim a value; the larger midpoint rule decides, so go from above.
    const next = levels[i + 1];
    const upper = next === undefined ? 1.5 * beta : (beta + next) / 2;
    if (magnitude >= (alpha + beta) / 2 && magnitude < upper) return Math.sign(value) * beta;
  }
  return 0;
}

test("n1 = floor(log2(4 s / 3)) on the paper's values", () => {
  for (const [s, n1] of [
    [3.3, 2],
    [1, 0],
    [0.75, 0],
    [0.74, -1],
    [0.5, -1],
    [1.5, 1],
    [3, 2],
  ]) {
    assert.equal(largestExponent(s, 5), n1, `s = ${s}`);
  }
});

test("n1 is exact on both sides of every 0.75 * 2^n that float32 can hold", () => {
  for (let n = -100; n <= 127; n++) {
    const edge = 0.75 * 2 ** n;
    assert.equal(largestExponent(edge, 5), n);
    assert.equal(largestExponent(neighbour(edge, -1), 5), n - 1);
    assert.equal(largestExponent(neighbour(edge, 1), 5), n);
  }
});

test("n1 stays where the codebook is made of normal float32 numbers", () => {
  assert.equal(largestExponent(0, 5), 0);
  assert.equal(largestExponent(2 ** -149, 5), -119);
  assert.equal(largestExponent(2 ** -149, 2), -126);
  assert.equal(largestExponent(3.4e38, 5), 127);
  for (const bits of [2, 3, 4, 5]) {
    const book = powersOfTwo(bits, largestExponent(2 ** -149, bits));
    assert.equal(book.n2, -126);
    assert.equal(Math.fround(book.magnitudes[0]), 2 ** -126);
  }
});

test("levels of each bit width", () => {
  assert.deepEqual(powersOfTwo(2, 3).magnitudes, [8]);
  assert.deepEqual(powersOfTwo(3, -1).magnitudes, [0.25, 0.5]);
  assert.equal(powersOfTwo(3, -1).n2, -2);
  assert.deepEqual(powersOfTwo(4, 0).magnitudes, [1 / 8, 1 / 4, 1 / 2, 1]);
  assert.equal(powersOfTwo(5, 0).n2, -7);
  assert.equal(powersOfTwo(5, 0).magnitudes.length, 8);
});

test("the worked example s = 3.3", () => {
  const three = powersOfTwo(3, largestExponent(3.3, 3));
  assert.deepEqual([three.n1, three.n2], [2, 1]);
  const map = [
    [0.99, 0],
    [1, 2],
    [2.99, 2],
    [3, 4],
    [3.3, 4],
    [5.99, 4],
    [6, 4],
    [600, 4],
  ];
  for (const [value, level] of map) {
    assert.equal(quantizeToLevel(value, three), level);
    assert.equal(quantizeToLevel(-value, three), level === 0 ? 0 : -level);
  }
  const five = powersOfTwo(5, largestExponent(3.3, 5));
  assert.equal(five.n2, -5);
  assert.equal(quantizeToLevel(2 ** -6, five), 2 ** -5);
  assert.equal(quantizeToLevel(neighbour(2 ** -6, -1), five), 0);
});

test("every boundary of every width, at the float32 numbers around it", () => {
  for (const bits of [2, 3, 4, 5]) {
    for (const n1 of [-100, -7, 0, 5, 100]) {
      const book = powersOfTwo(bits, n1);
      for (let k = book.n2; k <= n1; k++) {
        const edge = k === book.n2 ? 2 ** (k - 1) : 1.5 * 2 ** (k - 1);
        const below = k === book.n2 ? 0 : 2 ** (k - 1);
        for (const step of [-2, -1]) assert.equal(quantizeToLevel(neighbour(edge, step), book), below);
        for (const step of [0, 1, 2]) assert.equal(quantizeToLevel(neighbour(edge, step), book), 2 ** k);
        assert.equal(quantizeToLevel(2 ** k, book), 2 ** k);
      }
      for (const step of [-1, 0, 1]) {
        assert.equal(quantizeToLevel(neighbour(1.5 * 2 ** n1, step), book), 2 ** n1, "no overflow hole");
      }
      assert.equal(quantizeToLevel(3.4e38, book), 2 ** n1);
    }
  }
});

test("agrees with equation 4 everywhere", () => {
  fc.assert(
    fc.property(anyBits, anyExponent, fc.float({ noNaN: true, noDefaultInfinity: true }), (bits, n1, value) => {
      const book = powersOfTwo(bits, n1);
      assert.equal(quantizeToLevel(value, book), equationFour(value, book) || 0);
      const near = Math.fround(value * 2 ** (n1 - 3));
      if (Number.isFinite(near)) assert.equal(quantizeToLevel(near, book), equationFour(near, book) || 0);
    }),
    runs,
  );
});

test("rounding is idempotent, odd and monotonic; digits and levels correspond", () => {
  const value = fc.double({ min: -4, max: 4, noNaN: true });
  fc.assert(
    fc.property(anyBits, anyExponent, value, value, (bits, n1, a, b) => {
      const book = powersOfTwo(bits, n1);
      const [x, y] = [Math.fround(a * 2 ** n1), Math.fround(b * 2 ** n1)];
      const q = quantizeToLevel(x, book);
      assert.equal(quantizeToLevel(q, book), q);
      assert.equal(quantizeToLevel(-x, book), q === 0 ? 0 : -q);
      assert.equal(levelOf(digitOf(x, book), book), q);
      if (x <= y) assert.ok(q <= quantizeToLevel(y, book));
    }),
    runs,
  );
  for (const bits of [2, 3, 4, 5]) {
    const book = powersOfTwo(bits, -3);
    const most = 2 ** (bits - 2);
    for (let digit = -most; digit <= most; digit++) {
      assert.equal(digitOf(levelOf(digit, book), book), digit);
      if (digit !== 0) assert.equal(levelOf(digit, book), Math.sign(digit) * 2 ** (book.n2 + Math.abs(digit) - 1));
    }
  }
});

test("the largest weight rounds to 2^n1, and n1 is the same for the rounded layer", () => {
  fc.assert(
    fc.property(fc.float({ min: 2 ** -60, max: 2 ** 60, noNaN: true }), anyBits, (s, bits) => {
      const n1 = largestExponent(s, bits);
      const level = quantizeToLevel(s, powersOfTwo(bits, n1));
      assert.equal(level, 2 ** n1);
      assert.equal(largestExponent(level, bits), n1);
    }),
    runs,
  );
});

test("codes are signed digits", () => {
  const book = powersOfTwo(3, 0);
  assert.deepEqual(
    [0, -0, 0.1, 0.5, -0.5, 1, -9].map((value) => digitOf(value, book)),
    [0, 0, 0, 1, -1, 2, -2],
  );
});

test("the mse rule finds the least error of all exponents and never does worse than max", () => {
  const weight = fc.float({ min: -1, max: 1, noNaN: true }).map((w) => (Math.abs(w) < 1e-30 ? 0 : w));
  const weights = fc.array(weight, { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(weights, anyBits, (list, bits) => {
      const values = Float32Array.from(list);
      const n1 = chooseExponent(values, bits, "mse", "w");
      const error = squaredError(values, powersOfTwo(bits, n1));
      const top = chooseExponent(values, bits, "max", "w");
      assert.ok(n1 <= top);
      for (let other = Math.max(top - 12, -119); other <= top; other++) {
        assert.ok(error <= squaredError(values, powersOfTwo(bits, other)));
      }
    }),
    { ...runs, numRuns: 150 },
  );
});

test("ternary by hand: max keeps one weight of ten, mse keeps the rest", () => {
  const values = Float32Array.of(4, 1, 1, 1, 1, -1, -1, -1, -1, 1);
  assert.equal(chooseExponent(values, 2, "max", "w"), 2);
  // n1 = 2: error 9. n1 = 1: 1 rounds up to 2, error 4 + 9. n1 = 0: error (4 - 1)^2 = 9, later and not less.
  assert.equal(chooseExponent(values, 2, "mse", "w"), 2);
  const softer = Float32Array.of(3, 1, 1, 1, 1, -1, -1, -1, -1, 1);
  // n1 = 2: 1 + 9. n1 = 0: (3 - 1)^2 = 4.
  assert.equal(chooseExponent(softer, 2, "mse", "w"), 0);
});

test("refuses what it cannot hold", () => {
  for (const bits of [1, 6, 2.5, Number.NaN]) assert.throws(() => powersOfTwo(bits, 0), { code: "BAD_OPTION" });
  for (const n1 of [0.5, 128, -120, Number.NaN]) assert.throws(() => powersOfTwo(5, n1), { code: "BAD_OPTION" });
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => chooseExponent(Float32Array.of(1, bad), 5, "max", "conv1.weight"), {
      code: "BAD_DATA",
      where: "conv1.weight[1]",
    });
  }
  assert.equal(chooseExponent(new Float32Array(4), 3, "mse", "w"), 0);
});
