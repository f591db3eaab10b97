// draft.ts: the network while it grows out of a model's nodes.

import { ShiftwiseError } from "../base/index.js";
import { type Encoding, elements, type Node, type Shape, sameShape, type Tensor, type Unnamed } from "../ops/index.js";
import type { Budget } from "./budget.js";
import { checkSize, type ElementType, type Value } from "./tensor.js";

/**
 * A value that depends on the input: the tensor of a node, read as an array of ONNX's dimensions. The node's own shape
 * may group the same elements otherwise: row-major they are the same list.
 */
export interface Activation {
  readonly node: string;
  /** With the batch, which is 1. */
  readonly dims: readonly number[];
  /** The type of integers. Absent: floats. */
  readonly type?: ElementType;
  /** The quantization of integers that QuantizeLinear makes: the node has the floats that they stand for, which nothing rounded. */
  readonly quantization?: Quantization;
}

/** Floats as integers: q = round(x / scale) + zero, held to the range. */
export interface Quantization {
  /** One, or one for each place along the axis. */
  readonly scale: Value;
  readonly zero: Value | null;
  readonly axis: number;
  readonly range: readonly [low: number, high: number];
}

/** The scales that each image has of its own, which numbers lack: what is meant are the numbers times these scales. */
export interface OwnScales {
  /** The scales, by the node that finds them, and their powers. */
  readonly powers: ReadonlyMap<string, number>;
  /** Integers from which the zero point of this node is to be taken, or that zero point itself. */
  readonly zero?: string;
}

/** A value while it is converted. */
export type Known = (Value | Activation) & { readonly ownScales?: OwnScales };

export function isActivation(known: Known | null | undefined): known is Activation {
  return known !== null && known !== undefined && "node" in known;
}

export interface Draft {
  /** Adds a node, under a name made from `name`, which says what ONNX calls its result. */
  add(name: string, node: Unnamed, shape: Shape): string;
  /** A node that is there; the one it replaces keeps its name. */
  get(name: string): Node;
  replace(node: Node): void;
  shapeOf(name: string): Shape;
  /** The activation's elements as a tensor of this shape. */
  shaped(activation: Activation, shape: Shape): string;
  /** The numbers of a constant as a parameter that nothing else shares. */
  parameter(value: Value, shape: readonly number[]): Tensor;
  /** A parameter with a value for each of its places. */
  filled(shape: readonly number[], value: (i: number) => number): Tensor;
  /** Counts the nodes and outputs of the model that read a value. */
  readers(value: string): number;
  /** Counts one more reader of each of these. */
  read(values: readonly string[]): void;
  /** Notes that a value of the model is what a node makes; several values may be, as behind an Identity. */
  denote(value: string, node: string): void;
  /** Notes how the file rounds what a node makes; said twice, the first counts. */
  encode(node: string, encoding: Encoding): void;
  /** Tells whether each value that is what the node makes has at most one reader, so that nothing else sees it change. */
  isAlone(node: string): boolean;
}

/** The channels, rows and columns that dimensions stand for: without the batch; a vector is [n, 1, 1]. */
export function shapeFor(dims: readonly number[]): Shape {
  const [a = 1, b = 1, ...rest] = dims.length > 1 && dims[0] === 1 ? dims.slice(1) : dims;
  return [a, b, elements(rest)];
}

/** Whether a file may hold the name: 1 to 200 printable characters. */
export function isPrintable(name: string): boolean {
  return /^[^\p{Cc}\p{Cs}]{1,200}$/u.test(name) && name !== "__proto__";
}

/** The name as a file may hold it, with room for a number behind it. */
export function printableName(wanted: string): string {
  const printable = wanted.replace(/[\p{Cc}\p{Cs}]/gu, "");
  const short = printable.length > 180 ? [...printable].slice(0, 180).join("") : printable;
  return isPrintable(short) ? short : "node";
}

/** A draft with nothing in it. @param readers how many read each of the model's values */
export function createDraft(
  readers: Map<string, number>,
  budget: Budget,
): { draft: Draft; nodes: () => Node[]; encodings: ReadonlyMap<string, Encoding> } {
  const nodes = new Map<string, Node>();
  const shapes = new Map<string, Shape>();
  const reshaped = new Map<string, string>();
  const used = new Set<Value["data"]>();
  const alone = new Map<string, boolean>();
  const counts = new Map<string, number>();
  const encodings = new Map<string, Encoding>();
  const unique = (wanted: string): string => {
    const base = printableName(wanted);
    let name = base;
    let count = counts.get(base) ?? 1;
    while (nodes.has(name)) name = `${base}.${++count}`;
    counts.set(base, count);
    return name;
  };
  const draft: Draft = {
    add(wanted, node, shape) {
      checkSize(shape, `value ${wanted}`);
      if (elements(shape) === 0) {
        const details = { where: `value ${wanted}`, expected: "at least one", found: shape.join("x") };
        throw new ShiftwiseError("UNSUPPORTED", "a value without elements that depends on the input", details);
      }
      const name = unique(wanted);
      nodes.set(name, { ...node, name } as Node);
      shapes.set(name, shape);
      return name;
    },
    get: (name) => nodes.get(name)!,
    replace(node) {
      nodes.set(node.name, node);
    },
    shapeOf: (name) => shapes.get(name)!,
    shaped(activation, shape) {
      const { node } = activation;
      const own = shapes.get(node)!;
      if (sameShape(own, shape)) return node;
      const key = `${shape.join("x")} ${node}`;
      const known = reshaped.get(key);
      if (known !== undefined) return known;
      const name = draft.add(
        `${node}.reshaped`,
        { op: "permute", input: node, dims: own, order: [0, 1, 2], shape },
        shape,
      );
      reshaped.set(key, name);
      return name;
    },
    parameter(value, shape) {
      const count = elements(shape);
      if (value.data.length !== count) {
        throw new ShiftwiseError("BAD_GRAPH", "constant of the wrong size", {
          expected: count,
          found: value.data.length,
        });
      }
      const shared = used.has(value.data);
      used.add(value.data);
      if (value.data instanceof Float32Array && !shared) return { shape, data: value.data };
      budget.spend(count);
      return { shape, data: new Float32Array(value.data) };
    },
    filled(shape, value) {
      budget.spend(elements(shape));
      const data = new Float32Array(elements(shape));
      for (let i = 0; i < data.length; i++) data[i] = value(i);
      return { shape, data };
    },
    readers: (value) => readers.get(value) ?? 0,
    read(values) {
      for (const value of values) readers.set(value, draft.readers(value) + 1);
    },
    denote(value, node) {
      alone.set(node, (alone.get(node) ?? true) && draft.readers(value) <= 1);
    },
    encode(node, encoding) {
      if (!encodings.has(node)) encodings.set(node, encoding);
    },
    isAlone: (node) => alone.get(node) ?? true,
  };
  return { draft, nodes: () => [...nodes.values()], encodings };
}
