import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { convOutputShape } from "../../dist/ops/index.js";
import { conv, FLOAT32, linear, modelOf } from "../models/layers.js";
import { inputsFor, LEVELS, randomCodes, randomEpilogue } from "../models/random.js";
import { assertAgree } from "./agree.js";

const ENCODINGS = [linear(), linear(255, 120), linear(15), LEVELS, FLOAT32];
const run = (def, seed = 5) => assertAgree(def, inputsFor(def, seed), JSON.stringify(def.tensors));

test("dense layers agree around the block of 16 outputs", async () => {
  const random = createRandom(1);
  for (const outputs of [1, 4, 15, 16, 17, 33]) {
    for (const shape of [
      [1, 1, 1],
      [37, 1, 1],
      [5, 3, 7],
      [2, 16, 16],
    ]) {
      for (const input of ENCODINGS) {
        const inputs = shape[0] * shape[1] * shape[2];
        for (const output of [FLOAT32, linear(), LEVELS]) {
          const float = input === FLOAT32;
          const weights = float
            ? { kind: "float32", values: Float32Array.from({ length: outputs * inputs }, () => random.normal()) }
            : { kind: "codes", bits: 5, n1: 0, codes: randomCodes(random, outputs * inputs, 5) };
          const epilogue = randomEpilogue(random, outputs, float ? 1 : inputs, { low: 0 });
          const layer = { op: "dense", name: "fc", input: "x", output: "y", weights, epilogue };
          await run(
            modelOf({ x: { shape, encoding: input }, y: { shape: [outputs, 1, 1], encoding: output } }, [layer]),
          );
        }
      }
    }
  }
});

test("a convolution of single pixels runs as a dense layer and agrees", async () => {
  const random = createRandom(2);
  for (const input of [linear(), FLOAT32]) {
    const float = input === FLOAT32;
    const weights = float
      ? { kind: "float32", values: Float32Array.from({ length: 35 }, () => random.normal()) }
      : { kind: "codes", bits: 4, n1: 0, codes: randomCodes(random, 35, 4) };
    const layer = conv({
      name: "squeeze",
      weights,
      epilogue: randomEpilogue(random, 7, 5),
      residual: { tensor: "r", scale: 0.5 },
    });
    const tensors = {
      x: { shape: [5, 1, 1], encoding: input },
      r: { shape: [7, 1, 1], encoding: linear(255, 9) },
      y: { shape: [7, 1, 1], encoding: FLOAT32 },
    };
    await run(modelOf(tensors, [layer], ["x", "r"]));
  }
});

test("maximum pooling agrees with and without padding", async () => {
  const windows = [
    { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] },
    { kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] },
    { kernel: [3, 3], stride: [2, 2], padding: [0, 0, 1, 1] },
    { kernel: [3, 3], stride: [2, 2], padding: [0, 0, 0, 0] },
    { kernel: [3, 2], stride: [1, 1], padding: [1, 0, 1, 1] },
    { kernel: [3, 3], stride: [3, 3], padding: [0, 0, 0, 0] },
  ];
  for (const window of windows) {
    for (const shape of [
      [3, 8, 8],
      [5, 7, 13],
      [40, 16, 20],
    ]) {
      for (const encoding of ENCODINGS) {
        const layer = { op: "maxPool", name: "pool", input: "x", output: "y", ...window };
        const y = { shape: convOutputShape(shape, shape[0], window), encoding };
        await run(modelOf({ x: { shape, encoding }, y }, [layer]));
      }
    }
  }
});

test("average pooling agrees over windows and whole planes", async () => {
  const cases = [
    { kernel: [2, 2], stride: [2, 2], shape: [3, 8, 10] },
    { kernel: [3, 3], stride: [1, 1], shape: [2, 9, 9] },
    { kernel: [7, 7], stride: [7, 7], shape: [17, 7, 7] },
    { kernel: [8, 8], stride: [1, 1], shape: [64, 8, 8] },
    { kernel: [1, 1], stride: [1, 1], shape: [9, 1, 1] },
    { kernel: [15, 17], stride: [1, 1], shape: [2, 16, 20] },
  ];
  for (const { shape, ...window } of cases) {
    for (const encoding of ENCODINGS) {
      for (const output of [linear(), FLOAT32]) {
        const scale = Math.fround(1 / (window.kernel[0] * window.kernel[1]));
        const epilogue = { scale: Float32Array.of(scale), offset: Float32Array.of(1.5), clamp: {} };
        const layer = { op: "avgPool", name: "pool", input: "x", output: "y", ...window, epilogue };
        const y = { shape: convOutputShape(shape, shape[0], window), encoding: output };
        await run(modelOf({ x: { shape, encoding }, y }, [layer]));
      }
    }
  }
});

test("adds agree for every pair of encodings", async () => {
  const random = createRandom(3);
  for (const shape of [
    [3, 5, 7],
    [2, 8, 8],
    [19, 1, 1],
  ]) {
    for (const a of ENCODINGS) {
      for (const b of ENCODINGS) {
        const epilogue = randomEpilogue(random, 1, 1, { low: 0 });
        const layer = {
          op: "add",
          name: "add",
          input: "a",
          output: "y",
          epilogue,
          residual: { tensor: "b", scale: 0.75 },
        };
        const tensors = { a: { shape, encoding: a }, b: { shape, encoding: b }, y: { shape, encoding: linear() } };
        await run(modelOf(tensors, [layer], ["a", "b"]));
      }
    }
  }
});

test("concatenations agree, written in place or copied", async () => {
  const random = createRandom(4);
  const pointwise = (name, channels, encoding) =>
    conv({
      name,
      output: name,
      epilogue: randomEpilogue(random, channels, 3),
      weights:
        encoding === FLOAT32
          ? { kind: "float32", values: Float32Array.from({ length: channels * 3 }, () => random.normal()) }
          : { kind: "codes", bits: 3, n1: 0, codes: randomCodes(random, channels * 3, 3) },
    });
  const pool = (name, input) => ({
    op: "maxPool",
    name,
    input,
    output: name,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1, 1, 1],
  });
  const concat = (name, inputs) => ({ op: "concat", name, inputs, output: name });
  for (const [height, width] of [
    [6, 7],
    [1, 1],
    [8, 8],
  ]) {
    for (const encoding of [linear(), FLOAT32]) {
      const at = (channels) => ({ shape: [channels, height, width], encoding });
      const tensors = { x: at(3), a: at(4), b: at(5), ab: at(9), p: at(4), q: at(9), y: at(25) };
      // a is read after it was taken into ab; x is an input, ab itself a whole: both are copied
      const layers = [
        pointwise("a", 4, encoding),
        pointwise("b", 5, encoding),
        concat("ab", ["a", "b"]),
        pool("p", "a"),
        pool("q", "ab"),
        concat("y", ["ab", "p", "q", "x"]),
      ];
      await run(modelOf(tensors, layers));
    }
  }
});

test("a tensor may stand several times in concatenations", async () => {
  const at = (channels) => ({ shape: [channels, 5, 6], encoding: linear() });
  const pool = {
    op: "maxPool",
    name: "a",
    input: "x",
    output: "a",
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1, 1, 1],
  };
  const layers = [
    pool,
    { op: "concat", name: "b", inputs: ["a", "x", "a"], output: "b" },
    { op: "concat", name: "y", inputs: ["a", "b", "a", "b"], output: "y" },
  ];
  await run(modelOf({ x: at(2), a: at(2), b: at(6), y: at(16) }, layers));
});

test("tensors that share memory do not disturb each other", async () => {
  const random = createRandom(6);
  const at = { shape: [4, 11, 13], encoding: linear() };
  const tensors = { x: at };
  const layers = [];
  for (let i = 0; i < 12; i++) {
    const input = i === 0 ? "x" : `t${i - 1}`;
    const output = i === 11 ? "y" : `t${i}`;
    tensors[output] = at;
    layers.push(
      conv({
        name: `c${i}`,
        input,
        output,
        kernel: [3, 3],
        padding: [1, 1, 1, 1],
        weights: { kind: "codes", bits: 5, n1: 0, codes: randomCodes(random, 144, 5) },
        epilogue: randomEpilogue(random, 4, 36),
        ...(i > 2 ? { residual: { tensor: `t${i - 3}`, scale: 0.5 } } : {}),
      }),
    );
  }
  const { outputs } = await run(modelOf(tensors, layers));
  assert.ok(new Set(outputs.y).size > 20);
});
