// split.test.js: layers of every stride give the bits of the reference: their planes are split into phases, or looked up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { convOutputShape, elements } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { gatherOf } from "../../dist/runtime/taps.js";
import { FLOAT32, linear, modelOf } from "../models/layers.js";
import { convModel, inputsFor } from "../models/random.js";
import { assertAgree } from "./agree.js";

function checkConv(options, seed) {
  const def = convModel(options, seed);
  return assertAgree(def, inputsFor(def, seed + 1), JSON.stringify(options));
}

async function checkPool(op, shape, { kernel, stride, padding, dilation }, encoding) {
  const mean = { epilogue: { scale: Float32Array.of(1 / elements(kernel)), offset: Float32Array.of(0), clamp: {} } };
  const layer = op === "maxPool" ? { kernel, stride, padding, dilation } : { kernel, stride, ...mean };
  const out = convOutputShape(shape, shape[0], layer);
  if (Math.min(...out) < 1) return;
  const tensors = { x: { shape, encoding }, y: { shape: out, encoding } };
  const def = modelOf(tensors, [{ name: "pool", op, input: "x", output: "y", ...layer }]);
  await assertAgree(def, inputsFor(def), `${op} ${shape} ${JSON.stringify(layer)}`);
}

test("layers of one axis at every stride agree, at every length about a vector's and a tile's", async () => {
  const random = createRandom(11);
  const pick = (list) => list[random.below(list.length)];
  const strides = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 40];
  const lengths = [1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 500];
  const seen = new Set();
  for (const [i, stride] of [...strides, ...strides, ...strides, ...strides].entries()) {
    for (const outputs of lengths) {
      const taps = pick([1, 2, 3, 4, stride, stride + 1, 2 * stride + 3]);
      const dilation = pick([1, 1, 2]);
      const around = [random.below(taps), random.below(taps)];
      const reach = (taps - 1) * dilation + 1;
      const length = Math.max(1, (outputs - 1) * stride + reach - around[0] - around[1] + random.below(stride));
      const [channels, groups] = pick([
        [3, 1],
        [4, 2],
        [5, 5],
      ]);
      // the axis of rows, as ONNX has it, and that of columns
      const along = (n, other) => (i % 2 ? [other, n] : [n, other]);
      const shape = [channels, ...along(length, 1)];
      const window = {
        kernel: along(taps, 1),
        stride: along(stride, pick([1, 1, 2])),
        padding: [...along(around[0], 0), ...along(around[1], 0)],
        dilation: along(dilation, 1),
      };
      const input = pick([linear(), linear(200, 31), linear(15), FLOAT32]);
      seen.add(gatherOf(shape, convOutputShape(shape, channels, window), window, input === FLOAT32).form);
      const output = input === FLOAT32 ? FLOAT32 : linear();
      await checkConv({ shape, channels, groups, ...window, input, output }, i + outputs);
      for (const op of ["maxPool", "avgPool"]) await checkPool(op, shape, window, input);
    }
  }
  for (const form of ["shifted", "rows", "any"]) assert.ok(seen.has(form), form);
});

test("planes at strides of every kind agree: patches, rows alone, columns alone", async () => {
  const random = createRandom(12);
  const sides = [1, 2, 3, 5, 8, 15, 16, 17, 33, 48];
  const strides = [1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 17];
  const pick = (list) => list[random.below(list.length)];
  for (let i = 0; i < 300; i++) {
    const stride = i % 3 ? [pick(strides), pick(strides)] : [strides[i % strides.length], strides[i % strides.length]];
    const kernel = stride.map((step) => pick([1, 2, 3, step, step + 1]));
    const shape = [pick([1, 3]), ...kernel.map((n) => n - 1 + pick(sides))];
    const padding = pick([
      [0, 0, 0, 0],
      [0, 1, 0, 0].map((n, k) => Math.min(n, kernel[k % 2] - 1)),
      [0, 1, 2, 3].map((k) => random.below(kernel[k % 2])),
    ]);
    const window = { kernel, stride, padding, dilation: [1, 1] };
    const input = pick([linear(), linear(200, 31), linear(15)]);
    const groups = pick([1, shape[0]]);
    await checkConv({ shape, channels: 3, groups, ...window, input }, i);
    await checkPool("maxPool", shape, window, input);
    await checkPool("avgPool", shape, window, input);
  }
});

test("layers that read one tensor at several strides have phases of their own, and threads share their work", async () => {
  const encoding = linear();
  const shape = [6, 301, 1];
  const tensors = { x: { shape, encoding } };
  const layers = [2, 4, 3, 4].map((stride, i) => {
    const layer = { kernel: [5, 1], stride: [stride, 1], padding: [2, 0, 2, 0], dilation: [1, 1] };
    const output = `y${i}`;
    tensors[output] = { shape: convOutputShape(shape, 6, layer), encoding };
    return { name: output, op: "maxPool", input: "x", output, ...layer };
  });
  const outputs = layers.map(({ output }) => ({ name: output, tensor: output }));
  const def = { ...modelOf(tensors, layers), outputs };
  const expected = await assertAgree(def, inputsFor(def));
  const two = await Model.from(def, { threads: 2 });
  const splits = two.profile(inputsFor(def)).filter(({ op }) => op === "split");
  assert.equal(splits.length, 3);
  for (let i = 0; i < 50; i++) assert.deepEqual(two.runSync(inputsFor(def)), expected.outputs);
  two.dispose();
});
