// everything.js: a model with all that a file may hold, and the smallest one.
import { conv, FLOAT32 } from "./layers.js";

export const LINEAR = { kind: "linear", scale: 0.05, zero: 7, max: 255 };
export const LEVELS = {
  kind: "levels",
  scale: 0.25,
  levels: [0, 1, 2, 4, 8, 16],
  thresholds: [0.5, 1.5, 3, 6, 12],
};

const epilogue = (n, clamp = {}) => ({
  scale: Float32Array.from({ length: n }, (_, i) => 0.25 + i / 8),
  offset: Float32Array.from({ length: n }, (_, i) => i - 1.5),
  clamp,
});

const codes = (bits, length) => {
  const k = 2 ** (bits - 2);
  return {
    kind: "codes",
    bits,
    n1: -1,
    codes: Int8Array.from({ length }, (_, i) => ((i * 7 + bits) % (2 * k + 1)) - k),
  };
};

const codebook = (length) => ({
  kind: "codebook",
  levels: [-181, -64, 0, 7, 90],
  codes: Uint8Array.from({ length }, (_, i) => (i * 7) % 5),
});

/** A model with every operation, every encoding, every code width and a codebook. */
export function everything() {
  return {
    name: "everything",
    inputs: [
      {
        ...{ name: "image", tensor: "x", dims: [1, 36, 2], channelsLast: true },
        normalization: { mean: [0.5, 0.25], std: [0.1, 0.2] },
      },
    ],
    outputs: [
      { name: "logits", tensor: "y" },
      { name: "side", tensor: "f", dims: [32] },
      { name: "resampled", tensor: "s" },
    ],
    labels: ["hemd", "schuh", "“täsche”"],
    tensors: {
      x: { shape: [2, 6, 6], encoding: LINEAR },
      a: { shape: [4, 6, 6], encoding: LINEAR },
      b: { shape: [4, 6, 6], encoding: LINEAR },
      c: { shape: [8, 6, 6], encoding: LINEAR },
      p: { shape: [8, 3, 3], encoding: LINEAR },
      d: { shape: [8, 2, 2], encoding: LEVELS },
      e: { shape: [8, 2, 2], encoding: LEVELS },
      m: { shape: [8, 1, 1], encoding: LINEAR },
      y: { shape: [3, 1, 1], encoding: FLOAT32 },
      w: { shape: [2, 1, 1], encoding: FLOAT32 },
      u: { shape: [2, 6, 6], encoding: FLOAT32 },
      f: { shape: [2, 4, 4], encoding: FLOAT32 },
      q: { shape: [1, 5, 3], encoding: FLOAT32 },
      j: { shape: [2, 4, 3], encoding: FLOAT32 },
      g: { shape: [2, 5, 4], encoding: LINEAR },
      t: { shape: [2, 4, 5], encoding: LINEAR },
      h: { shape: [2, 4, 5], encoding: FLOAT32 },
      l: { shape: [2, 4, 5], encoding: FLOAT32 },
      k: { shape: [1, 4, 1], encoding: FLOAT32 },
      v: { shape: [2, 4, 5], encoding: FLOAT32 },
      r: { shape: [2, 3, 5], encoding: LEVELS },
      s: { shape: [2, 3, 5], encoding: FLOAT32 },
    },
    layers: [
      conv({
        name: "conv.a",
        output: "a",
        kernel: [3, 3],
        padding: [1, 1, 1, 1],
        weights: codes(5, 72),
        epilogue: epilogue(4, { low: 0, high: 6 }),
      }),
      conv({
        name: "conv.b",
        input: "a",
        output: "b",
        kernel: [3, 3],
        dilation: [2, 2],
        padding: [2, 2, 2, 2],
        groups: 4,
        weights: codes(3, 36),
        epilogue: epilogue(4),
        residual: { tensor: "a", scale: 0.5 },
      }),
      { op: "concat", name: "concat", inputs: ["a", "b"], output: "c" },
      {
        op: "maxPool",
        name: "pool",
        input: "c",
        output: "p",
        kernel: [2, 2],
        stride: [2, 2],
        padding: [0, 0, 0, 1],
        dilation: [1, 2],
      },
      {
        op: "gather",
        name: "gather",
        input: "x",
        output: "g",
        channels: [1, -1],
        rows: [5, 0, 0, -1, 2],
        columns: [0, 1, 4, 2],
        value: 0.5,
      },
      { op: "permute", name: "permute", input: "g", output: "t", dims: [2, 5, 4], order: [0, 2, 1] },
      { op: "activation", name: "activation", input: "t", output: "h", fn: "elu", parameters: [0.75] },
      {
        op: "elementwise",
        name: "elementwise",
        input: "h",
        output: "l",
        steps: [
          { fn: "constant", parameters: [0.25], of: [] },
          { fn: "elu", parameters: [2], of: [0] },
          { fn: "mul", parameters: [], of: [2, 1] },
          { fn: "less", parameters: [], of: [0, 1] },
          { fn: "where", parameters: [], of: [4, 3, 0] },
        ],
        gains: Float32Array.of(0.5, -1.25),
      },
      { op: "constant", name: "constant", output: "k", values: Float32Array.of(0.5, -1, 2, 0) },
      { op: "binary", name: "binary", input: "l", other: "k", output: "v", fn: "prelu" },
      { op: "constant", name: "columns", output: "q", values: Float32Array.from({ length: 15 }, (_, i) => i / 4 - 1) },
      { op: "matmul", name: "matmul", input: "v", other: "q", output: "j" },
      {
        op: "resample",
        name: "resample",
        input: "v",
        output: "r",
        rows: { indices: [0, 1, 3, 3, 2, 0], weights: [0.25, 0.75, 1, 0, 0.5, 0.5] },
        columns: { indices: [0, 1, 2, 3, 4], weights: [1, 1, 1, 2, -1] },
      },
      { op: "softmax", name: "softmax", input: "r", output: "s", axis: 1 },
      conv({
        name: "conv.d",
        input: "p",
        output: "d",
        stride: [2, 2],
        weights: codes(4, 64),
        epilogue: epilogue(8, { low: 0 }),
      }),
      {
        op: "add",
        name: "add",
        input: "d",
        output: "e",
        epilogue: epilogue(1, { high: 3 }),
        residual: { tensor: "d", scale: 1 },
      },
      { op: "avgPool", name: "mean", input: "e", output: "m", kernel: [2, 2], stride: [1, 1], epilogue: epilogue(1) },
      { op: "dense", name: "dense", input: "m", output: "y", weights: codes(2, 24), epilogue: epilogue(3) },
      { op: "dense", name: "wide", input: "m", output: "w", weights: codebook(16), epilogue: epilogue(2) },
      { op: "avgPool", name: "real", input: "x", output: "u", kernel: [1, 1], stride: [1, 1], epilogue: epilogue(1) },
      conv({
        name: "conv.f",
        input: "u",
        output: "f",
        kernel: [3, 3],
        groups: 2,
        weights: { kind: "float32", values: Float32Array.from({ length: 18 }, (_, i) => Math.sin(i)) },
        epilogue: epilogue(2),
      }),
    ],
    notes: { command: "shiftwise demo --seed 1", accuracy: "98.1" },
  };
}

/** The model whose file docs/format.md shows byte by byte. */
export function tiny() {
  return {
    name: "tiny",
    inputs: [{ name: "x", tensor: "x" }],
    outputs: [{ name: "y", tensor: "y" }],
    tensors: {
      x: { shape: [3, 1, 1], encoding: { kind: "linear", scale: 0.5, zero: 0, max: 255 } },
      y: { shape: [2, 1, 1], encoding: FLOAT32 },
    },
    layers: [
      {
        op: "dense",
        name: "d",
        input: "x",
        output: "y",
        weights: { kind: "codes", bits: 5, n1: -1, codes: Int8Array.of(3, -8, 0, 1, -1, 0) },
        epilogue: { scale: Float32Array.of(2 ** -9, 2 ** -9), offset: Float32Array.of(0, -1), clamp: {} },
      },
    ],
  };
}
