// pool.test.js: means over whole planes, and windows too large to be gathered, agree with the reference; these cost neither memory nor time to load.
import assert from "node:assert/strict";
import { test } from "node:test";
import { convOutputShape } from "../../dist/ops/index.js";
import { Model, planMemory } from "../../dist/runtime/index.js";
import { FLOAT32, linear, modelOf } from "../models/layers.js";
import { inputsFor, LEVELS } from "../models/random.js";
import { assertAgree } from "./agree.js";

const end = (scale) => ({ scale: Float32Array.of(scale), offset: Float32Array.of(1.5), clamp: {} });

function pooling(layer, shape, encoding, output = encoding) {
  const tensors = {
    x: { shape, encoding },
    y: { shape: convOutputShape(shape, shape[0], layer), encoding: output },
  };
  return modelOf(tensors, [{ name: "pool", input: "x", output: "y", ...layer }]);
}

test("means over whole planes, by four channels and one", async () => {
  for (const channels of [1, 3, 4, 5, 8, 11]) {
    for (const [height, width] of [
      [1, 2],
      [1, 17],
      [7, 7],
      [5, 13],
    ]) {
      const layer = { op: "avgPool", kernel: [height, width], stride: [1, 1], epilogue: end(1 / (height * width)) };
      for (const encoding of [linear(), FLOAT32]) {
        const def = pooling(layer, [channels, height, width], encoding, FLOAT32);
        await assertAgree(def, inputsFor(def), `${channels} planes of ${height}x${width}, ${encoding.kind}:`);
      }
    }
  }
});

test("windows of more taps than a patch has rows agree", async () => {
  const average = { op: "avgPool", kernel: [260, 257], stride: [2, 3], epilogue: end(1 / (260 * 257)) };
  const padded = { op: "maxPool", kernel: [300, 280], stride: [2, 2], padding: [150, 20, 299, 279] };
  const dilated = {
    op: "maxPool",
    kernel: [66000, 1],
    stride: [90, 1],
    padding: [65999, 0, 65999, 0],
    dilation: [2, 1],
  };
  for (const encoding of [linear(), linear(255, 120), LEVELS, FLOAT32]) {
    for (const output of [linear(), FLOAT32]) {
      const def = pooling(average, [2, 265, 266], encoding, output);
      await assertAgree(def, inputsFor(def), `average ${encoding.kind}`);
    }
    for (const [layer, shape] of [
      [padded, [2, 40, 37]],
      [dilated, [2, 301, 2]],
    ]) {
      const def = pooling(layer, shape, encoding);
      await assertAgree(def, inputsFor(def), `maximum ${encoding.kind} ${layer.kernel}`);
      const two = await Model.from(def, { threads: 2 });
      assert.deepEqual(two.runSync(inputsFor(def)).y, (await Model.from(def)).runSync(inputsFor(def)).y);
      two.dispose();
    }
  }
});

test("a window of millions of taps takes the memory of its planes, and sums right", async () => {
  for (const [encoding, expected] of [
    [linear(255, 3, 0.5), 5],
    [FLOAT32, 1],
  ]) {
    const layer = { op: "avgPool", kernel: [2900, 2900], stride: [1, 1], epilogue: end(2 ** -23) };
    const def = pooling(layer, [1, 2900, 2901], encoding, FLOAT32);
    const { total } = planMemory(def);
    assert.ok(total < 2 * 5 * 2900 * 2901, `${total} bytes`);
    const model = await Model.from(def);
    const { y } = model.runSync(new Float32Array(2900 * 2901).fill(1));
    assert.deepEqual([...y], [0, 0].fill(Math.fround(expected * 2900 * 2900 * 2 ** -23 + 1.5)));
    model.dispose();
  }
});
