// transposed.ts: transposed convolution over one or two axes of space.
import { elements, type Shape } from "../../ops/index.js";
import type { Value } from "../tensor.js";
import { listOf, whole } from "./arrays.js";
import { type Call, type Conversion, checkWork, expectNode, make, resultName } from "./call.js";
import { biasOf, convInput, convOperands, eachTap, planesOf } from "./conv.js";
import { type Operators, operator } from "./operator.js";
import { int, type ValuesOf } from "./spec.js";
import { pairOf, spaceOf, TRANSPOSED_WINDOW, transposedWindowOf } from "./window.js";

const ATTRIBUTES = { ...TRANSPOSED_WINDOW, group: int(1) };
type Values = ValuesOf<typeof ATTRIBUTES>;

/** Each input value, times the kernel, is added where the convolution of that window would have read. */
function evaluate(call: Call<Values>): readonly Value[] {
  const { group } = call.attributes;
  const { x, w, bias } = convOperands(call, group);
  const window = transposedWindowOf(call, spaceOf(call, x.dims), w.dims.slice(2));
  const input = planesOf(x.dims);
  expectNode(w.dims[0] === input.channels, call.node, `${input.channels} input channels`, w.dims[0], "input[1]");
  const perGroup = w.dims[1];
  const y = make(call, x.type, [input.batch, perGroup * group, ...window.output]);
  const out = planesOf(y.dims);
  const sums = new Float64Array(y.data.length);
  const taps = elements(window.kernel);
  checkWork(call, x.data.length * perGroup * taps);
  const [size, pixels] = [out.height * out.width, input.height * input.width];
  const [down, right] = pairOf(window.strides, 1);
  const [dy, dx] = pairOf(window.dilations, 1);
  const [top, left] = pairOf(window.before, 0);
  for (let n = 0; n < input.batch; n++) {
    for (let c = 0; c < input.channels; c++) {
      const first = Math.floor(c / (input.channels / group)) * perGroup;
      for (let o = 0; o < perGroup; o++) {
        const plane = (n * out.channels + first + o) * size;
        eachTap(window, (ky, kx, tap) => {
          const weight = w.data[(c * perGroup + o) * taps + tap];
          for (let i = 0; i < pixels; i++) {
            const row = Math.floor(i / input.width) * down + ky * dy - top;
            const column = (i % input.width) * right + kx * dx - left;
            if (row < 0 || row >= out.height || column < 0 || column >= out.width) continue;
            sums[plane + row * out.width + column] += weight * x.data[(n * input.channels + c) * pixels + i];
          }
        });
      }
    }
  }
  for (let i = 0; i < sums.length; i++) y.data[i] = sums[i] + (bias?.data[Math.floor(i / size) % out.channels] ?? 0);
  return [y];
}

/**
 * A convolution, with the kernel turned round, over the input with zeros in between: stride - 1 of them.
 */
function convert(conversion: Conversion<Values>) {
  const { node, draft, budget, attributes } = conversion;
  const { shape, input, space, w } = convInput(conversion);
  const groups = attributes.group;
  const ok = groups >= 1 && w.dims[0] === shape[0] && shape[0] % groups === 0;
  expectNode(ok, node, `${shape[0]} input channels, in groups`, [w.dims, groups], "input[1]");
  const window = transposedWindowOf(conversion, space, w.dims.slice(2));
  const strides = pairOf(window.strides, 1);
  const dilation = pairOf(window.dilations, 1);
  const kernel = pairOf(window.kernel, 1);
  const output = pairOf(window.output, 1);
  const before = pairOf(window.before, 0);
  const [rows, columns] = ([1, 2] as const).map((axis) => {
    const step = strides[axis - 1];
    const length = (shape[axis] - 1) * step + 1;
    budget.spend(2 * length);
    return Array.from({ length }, (_, i) => (i % step === 0 ? i / step : -1));
  });
  const stuffed: Shape = [shape[0], rows.length, columns.length];
  const channels = listOf(conversion, whole(shape[0]));
  const spread = { op: "gather", input, channels, rows, columns, value: 0 } as const;
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
      input: strides.every((s) => s === 1) ? input : draft.add(`${resultName(conversion)}.spread`, spread, stuffed),
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
}

/** (in, out / groups, rows, columns) to (out, in / groups, rows, columns), both axes of space reversed. */
function turned(call: Call, w: Value, groups: number, [height, width]: readonly [number, number]): Value {
  const [inputs, perGroup] = w.dims;
  const depth = inputs / groups;
  const taps = height * width;
  const result = make(call, "float32", [perGroup * groups, depth, height, width]);
  for (let c = 0; c < inputs; c++) {
    const group = Math.floor(c / depth);
    for (let o = 0; o < perGroup; o++) {
      const to = ((group * perGroup + o) * depth + (c % depth)) * taps;
      for (let t = 0; t < taps; t++) result.data[to + t] = w.data[(c * perGroup + o) * taps + taps - 1 - t];
    }
  }
  return result;
}

export const TRANSPOSED: Operators = { ConvTranspose: operator(ATTRIBUTES, { evaluate, convert }) };
