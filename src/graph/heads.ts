// heads.ts: the first nodes of networks that scale pixels by themselves, such as (x / 255 - mean) / deviation, made one.
import {
  type BatchNormNode,
  type ElementwiseNode,
  type Node,
  type NodeOf,
  nodeInputs,
  type Shape,
  type Step,
  sameShape,
} from "../ops/index.js";
import type { Network } from "./network.js";
import { inferShapes, readersOf } from "./shapes.js";

/** A scale and an offset for each channel, or one of each for all. */
interface Affine {
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

const SAME: Affine = { scale: [1], offset: [0] };

/**
 * Makes one batch norm, which is one layer, of the nodes behind an input that only scale and shift each channel. A single number
 * for all channels is left alone: a function of one tensor is a table already. It is for lowering: training would take the norm's
 * statistics for those of images.
 * @internal
 */
export function joinHeads(network: Network): Network {
  const { nodes, outputs } = network;
  if (!nodes.some(({ op }) => op === "binary" || op === "batchNorm")) return network;
  const shapes = inferShapes(network);
  const readers = readersOf(nodes);
  const all = new Map(nodes.map((node) => [node.name, node]));
  const made = new Map<string, Node>();
  const gone = new Set<string>();
  for (const node of nodes) {
    const isFirst = node.op === "input" || (node.op === "quantize" && all.get(node.input)?.op === "input");
    if (!isFirst) continue;
    const head = headBehind(node, all, shapes, (name) => (outputs.includes(name) ? [] : (readers.get(name) ?? [])));
    if (!head) continue;
    made.set(head.norm.name, head.norm);
    for (const name of head.inside) gone.add(name);
  }
  if (made.size === 0) return network;
  return { ...network, nodes: nodes.flatMap((node) => (gone.has(node.name) ? [] : [made.get(node.name) ?? node])) };
}

/** The norm that takes the place of the last node of a head, and the nodes that go; null where there is no head. */
function headBehind(
  first: Node,
  all: ReadonlyMap<string, Node>,
  shapes: ReadonlyMap<string, Shape>,
  readersOf: (name: string) => readonly Node[],
): { readonly norm: BatchNormNode; readonly inside: readonly string[] } | null {
  const shape = shapes.get(first.name)!;
  const inside: string[] = [];
  let last = first.name;
  let whole = SAME;
  for (;;) {
    const [reader, ...others] = readersOf(last);
    if (!reader || others.length > 0 || !sameShape(shapes.get(reader.name)!, shape)) break;
    const next = affineOf(reader, last, all);
    if (!next) break;
    if (last !== first.name) inside.push(last);
    last = reader.name;
    whole = after(whole, next);
  }
  const perChannel = whole.scale.length > 1 || whole.offset.length > 1;
  // a file may state an input of any size: lists as long as its channels come of constants that have as many numbers
  if (inside.length === 0 || !perChannel) return null;
  const [channels] = shape;
  const list = (values: readonly number[]) => Float32Array.from({ length: channels }, (_, c) => values[c] ?? values[0]);
  const [gamma, beta] = [list(whole.scale), list(whole.offset)];
  if (![...gamma, ...beta].every(Number.isFinite)) return null;
  const tensor = (data: Float32Array) => ({ shape: [channels], data });
  const [mean, variance] = [tensor(new Float32Array(channels)), tensor(new Float32Array(channels).fill(1))];
  const still = { mean, variance, epsilon: 0, momentum: 0 };
  const norm = { op: "batchNorm", name: last, input: first.name, gamma: tensor(gamma), beta: tensor(beta) } as const;
  return { norm: { ...norm, ...still }, inside };
}

/** One function after another. */
function after(first: Affine, then: Affine): Affine {
  const length = Math.max(first.scale.length, first.offset.length, then.scale.length, then.offset.length);
  const at = (values: readonly number[], c: number): number => values[c] ?? values[0];
  const list = (of: (c: number) => number): number[] => Array.from({ length }, (_, c) => of(c));
  return {
    scale: list((c) => at(first.scale, c) * at(then.scale, c)),
    offset: list((c) => at(first.offset, c) * at(then.scale, c) + at(then.offset, c)),
  };
}

/** The scaling and shifting of one input that a node is, its others being constants; null where it is more than scaling and shifting. */
function affineOf(node: Node, input: string, all: ReadonlyMap<string, Node>): Affine | null {
  if (node.op === "elementwise") return affineSteps(node);
  if (node.op === "batchNorm") {
    const scale = Array.from(node.gamma.data, (g, c) => g / Math.sqrt(node.variance.data[c] + node.epsilon));
    return { scale, offset: scale.map((s, c) => node.beta.data[c] - s * node.mean.data[c]) };
  }
  if (node.op !== "binary") return null;
  const [other, ...more] = nodeInputs(node).filter((name) => name !== input);
  const constant = other === undefined || more.length > 0 ? undefined : all.get(other);
  if (constant?.op !== "constant") return null;
  const values = channelsOf(constant);
  return values && met(node.fn, SAME, { scale: [0], offset: values }, node.inputs[0] === input);
}

/** A constant's value for each channel, or for all; null where it differs within one. */
function channelsOf({ value: { shape, data } }: NodeOf<"constant">): number[] | null {
  return shape[1] * shape[2] === 1 ? [...data] : null;
}

/** Scales and shifts by a constant, as the functions of two values that can: with the constant second, and first. */
const FUNCTIONS: Partial<Record<string, readonly [(constant: number) => number[], ((constant: number) => number[])?]>> =
  {
    add: [(v) => [1, v], (v) => [1, v]],
    sub: [(v) => [1, -v], (v) => [-1, v]],
    mul: [(v) => [v, 0], (v) => [v, 0]],
    div: [(v) => [1 / v, 0]],
  };

/** Meets x with a constant, which has its values as offsets; null where that is more than scaling and shifting. */
function met(fn: string, x: Affine, { offset }: Affine, isLeft: boolean): Affine | null {
  const made = FUNCTIONS[fn]?.[isLeft ? 0 : 1];
  if (!made) return null;
  const pairs = offset.map(made);
  return after(x, { scale: pairs.map(([scale]) => scale), offset: pairs.map(([, shift]) => shift) });
}

/** The steps as one scale and offset; null where they are more. */
function affineSteps({ steps }: ElementwiseNode): Affine | null {
  const values: (Affine | null)[] = [SAME];
  for (const step of steps) values.push(affineStep(step, values));
  return values.at(-1) ?? null;
}

function affineStep({ fn, of, parameters }: Step, values: readonly (Affine | null)[]): Affine | null {
  if (fn === "constant") return { scale: [0], offset: [...parameters] };
  const [a, b] = of.map((i) => values[i]);
  if (!a || !b) return null;
  const isNumber = ({ scale }: Affine): boolean => scale[0] === 0;
  if (isNumber(b)) return met(fn, a, b, true);
  return isNumber(a) ? met(fn, b, a, false) : null;
}
