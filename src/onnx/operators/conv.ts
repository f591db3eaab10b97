// conv.ts: convolution and transposed convolution over one or two axes of space, sums in float64.
import { elements } from "../../ops/index.js";
import type { Value } from "../tensor.js";
import { type Call, checkWork, expectNode, make, type Operator, optional, required, unsupported } from "./call.js";
import { transposedWindowOf, type Window, windowOf } from "./window.js";

/** A batch of planes; one axis of space is a single row. */
interface Planes {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

function planesOf(dims: readonly number[]): Planes {
  const [batch, channels, ...space] = dims;
  const [height, width] = space.length === 1 ? [1, space[0]] : space;
  return { batch, channels, height, width };
}

/** (vertical, horizontal) of a list with an entry for each axis of space. */
function two(list: readonly number[], missing: number): readonly [number, number] {
  return list.length === 1 ? [missing, list[0]] : [list[0], list[1]];
}

/** The axes of space of an input (batch, channels, ...). */
export function spaceOf(call: Pick<Call, "node">, dims: readonly number[]): readonly number[] {
  const space = dims.slice(2);
  expectNode(space.length >= 1, call.node, "an input (batch, channels, ...)", dims);
  if (space.length > 2) throw unsupported(call.node, `windows over ${space.length} axes`);
  return space;
}

function operands(call: Call): { x: Value; w: Value; bias: Value | null; groups: number } {
  const [x, w, bias] = [required(call, 0), required(call, 1), optional(call, 2)];
  const groups = call.node.attributes.int("group", 1);
  expectNode(w.dims.length === x.dims.length, call.node, `a weight of ${x.dims.length} dimensions`, w.dims, "input[1]");
  const ok = Number.isInteger(groups) && groups >= 1 && x.dims[1] % groups === 0 && w.dims[0] % groups === 0;
  expectNode(ok, call.node, `a divisor of ${x.dims[1]} and ${w.dims[0]}`, groups, "group");
  return { x, w, bias, groups };
}

const conv: Operator = (call) => {
  const { x, w, bias, groups } = operands(call);
  const window = windowOf(call.node, spaceOf(call, x.dims), w.dims.slice(2));
  const input = planesOf(x.dims);
  const depth = w.dims[1];
  expectNode(
    depth * groups === input.channels,
    call.node,
    `${input.channels / groups} input channels`,
    depth,
    "input[1]",
  );
  const outputs = w.dims[0];
  const y = make(call, x.type, [input.batch, outputs, ...window.output]);
  const out = planesOf(y.dims);
  const sums = new Float64Array(out.height * out.width);
  checkWork(call, y.data.length * depth * elements(window.kernel));
  for (let n = 0; n < input.batch; n++) {
    for (let o = 0; o < outputs; o++) {
      sums.fill(bias ? bias.data[o] : 0);
      const first = Math.floor(o / (outputs / groups)) * depth;
      for (let c = 0; c < depth; c++) {
        const plane = (n * input.channels + first + c) * input.height * input.width;
        eachTap(window, (ky, kx, tap) => {
          const weight = w.data[(o * depth + c) * elements(window.kernel) + tap];
          if (weight !== 0) addRows(sums, out, x.data, plane, input, window, ky, kx, weight);
        });
      }
      y.data.set(sums, (n * outputs + o) * sums.length);
    }
  }
  return [y];
};

function eachTap({ kernel }: Window, visit: (ky: number, kx: number, tap: number) => void): void {
  const [height, width] = two(kernel, 1);
  for (let ky = 0, tap = 0; ky < height; ky++) {
    for (let kx = 0; kx < width; kx++, tap++) visit(ky, kx, tap);
  }
}

/** sums[y][x] += weight * input[y stride + ky dilation - top][x stride + kx dilation - left] where that is inside */
function addRows(
  sums: Float64Array,
  out: Planes,
  data: ArrayLike<number>,
  plane: number,
  input: Planes,
  window: Window,
  ky: number,
  kx: number,
  weight: number,
): void {
  const [down, right] = two(window.strides, 1);
  const row = ky * two(window.dilations, 1)[0] - two(window.before, 0)[0];
  const column = kx * two(window.dilations, 1)[1] - two(window.before, 0)[1];
  const first = Math.max(0, Math.ceil(-column / right));
  const last = Math.min(out.width, Math.floor((input.width - 1 - column) / right) + 1);
  for (let y = 0; y < out.height; y++) {
    const from = y * down + row;
    if (from < 0 || from >= input.height) continue;
    const base = plane + from * input.width + column;
    for (let x = first; x < last; x++) sums[y * out.width + x] += weight * data[base + x * right];
  }
}

/** Each input value, times the kernel, is added where the convolution of that window would have read. */
const convTranspose: Operator = (call) => {
  const { x, w, bias, groups } = operands(call);
  const window = transposedWindowOf(call.node, spaceOf(call, x.dims), w.dims.slice(2));
  const input = planesOf(x.dims);
  expectNode(w.dims[0] === input.channels, call.node, `${input.channels} input channels`, w.dims[0], "input[1]");
  const perGroup = w.dims[1];
  const y = make(call, x.type, [input.batch, perGroup * groups, ...window.output]);
  const out = planesOf(y.dims);
  const sums = new Float64Array(y.data.length);
  checkWork(call, x.data.length * perGroup * elements(window.kernel));
  const size = out.height * out.width;
  const [down, right] = two(window.strides, 1);
  const [dy, dx] = two(window.dilations, 1);
  const [top, left] = two(window.before, 0);
  for (let n = 0; n < input.batch; n++) {
    for (let c = 0; c < input.channels; c++) {
      const group = Math.floor(c / (input.channels / groups));
      for (let o = 0; o < perGroup; o++) {
        const plane = (n * out.channels + group * perGroup + o) * size;
        eachTap(window, (ky, kx, tap) => {
          const weight = w.data[(c * perGroup + o) * elements(window.kernel) + tap];
          for (let i = 0; i < input.height * input.width; i++) {
            const row = Math.floor(i / input.width) * down + ky * dy - top;
            const column = (i % input.width) * right + kx * dx - left;
            if (row < 0 || row >= out.height || column < 0 || column >= out.width) continue;
            const value = x.data[(n * input.channels + c) * input.height * input.width + i];
            sums[plane + row * out.width + column] += weight * value;
          }
        });
      }
    }
  }
  for (let i = 0; i < sums.length; i++) y.data[i] = sums[i] + (bias?.data[Math.floor(i / size) % out.channels] ?? 0);
  return [y];
};

const batchNormalization: Operator = (call) => {
  const [x, gamma, beta, mean, variance] = [0, 1, 2, 3, 4].map((i) => required(call, i));
  const { node } = call;
  if (node.attributes.int("training_mode", 0) !== 0) throw unsupported(node, "training_mode 1");
  if (node.attributes.int("spatial", 1) !== 1) throw unsupported(node, "spatial 0");
  const epsilon = node.attributes.float("epsilon", 1e-5);
  const channels = x.dims[1];
  for (const value of [gamma, beta, mean, variance]) {
    expectNode(value.data.length === channels, node, `${channels} values`, value.data.length);
  }
  const plane = elements(x.dims.slice(2));
  const y = make(call, x.type, x.dims);
  for (let i = 0; i < y.data.length; i++) {
    const c = Math.floor(i / plane) % channels;
    const deviation = Math.sqrt(variance.data[c] + epsilon);
    y.data[i] = (gamma.data[c] * (x.data[i] - mean.data[c])) / deviation + beta.data[c];
  }
  return [y];
};

export const CONVOLUTIONS: Readonly<Record<string, Operator>> = {
  BatchNormalization: batchNormalization,
  Conv: conv,
  ConvTranspose: convTranspose,
};
