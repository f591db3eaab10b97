// shapes.ts: the shape of every tensor of a network, checking on the way that its nodes fit together.
import { described, guarded } from "../base/index.js";
import { at, type Check, checker } from "../format/index.js";
import { elements, NODES, type Node, nodeInputs, nodeKind, type Shape } from "../ops/index.js";
import type { Network } from "./network.js";

/**
 * The nodes that read each tensor that a node makes; one that reads it twice stands there twice.
 * @internal
 */
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
  const details = { where: file, expected: "a Network with its nodes", found: described(network) };
  return guarded(() => shapesOf(network, file), "BAD_GRAPH", "this is no network", details);
}

/** Written once: every node of a network is checked against it, several times. */
const KINDS = `a kind of node: ${Object.keys(NODES).join(", ")}`;

function shapesOf(network: Network, file: string): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const node of network.nodes) {
    const check: Check = nodeChecker(node.name, file);
    check(Object.hasOwn(NODES, node.op), "", KINDS, node.op);
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
