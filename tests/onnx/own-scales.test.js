// own-scales.test.js: what becomes of DynamicQuantizeLinear's integers, scales and zero points, against onnxruntime.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as ort from "onnxruntime-web/wasm";
import { lower } from "../../dist/graph/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { assertAgree } from "../runtime/agree.js";
import { build, bytes, floats, ints, scalar } from "./build.js";

ort.env.wasm.numThreads = 1;

const elements = (dims) => dims.reduce((a, b) => a * b, 1);
const i8 = (...dims) =>
  bytes(
    dims,
    Array.from({ length: elements(dims) }, (_, i) => Math.round(100 * Math.sin(i * 7.7 + 1))),
  );
const CONSTANTS = {
  b: floats([3]),
  c: i8(5, 4, 3, 3),
  cb: floats([1, 5, 1, 1]),
  cs: floats(
    [1, 5, 1, 1],
    [1, 2, 3, 4, 5].map((n) => n / 100),
  ),
  p: i8(4, 3),
  v: scalar(0.01),
  w: i8(7, 3),
  ws: floats([3], [0.01, 0.02, 0.03]),
  wz: bytes([3], [1, -2, 3]),
  zero: ints(0),
  z0: bytes([], [0]),
};
const D = ["DynamicQuantizeLinear", "x", "q s z"];
const PRODUCT = ["MatMulInteger", "q w z", "r"];
const CAST = ["Cast", "r", "c1", { to: 1 }];
const turned = (from, to, perm) => ["Transpose", from, to, { perm }];

const RIGHT = {
  "the pattern of a matrix": [
    D,
    ["MatMulInteger", "q w z wz", "r"],
    CAST,
    ["Mul", "s ws", "f"],
    ["Mul", "c1 f", "m"],
    ["Add", "m b", "y"],
  ],
  "the pattern of a convolution": [
    D,
    ["ConvInteger", "q c z z0", "r", { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }],
    CAST,
    ["Mul", "cs s", "f"],
    ["Mul", "f c1", "m"],
    ["Add", "m cb", "y"],
  ],
  "one scale behind the other": [D, PRODUCT, CAST, ["Mul", "c1 s", "f"], ["Mul", "f ws", "y"]],
  "a quotient": [D, PRODUCT, CAST, ["Div", "c1 ws", "f"], ["Mul", "s f", "y"]],
  "a sum of products before their scale": [
    D,
    PRODUCT,
    CAST,
    ["MatMulInteger", "q w z wz", "r2"],
    ["Cast", "r2", "c2", { to: 1 }],
    ["Add", "c1 c2", "t"],
    ["Mul", "t s", "y"],
  ],
  "a product of two images' integers": [
    turned("x", "t", [0, 1, 3, 2]),
    D,
    ["DynamicQuantizeLinear", "t", "q2 s2 z2"],
    ["MatMulInteger", "q q2 z z2", "r"],
    CAST,
    ["Mul", "s s2", "f"],
    ["Mul", "c1 f", "y"],
  ],
  "integers and scale that move": [
    D,
    turned("q", "qt", [0, 2, 3, 1]),
    ["MatMulInteger", "qt p z", "r"],
    CAST,
    ["Unsqueeze", "s zero", "su"],
    ["Mul", "su ws", "f"],
    ["Mul", "c1 f", "m"],
    turned("m", "y", [0, 3, 1, 2]),
  ],
  "a sum dequantized": [D, PRODUCT, ["Mul", "s v", "f"], ["DequantizeLinear", "r f", "y"]],
  "a fused product": [D, ["com.microsoft.MatMulIntegerToFloat", "q w s v z", "y"]],
  "floats made again": [D, ["DequantizeLinear", "q s z", "y"]],
};

for (const [name, nodes] of Object.entries(RIGHT)) {
  test(`${name} is what onnxruntime makes of it, but for rounding to 8 bits`, async () => {
    const file = build({ nodes, constants: CONSTANTS });
    const data = Float32Array.from({ length: 168 }, (_, i) => 2 * Math.sin(i * 78.233) + 0.7);
    const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 4 });
    const peer = await session.run({ x: new ort.Tensor("float32", data, [1, 4, 6, 7]) });
    await session.release();
    const { outputs } = await assertAgree(lower(importOnnx(file), { grids: null }), { x: data });
    assert.equal(outputs.y.length, peer.y.data.length);
    let [signal, error] = [0, 0];
    peer.y.data.forEach((value, i) => {
      signal += value ** 2;
      error += (value - outputs.y[i]) ** 2;
    });
    const decibels = 10 * Math.log10(signal / error);
    assert.ok(decibels > 38, `${decibels} dB`);
  });
}

const REAL = ["DequantizeLinear", "q s z", "f"];
const WRONG = {
  "the integers as an output": [["DynamicQuantizeLinear", "x", "y s z"]],
  "the scale as an output": [["DynamicQuantizeLinear", "x", "q y z"]],
  "integers cast": [D, ["Cast", "q", "y", { to: 1 }]],
  "integers with their zero point in them": [D, ["Cast", "q", "c1", { to: 1 }], ["Mul", "c1 s", "y"]],
  "a product without its scale": [D, PRODUCT, ["Cast", "r", "y", { to: 1 }]],
  "a product with its zero point in it": [D, ["MatMulInteger", "q w", "r"], CAST, ["Mul", "c1 s", "y"]],
  "floats with their zero point in them": [D, ["DequantizeLinear", "q s", "y"]],
  "a scale taken twice": [D, PRODUCT, CAST, ["Mul", "c1 s", "f"], ["Mul", "f s", "y"]],
  "a scale that multiplies something else": [D, REAL, ["Mul", "x s", "t"], ["Add", "t f", "y"]],
  "a scale that is added": [D, REAL, ["Add", "f s", "y"]],
  "a scale as a bound": [D, REAL, ["Clip", "f s", "y"]],
  "a scale that another input is rounded with": [
    D,
    ["QuantizeLinear", "x s z", "e"],
    ["DequantizeLinear", "e s z", "y"],
  ],
  "a function before the scale": [D, PRODUCT, CAST, ["Sigmoid", "c1", "f"], ["Mul", "f s", "y"]],
  "a bias before the scale": [D, PRODUCT, CAST, ["Add", "c1 b", "f"], ["Mul", "f s", "y"]],
  "a zero point as a number": [D, REAL, ["Cast", "z", "t", { to: 1 }], ["Add", "f t", "y"]],
  "the zero point of another": [
    D,
    ["Neg", "x", "n"],
    ["DynamicQuantizeLinear", "n", "q2 s2 z2"],
    ["DequantizeLinear", "q s z2", "y"],
  ],
};

for (const [name, nodes] of Object.entries(WRONG)) {
  test(`${name}: refused`, () => {
    assert.throws(() => importOnnx(build({ nodes, constants: CONSTANTS })), {
      code: "UNSUPPORTED",
      message: /each image has its own/,
    });
  });
}
