// elementwise.test.js: functions in steps against the engine's own functions, and their slopes against differences.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import {
  activationOf,
  BINARY_FUNCTIONS,
  PARAMETERS,
  STEP_FUNCTIONS,
  stepsOf,
  stepsSlopeOf,
} from "../../dist/ops/index.js";
import { GELU, KNOWN, MISH, randomSteps, SWISH, step } from "./steps.js";

const points = [0, 1e-30, 1e-8, 1e-4, 0.1, 0.3, 0.49, 0.51, 0.7, 1, 1.5, 2.7, 3, 5.9, 6.1, 17, 88, 640].flatMap((x) => [
  x,
  -x,
]);

function assertNear(found, expected, bound, message) {
  const same = Object.is(found, expected) || Math.abs(found - expected) <= bound * Math.abs(expected);
  assert.ok(same, `${message}: ${found} for ${expected}`);
}

/** erf by its integral: Simpson's rule. */
function erf(x) {
  const n = 20000;
  const h = x / n;
  let sum = 1 + Math.exp(-x * x);
  for (let k = 1; k < n; k++) sum += (k % 2 === 1 ? 4 : 2) * Math.exp(-((k * h) ** 2));
  return (2 / Math.sqrt(Math.PI)) * (h / 3) * sum;
}

test("functions of one value", () => {
  const expected = {
    abs: Math.abs,
    atan: Math.atan,
    cos: Math.cos,
    erf,
    exp: (x) => (x > 700 ? Infinity : x < -700 ? 0 : Math.exp(x)),
    floor: Math.floor,
    log: Math.log,
    sign: Math.sign,
    sin: Math.sin,
    sqrt: Math.sqrt,
  };
  for (const [fn, f] of Object.entries(expected)) {
    const found = stepsOf([step(fn, [0])]);
    for (const x of points) assertNear(found(x), f(x), ["cos", "erf", "sin"].includes(fn) ? 1e-9 : 2e-11, `${fn} ${x}`);
    assert.ok(Number.isNaN(found(NaN)), `${fn} of NaN`);
  }
  const round = stepsOf([step("round", [0])]);
  assert.deepEqual(
    [0.5, 1.5, 2.5, -0.5, -1.5, 2.4, -2.6].map((x) => round(x) + 0),
    [0, 2, 2, 0, -2, 2, -3],
  );
});

test("logarithms of all magnitudes, and of what has none", () => {
  const log = stepsOf([step("log", [0])]);
  for (let x = 5e-324; x < 1e308; x *= 7.3) assertNear(log(x), Math.log(x), 1e-14, `log ${x}`);
  assert.deepEqual([0, -0, Infinity, -1, -Infinity].map(log), [-Infinity, -Infinity, Infinity, NaN, NaN]);
});

test("sine and cosine far from zero", () => {
  for (const fn of ["sin", "cos"]) {
    const found = stepsOf([step(fn, [0])]);
    for (let x = -1e5; x < 1e5; x += 37.7) assert.ok(Math.abs(found(x) - Math[fn](x)) < 1e-10, `${fn} ${x}`);
  }
});

test("functions of two and three values", () => {
  const expected = {
    ...BINARY_FUNCTIONS,
    equal: (a, b) => Number(a === b),
    less: (a, b) => Number(a < b),
    max: Math.max,
    min: Math.min,
    mod: (a, b) => a % b,
    pow: (a, b) => a ** b,
  };
  for (const [fn, f] of Object.entries(expected)) {
    for (const b of [0, 1, -1, 2, 0.5, -2.25, 3, 63, 65]) {
      const [right, left] = [
        [0, 1],
        [1, 0],
      ].map((of) =>
        stepsOf([
          step("constant", [], b),
          step(
            fn,
            of.map((k) => (k === 1 ? 1 : 0)),
          ),
        ]),
      );
      for (const x of points.filter((x) => Math.abs(x) < 20)) {
        assertNear(right(x), f(x, b), 1e-11, `${fn} ${x} ${b}`);
        assertNear(left(x), f(b, x), 1e-11, `${fn} ${b} ${x}`);
      }
    }
  }
  const where = stepsOf([step("constant", [], 3), step("constant", [], 4), step("where", [0, 1, 2])]);
  assert.deepEqual([0, -0, 1, -2, 1e-300].map(where), [4, 4, 3, 3, 3]);
});

test("functions of layers are steps too, and known functions come out", () => {
  for (const [fn, parameters] of Object.entries(PARAMETERS)) {
    const given = parameters.map(([, otherwise]) => otherwise);
    const [found, expected] = [stepsOf([step(fn, [0], ...given)]), activationOf(fn, given)];
    for (const x of points) assert.ok(Object.is(found(x), expected(x)), `${fn} ${x}`);
  }
  for (const x of points.filter((x) => Math.abs(x) < 20)) {
    assertNear(stepsOf(SWISH)(x), x / (1 + Math.exp(-x)), 1e-11, `swish ${x}`);
    assert.ok(Math.abs(stepsOf(GELU)(x) - (x * (1 + erf(x * Math.SQRT1_2))) / 2) < 1e-9, `GELU ${x}`);
    assert.ok(Math.abs(stepsOf(MISH)(x) - x * Math.tanh(Math.log1p(Math.exp(x)))) < 1e-9, `Mish ${x}`);
  }
});

test("slopes are those of differences", () => {
  const random = createRandom(5);
  const programs = [
    ...KNOWN,
    ...[...STEP_FUNCTIONS]
      .filter(([, { operands }]) => operands > 0)
      .map(([fn, { parameters, operands }]) => {
        const constants = Array.from({ length: operands - 1 }, (_, i) => step("constant", [], 1.3 + i));
        return [...constants, step(fn, [0, ...constants.map((_, i) => i + 1)], ...[0.37, 1.9].slice(0, parameters))];
      }),
    ...Array.from({ length: 300 }, () => randomSteps(random, 4)),
  ];
  let compared = 0;
  for (const steps of programs) {
    const [f, slope] = [stepsOf(steps), stepsSlopeOf(steps)];
    for (let i = 0; i < 12; i++) {
      const x = 1.7 * random.normal();
      const at = [-2, -1, 1, 2].map((k) => f(x + k * 1e-5));
      // near a corner, a jump or a pole the differences say nothing
      const [far, near] = [(at[3] - at[0]) / 4e-5, (at[2] - at[1]) / 2e-5];
      if (!Number.isFinite(far) || Math.abs(far - near) > 1e-5 * (1 + Math.abs(near)) || Math.abs(near) > 1e4) continue;
      const found = slope(x);
      // the root of what is always 0 has an infinite slope
      if (!Number.isFinite(found)) continue;
      compared++;
      assert.ok(
        Math.abs(found - near) <= 1e-3 * (1 + Math.abs(near)),
        `${JSON.stringify(steps)} at ${x}: ${found} for ${near}`,
      );
    }
  }
  assert.ok(compared > 1500, `${compared}`);
});
