// window.ts: kernel, strides, dilations and padding of a sliding window, with automatic padding worked out.
import type { OnnxNode } from "../model.js";
import { checkAxis, expectNode, unsupported } from "./call.js";

/** One entry for each axis of space. */
export interface Window {
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

function listOf(node: OnnxNode, name: string, length: number, otherwise: number, low: number): readonly number[] {
  const list = node.attributes.ints(name, new Array<number>(length).fill(otherwise));
  expectNode(list.length === length, node, `${length} integers`, list, name);
  const ok = list.every((n) => Number.isInteger(n) && n >= low && n <= NUMBER_MAX);
  expectNode(ok, node, `integers in ${low}..${NUMBER_MAX}`, list, name);
  return list;
}

/** What all windows share. `kernel` null: it is in the attribute. */
function attributesOf(node: OnnxNode, rank: number, kernel: readonly number[] | null) {
  const shape = kernel ?? listOf(node, "kernel_shape", rank, 0, 1);
  if (kernel && node.attributes.has("kernel_shape")) {
    const declared = node.attributes.ints("kernel_shape", []);
    const same = declared.length === rank && declared.every((n, i) => n === kernel[i]);
    expectNode(same, node, `the weight's ${kernel.join("x")}`, declared, "kernel_shape");
  }
  expectNode(
    shape.every((n) => n >= 1),
    node,
    "a kernel of size 1 or more",
    shape,
    "kernel_shape",
  );
  const pads = listOf(node, "pads", 2 * rank, 0, 0);
  const auto = node.attributes.string("auto_pad", "NOTSET");
  const known = ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].includes(auto);
  if (!known) throw unsupported(node, `auto_pad ${auto}`);
  return {
    kernel: shape,
    strides: listOf(node, "strides", rank, 1, 1),
    dilations: listOf(node, "dilations", rank, 1, 1),
    pads,
    auto,
  };
}

/**
 * The window of Conv, MaxPool or AveragePool.
 *   output = floor or ceil((input + padding - dilation (kernel - 1) - 1) / stride) + 1
 * @param space sizes of the input's axes of space
 */
export function windowOf(node: OnnxNode, space: readonly number[], kernel: readonly number[] | null): Window {
  const rank = space.length;
  const { kernel: shape, strides, dilations, pads, auto } = attributesOf(node, rank, kernel);
  const up = node.attributes.int("ceil_mode", 0) !== 0;
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
export function transposedWindowOf(node: OnnxNode, space: readonly number[], kernel: readonly number[]): Window {
  const rank = space.length;
  const { strides, dilations, pads, auto } = attributesOf(node, rank, kernel);
  const extra = listOf(node, "output_padding", rank, 0, 0);
  const given = node.attributes.has("output_shape") ? listOf(node, "output_shape", rank, 0, 1) : null;
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
