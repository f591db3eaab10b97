// pool.ts: pooling, means over space and softmax as nodes of the network.
import { elements, type Shape, sameShape } from "../../ops/index.js";
import { expectNode, unsupported } from "../operators/call.js";
import { spaceOf } from "../operators/conv.js";
import { reducedAxes, reducedDims, softmaxLines } from "../operators/reduce.js";
import { type Window, windowOf } from "../operators/window.js";
import { pairOf, windowPadding } from "./conv.js";
import { type Conversion, type Converter, onlyActivation, planes, resultName, shapeFor } from "./draft.js";

const maxPool: Converter = (conversion) => {
  const { node, draft } = conversion;
  if (node.outputs[1] && draft.readers(node.outputs[1]) > 0) throw unsupported(node, "output Indices");
  const { activation, shape, input } = planes(conversion);
  const space = spaceOf(conversion, activation.dims);
  const window = windowOf(node, space, null);
  const dilation = pairOf(window.dilations, 1);
  const result: Shape = [shape[0], ...pairOf(window.output, 1)];
  const name = draft.add(
    resultName(conversion),
    {
      op: "maxPool",
      input,
      kernel: pairOf(window.kernel, 1),
      stride: pairOf(window.strides, 1),
      padding: windowPadding(window, space),
      ...(dilation.some((d) => d > 1) && { dilation }),
    },
    result,
  );
  return [{ node: name, dims: [1, shape[0], ...window.output] }];
};

/**
 * A mean over windows of the padded input. Where a window's padding does not count, or not all of it, its mean is
 * corrected by a constant for its position.
 */
const averagePool: Converter = (conversion) => {
  const { node, draft } = conversion;
  const { activation, shape, input } = planes(conversion);
  const space = spaceOf(conversion, activation.dims);
  const window = windowOf(node, space, null);
  const padding = windowPadding(window, space);
  const [top, left, bottom, right] = padding;
  const [kernel, stride, dilation] = [window.kernel, window.strides, window.dilations].map((list) => pairOf(list, 1));
  const output = pairOf(window.output, 1);
  const result: Shape = [shape[0], ...output];
  const name = resultName(conversion);
  const padded: Shape = [shape[0], shape[1] + top + bottom, shape[2] + left + right];
  const pad = { op: "pad", input, channels: [0, 0], rows: [top, bottom], columns: [left, right], value: 0 } as const;
  const source = sameShape(padded, shape) ? input : draft.add(`${name}.padded`, pad, padded);
  const count = elements(kernel);
  const [rows, columns] = windowCounts(conversion, window, space);
  const corrected = rows.some((n) => n !== kernel[0]) || columns.some((n) => n !== kernel[1]);
  const dilated = dilation.some((d) => d > 1);
  const mean = corrected || dilated ? `${name}.mean` : name;
  const made = dilated
    ? draft.add(
        mean,
        {
          op: "conv",
          input: source,
          weight: draft.filled([shape[0], 1, ...kernel], () => 1),
          bias: null,
          stride,
          dilation,
          padding: [0, 0, 0, 0],
          groups: shape[0],
        },
        result,
      )
    : draft.add(mean, { op: "avgPool", input: source, kernel, stride }, result);
  const dims = [1, shape[0], ...window.output];
  if (!corrected && !dilated) return [{ node: made, dims }];
  // a convolution with weights 1 makes sums, a pool makes means
  const factor: Shape = [1, ...output];
  const value = draft.filled(factor, (i) => {
    const mean = count / (rows[Math.floor(i / output[1])] * columns[i % output[1]]);
    return dilated ? mean / count : mean;
  });
  const constant = draft.add(`${name}.factor`, { op: "constant", value }, factor);
  return [{ node: draft.add(name, { op: "binary", fn: "mul", inputs: [made, constant] }, result), dims }];
};

/**
 * By how many places each row and each column of windows is divided: those in the padded input, or in the input itself.
 */
function windowCounts({ node, budget }: Conversion, window: Window, space: readonly number[]): [number[], number[]] {
  const whole = node.attributes.int("count_include_pad", 0) !== 0;
  const [rows, columns = [1]] = space.map((size, k) => {
    budget.spend(window.output[k]);
    return Array.from({ length: window.output[k] }, (_, o) => {
      // taps i with low <= start + i dilation < high
      const start = o * window.strides[k] - window.before[k];
      const [low, high] = whole ? [start, size + window.behind[k]] : [0, size];
      const first = Math.max(0, Math.ceil((low - start) / window.dilations[k]));
      const end = Math.min(window.kernel[k], Math.ceil((high - start) / window.dilations[k]));
      return Math.max(0, end - first);
    });
  });
  return [rows, columns];
}

const globalPool =
  (average: boolean): Converter =>
  (conversion) => {
    const { draft } = conversion;
    const { activation, shape, input } = planes(conversion);
    const dims = activation.dims.map((n, i) => (i < 2 ? n : 1));
    const result: Shape = [shape[0], 1, 1];
    const window = { kernel: [shape[1], shape[2]], stride: [1, 1], padding: [0, 0, 0, 0] } as const;
    const made = average ? ({ op: "globalAvgPool", input } as const) : ({ op: "maxPool", input, ...window } as const);
    return [{ node: draft.add(resultName(conversion), made, result), dims }];
  };

/** Any axes: those that stay are brought to the front, then every row of the rest is averaged. */
const reduceMean: Converter = (conversion) => {
  const { node, draft } = conversion;
  const x = onlyActivation(conversion);
  const axes = reducedAxes(conversion, x.dims.length);
  const dims = reducedDims(x.dims, axes, node.attributes.int("keepdims", 1) !== 0);
  const stay = [...x.dims.keys()].filter((axis) => !axes.includes(axis));
  const order = [...stay, ...[...axes].sort((a, b) => a - b)];
  const kept = elements(stay.map((axis) => x.dims[axis]));
  const name = resultName(conversion);
  const inOrder = order.every((axis, i) => axis === i);
  const flat: Shape = [kept, elements(x.dims) / kept, 1];
  const usual = sameShape(stay, [0, 1]) && x.dims[0] === 1 ? shapeFor(x.dims) : flat;
  if (order.length > 8) throw unsupported(node, `${order.length} dimensions`);
  const input = inOrder
    ? draft.shaped(x, usual)
    : draft.add(`${name}.lines`, { op: "permute", input: x.node, dims: x.dims, order, shape: flat }, flat);
  return [{ node: draft.add(name, { op: "globalAvgPool", input }, [kept, 1, 1]), dims }];
};

const softmax: Converter = (conversion) => {
  const { draft, logits, last } = conversion;
  const x = onlyActivation(conversion);
  if (logits && last) return [x];
  const lines = softmaxLines(conversion, x.dims);
  const [outer, length, inner] = lines;
  expectNode(length >= 1, conversion.node, "an axis of length 1 or more", length, "axis");
  const own = draft.shapeOf(x.node);
  // the whole tensor as one line, or one line for each place, needs no other shape
  const alone = outer === 1 && own[0] === length && own[1] * own[2] === inner;
  const shape: Shape = alone ? own : [outer, length, inner];
  const node = { op: "softmax", input: draft.shaped(x, shape), axis: alone ? 0 : 1 } as const;
  return [{ node: draft.add(resultName(conversion), node, shape), dims: x.dims }];
};

export const POOLS: Readonly<Record<string, Converter>> = {
  AveragePool: averagePool,
  GlobalAveragePool: globalPool(true),
  GlobalMaxPool: globalPool(false),
  MaxPool: maxPool,
  ReduceMean: reduceMean,
  Softmax: softmax,
};
