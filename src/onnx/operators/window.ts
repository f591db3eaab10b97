// window.ts: kernel, strides, dilations and padding of a sliding window, with automatic padding worked out.
import { elements } from "../../ops/index.js";
import type { OnnxNode } from "../model.js";
import { range } from "./arrays.js";
import { type Bare, type Call, checkAxis, expectNode, unsupported } from "./call.js";
import { choice, ints, type ValuesOf } from "./spec.js";

/** The attributes that all windows share. */
export const WINDOW = {
  auto_pad: choice("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"),
  dilations: ints(),
  kernel_shape: ints(),
  pads: ints(),
  strides: ints(),
};
type WindowValues = ValuesOf<typeof WINDOW>;
/** The attributes of a transposed convolution. */
export const TRANSPOSED_WINDOW = { ...WINDOW, output_padding: ints(), output_shape: ints() };
type TransposedValues = ValuesOf<typeof TRANSPOSED_WINDOW>;

/** One entry for each axis of space. */
export interface SpatialWindow {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before and behind; what a rounded-up size needs beyond them is not in here. */
  readonly before: readonly number[];
  readonly behind: readonly number[];
  readonly output: readonly number[];
}

/** Kernels, strides, paddings and dilations beyond this are mistakes, and would take long to walk through. */
const NUMBER_MAX = 2 ** 16;

/** The axes of space of an input (batch, channels, ...). */
export function spaceOf({ node }: Bare, dims: readonly number[]): readonly number[] {
  const space = dims.slice(2);
  expectNode(space.length >= 1, node, "an input (batch, channels, ...)", dims);
  if (space.length > 2) {
    const what = "images have two: take outputs before it, or slices in place of volumes";
    throw unsupported(node, `windows over ${space.length} axes of space are not run, ${what}`);
  }
  return space;
}

/**
 * A pool over more than two axes of space, as one over two: axes along which its windows are single places join the channels
 * before them, or each other. As it is where that leaves more than two.
 * @param dims of the input
 */
export function flatPool<C extends Call<WindowValues>>(
  call: C,
  dims: readonly number[],
): { call: C; dims: readonly number[] } {
  const rank = dims.length - 2;
  if (rank <= 2) return { call, dims };
  const { kernel, strides, dilations, pads } = attributesOf(call, rank, null);
  const isSingle = range(rank).map((i) => kernel[i] === 1 && strides[i] === 1 && pads[i] + pads[rank + i] === 0);
  const first = isSingle.indexOf(false);
  const groups: number[][] = [];
  // where nothing is pooled, all axes are channels but one
  for (let i = first < 0 ? rank - 1 : first; i < rank; i++) {
    const group = groups.at(-1);
    const joins = group && isSingle[i] && (isSingle[group[0]] || dims[2 + i] === 1);
    if (joins) group.push(i);
    else groups.push([i]);
  }
  if (groups.length > 2) return { call, dims };
  const of = (list: readonly number[], at = 0): number[] => groups.map(([i]) => list[at + i]);
  const attributes = {
    ...call.attributes,
    kernel_shape: of(kernel),
    strides: of(strides),
    dilations: of(dilations),
    pads: [...of(pads), ...of(pads, rank)],
  };
  const channels = elements(dims.slice(1, 2 + groups[0][0]));
  const space = groups.map((axes) => elements(axes.map((i) => dims[2 + i])));
  return { call: { ...call, attributes }, dims: [dims[0], channels, ...space] };
}

/** (vertical, horizontal); one axis of space is that of rows. */
export function pairOf(list: readonly number[], missing: number): readonly [number, number] {
  return [list[0], list[1] ?? missing];
}

/** Padding that gives a window the size of its output, also where that is rounded up. */
export function windowPadding(
  window: SpatialWindow,
  space: readonly number[],
): readonly [number, number, number, number] {
  const behind = window.output.map((count, i) => {
    const reach = (count - 1) * window.strides[i] + window.dilations[i] * (window.kernel[i] - 1) + 1;
    return Math.max(0, reach - space[i] - window.before[i]);
  });
  const [top, left] = pairOf(window.before, 0);
  const [bottom, right] = pairOf(behind, 0);
  return [top, left, bottom, right];
}

/** An entry for each axis, all integers of at least `low`; `otherwise` where the attribute is absent. */
function listOf(
  node: OnnxNode,
  name: string,
  given: readonly number[] | null,
  length: number,
  otherwise: number,
  low: number,
): readonly number[] {
  const list = given ?? new Array<number>(length).fill(otherwise);
  expectNode(list.length === length, node, `${length} integers`, list, name);
  const ok = list.every((n) => Number.isInteger(n) && n >= low && n <= NUMBER_MAX);
  expectNode(ok, node, `integers in ${low}..${NUMBER_MAX}`, list, name);
  return list;
}

/** Reads the attributes that all windows share. `kernel` null: it is in the attribute. */
function attributesOf({ node, attributes }: Call<WindowValues>, rank: number, kernel: readonly number[] | null) {
  const { kernel_shape: declared, auto_pad: auto } = attributes;
  const shape = kernel ?? listOf(node, "kernel_shape", declared, rank, 0, 1);
  if (kernel && declared) {
    const same = declared.length === rank && declared.every((n, i) => n === kernel[i]);
    expectNode(same, node, `the weight's ${kernel.join("x")}`, declared, "kernel_shape");
  }
  const sized = shape.every((n) => n >= 1);
  expectNode(sized, node, "a kernel of size 1 or more", shape, "kernel_shape");
  return {
    kernel: shape,
    strides: listOf(node, "strides", attributes.strides, rank, 1, 1),
    dilations: listOf(node, "dilations", attributes.dilations, rank, 1, 1),
    pads: listOf(node, "pads", attributes.pads, 2 * rank, 0, 0),
    auto,
  };
}

/**
 * The window of Conv, MaxPool or AveragePool.
 *   output = floor or ceil((input + padding - dilation (kernel - 1) - 1) / stride) + 1
 * @param space sizes of the input's axes of space
 * @param up whether the quotient is rounded up
 */
export function windowOf(
  call: Call<WindowValues>,
  space: readonly number[],
  kernel: readonly number[] | null,
  up = false,
): SpatialWindow {
  const { node } = call;
  const rank = space.length;
  const { kernel: shape, strides, dilations, pads, auto } = attributesOf(call, rank, kernel);
  const before: number[] = [];
  const behind: number[] = [];
  const output = space.map((size, i) => {
    const extent = dilations[i] * (shape[i] - 1) + 1;
    let count: number;
    if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
      count = Math.ceil(size / strides[i]);
      const total = Math.max((count - 1) * strides[i] + extent - size, 0);
      const less = Math.floor(total / 2);
      before.push(auto === "SAME_UPPER" ? less : total - less);
      behind.push(total - before[i]);
    } else {
      before.push(auto === "VALID" ? 0 : pads[i]);
      behind.push(auto === "VALID" ? 0 : pads[rank + i]);
      const free = size + before[i] + behind[i] - extent;
      count = (up ? Math.ceil(free / strides[i]) : Math.floor(free / strides[i])) + 1;
      // a window that starts behind the input's end would see padding alone
      if (up && (count - 1) * strides[i] >= size + before[i]) count--;
    }
    checkAxis(node, size, "input[0]");
    expectNode(count >= 1, node, "a window that fits the padded input", `${shape.join("x")} on ${space.join("x")}`);
    return count;
  });
  return { kernel: shape, strides, dilations, before, behind, output };
}

/**
 * The window of ConvTranspose.
 *   output = stride (input - 1) + output padding + dilation (kernel - 1) + 1 - padding
 */
export function transposedWindowOf(
  call: Call<TransposedValues>,
  space: readonly number[],
  kernel: readonly number[],
): SpatialWindow {
  const { node, attributes } = call;
  const rank = space.length;
  const { strides, dilations, pads, auto } = attributesOf(call, rank, kernel);
  const extra = listOf(node, "output_padding", attributes.output_padding, rank, 0, 0);
  const { output_shape: wanted } = attributes;
  const given = wanted && listOf(node, "output_shape", wanted, rank, 0, 1);
  const before: number[] = [];
  const behind: number[] = [];
  const output = space.map((size, i) => {
    checkAxis(node, size, "input[0]");
    checkAxis(node, strides[i] * size, "strides");
    checkAxis(node, dilations[i] * kernel[i], "dilations");
    const whole = strides[i] * (size - 1) + extra[i] + dilations[i] * (kernel[i] - 1) + 1;
    const same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
    if (!given && !same) {
      before.push(auto === "VALID" ? 0 : pads[i]);
      behind.push(auto === "VALID" ? 0 : pads[rank + i]);
      const count = whole - before[i] - behind[i];
      expectNode(count >= 1, node, "padding smaller than the result", pads, "pads");
      return count;
    }
    const count = given ? given[i] : size * strides[i];
    // negative where the output is to be longer: what no input reaches comes last
    const total = whole - count;
    const half = Math.floor(Math.max(total, 0) / 2);
    before.push(auto === "SAME_UPPER" ? half : Math.max(total, 0) - half);
    behind.push(total - before[i]);
    return count;
  });
  return { kernel, strides, dilations, before, behind, output };
}
