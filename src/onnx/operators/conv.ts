// conv.ts: convolution over one or two axes of space.
import { elements, type Shape, type Tensor } from "../../ops/index.js";
import type { Value } from "../tensor.js";
import {
  added,
  type Call,
  type Conversion,
  checkWork,
  expectNode,
  make,
  onlyActivation,
  optional,
  planes,
  required,
} from "./call.js";
import { type Operators, operator } from "./operator.js";
import { int } from "./spec.js";
import { pairOf, type SpatialWindow, spaceOf, WINDOW, windowOf, windowPadding } from "./window.js";

/** A batch of planes; one axis of space is that of rows. */
interface Planes {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export function planesOf([batch, channels, ...space]: readonly number[]): Planes {
  const [height, width] = pairOf(space, 1);
  return { batch, channels, height, width };
}

/** Input, weight and bias of a convolution of constants; the numbers of channels on both sides are multiples of `groups`. */
export function convOperands(call: Call, groups: number): { x: Value; w: Value; bias: Value | null } {
  const [x, w, bias] = [required(call, 0), required(call, 1), optional(call, 2)];
  expectNode(w.dims.length === x.dims.length, call.node, `a weight of ${x.dims.length} dimensions`, w.dims, "input[1]");
  const ok = Number.isInteger(groups) && groups >= 1 && x.dims[1] % groups === 0 && w.dims[0] % groups === 0;
  expectNode(ok, call.node, `a divisor of ${x.dims[1]} and ${w.dims[0]}`, groups, "group");
  return { x, w, bias };
}

/** Calls `visit` with each tap of a kernel. */
export function eachTap({ kernel }: SpatialWindow, visit: (ky: number, kx: number, tap: number) => void): void {
  const [height, width] = pairOf(kernel, 1);
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
  window: SpatialWindow,
  ky: number,
  kx: number,
  weight: number,
): void {
  const [down, right] = pairOf(window.strides, 1);
  const [dy, dx] = pairOf(window.dilations, 1);
  const [top, left] = pairOf(window.before, 0);
  const [row, column] = [ky * dy - top, kx * dx - left];
  const first = Math.max(0, Math.ceil(-column / right));
  const last = Math.min(out.width, Math.floor((input.width - 1 - column) / right) + 1);
  for (let y = 0; y < out.height; y++) {
    const from = y * down + row;
    if (from < 0 || from >= input.height) continue;
    const base = plane + from * input.width + column;
    for (let x = first; x < last; x++) sums[y * out.width + x] += weight * data[base + x * right];
  }
}

/** The input of a convolution in the network, its sizes in space, and a constant kernel with as many axes. */
export function convInput(conversion: Conversion) {
  const space = spaceOf(conversion, onlyActivation(conversion).dims);
  const { dims, shape, input } = planes(conversion);
  const w = required(conversion, 1);
  expectNode(w.dims.length === dims.length, conversion.node, `${dims.length} dimensions`, w.dims, "input[1]");
  return { shape, input, space, w };
}

export function biasOf(conversion: Conversion, outputs: number): Tensor | null {
  const bias = optional(conversion, 2);
  if (!bias) return null;
  expectNode(bias.data.length === outputs, conversion.node, `${outputs} values`, bias.data.length, "input[2]");
  return conversion.draft.parameter(bias, [outputs]);
}

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

export const convolution = operator(
  { ...WINDOW, group: int(1) },
  {
    /** Sums in float64. */
    evaluate(call) {
      const { group } = call.attributes;
      const { x, w, bias } = convOperands(call, group);
      const window = windowOf(call, spaceOf(call, x.dims), w.dims.slice(2));
      const input = planesOf(x.dims);
      const [outputs, depth] = w.dims;
      const fits = depth * group === input.channels;
      expectNode(fits, call.node, `${input.channels / group} input channels`, depth, "input[1]");
      const y = make(call, x.type, [input.batch, outputs, ...window.output]);
      const out = planesOf(y.dims);
      const sums = new Float64Array(out.height * out.width);
      const taps = elements(window.kernel);
      checkWork(call, y.data.length * depth * taps);
      for (let n = 0; n < input.batch; n++) {
        for (let o = 0; o < outputs; o++) {
          sums.fill(bias ? bias.data[o] : 0);
          const first = Math.floor(o / (outputs / group)) * depth;
          for (let c = 0; c < depth; c++) {
            const plane = (n * input.channels + first + c) * input.height * input.width;
            eachTap(window, (ky, kx, tap) => {
              const weight = w.data[(o * depth + c) * taps + tap];
              if (weight !== 0) addRows(sums, out, x.data, plane, input, window, ky, kx, weight);
            });
          }
          y.data.set(sums, (n * outputs + o) * sums.length);
        }
      }
      return [y];
    },
    convert(conversion) {
      const { node, draft, attributes } = conversion;
      const { shape, input, space, w } = convInput(conversion);
      const window = windowOf(conversion, space, w.dims.slice(2));
      const [outputs, depth, ...kernel] = w.dims;
      const groups = attributes.group;
      const ok = groups >= 1 && depth * groups === shape[0] && outputs >= 1 && outputs % groups === 0;
      expectNode(ok, node, `${shape[0]} input channels in ${groups} groups`, w.dims, "input[1]");
      const result: Shape = [outputs, ...pairOf(window.output, 1)];
      const made = {
        op: "conv",
        ...mergedPadding(conversion, input, windowPadding(window, space)),
        weight: draft.parameter(w, [outputs, depth, ...pairOf(kernel, 1)]),
        bias: biasOf(conversion, outputs),
        stride: pairOf(window.strides, 1),
        dilation: pairOf(window.dilations, 1),
        groups,
      } as const;
      return [added(conversion, made, result, [1, outputs, ...window.output])];
    },
  },
);

export const CONVOLUTIONS: Operators = { Conv: convolution };
