// build.ts: a network written node by node, with parameters initialised from a seeded generator.

import type { Random } from "../base/index.js";
import {
  type ActivationNode,
  type AxisWeights,
  type BinaryName,
  type Encoding,
  elements,
  type GatherNode,
  type Node,
  type Normalization,
  type PadNode,
  type Shape,
  type Step,
  type Tensor,
} from "../ops/index.js";
import type { Network } from "./network.js";
import { inferShapes } from "./shapes.js";
import { validateNetwork } from "./validate.js";

export interface ConvOptions {
  /** Kernel height and width; 3 unless told. */
  readonly kernel?: number;
  readonly stride?: number;
  readonly dilation?: number;
  /** On all four sides; unless told (kernel - 1) / 2, which keeps the size at stride 1. */
  readonly padding?: number;
  readonly groups?: number;
  /** Adds a bias of zeros; needless before a batch norm. */
  readonly bias?: boolean;
}

/** Adds one node a call, in topological order, and returns its name. Names are numbered by operation: conv1, conv2. */
export interface NetworkBuilder {
  input(shape: Shape, normalization?: Normalization): string;
  conv(input: string, outputs: number, options?: ConvOptions): string;
  dense(input: string, outputs: number): string;
  batchNorm(input: string): string;
  relu(input: string, max?: number): string;
  leakyRelu(input: string, slope?: number): string;
  maxPool(input: string, kernel: number, stride?: number, padding?: number): string;
  avgPool(input: string, kernel: number, stride?: number): string;
  globalAvgPool(input: string): string;
  add(a: string, b: string): string;
  concat(inputs: readonly string[]): string;
  /** A function in steps, which the node computes in float64. */
  elementwise(input: string, steps: readonly Step[]): string;
  activation(input: string, fn: ActivationNode["fn"], parameters?: readonly number[]): string;
  binary(fn: BinaryName, a: string, b: string): string;
  constant(shape: Shape, values: Float32Array): string;
  gather(input: string, places: Pick<GatherNode, "channels" | "rows" | "columns">, value?: number): string;
  permute(input: string, dims: readonly number[], order: readonly number[], shape: Shape): string;
  resample(input: string, shape: Shape, rows: AxisWeights, columns: AxisWeights): string;
  softmax(input: string, axis?: 0 | 1 | 2): string;
  /** `widths`: before and behind the channels, rows and columns. */
  pad(input: string, widths: Pick<PadNode, "channels" | "rows" | "columns">, value?: number): string;
  slice(input: string, start: Shape, stop: Shape, step?: Shape): string;
  dropout(input: string, rate: number): string;
  quantize(input: string, encoding: Encoding): string;
  /** The finished, validated network. */
  finish(outputs: readonly string[], labels?: readonly string[]): Network;
}

/**
 * Starts a network.
 * @param random source of He initialisation: weights normal with variance 2 / (inputs of one output)
 */
export function buildNetwork(name: string, random: Random): NetworkBuilder {
  const nodes: Node[] = [];
  const counts = new Map<string, number>();
  const numbered = (op: string): string => {
    const n = (counts.get(op) ?? 0) + 1;
    counts.set(op, n);
    return `${op}${n}`;
  };
  const push = (node: Node): string => {
    nodes.push(node);
    return node.name;
  };
  const shapeOf = (tensor: string): Shape => inferShapes({ name, nodes, outputs: [] }).get(tensor) ?? [0, 0, 0];
  const heNormal = (shape: readonly number[]): Tensor => {
    const deviation = Math.sqrt(2 / elements(shape.slice(1)));
    return { shape, data: Float32Array.from({ length: elements(shape) }, () => random.normal() * deviation) };
  };
  return {
    input: (shape, normalization) =>
      push({ op: "input", name: "input", shape, ...(normalization && { normalization }) }),
    conv(input, outputs, { kernel = 3, stride = 1, dilation = 1, padding, groups = 1, bias = false } = {}) {
      const p = padding ?? ((kernel - 1) * dilation) >> 1;
      return push({
        op: "conv",
        name: numbered("conv"),
        input,
        weight: heNormal([outputs, shapeOf(input)[0] / groups, kernel, kernel]),
        bias: bias ? filled(outputs, 0) : null,
        stride: [stride, stride],
        dilation: [dilation, dilation],
        padding: [p, p, p, p],
        groups,
      });
    },
    dense: (input, outputs) =>
      push({
        op: "dense",
        name: numbered("dense"),
        input,
        weight: heNormal([outputs, elements(shapeOf(input))]),
        bias: filled(outputs, 0),
      }),
    batchNorm(input) {
      const [channels] = shapeOf(input);
      return push({
        op: "batchNorm",
        name: numbered("bn"),
        input,
        gamma: filled(channels, 1),
        beta: filled(channels, 0),
        mean: filled(channels, 0),
        variance: filled(channels, 1),
        epsilon: 1e-5,
        momentum: 0.1,
      });
    },
    relu: (input, max) => push({ op: "relu", name: numbered("relu"), input, ...(max !== undefined && { max }) }),
    leakyRelu: (input, slope = 0.01) => push({ op: "leakyRelu", name: numbered("leakyRelu"), input, slope }),
    maxPool: (input, kernel, stride = kernel, padding = 0) =>
      push({
        op: "maxPool",
        name: numbered("maxPool"),
        input,
        kernel: [kernel, kernel],
        stride: [stride, stride],
        padding: [padding, padding, padding, padding],
      }),
    avgPool: (input, kernel, stride = kernel) =>
      push({ op: "avgPool", name: numbered("avgPool"), input, kernel: [kernel, kernel], stride: [stride, stride] }),
    globalAvgPool: (input) => push({ op: "globalAvgPool", name: numbered("globalAvgPool"), input }),
    add: (a, b) => push({ op: "add", name: numbered("add"), inputs: [a, b] }),
    concat: (inputs) => push({ op: "concat", name: numbered("concat"), inputs }),
    elementwise: (input, steps) => push({ op: "elementwise", name: numbered("elementwise"), input, steps }),
    activation: (input, fn, parameters = []) => push({ op: "activation", name: numbered(fn), input, fn, parameters }),
    binary: (fn, a, b) => push({ op: "binary", name: numbered(fn), fn, inputs: [a, b] }),
    constant: (shape, data) => push({ op: "constant", name: numbered("constant"), value: { shape, data } }),
    gather: (input, { channels, rows, columns }, value = 0) =>
      push({ op: "gather", name: numbered("gather"), input, channels, rows, columns, value }),
    permute: (input, dims, order, shape) =>
      push({ op: "permute", name: numbered("permute"), input, dims, order, shape }),
    resample: (input, shape, rows, columns) =>
      push({ op: "resample", name: numbered("resample"), input, shape, rows, columns }),
    softmax: (input, axis = 0) => push({ op: "softmax", name: numbered("softmax"), input, axis }),
    pad: (input, { channels, rows, columns }, value = 0) =>
      push({ op: "pad", name: numbered("pad"), input, channels, rows, columns, value }),
    slice: (input, start, stop, step = [1, 1, 1]) =>
      push({ op: "slice", name: numbered("slice"), input, start, stop, step }),
    dropout: (input, rate) => push({ op: "dropout", name: numbered("dropout"), input, rate }),
    quantize: (input, encoding) => push({ op: "quantize", name: numbered("quantize"), input, encoding }),
    finish(outputs, labels) {
      const network: Network = { name, nodes: [...nodes], outputs, ...(labels && { labels }) };
      validateNetwork(network);
      return network;
    },
  };
}

function filled(length: number, value: number): Tensor {
  return { shape: [length], data: new Float32Array(length).fill(value) };
}
