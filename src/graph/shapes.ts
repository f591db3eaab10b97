// shapes.ts: the shape of every tensor of a network, checking on the way that its nodes fit together.
<<<<<<< HEAD
import { at, type Check, checker } from "../format/index.js";
import { elements, NODES, type Node, nodeInputs, nodeKind, type Shape } from "../ops/index.js";
import type { Network } from "./network.js";
=======
import {
  broadcastShape,
  convOutputShape,
  type ErrorCode,
  elements,
  emptyWindow,
  fields,
  type Shape,
  ShiftwiseError,
  sameShape,
} from "../format/index.js";
import type { Network, Node, Tensor } from "./network.js";

/** The tensors that a node reads. */
export function nodeInputs(node: Node): readonly string[] {
  if ("inputs" in node) return node.inputs;
  return "input" in node ? [node.input] : [];
}
>>>>>>> main

/** The nodes that read each tensor that a node makes; one that reads it twice stands there twice. */
export function readersOf(nodes: readonly Node[]): ReadonlyMap<string, readonly Node[]> {
  const readers = new Map<string, Node[]>(nodes.map((node) => [node.name, []]));
  for (const node of nodes) for (const name of nodeInputs(node)) readers.get(name)?.push(node);
  return readers;
}

/** Makes the check of one node; the places of its fields stand behind a dot. */
export function nodeChecker(name: string, file: string): Check {
  const check = checker("", "invalid network");
  const where = at(file, `node ${name}`);
  return (ok, place, expected, found, code) => check(ok, place ? `${where}.${place}` : where, expected, found, code);
}

/**
 * Shapes of all tensors by node name.
 * @param file name for error messages
 * @throws BAD_GRAPH where a kind or name is unknown, a name is used twice, nodes are not in topological order, or sizes do
 *   not fit
 */
export function inferShapes(network: Network, file = ""): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const node of network.nodes) {
    const check: Check = nodeChecker(node.name, file);
    check(Object.hasOwn(NODES, node.op), "", `a kind of node: ${Object.keys(NODES).join(", ")}`, node.op);
    check(!shapes.has(node.name), "", "a name not used before", node.name);
    const inputs = nodeInputs(node).map((name) => {
      const shape = shapes.get(name);
      check(shape !== undefined, "", "inputs from earlier nodes", name);
      return shape;
    });
    const shape = nodeKind(node).shape(node, inputs, check);
    const ok = shape.every((n) => Number.isInteger(n) && n >= 1) && elements(shape) <= 0x7fffffff;
    check(ok, "", "an output of positive size below 2^31", shape);
    shapes.set(node.name, shape);
  }
  return shapes;
}
<<<<<<< HEAD
=======

function outputShape(node: Node, inputs: readonly Shape[], where: string): Shape {
  const [input] = inputs;
  switch (node.op) {
    case "input":
      check(node.shape.length === 3, where, "3 dimensions", node.shape);
      return node.shape;
    case "conv": {
      const { weight, groups } = node;
      window(node, [...node.padding, ...node.dilation.map((d) => d - 1)], where);
      check(weight.shape.length === 4, `${where}.weight`, "4 dimensions", weight.shape);
      const [outputs, depth, ...kernel] = weight.shape;
      const fits = Number.isInteger(groups) && groups >= 1 && outputs % groups === 0 && depth * groups === input[0];
      check(fits, `${where}.weight`, `input channels ${input[0]} = ${groups} groups of ${depth}`, weight.shape);
      vector(node.bias, outputs, `${where}.bias`);
      return convOutputShape(input, outputs, { ...node, kernel: [kernel[0], kernel[1]] });
    }
    case "dense": {
      const [outputs, depth] = node.weight.shape;
      const fits = node.weight.shape.length === 2 && depth === elements(input);
      check(fits, `${where}.weight`, `(outputs, ${elements(input)})`, node.weight.shape);
      vector(node.bias, outputs, `${where}.bias`);
      return [outputs, 1, 1];
    }
    case "batchNorm":
      for (const [field, tensor] of nodeParameters(node)) vector(tensor, input[0], `${where}.${field}`);
      return input;
    case "maxPool": {
      const { kernel, padding, dilation = [1, 1] } = node;
      window(node, [...padding, ...dilation.map((d) => d - 1)], where);
      const inside = padding.every((p, i) => p < kernel[i % 2]);
      check(inside, `${where}.padding`, `less than the kernel ${kernel.join("x")}`, padding);
      const output = convOutputShape(input, input[0], node);
      for (const axis of [0, 1] as const) {
        const empty = output[1 + axis] < 1 ? -1 : emptyWindow(input, node, axis);
        const found = `padding alone under output ${axis === 0 ? "row" : "column"} ${empty}`;
        check(empty < 0, `${where}.padding`, "windows that meet the plane", found);
      }
      return output;
    }
    case "avgPool":
      window(node, [], where);
      return convOutputShape(input, input[0], node);
    case "globalAvgPool":
      return [input[0], 1, 1];
    case "relu":
    case "leakyRelu":
    case "activation":
    case "softmax":
    case "dropout":
    case "quantize":
      return input;
    case "binary": {
      check(inputs.length === 2, where, "two inputs", inputs.length);
      const shape = broadcastShape(inputs[0], inputs[1]);
      check(shape !== null, where, `a shape that meets ${input.join("x")}`, inputs[1].join("x"));
      return shape;
    }
    case "constant": {
      const { shape } = node.value;
      check(shape.length === 3, `${where}.value`, "3 dimensions", shape);
      return [shape[0], shape[1], shape[2]];
    }
    case "gather":
      for (const [axis, field] of (["channels", "rows", "columns"] as const).entries()) {
        const bad = node[field].findIndex((n) => !(Number.isInteger(n) && n >= -1 && n < input[axis]));
        check(bad < 0, `${where}.${field}[${bad}]`, `an integer in -1..${input[axis] - 1}`, node[field][bad]);
      }
      return [node.channels.length, node.rows.length, node.columns.length];
    case "permute": {
      const { dims, order, shape } = node;
      const sizes = dims.length >= 1 && dims.length <= 8 && dims.every((n) => Number.isInteger(n) && n >= 1);
      check(sizes, `${where}.dims`, "1 to 8 positive integers", dims);
      const counts = [elements(dims), elements(shape)];
      check(
        counts.every((n) => n === elements(input)),
        where,
        `dims and shape of ${elements(input)} elements`,
        counts,
      );
      const axes = order.toSorted((a, b) => a - b);
      check(sameShape(axes, [...dims.keys()]), `${where}.order`, `the axes 0..${dims.length - 1}`, order);
      return shape;
    }
    case "resample":
      check(node.shape[0] === input[0], `${where}.shape`, `${input[0]} channels`, node.shape);
      for (const [axis, field] of [
        [1, "rows"],
        [2, "columns"],
      ] as const) {
        const { indices, weights } = node[field];
        const whole =
          indices.length === weights.length && indices.length > 0 && indices.length % node.shape[axis] === 0;
        check(whole, `${where}.${field}`, `the same number of taps for ${node.shape[axis]} places`, indices.length);
        const inside = indices.every((n) => Number.isInteger(n) && n >= 0 && n < input[axis]);
        check(inside, `${where}.${field}.indices`, `integers in 0..${input[axis] - 1}`, indices);
      }
      return node.shape;
    case "pad": {
      const { channels, rows, columns } = node;
      const widths = [channels, rows, columns];
      const ok = widths.every((pair) => pair.length === 2 && pair.every((n) => Number.isInteger(n) && n >= 0));
      check(ok, where, "channels, rows and columns: two integers >= 0 each", widths);
      return [input[0] + channels[0] + channels[1], input[1] + rows[0] + rows[1], input[2] + columns[0] + columns[1]];
    }
    case "slice": {
      const { start, stop, step } = node;
      const along = (axis: 0 | 1 | 2): number => {
        const [from, to, by, size] = [start[axis], stop[axis], step[axis], input[axis]];
        const ok = [from, to, by].every(Number.isInteger) && from >= 0 && from < to && to <= size && by >= 1;
        check(ok, where, `0 <= start < stop <= ${size} and step >= 1`, [from, to, by]);
        return Math.ceil((to - from) / by);
      };
      return [along(0), along(1), along(2)];
    }
    case "add":
      check(inputs.length === 2, where, "two inputs", inputs.length);
      check(sameShape(inputs[0], inputs[1]), where, `shape ${input.join("x")}`, inputs[1].join("x"));
      return input;
    case "concat": {
      check(inputs.length > 0, where, "at least one input", 0);
      for (const [, height, width] of inputs) {
        check(height === input[1] && width === input[2], where, `${input[1]}x${input[2]}`, `${height}x${width}`);
      }
      return [inputs.reduce((sum, [channels]) => sum + channels, 0), input[1], input[2]];
    }
  }
}

/** Kernel and stride are integers >= 1, the other numbers >= 0. */
function window(
  node: { kernel?: readonly number[]; stride: readonly number[] },
  rest: readonly number[],
  where: string,
): void {
  const positive = [...(node.kernel ?? []), ...node.stride];
  check(
    positive.every((n) => Number.isInteger(n) && n >= 1),
    where,
    "kernel and stride >= 1",
    positive,
  );
  check(
    rest.every((n) => Number.isInteger(n) && n >= 0),
    where,
    "padding >= 0 and dilation >= 1",
    rest,
  );
}

function vector(tensor: Tensor | null, length: number, where: string): void {
  if (tensor) check(sameShape(tensor.shape, [length]), where, `${length} values`, tensor.shape);
}
>>>>>>> main
