// quantize.test.js: the range of integers between QuantizeLinear and DequantizeLinear, against onnxruntime.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as ort from "onnxruntime-web/wasm";
import { lower } from "../../dist/graph/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { assertAgree } from "../runtime/agree.js";
import { build, bytes, floats, scalar } from "./build.js";

ort.env.wasm.numThreads = 1;

const UINT8 = 2;
const INT8 = 3;
const SIX = Math.fround(6 / 255);
const pair = (from, to, s = "s", z = "z", attributes = {}) => [
  ["QuantizeLinear", `${from} ${s} ${z}`, `${to}.q`, attributes],
  ["DequantizeLinear", `${to}.q ${s} ${z}`, to, attributes],
];
const conv = (from, to) => ["Conv", `${from} w b`, to, { pads: [1, 1, 1, 1] }];
const w = floats([4, 4, 3, 3]);
const b = floats([4], [2, -1, 0.5, 1]);

/** Each with the largest error that rounding to steps makes. */
const CASES = {
  "a ReLU6 left out, uint8": [[conv("x", "c"), ...pair("c", "y")], { s: scalar(SIX), z: bytes([], [0], UINT8) }, SIX],
  "a ReLU6 left out, int8": [[conv("x", "c"), ...pair("c", "y")], { s: scalar(SIX), z: bytes([], [-128], INT8) }, SIX],
  "a ReLU6 left out between convolutions": [
    [conv("x", "c"), ...pair("c", "d"), conv("d", "y")],
    { s: scalar(SIX), z: bytes([], [0], UINT8) },
    9 * SIX,
  ],
  "a Clip from -1 to 1 left out": [
    [conv("x", "c"), ...pair("c", "y")],
    { s: scalar(Math.fround(2 / 255)), z: bytes([], [128], UINT8) },
    2 / 255,
  ],
  "bounds behind a pool": [
    [conv("x", "c"), ["MaxPool", "c", "p", { kernel_shape: [2, 2] }], ...pair("p", "y")],
    { s: scalar(SIX), z: bytes([], [0], UINT8) },
    SIX,
  ],
  "bounds of the input": [pair("x", "y"), { s: scalar(Math.fround(1 / 255)), z: bytes([], [0], UINT8) }, 1 / 255],
  "bounds that differ by channel": [
    [conv("x", "c"), ...pair("c", "y", "s", "z", { axis: 1 })],
    { s: floats([4], [0.01, 0.02, 0.005, 0.1]), z: bytes([4], [0, 128, 255, 7], UINT8) },
    0.1,
  ],
  "a convolution of integers": [
    [
      ["QuantizeLinear", "x xs xz", "q"],
      ["QLinearConv", "q xs xz k ks kz s z", "r", { pads: [1, 1, 1, 1] }],
      ["DequantizeLinear", "r s z", "y"],
    ],
    {
      xs: scalar(Math.fround(4 / 255)),
      xz: bytes([], [128], UINT8),
      k: bytes(
        [4, 4, 3, 3],
        w.floatData.map((v) => Math.round(v * 100)),
        INT8,
      ),
      ks: scalar(0.01),
      kz: bytes([], [0], INT8),
      s: scalar(SIX),
      z: bytes([], [0], UINT8),
    },
    10 * SIX,
  ],
};

for (const [name, [nodes, constants, bound]] of Object.entries(CASES)) {
  test(`${name}: what onnxruntime makes of it, but for rounding`, async () => {
    const dims = [1, 4, 6, 7];
    const file = build({ nodes, constants: { ...constants, w, b } });
    const data = Float32Array.from({ length: 168 }, (_, i) => 4 * Math.sin(i * 78.233));
    const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 4 });
    const expected = (await session.run({ x: new ort.Tensor("float32", data, dims) })).y.data;
    await session.release();
    const { outputs } = await assertAgree(lower(importOnnx(file), { grids: null }), { x: data });
    const worst = outputs.y.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
    assert.ok(worst <= bound, `${worst} is above ${bound}`);
  });
}
