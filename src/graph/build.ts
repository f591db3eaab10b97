// build.ts: a network written node by node, with parameters initialised from a seeded generator.

import { given, is, type Random, ShiftwiseError } from "../base/index.js";
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
  type Unnamed,
} from "../ops/index.js";
import type { Network } from "./network.js";
import { inferShapes } from "./shapes.js";
import { validateNetwork } from "./validate.js";

/** Options of a convolution that a NetworkBuilder adds. */
export interface ConvOptions {
  /** Kernel height and width. Default 3. */
  readonly kernel?: number;
  readonly stride?: number;
  readonly dilation?: number;
  /** On all four sides. Default (kernel - 1) / 2, which keeps the size at stride 1. */
  readonly padding?: number;
  readonly groups?: number;
  /** Adds a bias of zeros; needless before a batch norm. */
  readonly bias?: boolean;
}

/** Adds one node a call, in topological order, and returns its name. Names are numbered by operation: conv1, conv2. */
export interface NetworkBuilder {
  /** Adds an input. The first is called input, the next ones input2, input3. */
  input(shape: Shape, normalization?: Normalization): string;
  /** Adds a convolution with square kernel, stride and dilation, and `outputs` channels. */
  conv(input: string, outputs: number, options?: ConvOptions): string;
  /** Adds a fully connected layer with a bias; it reads all values of its input. */
  dense(input: string, outputs: number): string;
  /** Adds a batch norm with gamma 1, beta 0, mean 0 and variance 1. */
  batchNorm(input: string): string;
  /** Adds a ReLU, clamped at `max` if that is given. */
  relu(input: string, max?: number): string;
  /** Adds a ReLU that multiplies negative values with `slope`. */
  leakyRelu(input: string, slope?: number): string;
  /** Adds maxima over square windows. */
  maxPool(input: string, kernel: number, stride?: number, padding?: number): string;
  /** Adds means over square windows without padding. */
  avgPool(input: string, kernel: number, stride?: number): string;
  /** Adds the mean of every channel. */
  globalAvgPool(input: string): string;
  /** Adds the sum of two tensors of one shape. */
  add(a: string, b: string): string;
  /** Adds the channels of several tensors one after the other. */
  concat(inputs: readonly string[]): string;
  /** Adds a function of every value in steps, which are computed in float64. */
  elementwise(input: string, steps: readonly Step[]): string;
  /** Adds a function of every value. */
  activation(input: string, fn: ActivationNode["fn"], parameters?: readonly number[]): string;
  /** Adds a function of two tensors; an axis of length 1 meets every index. */
  binary(fn: BinaryName, a: string, b: string): string;
  /** Adds the products of two stacks of matrices, the channels of each. */
  matmul(a: string, b: string): string;
  /** Adds values that do not depend on the input. */
  constant(shape: Shape, values: Float32Array): string;
  /** Adds a tensor of elements of another; an index of -1 stands for `value`. */
  gather(input: string, places: Pick<GatherNode, "channels" | "rows" | "columns">, value?: number): string;
  /**
   * Adds a tensor with its axes in another order: it is read as `dims`, its axes are ordered as `order`, and the result
   * has `shape`.
   */
  permute(input: string, dims: readonly number[], order: readonly number[], shape: Shape): string;
  /** Adds weighted sums of rows and columns. */
  resample(input: string, shape: Shape, rows: AxisWeights, columns: AxisWeights): string;
  /** Adds a softmax along an axis: 0 for channels, 1 for rows, 2 for columns. */
  softmax(input: string, axis?: 0 | 1 | 2): string;
  /** Adds `value` around a tensor. `widths` counts the planes, rows and columns before and behind it. */
  pad(input: string, widths: Pick<PadNode, "channels" | "rows" | "columns">, value?: number): string;
  /** Adds every step-th element from `start` up to, not including, `stop`, along each axis. */
  slice(input: string, start: Shape, stop: Shape, step?: Shape): string;
  /** Adds a dropout, which acts in training alone. */
  dropout(input: string, rate: number): string;
  /** Adds a rounding to an encoding. */
  quantize(input: string, encoding: Encoding): string;
  /** Adds a node of any kind by its fields. */
  node(fields: Unnamed): string;
  /** Returns the finished network. @throws BAD_GRAPH unless it is valid */
  finish(outputs: readonly string[], labels?: readonly string[]): Network;
}

/** Most weights of a node that are drawn here. */
const WEIGHTS_MAX = 2 ** 28;
const RANDOM = is.record<Pick<Random, "normal">>({ normal: is.callback });
const COUNT = is.optional(is.integer(0));
const CONV = is.record<ConvOptions>({
  kernel: COUNT,
  stride: COUNT,
  dilation: COUNT,
  padding: COUNT,
  groups: is.optional(is.integer(1)),
  bias: is.optional(is.boolean),
});

/**
 * Starts a network.
 * @param random source of He initialisation: weights normal with variance 2 / (inputs of one output)
 */
export function buildNetwork(name: string, random: Random): NetworkBuilder {
  given({ name, random }, { name: is.text, random: RANDOM });
  const nodes: Node[] = [];
  const counts = new Map<string, number>();
  /** Adds a node under the next name of its kind, or of another word. */
  const push = (fields: Unnamed, word: string = fields.op): string => {
    const n = (counts.get(word) ?? 0) + 1;
    counts.set(word, n);
    const node = { ...fields, name: word === "input" && n === 1 ? word : `${word}${n}` } as Node;
    nodes.push(node);
    return node.name;
  };
  const shapeOf = (tensor: string): Shape => {
    const shape = inferShapes({ name, nodes, outputs: [] }).get(tensor);
    if (!shape) throw is.refused("input", "the name of a node before", tensor);
    return shape;
  };
  const heNormal = (shape: readonly number[]): Tensor => {
    if (!(elements(shape) <= WEIGHTS_MAX)) {
      throw new ShiftwiseError("OVERFLOW", "too many weights", { expected: `at most ${WEIGHTS_MAX}`, found: shape });
    }
    const deviation = Math.sqrt(2 / elements(shape.slice(1)));
    return { shape, data: Float32Array.from({ length: elements(shape) }, () => random.normal() * deviation) };
  };
  return {
    input: (shape, normalization) => push({ op: "input", shape, ...(normalization && { normalization }) }),
    conv(input, outputs, options = {}) {
      given({ input, outputs, options }, { input: is.text, outputs: is.integer(1), options: CONV });
      const { kernel = 3, stride = 1, dilation = 1, padding, groups = 1, bias = false } = options;
      const p = padding ?? ((kernel - 1) * dilation) >> 1;
      return push({
        op: "conv",

        input,
        weight: heNormal([outputs, shapeOf(input)[0] / groups, kernel, kernel]),
        bias: bias ? filled(outputs, 0) : null,
        stride: [stride, stride],
        dilation: [dilation, dilation],
        padding: [p, p, p, p],
        groups,
      });
    },
    dense(input, outputs) {
      given({ input, outputs }, { input: is.text, outputs: is.integer(1) });
      const weight = heNormal([outputs, elements(shapeOf(input))]);
      return push({ op: "dense", input, weight, bias: filled(outputs, 0) });
    },
    batchNorm(input) {
      const [channels] = shapeOf(input);
      return push(
        {
          op: "batchNorm",
          input,
          gamma: filled(channels, 1),
          beta: filled(channels, 0),
          mean: filled(channels, 0),
          variance: filled(channels, 1),
          epsilon: 1e-5,
          momentum: 0.1,
        },
        "bn",
      );
    },
    relu: (input, max) => push({ op: "relu", input, ...(max !== undefined && { max }) }),
    leakyRelu: (input, slope = 0.01) => push({ op: "leakyRelu", input, slope }),
    maxPool: (input, kernel, stride = kernel, padding = 0) =>
      push({
        op: "maxPool",

        input,
        kernel: [kernel, kernel],
        stride: [stride, stride],
        padding: [padding, padding, padding, padding],
      }),
    avgPool: (input, kernel, stride = kernel) =>
      push({ op: "avgPool", input, kernel: [kernel, kernel], stride: [stride, stride] }),
    globalAvgPool: (input) => push({ op: "globalAvgPool", input }),
    add: (a, b) => push({ op: "add", inputs: [a, b] }),
    concat: (inputs) => push({ op: "concat", inputs }),
    elementwise: (input, steps) => push({ op: "elementwise", input, steps }),
    activation: (input, fn, parameters = []) => push({ op: "activation", input, fn, parameters }, fn),
    binary: (fn, a, b) => push({ op: "binary", fn, inputs: [a, b] }, fn),
    constant: (shape, data) => push({ op: "constant", value: { shape, data } }),
    gather(input, places, value = 0) {
      given({ places }, { places: is.record({}) });
      const { channels, rows, columns } = places;
      return push({ op: "gather", input, channels, rows, columns, value });
    },
    permute: (input, dims, order, shape) => push({ op: "permute", input, dims, order, shape }),
    resample: (input, shape, rows, columns) => push({ op: "resample", input, shape, rows, columns }),
    matmul: (a, b) => push({ op: "matmul", inputs: [a, b] }),
    softmax: (input, axis = 0) => push({ op: "softmax", input, axis }),
    pad(input, widths, value = 0) {
      given({ widths }, { widths: is.record({}) });
      const { channels, rows, columns } = widths;
      return push({ op: "pad", input, channels, rows, columns, value });
    },
    slice: (input, start, stop, step = [1, 1, 1]) => push({ op: "slice", input, start, stop, step }),
    dropout: (input, rate) => push({ op: "dropout", input, rate }),
    quantize: (input, encoding) => push({ op: "quantize", input, encoding }),
    node(fields) {
      given({ fields }, { fields: is.record({ op: is.text }) });
      return push(fields);
    },
    finish(outputs, labels) {
      given({ outputs, labels }, { outputs: is.list(is.text), labels: is.optional(is.list(is.text)) });
      const network: Network = { name, nodes: [...nodes], outputs, ...(labels && { labels }) };
      validateNetwork(network);
      return network;
    },
  };
}

function filled(length: number, value: number): Tensor {
  return { shape: [length], data: new Float32Array(length).fill(value) };
}
