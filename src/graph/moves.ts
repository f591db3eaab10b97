// moves.ts: makes one gather or slice of moves behind each other that only pick planes, rows and columns: channel shuffles,
// halves of channels, as exporters write them with reshapes, orders of axes and slices.
import { elements, gatheredPlaces, type Node, type NodeOf, permutedPlaces, type Shape } from "../ops/index.js";
import { liveNodes } from "./chains.js";
import type { Network } from "./network.js";
import { inferShapes } from "./shapes.js";

/** Moves with more elements are left as they are, and so is what comes when all together have had so many. */
const ELEMENTS_MAX = 2 ** 20;
const TOTAL_MAX = 2 ** 24;

/** The place in another tensor that every element of a tensor comes from. */
interface Origin {
  readonly root: string;
  readonly places: Int32Array;
}

/**
 * Replaces each end of two or more moves in a row by one gather or slice of what they begin with, where every axis of the
 * result picks indices of the same axis. Outputs keep their names.
 * @internal
 */
export function joinMoves(network: Network): Network {
  if (network.nodes.filter(isMove).length < 2) return network;
  const shapes = inferShapes(network);
  const moves = new Map<string, Move>();
  // of moves that others read, and once for all of them
  const origins = new Map<string, Origin>();
  let spent = 0;
  const originOf = (move: Move): Origin => {
    const [own, shape] = [shapes.get(move.input)!, shapes.get(move.name)!];
    const places = placesOf(move, own, shape);
    const source = moves.get(move.input);
    if (!source) return { root: move.input, places };
    const before = origins.get(source.name) ?? originOf(source);
    origins.set(source.name, before);
    for (let i = 0; i < places.length; i++) places[i] = before.places[places[i]];
    return { root: before.root, places };
  };
  const nodes = network.nodes.map((node): Node => {
    const size = elements(shapes.get(node.name)!);
    if (!isMove(node) || size > ELEMENTS_MAX || spent + size > TOTAL_MAX) return node;
    spent += size;
    moves.set(node.name, node);
    if (!moves.has(node.input)) return node;
    const origin = originOf(node);
    return picked(node.name, origin, shapes.get(origin.root)!, shapes.get(node.name)!) ?? node;
  });
  return { ...network, nodes: liveNodes(nodes, network.outputs) };
}

type Move = NodeOf<"gather" | "permute" | "slice">;

/** Whether a node hands on elements of its input, and nothing else. */
function isMove(node: Node): node is Move {
  if (node.op === "gather") return [node.channels, node.rows, node.columns].every((list) => !list.includes(-1));
  return node.op === "permute" || node.op === "slice";
}

/** The place in the input, of the shape `own`, that every element of the result comes from. */
function placesOf(node: Move, own: Shape, shape: Shape): Int32Array {
  if (node.op === "permute") return permutedPlaces(node);
  if (node.op === "gather") return gatheredPlaces(node, own);
  const along = (axis: 0 | 1 | 2): readonly number[] =>
    Array.from({ length: shape[axis] }, (_, i) => node.start[axis] + i * node.step[axis]);
  return gatheredPlaces({ channels: along(0), rows: along(1), columns: along(2) }, own);
}

/** One node that picks the places from what has the shape `own`; null where they are not the same for every axis. */
function picked(name: string, { root, places }: Origin, own: Shape, shape: Shape): Node | null {
  const [height, width] = [own[1], own[2]];
  const [plane, row] = [shape[1] * shape[2], shape[2]];
  const list = (length: number, stride: number, indexOf: (place: number) => number): number[] =>
    Array.from({ length }, (_, i) => indexOf(places[i * stride]));
  const channels = list(shape[0], plane, (place) => Math.floor(place / (height * width)));
  const rows = list(shape[1], row, (place) => Math.floor(place / width) % height);
  const columns = list(shape[2], 1, (place) => place % width);
  const same = places.every((place, i) => {
    const [c, y, x] = [channels[Math.floor(i / plane)], rows[Math.floor(i / row) % shape[1]], columns[i % row]];
    return place === (c * height + y) * width + x;
  });
  if (!same) return null;
  const steps = [channels, rows, columns].map(stepOf);
  if (steps.includes(null)) return { op: "gather", name, input: root, channels, rows, columns, value: 0 };
  const triple = (value: (list: readonly number[], step: number) => number): Shape => {
    const [c, y, x] = [channels, rows, columns].map((given, axis) => value(given, steps[axis]!));
    return [c, y, x];
  };
  const [start, stop] = [triple(([first]) => first), triple((given) => given.at(-1)! + 1)];
  return { op: "slice", name, input: root, start, stop, step: triple((_, step) => step) };
}

/** The step from each index to the next, 1 or more; null where they differ. */
function stepOf(list: readonly number[]): number | null {
  const step = list.length > 1 ? list[1] - list[0] : 1;
  return step >= 1 && list.every((index, i) => index === list[0] + i * step) ? step : null;
}
