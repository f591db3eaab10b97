// unary.test.js: functions of one value computed in blocks give the bits of those computed value by value.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { ROW } from "../../dist/engine/rows.js";
import { activationPass, stepsPass } from "../../dist/engine/unary.js";
import { activationOf, FUNCTIONS, STEP_FUNCTIONS, slopeOf, stepsOf, stepsSlopeOf } from "../../dist/ops/index.js";
import { assertPass, values } from "./bits.js";

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
