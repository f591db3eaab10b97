// rounding.test.js: compensated rounding on the kernels against its definition in plain float64.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { compileModule, createRoom } from "../../dist/engine/wasm.js";
import { levelTable } from "../../dist/quantize/index.js";
import { createRounder, FIXED, FREE, ROUND } from "../../dist/rounding/rounding.js";
import { outputError, roundCompensated } from "../oracle/rounding.js";

const module = compileModule();
const LEVELS = Float64Array.from([-2, -1, -0.5, 0, 0.5, 1, 2]);
const flat = (rows) => Float64Array.from(rows.flatMap((row) => [...row]));

/** Covariance of inputs that depend on one another, and weights. */
function problem(n, rows, seed) {
  const random = createRandom(seed);
  const inputs = Array.from({ length: 3 * n + 5 }, () => {
    const common = random.normal();
    return Float64Array.from({ length: n }, (_, i) => common + random.normal() * (1 + (i % 3)));
  });
  const h = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (_, j) => inputs.reduce((sum, x) => sum + x[i] * x[j], 0) / inputs.length),
  );
  const weights = Array.from({ length: rows }, () => Float64Array.from({ length: n }, () => random.normal()));
  return { h, weights, target: flat(weights) };
}

/** What damping adds to the diagonal. */
const addedTo = (h, damping) => (damping * h.reduce((sum, row, i) => sum + row[i], 0)) / h.length;

const plain = (target, scales) => ({
  target,
  states: null,
  values: target,
  tables: [levelTable(LEVELS)],
  fits: { scales, of: new Uint8Array(scales.length) },
  refit: false,
  price: 0,
  sweeps: 0,
});

const round = (rounder, task) => rounder.round({ ...task, products: rounder.times(task.target) });

describe("the rounder", () => {
  test("finds the definition's levels for every size around its block", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 19 }), fc.integer({ min: 1, max: 18 }), fc.nat(1000), (n, rows, seed) => {
        const { h, weights, target } = problem(n, rows, seed);
        const scales = Float64Array.from({ length: rows }, (_, r) => 0.5 + (r % 4) / 4);
        const rounder = createRounder(n, createRoom(module));
        rounder.prepare(flat(h), 0.01);
        const { values, codes } = round(rounder, plain(target, scales));
        const expected = flat(roundCompensated(weights, h, 0.01, LEVELS, scales));
        assert.deepEqual(values, expected);
        assert.deepEqual(
          codes.reduce(
            (all, code, i) => all.fill(scales[Math.floor(i / n)] * LEVELS[code], i, i + 1),
            new Float64Array(n * rows),
          ),
          values,
        );
      }),
      { seed: 7, numRuns: 40 },
    );
  });

  test("finds the definition's levels for sizes around a panel and a block of rows", () => {
    for (const [n, rows] of [
      [63, 65],
      [64, 64],
      [65, 63],
      [129, 2],
    ]) {
      const { h, weights, target } = problem(n, rows, n);
      const scales = Float64Array.from({ length: rows }, (_, r) => 0.5 + (r % 4) / 4);
      const rounder = createRounder(n, createRoom(module));
      rounder.prepare(flat(h), 0.01);
      const { values, error } = round(rounder, plain(target, scales));
      assert.deepEqual(values, flat(roundCompensated(weights, h, 0.01, LEVELS, scales)), `${n} inputs`);
      const damped = h.map((row, i) => row.map((v, j) => v + (i === j ? addedTo(h, 0.01) : 0)));
      const rowsOf = Array.from({ length: rows }, (_, r) => values.subarray(r * n, (r + 1) * n));
      const expected = outputError(weights, rowsOf, damped);
      assert.ok(Math.abs(error - expected) < 1e-9 * expected, `${error}, not ${expected}`);
    }
  });

  test("reckons with errors and scales through every sweep", () => {
    const [n, rows] = [70, 66];
    const { h, weights, target } = problem(n, rows, 8);
    const rounder = createRounder(n, createRoom(module));
    rounder.prepare(flat(h), 0.01);
    const task = { ...plain(target, new Float64Array(rows).fill(0.9)), refit: true, sweeps: 3 };
    const { values, codes, scales, error } = round(rounder, task);
    const damped = h.map((row, i) => row.map((v, j) => v + (i === j ? addedTo(h, 0.01) : 0)));
    const rowsOf = Array.from({ length: rows }, (_, r) => values.subarray(r * n, (r + 1) * n));
    const expected = outputError(weights, rowsOf, damped);
    assert.ok(Math.abs(error - expected) < 1e-8 * expected, `${error}, not ${expected}`);
    // scales are those of least squares for the levels found: (l H w) / (l H l)
    for (const [r, row] of weights.entries()) {
      const levels = Float64Array.from({ length: n }, (_, i) => LEVELS[codes[r * n + i]]);
      const through = (x) =>
        damped.reduce((sum, hk, k) => sum + levels[k] * hk.reduce((s, v, i) => s + v * x[i], 0), 0);
      const fitted = through(row) / through(levels);
      assert.ok(Math.abs(scales[r] - fitted) < 1e-9 * fitted, `scale ${scales[r]}, not ${fitted}`);
    }
  });

  test("gives every row the levels of its own table", () => {
    const [n, rows] = [70, 66];
    const { h, target } = problem(n, rows, 12);
    const rounder = createRounder(n, createRoom(module));
    rounder.prepare(flat(h), 0.01);
    const tables = [[-2, 0, 1], [-1, 0, 2, 3, 5], [...LEVELS]].map(levelTable);
    const scales = new Float64Array(rows).fill(0.8);
    const of = Uint8Array.from(scales, (_, r) => r % 3);
    const task = { ...plain(target, scales), refit: true, sweeps: 2 };
    const mixed = round(rounder, { ...task, tables, fits: { scales, of } });
    for (const [t, table] of tables.entries()) {
      const alone = round(rounder, { ...task, tables: [table], fits: { scales, of: new Uint8Array(rows) } });
      for (let i = 0; i < n * rows; i++) {
        if (of[Math.floor(i / n)] !== t) continue;
        assert.equal(mixed.values[i], alone.values[i]);
        assert.equal(mixed.codes[i], alone.codes[i]);
      }
    }
  });

  test("leaves 0 what takes less than its price from the error", () => {
    const [n, rows] = [70, 66];
    const { h, weights, target } = problem(n, rows, 5);
    const rounder = createRounder(n, createRoom(module));
    rounder.prepare(flat(h), 0.01);
    const scales = new Float64Array(rows).fill(0.9);
    let before = -1;
    for (const price of [0.01, 0.3, 2]) {
      const { values } = round(rounder, { ...plain(target, scales), price });
      assert.deepEqual(values, flat(roundCompensated(weights, h, 0.01, LEVELS, scales, undefined, price)));
      const zeros = values.filter((value) => value === 0).length;
      assert.ok(zeros > before, `${zeros} zeros at ${price}`);
      before = zeros;
    }
    // levels without 0 have no other choice
    const odd = { ...plain(target, scales), tables: [levelTable([-3, -1, 1, 3])] };
    assert.deepEqual(round(rounder, { ...odd, price: 2 }).values, round(rounder, odd).values);
  });

  test("descends to where no weight is better off at 0 or at another level", () => {
    const [n, price] = [9, 0.4];
    const { h, weights, target } = problem(n, 20, 21);
    const damped = h.map((row, i) => row.map((v, j) => v + (i === j ? addedTo(h, 0.01) : 0)));
    const rounder = createRounder(n, createRoom(module));
    rounder.prepare(flat(h), 0.01);
    const task = { ...plain(target, new Float64Array(20).fill(0.9)), price, sweeps: 100 };
    const { values, codes } = round(rounder, task);
    const costOf = (row, r) =>
      outputError([weights[r]], [row], damped) + price * row.filter((value) => value !== 0).length;
    for (let at = 0; at < 20 * n; at++) {
      const [r, i] = [Math.floor(at / n), at % n];
      const row = values.subarray(r * n, (r + 1) * n);
      assert.equal(row[i], 0.9 * LEVELS[codes[at]]);
      for (const level of LEVELS) {
        const other = row.slice().fill(0.9 * level, i, i + 1);
        assert.ok(costOf(other, r) >= costOf(row, r) - 1e-9, `row ${r}, weight ${i}`);
      }
    }
  });

  test("lets weights that are not rounded take the errors up", () => {
    const [n, rows] = [12, 9];
    const { h, weights, target } = problem(n, rows, 3);
    const random = createRandom(9);
    const states = Uint8Array.from({ length: n * rows }, () => (random.uniform() < 0.5 ? ROUND : FREE));
    const rounder = createRounder(n, createRoom(module));
    rounder.prepare(flat(h), 0.01);
    const scales = new Float64Array(rows).fill(1);
    const { values } = round(rounder, { ...plain(target, scales), states });
    const expected = flat(roundCompensated(weights, h, 0.01, LEVELS, scales, (r, k) => states[r * n + k] === ROUND));
    for (const [i, value] of values.entries()) assert.ok(Math.abs(value - expected[i]) < 1e-9, `value ${i}`);
    const rounded = [...values].filter((_, i) => states[i] === ROUND);
    assert.ok(rounded.every((value) => LEVELS.includes(value)));
  });

  test("leaves fixed weights alone and reckons with their errors", () => {
    const [n, rows] = [10, 3];
    const { h, target } = problem(n, rows, 4);
    const values = target.map((w) => Math.sign(w));
    const rounder = createRounder(n, createRoom(module));
    rounder.prepare(flat(h), 0.01);
    const states = Uint8Array.from({ length: n * rows }, (_, i) => (i % 2 ? FIXED : FREE));
    const scales = new Float64Array(rows).fill(1);
    const after = round(rounder, { ...plain(target, scales), values, states, sweeps: 200 });
    const alone = round(rounder, {
      ...plain(target, scales),
      values,
      states: states.map((s) => (s === FREE ? FIXED : s)),
    });
    for (let i = 1; i < n * rows; i += 2) assert.equal(after.values[i], values[i]);
    assert.ok(after.error < alone.error);
    // at the optimum no free weight has a slope left: (H + damping) (w - v) = 0 there
    const added = (0.01 * h.reduce((sum, row, i) => sum + row[i], 0)) / n;
    for (let i = 0; i < n * rows; i++) {
      if (states[i] === FIXED) continue;
      const [r, k] = [Math.floor(i / n), i % n];
      const error = (j) => target[r * n + j] - after.values[r * n + j];
      const slope = h[k].reduce((sum, v, j) => sum + v * error(j), added * error(k));
      assert.ok(Math.abs(slope) < 1e-6, `slope ${slope} at ${i}`);
    }
  });

  test("errs less with every means it has", () => {
    const [n, rows] = [48, 20];
    const { h, weights, target } = problem(n, rows, 5);
    const rounder = createRounder(n, createRoom(module));
    rounder.prepare(flat(h), 0.01);
    const task = plain(target, new Float64Array(rows).fill(1));
    const errorOf = (more) => round(rounder, { ...task, ...more }).error;
    const compensated = errorOf({});
    const nearest = weights.map((row) =>
      row.map((w) => LEVELS.reduce((best, level) => (Math.abs(level - w) < Math.abs(best - w) ? level : best))),
    );
    assert.ok(compensated < 0.9 * outputError(weights, nearest, h));
    assert.ok(errorOf({ sweeps: 4 }) < compensated);
    assert.ok(errorOf({ refit: true }) < compensated);
    assert.ok(errorOf({ refit: true, sweeps: 4 }) < errorOf({ sweeps: 4 }));
  });

  test("follows other inputs as least squares would", () => {
    const [n, rows] = [7, 3];
    const { h, weights, target } = problem(n, rows, 6);
    const random = createRandom(2);
    const cross = Array.from({ length: n }, (_, i) =>
      h[i].map((v, j) => v + 0.3 * random.normal() * (i === j ? 2 : 1)),
    );
    const rounder = createRounder(n, createRoom(module));
    rounder.prepare(flat(h), 0.01);
    const drift = weights.map((row) =>
      h.map((_, j) => row.reduce((sum, w, i) => sum + w * (cross[i][j] - h[i][j]), 0)),
    );
    const moved = rounder.follow(target, flat(drift));
    // normal equations: v (H + damping) = w (C + damping)
    const added = (0.01 * h.reduce((sum, row, i) => sum + row[i], 0)) / n;
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < n; k++) {
        let left = added * moved[r * n + k];
        let right = added * weights[r][k];
        for (let i = 0; i < n; i++) {
          left += moved[r * n + i] * h[i][k];
          right += weights[r][i] * cross[i][k];
        }
        assert.ok(Math.abs(left - right) < 1e-9, `row ${r}, ${k}: ${left}, ${right}`);
      }
    }
    assert.deepEqual(rounder.follow(target, new Float64Array(rows * n)), target);
  });

  test("takes inputs of which nothing but rounding errors vary", () => {
    // of rank one and not positive: what is left of one image's inputs when their mean is taken away
    const noise = Float64Array.from([1, 3, -2, 3, 1, 5, -2, 5, 1], (value) => value * 1e-18);
    const target = Float64Array.from([0.9, -0.6, 0.1]);
    const rounder = createRounder(3, createRoom(module));
    rounder.prepare(noise, 0.01);
    const { values } = round(rounder, plain(target, Float64Array.of(1)));
    for (const [i, value] of values.entries()) assert.ok(LEVELS.includes(value) && Math.abs(value - target[i]) < 0.6);
    assert.ok(rounder.follow(target, noise).every(Number.isFinite));
  });

  test("adds to inputs that depend on one another even where no damping is wanted", () => {
    const rounder = createRounder(3, createRoom(module));
    rounder.prepare(Float64Array.of(4, 2, 0, 2, 1, 0, 0, 0, 0), 0);
    const { values } = round(rounder, plain(Float64Array.of(0.9, -0.6, 0.1), Float64Array.of(1)));
    for (const value of values) assert.ok(LEVELS.includes(value));
  });

  test("refuses what is not finite", () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const rounder = createRounder(2, createRoom(module));
      assert.throws(() => rounder.prepare(Float64Array.of(value, 0, 0, 1), 0.01), { code: "BAD_DATA" });
    }
  });

  test("takes inputs that never change", () => {
    const rounder = createRounder(3, createRoom(module));
    rounder.prepare(new Float64Array(9), 0.01);
    const target = Float64Array.from([0.9, -0.6, 0.1]);
    const { values } = round(rounder, plain(target, Float64Array.of(1)));
    assert.deepEqual([...values], [1, -0.5, 0]);
  });
});
