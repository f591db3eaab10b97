// dense.test.js: dense layers from planes of bits: every number of inputs and levels, sums as large as can be, inputs that are mostly 0.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { planMemory } from "../../dist/runtime/plan.js";
import { FLOAT32, linear, modelOf } from "../models/layers.js";
import { assertAgree } from "./agree.js";

const INPUTS = [1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 255, 256, 257, 288, 511, 513, 1000];

function denseOf(weights, shape, outputs, encoding = linear(255, 0, 1)) {
  const epilogue = { scale: new Float32Array(outputs).fill(1), offset: new Float32Array(outputs), clamp: {} };
  const layer = { op: "dense", name: "fc", input: "x", output: "y", weights, epilogue };
  return modelOf({ x: { shape, encoding }, y: { shape: [outputs, 1, 1], encoding: FLOAT32 } }, [layer]);
}

const codebook = (levels, codes) => ({ kind: "codebook", levels, codes });
/** Levels in order, each once; a second one where there is one alone. */
const ascending = (levels) => {
  const all = [...new Set(levels)].sort((a, b) => a - b);
  return all.length > 1 ? all : [all[0], all[0] + 1];
};

test("inputs and outputs of every number around groups, chunks and blocks", async () => {
  const random = createRandom(1);
  for (const inputs of INPUTS) {
    for (const outputs of [1, 15, 16, 17]) {
      const size = 1 + random.below(200);
      const levels = ascending([
        0,
        ...Array.from({ length: 1 + random.below(30) }, () => random.below(2 * size + 1) - size),
      ]);
      const codes = Uint8Array.from({ length: inputs * outputs }, () => random.below(levels.length));
      const x = Float32Array.from({ length: inputs }, () => random.below(256));
      await assertAgree(denseOf(codebook(levels, codes), [inputs, 1, 1], outputs), { x }, `${inputs} to ${outputs}`);
    }
  }
});

test("levels of one value, of one sign, far from 0, and as far apart as they go", async () => {
  const random = createRandom(2);
  const used = [[0], [5], [-7], [0, 1], [-1, 0], [100, 101], [-16383, 16383], [-4096, 3, 4095], [0, 16383]];
  for (const values of used) {
    const levels = ascending(values);
    const codes = Uint8Array.from({ length: 40 * 17 }, () => levels.indexOf(values[random.below(values.length)]));
    const x = Float32Array.from({ length: 40 }, () => random.below(256));
    await assertAgree(denseOf(codebook(levels, codes), [40, 1, 1], 17), { x }, `levels ${values}`);
  }
});

test("the largest sums of both signs", async () => {
  for (const inputs of [256, 1024, 4096]) {
    // the first output has the largest level alone, the second the least, the third both in turn
    const level = Math.floor((2 ** 31 - 1) / 255 / inputs);
    const most = Math.min(level, 16383);
    const codes = Uint8Array.from({ length: 3 * inputs }, (_, i) => [1, 0, i % 2][Math.floor(i / inputs)]);
    const x = new Float32Array(inputs).fill(255);
    await assertAgree(denseOf(codebook([-most, most], codes), [inputs, 1, 1], 3), { x }, `${inputs} inputs`);
  }
});

test("inputs of which few are not 0, none, and the last one alone", async () => {
  const random = createRandom(3);
  const levels = [-12, -6, -3, -1, 0, 1, 3, 6, 12];
  for (const inputs of [33, 700, 3000]) {
    const codes = Uint8Array.from({ length: 20 * inputs }, () => random.below(levels.length));
    for (const places of [[], [0], [inputs - 1], [31, 32], Array.from({ length: 9 }, () => random.below(inputs))]) {
      const x = new Float32Array(inputs);
      for (const place of places) x[place] = 1 + random.below(255);
      await assertAgree(denseOf(codebook(levels, codes), [inputs, 1, 1], 20), { x }, `${inputs} inputs, ${places}`);
    }
  }
});

test("planes are flattened, and what lies behind them does not count", async () => {
  const random = createRandom(4);
  for (const shape of [
    [1, 3, 3],
    [5, 7, 1],
    [3, 1, 11],
  ]) {
    const inputs = shape[0] * shape[1] * shape[2];
    const codes = Uint8Array.from({ length: 17 * inputs }, () => random.below(3));
    for (const encoding of [linear(255, 0, 1), linear(255, 9, 1), linear(15, 3, 1)]) {
      const x = Float32Array.from({ length: inputs }, () => random.below(256) - 9);
      await assertAgree(
        denseOf(codebook([-3, 0, 2], codes), shape, 17, encoding),
        { x },
        `${shape}, zero ${encoding.zero}`,
      );
    }
  }
});

test("a layer of very many inputs is refused by its memory before anything is made of it", () => {
  const codes = new Int8Array(2 ** 24 + 1);
  const weights = { kind: "codes", bits: 2, n1: 0, codes };
  assert.throws(() => planMemory(denseOf(weights, [codes.length, 1, 1], 1), { limit: 2 ** 26 }), { code: "OVERFLOW" });
});
