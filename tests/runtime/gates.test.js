// gates.test.js: functions with a gate give the plain executor's integers, above all where float32 hardly tells which.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { encoderOf, stepsOf } from "../../dist/ops/index.js";
import { gateOf } from "../../dist/runtime/gates.js";
import { Model } from "../../dist/runtime/index.js";
import { FLOAT32, linear, modelOf } from "../models/layers.js";
import { KNOWN, SWISH, step } from "../ops/steps.js";
import { assertAgree } from "./agree.js";

const TIMES = (factor) => [step("constant", [], factor), step("mul", [2, 3])];
const HARD = [step("hardSigmoid", [0], 1 / 6, 0.5), step("mul", [0, 1])];
const FUNCTIONS = {
  sigmoid: [step("sigmoid", [0])],
  tanh: [step("tanh", [0])],
  swish: SWISH,
  "swish, turned over": [step("sigmoid", [0]), step("mul", [1, 0]), ...TIMES(-0.75)],
  "hard swish": [step("hardSwish", [0])],
  "hard swish in steps": HARD,
  "hard sigmoid": [step("hardSigmoid", [0], -0.3, 0.6)],
};

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
/** The float32 that lies `steps` behind another. */
function beside(x, steps) {
  float[0] = x;
  bits[0] += x < 0 ? -steps : steps;
  return float[0];
}

/** Numbers of float32 on both sides of every place where the integer changes, and all around. */
function edgesOf(encode, random) {
  const numbers = [];
  let last = null;
  for (let k = -4000; k <= 4000; k++) {
    const x = Math.fround(k / 200 + 0.001);
    const code = encode(x);
    if (last !== null && code !== last.code) {
      let [low, high] = [last.x, x];
      while (Math.fround((low + high) / 2) > low && Math.fround((low + high) / 2) < high) {
        const middle = Math.fround((low + high) / 2);
        if (encode(middle) === last.code) low = middle;
        else high = middle;
      }
      for (const distance of [1, 4, 60, 1000, 9000]) {
        for (let n = 0; n < 6; n++) numbers.push(beside(low, random.below(2 * distance + 1) - distance));
      }
    }
    last = { x, code };
  }
  for (let n = 0; n < 3000; n++) numbers.push(Math.fround(random.normal() * 10 ** (random.below(12) - 6)));
  return [...numbers, 0, 1e30, -1e30, 3.4e38, -3.4e38, 1e-40, 88, -88, 89, -89, 127, -127].filter(Number.isFinite);
}

test("the integers at every place where they change", async () => {
  const random = createRandom(11);
  let [count, functions] = [0, 0];
  for (const [name, steps] of Object.entries(FUNCTIONS)) {
    for (const encoding of [
      linear(255, 0, 0.03),
      linear(255, 128, 0.008),
      linear(200, 9, 1 / 254.5),
      linear(15, 3, 0.5),
    ]) {
      if (!gateOf(steps, encoding.scale)) continue;
      const f = stepsOf(steps);
      const encode = (x) => encoderOf(encoding)(f(x));
      const x = Float32Array.from(edgesOf(encode, random));
      const shape = [1, 1, x.length];
      const layer = { op: "elementwise", name: "f", input: "x", output: "y", steps };
      const tensors = { x: { shape, encoding: FLOAT32 }, y: { shape, encoding } };
      const model = await Model.from({ ...modelOf(tensors, [layer]), outputs: [{ name: "y", tensor: "y" }] });
      model.trace({ x }, (tensor, raw) => {
        if (tensor !== "y") return;
        for (const [i, code] of raw.entries()) {
          if (code !== encode(x[i])) assert.fail(`${name} of ${x[i]}: ${code} for ${encode(x[i])}`);
        }
      });
      count += x.length;
      functions++;
      model.dispose();
    }
  }
  assert.ok(functions >= 26 && count > 100_000, `${functions} functions of ${count} numbers`);
});

test("planes of every length around eight pixels, and what overflows in any of them", async () => {
  const random = createRandom(12);
  for (const [name, steps] of Object.entries(FUNCTIONS)) {
    for (const width of [1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 49]) {
      const tensors = {
        x: { shape: [3, 1, width], encoding: FLOAT32 },
        y: { shape: [3, 1, width], encoding: linear(255, 128, 0.03) },
      };
      const layer = { op: "elementwise", name: "f", input: "x", output: "y", steps };
      const def = { ...modelOf(tensors, [layer]), outputs: [{ name: "y", tensor: "y" }] };
      for (const odd of [0, 3.4e38, -3.4e38, 1e-40]) {
        const x = Float32Array.from({ length: 3 * width }, () => 4 * random.normal());
        x[random.below(x.length)] = odd;
        await assertAgree(def, { x }, `${name}, ${width} pixels, ${odd}:`);
      }
    }
  }
});

test("functions of other forms, and steps too fine for float32, have no gate", () => {
  const [, gelu, mish, bent] = KNOWN;
  for (const steps of [gelu, mish, bent, [step("sigmoid", [0]), step("mul", [1, 1])], [step("exp", [0])]]) {
    assert.equal(gateOf(steps, 0.05), null);
  }
  const squared = [...SWISH, step("mul", [2, 0])];
  const twice = [step("tanh", [0]), step("mul", [0, 1])];
  for (const steps of [squared, twice]) assert.equal(gateOf(steps, 0.05), null);
  assert.equal(gateOf(SWISH, 1e-4), null);
  assert.equal(gateOf(SWISH, 0.05, 110), null);
  assert.ok(gateOf(SWISH, 0.05, 100));
  assert.equal(gateOf(FUNCTIONS.tanh, 1e-3), null);
  assert.equal(gateOf([step("hardSigmoid", [0], 0, 0.5)], 0.05), null);
});
