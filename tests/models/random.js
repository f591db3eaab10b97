// random.js: small models of random numbers, and inputs for them.

import { createRandom } from "../../dist/base/index.js";
import { lower } from "../../dist/graph/index.js";
import { decodeModel, encodeModel } from "../../dist/model/index.js";
import { convOutputShape, elements } from "../../dist/ops/index.js";
import { advancePortion, insertQuantizers, quantizationPoints } from "../../dist/quantize/index.js";
import { conv, linear } from "./layers.js";

export const LEVELS = {
  kind: "levels",
  scale: Math.fround(0.1),
  levels: [0, 1, 2, 4, 8, 16, 31],
  thresholds: [0.75, 1.5, 3, 6, 12, 24],
};

export function randomCodes(random, length, bits, zeros = 0.2) {
  const magnitudes = 2 ** (bits - 2);
  return Int8Array.from({ length }, () => {
    if (random.uniform() < zeros) return 0;
    const m = 1 + random.below(magnitudes);
    return random.uniform() < 0.5 ? m : -m;
  });
}

/** Indices into a table of levels, each as likely as any other. */
export function randomIndices(random, length, levels) {
  return Uint8Array.from({ length }, () => random.below(levels.length));
}

/**
 * Weights of output channels that have one of these tables of levels each. No channel's codes leave its table.
 * @param depth weights of a channel
 */
export function randomBooks(random, outputs, depth, tables) {
  const levels = [...new Set(tables.flat())].sort((a, b) => a - b);
  const of = Uint8Array.from({ length: outputs }, () => random.below(tables.length));
  const codes = Uint8Array.from({ length: outputs * depth }, (_, i) => {
    const table = tables[of[Math.floor(i / depth)]];
    return levels.indexOf(table[random.below(table.length)]);
  });
  return { kind: "codebook", levels, codes, books: { tables, of } };
}

export function randomInput(random, shape) {
  return Float32Array.from({ length: elements(shape) }, () => random.normal() * 3);
}

/** An epilogue that brings sums of `depth` products into the range of the output. */
export function randomEpilogue(random, channels, depth, clamp = {}) {
  const spread = 1 / (Math.sqrt(depth) * 60);
  return {
    scale: Float32Array.from({ length: channels }, () => (random.uniform() - 0.3) * spread * 8),
    offset: Float32Array.from({ length: channels }, () => random.normal() * 60 + 40),
    clamp,
  };
}

/** One convolution between an input and an output, everything given or drawn. */
export function convModel(options, seed = 1) {
  const random = createRandom(seed);
  const {
    shape = [3, 7, 9],
    channels = 5,
    kernel = [3, 3],
    stride = [1, 1],
    padding = [1, 1, 1, 1],
    dilation = [1, 1],
    groups = 1,
    bits = 5,
    input = linear(),
    output = linear(),
    residual = null,
    clamp = {},
    zeros = 0.2,
    codes = null,
    levels = null,
    tables = null,
  } = options;
  const depth = (shape[0] / groups) * kernel[0] * kernel[1];
  const outShape = convOutputShape(shape, channels, { kernel, stride, dilation, padding });
  const float = input.kind === "float32";
  const values = () => Float32Array.from({ length: channels * depth }, () => random.normal());
  const weights = float
    ? { kind: "float32", values: values() }
    : tables
      ? randomBooks(random, channels, depth, tables)
      : levels
        ? { kind: "codebook", levels, codes: randomIndices(random, channels * depth, levels) }
        : { kind: "codes", bits, n1: 0, codes: codes ?? randomCodes(random, channels * depth, bits, zeros) };
  const inputs = [{ name: "x", tensor: "x" }];
  const tensors = { x: { shape, encoding: input }, y: { shape: outShape, encoding: output } };
  const layer = conv({
    kernel,
    stride,
    dilation,
    padding,
    groups,
    weights,
    epilogue: randomEpilogue(random, channels, float ? 1 : depth, clamp),
  });
  if (residual) {
    tensors.r = { shape: outShape, encoding: residual };
    inputs.push({ name: "r", tensor: "r" });
    layer.residual = { tensor: "r", scale: Math.fround(0.37) };
  }
  return { name: "conv", inputs, outputs: [{ name: "y", tensor: "y" }], tensors, layers: [layer] };
}

/** Inputs for every port of a model. */
export function inputsFor(def, seed = 1) {
  const random = createRandom(seed);
  return Object.fromEntries(
    def.inputs.map(({ name, tensor }) => [name, randomInput(random, def.tensors[tensor].shape)]),
  );
}

/** A whole network on the grid and in the file, without training: every layer's kind, shape and fusion as in real use. */
export function quantized(network, bits, activation) {
  const relus = new Set(network.nodes.filter((node) => node.op === "relu").map((node) => node.name));
  const encodings = quantizationPoints(network).map((point) => {
    const signed = !relus.has(point);
    const log = activation === "log" && !signed;
    const max = activation === "log" ? 255 : 2 ** activation - 1;
    const zero = signed ? (max + 1) / 2 : 0;
    return [point, log ? LEVELS : { kind: "linear", scale: Math.fround(4 / max), zero, max }];
  });
  const simulated = insertQuantizers(network, new Map(encodings));
  const grids = advancePortion(simulated, null, { bits, portion: 1 });
  return decodeModel(encodeModel(lower(simulated, { grids })));
}
