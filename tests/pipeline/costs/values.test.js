// values.test.js: functions cost what the way takes in which the kernel makes them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { countFunction } from "../../../dist/pipeline/costs/values.js";
import { FLOAT32, linear } from "../../models/layers.js";
import { GELU, MISH, SWISH, step } from "../../ops/steps.js";

const BYTES = linear(255, 128, 0.03);

/** The units of work of a function of 4 planes, but for those that are 0. */
function unitsOf(steps, encoding, gains, input = FLOAT32) {
  const tensors = { x: { shape: [4, 8, 8], encoding: input }, y: { shape: [4, 8, 8], encoding } };
  const layer = { op: "elementwise", name: "f", input: "x", output: "y", steps, ...(gains && { gains }) };
  return Object.fromEntries(Object.entries(countFunction({ tensors }, layer)).filter(([, count]) => count > 0));
}

const HARD_SWISH = [step("hardSwish", [0])];
const LESS_X = [...SWISH, step("sub", [2, 0])];
const IN_STEPS = { step: 1, shortStep: 512, seriesStep: 256, blockFloat: 256, blockInteger: 256 };

test("the kernel says which functions have a gate, and what it makes of them", () => {
  for (const steps of [SWISH, GELU, HARD_SWISH, [step("clip", [0], -1, 1)], [step("mul", [0, 0])]]) {
    assert.deepEqual(unitsOf(steps, BYTES), { step: 1, gate: 256 });
  }
  assert.deepEqual(unitsOf(SWISH, FLOAT32), { step: 1, wideGate: 256 });
  assert.deepEqual(unitsOf(HARD_SWISH, FLOAT32), { step: 1, gate: 256 });
  assert.deepEqual(unitsOf(LESS_X, BYTES), IN_STEPS);
  for (const steps of [GELU, MISH]) assert.equal(unitsOf(steps, FLOAT32).blockFloat, 512);
  assert.deepEqual(unitsOf(MISH, BYTES, undefined, BYTES), { step: 1, looked: 256 });
});

test("channels whose gains float32 tells no integers of are made another way", () => {
  const gains = Float32Array.of(1, 3e38, -2, 1);
  assert.deepEqual(unitsOf(SWISH, BYTES, gains), { step: 1, gate: 192, wideGate: 64 });
  const inSteps = { shortStep: 448, seriesStep: 64, blockFloat: 64, blockInteger: 64 };
  assert.deepEqual(unitsOf(GELU, BYTES, gains), { step: 1, gate: 192, ...inSteps });
});

test("an activation is a function of one step", () => {
  const tensors = { x: { shape: [9, 1, 1], encoding: FLOAT32 }, y: { shape: [9, 1, 1], encoding: BYTES } };
  const layer = { op: "activation", name: "f", input: "x", output: "y", fn: "tanh", parameters: [] };
  const { gate, wideGate, step: calls } = countFunction({ tensors }, layer);
  assert.deepEqual([gate, wideGate, calls], [64, 0, 1]);
});
