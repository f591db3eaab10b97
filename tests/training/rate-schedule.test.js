// rate-schedule.test.js: learning rate factors at the moments that matter, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkSchedule, rateFactor } from "../../dist/training/rate-schedule.js";

test("constant, step and cosine at their corners", () => {
  assert.equal(rateFactor({ kind: "constant" }, 3.5, 4), 1);
  const step = { kind: "step", at: [1, 3], factor: 0.1 };
  assert.deepEqual(
    [0, 0.99, 1, 2.9, 3, 3.9].map((epoch) => Number(rateFactor(step, epoch, 4).toFixed(6))),
    [1, 1, 0.1, 0.1, 0.01, 0.01],
  );
  assert.equal(rateFactor({ kind: "cosine" }, 0, 8), 1);
  assert.ok(Math.abs(rateFactor({ kind: "cosine" }, 4, 8) - 0.5) < 1e-12);
  assert.ok(Math.abs(rateFactor({ kind: "cosine", final: 0.2 }, 8, 8) - 0.2) < 1e-12);
});

test("a warm-up rises from 0 and meets the schedule", () => {
  const schedule = { kind: "cosine", warmUp: 2 };
  assert.equal(rateFactor(schedule, 0, 10), 0);
  assert.equal(rateFactor(schedule, 1, 10), 0.5 * rateFactor({ kind: "cosine" }, 1, 10));
  assert.equal(rateFactor(schedule, 2, 10), rateFactor({ kind: "cosine" }, 2, 10));
});

test("a cosine never rises and stays between 1 and its end", () => {
  const moment = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(moment, moment, moment, (a, b, final) => {
      const [early, late] = [Math.min(a, b), Math.max(a, b)].map((t) => rateFactor({ kind: "cosine", final }, t, 1));
      assert.ok(early >= late - 1e-12 && late >= final - 1e-12 && early <= 1 + 1e-12);
    }),
    { seed: 4 },
  );
});

test("numbers out of range are refused", () => {
  assert.throws(() => checkSchedule({ kind: "constant", warmUp: -1 }), { code: "BAD_OPTION", found: -1 });
  assert.throws(() => checkSchedule({ kind: "step", at: [1, Number.NaN], factor: 0.1 }), { code: "BAD_OPTION" });
  assert.throws(() => checkSchedule({ kind: "cosine", final: Number.POSITIVE_INFINITY }), { code: "BAD_OPTION" });
  checkSchedule({ kind: "cosine", final: 0, warmUp: 0 });
});
