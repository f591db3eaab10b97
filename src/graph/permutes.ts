// permutes.ts: takes out what only turns a tensor round and back, as token networks do around each dense layer: orders of axes
// behind each other are one, and functions of single elements go before them.
import {
  elements,
  type Node,
  type NodeOf,
  type PermuteNode,
  rewire,
  sameShape,
  simplifiedOrder,
} from "../ops/index.js";
import { liveNodes } from "./chains.js";
import type { Network } from "./network.js";
import { inferShapes, readersOf } from "./shapes.js";

/** An order of axes: axis i of the result is axis order[i] of an array of `dims`. */
interface Order {
  readonly dims: readonly number[];
  readonly order: readonly number[];
}

/** Most axes of a permute. */
const AXES_MAX = 8;

/**
 * Makes one permute of those behind each other, none of two that cancel out, and moves functions of one tensor, element by
 * element, before a permute that nothing else reads. Outputs keep their names.
 * @internal
 */
export function joinPermutes(network: Network): Network {
  if (!network.nodes.some(({ op }) => op === "permute")) return network;
  const shapes = inferShapes(network);
  const outputs = new Set(network.outputs);
  const readers = readersOf(network.nodes);
  const made = new Map<string, Node>();
  const instead = new Map<string, string>();
  const names = new Set(network.nodes.map(({ name }) => name));
  const put = (node: Node): void => {
    made.set(node.name, node);
  };
  for (const given of network.nodes) {
    const node = rewire(given, (name) => instead.get(name) ?? name);
    const source = "input" in node ? made.get(node.input) : undefined;
    if (source?.op !== "permute") {
      put(node);
      continue;
    }
    if (node.op === "permute") {
      const joined = afterEachOther(source, node);
      const input = shapes.get(source.input)!;
      const nothing = joined !== null && simplifiedOrder(joined.dims, joined.order).places.length <= 1;
      if (nothing && sameShape(input, node.shape) && !outputs.has(node.name)) instead.set(node.name, source.input);
      else put(joined ? { ...node, ...joined, input: source.input } : node);
      continue;
    }
    const isAlone = readers.get(source.name)?.length === 1 && !outputs.has(source.name);
    if (isAlone && isFunction(node)) {
      // the permute takes the function's name, and the function one beside it
      let name = `${node.name}.before`;
      while (names.has(name)) name += "+";
      names.add(name);
      shapes.set(name, shapes.get(source.input)!);
      put({ ...node, name, input: source.input });
      put({ ...source, name: node.name, input: name });
    } else put(node);
  }
  return { ...network, nodes: liveNodes([...made.values()], network.outputs) };
}

/** Whether a node is a function of every element of its one input. */
function isFunction(node: Node): node is NodeOf<"activation" | "elementwise" | "relu" | "leakyRelu"> {
  return ["activation", "elementwise", "relu", "leakyRelu"].includes(node.op);
}

/** One order for two, the second of which reads the first one's result as other dimensions; null where none is. */
function afterEachOther(first: PermuteNode, then: PermuteNode): Order | null {
  const middle = first.order.map((axis) => first.dims[axis]);
  const parts = commonParts(middle, then.dims);
  if (!parts) return null;
  // the parts of each axis of the first array, and where each part of the middle one lies among them
  const places = new Map<number, number>();
  const dims: number[] = [];
  for (const axis of first.dims.keys()) {
    for (const part of parts.ofFirst[first.order.indexOf(axis)]) {
      places.set(part, dims.length);
      dims.push(parts.sizes[part]);
    }
  }
  const order = then.order.flatMap((axis) => parts.ofSecond[axis].map((part) => places.get(part)!));
  const { lengths, places: simple } = simplifiedOrder(dims, order);
  if (lengths.length > AXES_MAX) return null;
  return lengths.length === 0 ? { dims: [elements(dims)], order: [0] } : { dims: lengths, order: simple };
}

/** Sizes of which both lists of dimensions are made, and which of them each dimension has; null where there are none. */
function commonParts(first: readonly number[], second: readonly number[]) {
  const sizes: number[] = [];
  const ofFirst: number[][] = first.map(() => []);
  const ofSecond: number[][] = second.map(() => []);
  const [left, right] = [[...first], [...second]];
  let [i, k] = [0, 0];
  while (i < left.length && k < right.length) {
    const size = Math.min(left[i], right[k]);
    if (left[i] % size !== 0 || right[k] % size !== 0) return null;
    ofFirst[i].push(sizes.length);
    ofSecond[k].push(sizes.length);
    sizes.push(size);
    left[i] /= size;
    right[k] /= size;
    const [done, through] = [left[i] === 1, right[k] === 1];
    if (done) i++;
    if (through) k++;
  }
  return { sizes, ofFirst, ofSecond };
}
