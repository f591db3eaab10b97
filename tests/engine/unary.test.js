// unary.test.js: functions of one value computed in blocks give the bits of those computed value by value.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { createRows, ROW, rowLoopOf } from "../../dist/engine/rows.js";
import { activationPass, stepsPass } from "../../dist/engine/unary.js";
import { activationOf, FUNCTIONS, STEP_FUNCTIONS, slopeOf, stepsOf, stepsSlopeOf } from "../../dist/ops/index.js";
import { assertPass, assertSame, values } from "./bits.js";

const LENGTHS = [0, 1, ROW - 1, ROW, ROW + 1, 3 * ROW + 7];

const PARAMETERS = { constant: [1.3], clip: [-0.5, 6], elu: [0.7], hardSigmoid: [0.2, 0.5], leakyRelu: [0.1] };

function assertSteps(steps, lengths, seed) {
  const [f, slope] = [stepsOf(steps), stepsSlopeOf(steps)];
  const plain = {
    forward: ([x], y) => y.set(x.map(f)),
    backward([x], _, dy, [dx]) {
      for (let i = 0; i < dx.length; i++) dx[i] += slope(x[i]) * dy[i];
    },
  };
  const pass = stepsPass(steps);
  for (const length of lengths) {
    assertPass(pass, plain, [values(length, seed + length)], length, 1, `${JSON.stringify(steps)} of ${length}`);
  }
}

test("every function that a step may have, in each place that it reads", () => {
  for (const [fn, { operands }] of STEP_FUNCTIONS) {
    const parameters = PARAMETERS[fn] ?? [];
    if (operands === 0) continue;
    for (let place = 0; place < operands; place++) {
      const others = Array.from({ length: operands - 1 }, (_, i) => 1 + i);
      const constants = others.map((i) => ({ fn: "constant", parameters: [i === 1 ? 2 : 0.75], of: [] }));
      assertSteps([...constants, { fn, parameters, of: others.toSpliced(place, 0, 0) }], LENGTHS, 10 * place);
    }
    assertSteps([{ fn, parameters, of: new Array(operands).fill(0) }], LENGTHS, 3);
  }
});

test("loops of functions of one value, of all that float64 holds", () => {
  const random = createRandom(23);
  const edges = [
    2 ** -1074,
    2 ** -1023,
    2 ** -1022,
    2 ** 1023,
    Number.MAX_VALUE,
    Math.SQRT2,
    0.5,
    6,
    1e-4,
    Infinity,
    0,
  ];
  const powers = Array.from({ length: 2020 }, (_, i) => (i - 1010) * Math.LN2);
  const scaled = Array.from({ length: 4000 }, () => random.normal() * 2 ** (random.below(2100) - 1050));
  const near = Array.from({ length: 4000 }, () => 3 * random.normal());
  const all = [...edges, ...edges.map((x) => -x), NaN, ...powers, ...scaled, ...near];
  for (const [fn, { operands, of }] of STEP_FUNCTIONS) {
    if (operands !== 1) continue;
    const parameters = PARAMETERS[fn] ?? [];
    const [loop, [to, a]] = [rowLoopOf({ fn, parameters }), createRows(2)];
    for (let at = 0; at < all.length; at += ROW) {
      const part = Float64Array.from(all.slice(at, at + ROW));
      a.set(part);
      loop(to, a, a, a, part.length);
      assertSame(to.subarray(0, part.length), part.map(of(...parameters)), fn);
    }
  }
});

test("random steps", () => {
  const random = createRandom(19);
  const names = [...STEP_FUNCTIONS.keys()];
  for (let run = 0; run < 400; run++) {
    const steps = Array.from({ length: 1 + random.below(9) }, (_, i) => {
      const fn = names[random.below(names.length)];
      const of = Array.from({ length: STEP_FUNCTIONS.get(fn).operands }, () => random.below(i + 1));
      return { fn, parameters: PARAMETERS[fn] ?? [], of };
    });
    assertSteps(steps, [LENGTHS[run % LENGTHS.length]], run);
  }
});

test("a function that is a node of its own takes its slope where the result, in float32, says", () => {
  for (const fn of Object.keys(FUNCTIONS)) {
    const parameters = PARAMETERS[fn] ?? [];
    const [f, slope] = [activationOf(fn, parameters), slopeOf(fn, parameters)];
    const plain = {
      forward: ([x], y) => y.set(x.map(f)),
      backward([x], y, dy, [dx]) {
        for (let i = 0; i < dx.length; i++) dx[i] += slope(x[i], y[i]) * dy[i];
      },
    };
    for (const length of LENGTHS) {
      assertPass(activationPass({ fn, parameters }), plain, [values(length, length)], length, 1, `${fn} of ${length}`);
    }
  }
  assert.equal(Object.keys(FUNCTIONS).length, 7);
});
