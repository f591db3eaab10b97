// functions.test.js: the functions of float layers against those of the engine, which are nearly right.

import assert from "node:assert/strict";
import { test } from "node:test";
import { activationOf, exp, FUNCTIONS, softmax } from "../../dist/ops/index.js";
import { UNARY } from "../oracle/functions.js";

const points = [0, -0, 1e-30, 1e-8, 9e-6, 1.1e-5, 9.9e-5, 1.01e-4, 0.3, 0.5, 1, 3, 17, 88, 699].flatMap((x) => [x, -x]);

function assertNear(found, expected, bound, message) {
  assert.ok(Math.abs(found - expected) <= bound * Math.abs(expected), `${message}: ${found} for ${expected}`);
}

test("exp", () => {
  for (const x of points) assertNear(exp(x), Math.exp(x), 1e-12, `exp ${x}`);
  for (let x = -40; x < 40; x += 0.0371) assertNear(exp(x), Math.exp(x), 1e-12, `exp ${x}`);
  assert.deepEqual([exp(-Infinity), exp(-701), exp(701), exp(Infinity)], [0, 0, Infinity, Infinity]);
  assert.ok(Number.isNaN(exp(NaN)));
});

test("activation functions", () => {
  assert.deepEqual(Object.keys(UNARY).sort(), Object.keys(FUNCTIONS).sort());
  for (const [fn, [f, , parameters]] of Object.entries(UNARY)) {
    for (const x of points) assertNear(activationOf(fn, parameters)(x), f(x, ...parameters), 3e-9, `${fn} ${x}`);
  }
});

test("softmax of large numbers", () => {
  const values = Float64Array.of(1e4, 1e4 + 1, -1e30);
  softmax(values);
  assertNear(values[1], 1 / (1 + Math.exp(-1)), 1e-12, "softmax");
  assert.equal(values[2], 0);
});
