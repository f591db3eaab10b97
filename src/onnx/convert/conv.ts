// conv.ts: convolutions, products with constant matrices, and batch norms as nodes of the network.
import { elements, type Shape, type Tensor } from "../../ops/index.js";
import { listOf, map, transposed, whole } from "../operators/arrays.js";
import { expectNode, make, optional, required, unsupported } from "../operators/call.js";
import { spaceOf } from "../operators/conv.js";
import { transposedWindowOf, type Window, windowOf } from "../operators/window.js";
import type { Value } from "../tensor.js";
import { type Conversion, type Converter, onlyActivation, planes, resultName } from "./draft.js";

/** (vertical, horizontal); one axis of space is that of rows. */
export function pairOf(list: readonly number[], missing: number): readonly [number, number] {
  return [list[0], list[1] ?? missing];
}

function kernelShape(w: Value): readonly [number, number, number, number] {
  const [a, b, ...kernel] = w.dims;
  return [a, b, ...pairOf(kernel, 1)];
}

/** Padding that gives a window the size of its output, also where that is rounded up. */
export function windowPadding(window: Window, space: readonly number[]): readonly [number, number, number, number] {
  const behind = window.output.map((count, i) => {
    const reach = (count - 1) * window.strides[i] + window.dilations[i] * (window.kernel[i] - 1) + 1;
    return Math.max(0, reach - space[i] - window.before[i]);
  });
  const [top, left] = pairOf(window.before, 0);
  const [bottom, right] = pairOf(behind, 0);
  return [top, left, bottom, right];
}

function biasOf(conversion: Conversion, outputs: number): Tensor | null {
  const bias = optional(conversion, 2);
  if (!bias) return null;
  const { node } = conversion;
  expectNode(bias.data.length === outputs, node, `${outputs} values`, bias.data.length, "input[2]");
  return conversion.draft.parameter(bias, [outputs]);
}

/** The input and its sizes in space, and a kernel with as many axes. */
function operandsOf(conversion: Conversion) {
  const { activation, shape, input } = planes(conversion);
  const w = required(conversion, 1);
  const axes = activation.dims.length;
  expectNode(w.dims.length === axes, conversion.node, `${axes} dimensions`, w.dims, "input[1]");
  return { shape, input, space: spaceOf(conversion, activation.dims), w };
}

const conv: Converter = (conversion) => {
  const { node, draft } = conversion;
  const { shape, input, space, w } = operandsOf(conversion);
  const window = windowOf(node, space, w.dims.slice(2));
  const groups = node.attributes.int("group", 1);
  const [outputs, depth] = w.dims;
  const ok = groups >= 1 && depth * groups === shape[0] && outputs >= 1 && outputs % groups === 0;
  expectNode(ok, node, `${shape[0]} input channels in ${groups} groups`, w.dims, "input[1]");
  const result: Shape = [outputs, ...pairOf(window.output, 1)];
  const padded = mergedPadding(conversion, input, windowPadding(window, space));
  const name = draft.add(
    resultName(conversion),
    {
      op: "conv",
      input: padded.input,
      weight: draft.parameter(w, kernelShape(w)),
      bias: biasOf(conversion, outputs),
      stride: pairOf(window.strides, 1),
      dilation: pairOf(window.dilations, 1),
      padding: padded.padding,
      groups,
    },
    result,
  );
  return [{ node: name, dims: [1, outputs, ...window.output] }];
};

type Padding = readonly [top: number, left: number, bottom: number, right: number];

/** A Pad of zeros around rows and columns becomes part of the convolution's own padding. */
function mergedPadding({ draft }: Conversion, input: string, padding: Padding): { input: string; padding: Padding } {
  const pad = draft.get(input);
  if (pad.op !== "pad" || pad.value !== 0 || pad.channels.some((n) => n > 0)) return { input, padding };
  const [top, left, bottom, right] = padding;
  const [over, under] = pad.rows;
  const [before, behind] = pad.columns;
  return { input: pad.input, padding: [top + over, left + before, bottom + under, right + behind] };
}

/**
 * A convolution, with the kernel turned round, over the input with zeros in between: stride - 1 of them.
 */
const convTranspose: Converter = (conversion) => {
  const { node, draft } = conversion;
  const { shape, input, space, w } = operandsOf(conversion);
  const groups = node.attributes.int("group", 1);
  const ok = groups >= 1 && w.dims[0] === shape[0] && shape[0] % groups === 0;
  expectNode(ok, node, `${shape[0]} input channels, in groups`, [w.dims, groups], "input[1]");
  const window = transposedWindowOf(node, space, w.dims.slice(2));
  const strides = pairOf(window.strides, 1);
  const dilation = pairOf(window.dilations, 1);
  const kernel = pairOf(window.kernel, 1);
  const output = pairOf(window.output, 1);
  const before = pairOf(window.before, 0);
  const sparse = ([1, 2] as const).map((axis) => {
    const step = strides[axis - 1];
    const length = (shape[axis] - 1) * step + 1;
    conversion.budget.spend(2 * length);
    return Array.from({ length }, (_, i) => (i % step === 0 ? i / step : -1));
  });
  const channels = listOf(conversion, whole(shape[0]));
  const stuffed: Shape = [shape[0], sparse[0].length, sparse[1].length];
  const [rows, columns] = sparse;
  const spread = strides.every((s) => s === 1)
    ? input
    : draft.add(
        `${resultName(conversion)}.spread`,
        { op: "gather", input, channels, rows, columns, value: 0 },
        stuffed,
      );
  // rows and columns before the first output and behind the last; negative ones are cut off again
  const first = kernel.map((k, i) => dilation[i] * (k - 1) - before[i]);
  const behind = kernel.map((k, i) => output[i] - stuffed[i + 1] - first[i] + dilation[i] * (k - 1));
  const outputs = w.dims[1] * groups;
  const pad = (n: number): number => Math.max(n, 0);
  const size = (i: 0 | 1): number => output[i] + pad(-first[i]) + pad(-behind[i]);
  const name = draft.add(
    resultName(conversion),
    {
      op: "conv",
      input: spread,
      weight: draft.parameter(turned(conversion, w, groups, kernel), [outputs, shape[0] / groups, ...kernel]),
      bias: biasOf(conversion, outputs),
      stride: [1, 1],
      dilation,
      padding: [pad(first[0]), pad(first[1]), pad(behind[0]), pad(behind[1])],
      groups,
    },
    [outputs, size(0), size(1)],
  );
  const dims = [1, outputs, ...window.output];
  if ([...first, ...behind].every((n) => n >= 0)) return [{ node: name, dims }];
  const start: Shape = [0, pad(-first[0]), pad(-first[1])];
  const stop: Shape = [outputs, start[1] + output[0], start[2] + output[1]];
  const result: Shape = [outputs, ...output];
  const cut = draft.add(`${name}.cut`, { op: "slice", input: name, start, stop, step: [1, 1, 1] }, result);
  return [{ node: cut, dims }];
};

/** (in, out / groups, rows, columns) to (out, in / groups, rows, columns), both axes of space reversed. */
function turned(conversion: Conversion, w: Value, groups: number, [height, width]: readonly [number, number]): Value {
  const [inputs, perGroup] = w.dims;
  const depth = inputs / groups;
  const taps = height * width;
  const result = make(conversion, "float32", [perGroup * groups, depth, height, width]);
  for (let c = 0; c < inputs; c++) {
    const group = Math.floor(c / depth);
    for (let o = 0; o < perGroup; o++) {
      const to = ((group * perGroup + o) * depth + (c % depth)) * taps;
      for (let t = 0; t < taps; t++) result.data[to + t] = w.data[(c * perGroup + o) * taps + taps - 1 - t];
    }
  }
  return result;
}

/** Y = alpha A B + beta C with constant B and C. */
const gemm: Converter = (conversion) => {
  const { node } = conversion;
  const { attributes } = node;
  const a = onlyActivation(conversion);
  if (attributes.int("transA", 0) !== 0) throw unsupported(node, "transA 1 on values that depend on the input");
  const b = required(conversion, 1);
  expectNode(b.dims.length === 2, node, "a matrix", b.dims, "input[1]");
  const alpha = attributes.float("alpha", 1);
  const upright = attributes.int("transB", 0) ? b : transposed(conversion, b, [1, 0]);
  const weight = alpha === 1 ? upright : map(conversion, upright, (x) => x * alpha);
  const c = optional(conversion, 2);
  const outputs = weight.dims[0];
  if (c && c.data.length !== 1 && (c.data.length !== outputs || c.dims[c.dims.length - 1] !== outputs)) {
    throw unsupported(node, `an addend of shape ${c.dims.join("x")}`);
  }
  const beta = attributes.float("beta", 1);
  const bias = c && conversion.draft.filled([outputs], (i) => beta * c.data[c.data.length === 1 ? 0 : i]);
  return [product(conversion, a.dims, weight, bias)];
};

const matMul: Converter = (conversion) => {
  const { dims } = onlyActivation(conversion);
  const b = required(conversion, 1);
  if (b.dims.length !== 2) throw unsupported(conversion.node, `a constant of shape ${b.dims.join("x")}`);
  return [product(conversion, dims, transposed(conversion, b, [1, 0]), null)];
};

/** The last axis times a matrix (out, in): a dense layer, or for several rows a 1x1 convolution over them. */
function product(conversion: Conversion, dims: readonly number[], weight: Value, bias: Tensor | null) {
  const { node, draft } = conversion;
  const a = onlyActivation(conversion);
  const [outputs, depth] = weight.dims;
  expectNode(dims[dims.length - 1] === depth, node, `a last axis of ${depth}`, dims.join("x"), "input[0]");
  const rows = elements(dims) / depth;
  const result = [...dims.slice(0, -1), outputs];
  const name = resultName(conversion);
  const parameters = {
    bias,
    weight: draft.parameter(weight, rows === 1 ? [outputs, depth] : [outputs, depth, 1, 1]),
  };
  if (rows === 1)
    return { node: draft.add(name, { op: "dense", input: a.node, ...parameters }, [outputs, 1, 1]), dims: result };
  const swap = (from: string, label: string, height: number, width: number): string => {
    const shape: Shape = [width, height, 1];
    return draft.add(label, { op: "permute", input: from, dims: [height, width, 1], order: [1, 0, 2], shape }, shape);
  };
  const turnedInput = swap(a.node, `${name}.columns`, rows, depth);
  const window = { stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0], groups: 1 } as const;
  const made = draft.add(`${name}.product`, { op: "conv", input: turnedInput, ...parameters, ...window }, [
    outputs,
    rows,
    1,
  ]);
  return { node: swap(made, name, outputs, rows), dims: result };
}

const batchNormalization: Converter = (conversion) => {
  const { node, draft } = conversion;
  const { activation, shape, input } = planes(conversion);
  if (node.outputs.slice(1).some((name) => name !== "" && draft.readers(name) > 0)) {
    throw unsupported(node, "outputs of training mode");
  }
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => {
    const value = required(conversion, i);
    expectNode(value.data.length === shape[0], node, `${shape[0]} values`, value.data.length, `input[${i}]`);
    return draft.parameter(value, [shape[0]]);
  });
  const epsilon = node.attributes.float("epsilon", Math.fround(1e-5));
  // ONNX: running = momentum running + (1 - momentum) batch
  const momentum = Math.min(Math.max(1 - node.attributes.float("momentum", 0.9), 0), 1);
  const name = draft.add(
    resultName(conversion),
    { op: "batchNorm", input, gamma, beta, mean, variance, epsilon, momentum },
    shape,
  );
  return [{ node: name, dims: activation.dims }];
};

export const CONVOLUTIONS: Readonly<Record<string, Converter>> = {
  BatchNormalization: batchNormalization,
  Conv: conv,
  ConvTranspose: convTranspose,
  Gemm: gemm,
  MatMul: matMul,
};
