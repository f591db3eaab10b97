// steps.js: functions in steps for tests: known ones, and random ones.
import { STEP_FUNCTIONS } from "../../dist/ops/index.js";

/** A step from its function, the values that it reads, and its parameters. */
export const step = (fn, of = [], ...parameters) => ({ fn, parameters, of });

/** x sigmoid(x). */
export const SWISH = [step("sigmoid", [0]), step("mul", [0, 1])];
/** x (1 + erf(x / sqrt 2)) / 2. */
export const GELU = [
  step("constant", [], Math.SQRT1_2),
  step("mul", [0, 1]),
  step("erf", [2]),
  step("constant", [], 1),
  step("add", [3, 4]),
  step("constant", [], 0.5),
  step("mul", [0, 6]),
  step("mul", [7, 5]),
];
/** x tanh(ln(1 + exp x)). */
export const MISH = [
  step("exp", [0]),
  step("constant", [], 1),
  step("add", [1, 2]),
  step("log", [3]),
  step("tanh", [4]),
  step("mul", [0, 5]),
];
/** A bound above, and a slope below 1/4. */
export const BENT = [
  step("constant", [], 0.25),
  step("sub", [0, 1]),
  step("leakyRelu", [2], 0.3),
  step("constant", [], 2),
  step("min", [3, 4]),
];
export const KNOWN = [SWISH, GELU, MISH, BENT];

/**
 * Steps at random, each reading the last ones, so that the result depends on the input and on all of them.
 * @param random uniform(), below(n) and normal()
 */
export function randomSteps(random, most = 6) {
  const names = [...STEP_FUNCTIONS.keys()].filter((fn) => fn !== "constant");
  const steps = [];
  let last = 0;
  for (let count = 1 + random.below(most); count > 0; count--) {
    const fn = names[random.below(names.length)];
    const { parameters, operands } = STEP_FUNCTIONS.get(fn);
    const of = [last];
    while (of.length < operands) {
      if (random.uniform() < 0.5) of.push([0, last][random.below(2)]);
      else of.push(steps.push(step("constant", [], Math.fround(random.normal()) + 0)));
    }
    if (random.uniform() < 0.5) of.reverse();
    last = steps.push(step(fn, of, ...Array.from({ length: parameters }, () => Math.fround(random.normal()) + 0)));
  }
  return steps;
}
