// integers.test.js: the integers that stand for real levels: near, of one scale, and summed in few parts.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { fitWeq } from "../../dist/quantize/index.js";
import { integerLevels } from "../../dist/quantize/integers.js";
import { compileSchedule } from "../../dist/runtime/schedule.js";

test("every integer is within 2 % of its level or as near as integers come, signs and zeros kept", () => {
  const levels = fc.uniqueArray(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 32 });
  fc.assert(
    fc.property(levels, fc.constantFrom(3, 100, 100000), (drawn, room) => {
      fc.pre(drawn.some((level) => level !== 0));
      const real = Float64Array.from(drawn, (level) => level / 777);
      const { integers, step } = integerLevels(real, room);
      integers.forEach((n, k) => {
        assert.ok(Number.isInteger(n) && Math.abs(n) <= room);
        if (real[k] === 0) assert.equal(n, 0);
        else {
          assert.equal(Math.sign(n), Math.sign(real[k]));
          const ideal = real[k] / step;
          const near = Math.max(Math.round(Math.abs(ideal)), 1);
          assert.ok(Math.abs(n - ideal) <= 0.02 * Math.abs(ideal) + 1e-9 || Math.abs(n) === near, `${n} for ${ideal}`);
        }
      });
    }),
    { seed: 4, numRuns: 200 },
  );
});

test("powers of two stay so; signs that nearly agree share their integers", () => {
  const powers = integerLevels(Float64Array.of(-0.8, -0.4, -0.2, 0, 0.1, 0.2, 0.4, 0.8), 1e6).integers;
  assert.ok(powers.every((n) => n === 0 || Number.isInteger(Math.log2(Math.abs(n)))));
  const pairs = integerLevels(Float64Array.of(-0.905, -0.31, 0.3, 0.9), 1e6).integers;
  assert.deepEqual([pairs[0], pairs[1]], [-pairs[3], -pairs[2]]);
});

test("a bell-shaped layer at 16 levels takes 8 parts and at most 12 segments a channel, nearest integers more", () => {
  const random = createRandom(1);
  const weights = Float32Array.from({ length: 16 * 432 }, () => random.normal());
  const { levels: real, codes } = fitWeq(weights, { levels: 16 }, "layer");
  const segments = (levels) => {
    const { stream } = compileSchedule({ kind: "codebook", levels, codes }, 16, 31);
    return (stream.length - codes.length) / 3 / 16;
  };
  const { integers } = integerLevels(real, 1e6);
  assert.equal(new Set(integers.map(Math.abs)).size, 8);
  const cheap = segments(integers);
  const nearest = segments(Array.from(real, (level) => Math.round((level * 255) / real.at(-1))));
  assert.ok(cheap <= 12 && cheap < 0.75 * nearest, `${cheap} and ${nearest}`);
});
