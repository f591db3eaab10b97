import assert from "node:assert/strict";
import { test } from "node:test";
import { runReference } from "../../dist/model/index.js";
import { conv } from "../models/layers.js";

// Worked by hand: x = 3, 10, -2 (scale 0.5, zero 20) is raw 26, 40, 16; weights +4 (digit 3), padding holds 20.
const LINEAR = { kind: "linear", scale: 0.5, zero: 20, max: 255 };
const handmade = (fields) =>
  conv({
    kernel: [1, 3],
    padding: [0, 1, 0, 1],
    weights: { kind: "codes", bits: 5, n1: 0, codes: Int8Array.of(1, 3, -2) },
    epilogue: { scale: Float32Array.of(0.25), offset: Float32Array.of(-10), clamp: {} },
    ...fields,
  });
const model = (layer, y, more = {}) => ({
  name: "hand",
  inputs: [{ name: "x", tensor: "x" }, ...(more.r ? [{ name: "r", tensor: "r" }] : [])],
  outputs: [{ name: "y", tensor: "y" }],
  tensors: { x: { shape: [1, 1, 3], encoding: LINEAR }, y: { shape: [1, 1, 3], encoding: y }, ...more },
  layers: [layer],
});
const X = Float32Array.of(3, 10, -2);
// 20 + 4*26 - 2*40 = 44; 26 + 4*40 - 2*16 = 154; 40 + 4*16 - 2*20 = 64
const SUMS = [44, 154, 64];

test("inputs are encoded, sums are exact, padding holds the zero point", () => {
  const { outputs, tensors } = runReference(model(handmade({}), { kind: "float32" }), { x: X });
  assert.deepEqual([...tensors.get("x")], [26, 40, 16]);
  assert.deepEqual(
    [...outputs.y],
    SUMS.map((sum) => sum * 0.25 - 10),
  );
});

test("linear outputs are rounded half to even and held in range", () => {
  const y = { kind: "linear", scale: 1, zero: 0, max: 20 };
  const epilogue = { scale: Float32Array.of(0.125), offset: Float32Array.of(-3), clamp: {} };
  // 2.5 rounds to 2, 16.25 to 16, 5 stays
  const { tensors } = runReference(model(handmade({ epilogue }), y), { x: X });
  assert.deepEqual([...tensors.get("y")], [2, 16, 5]);
  const steep = { scale: Float32Array.of(1), offset: Float32Array.of(-50), clamp: {} };
  assert.deepEqual([...runReference(model(handmade({ epilogue: steep }), y), { x: X }).tensors.get("y")], [0, 20, 14]);
});

test("a clamp is in real units: ReLU is the output's zero", () => {
  const y = { kind: "linear", scale: 2, zero: 10, max: 255 };
  const epilogue = { scale: Float32Array.of(0.5), offset: Float32Array.of(-20), clamp: { low: 0, high: 60 } };
  // z = 2, 57, 12 against 10 (real 0) and 40 (real 60)
  const { outputs, tensors } = runReference(model(handmade({ epilogue }), y), { x: X });
  assert.deepEqual([...tensors.get("y")], [10, 40, 12]);
  assert.deepEqual([...outputs.y], [0, 60, 4]);
});

test("levels are taken from their thresholds on", () => {
  const y = { kind: "levels", scale: 1, levels: [0, 4, 9], thresholds: [1, 28.5] };
  // z = 1, 28.5, 6
  const epilogue = { scale: Float32Array.of(0.25), offset: Float32Array.of(-10), clamp: {} };
  assert.deepEqual([...runReference(model(handmade({ epilogue }), y), { x: X }).tensors.get("y")], [4, 9, 4]);
});

test("the residual is added with its scale before the clamp", () => {
  const r = { shape: [1, 1, 3], encoding: { kind: "linear", scale: 1, zero: 0, max: 255 } };
  const layer = handmade({ residual: { tensor: "r", scale: 2 } });
  const { outputs } = runReference(model(layer, { kind: "float32" }, { r }), { x: X, r: Float32Array.of(1, 0, 100) });
  assert.deepEqual([...outputs.y], [1 + 2, 28.5, 6 + 200]);
});

test("an input that is missing or too short is refused by name", () => {
  const def = model(handmade({}), { kind: "float32" });
  assert.throws(() => runReference(def, {}), { code: "BAD_DATA", where: "input x", found: "none" });
  assert.throws(() => runReference(def, { x: new Float32Array(2) }), { code: "BAD_DATA", found: "Float32Array of 2" });
});
