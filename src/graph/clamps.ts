// clamps.ts: bounds behind a max pool or another move, taken to the layer before it, whose epilogue has them for nothing.
import { type Node, nodeKind, rewire } from "../ops/index.js";
import type { Network } from "./network.js";
import { readersOf } from "./shapes.js";

/** Kinds of nodes whose results are elements of their input, or the largest of some: bounds may stand on either side. */
const PASSED: readonly Node["op"][] = ["gather", "maxPool", "pad", "permute", "slice"];
/** Parts of chains that end in an epilogue. */
const HEADS = ["product", "norm", "sum", "mean"];

/**
 * Moves bounds before max pools, slices, gathers, pads and permutes that nothing else reads, where a layer with an epilogue
 * stands before these: it gives the tensor between the range that it has in the end. Every tensor keeps its place and its name.
 * @internal
 */
export function liftClamps(network: Network): Network {
  if (!network.nodes.some(({ op }) => PASSED.includes(op))) return network;
  const nodes = new Map(network.nodes.map((node) => [node.name, node]));
  const readers = readersOf(network.nodes);
  const outputs = new Set(network.outputs);
  const isAlone = ({ name }: Node): boolean => readers.get(name)?.length === 1 && !outputs.has(name);
  for (const { name } of network.nodes) {
    const clamp = nodes.get(name)!;
    if (nodeKind(clamp).role(clamp) !== "clamp") continue;
    const path: Node[] = [clamp];
    let before = inputOf(nodes, clamp);
    while (before && PASSED.includes(before.op) && isAlone(before)) {
      path.unshift(before);
      before = inputOf(nodes, before);
    }
    if (path.length === 1 || !before || !isAlone(before) || !HEADS.includes(nodeKind(before).role(before))) continue;
    // the names stay where they are, and the nodes move on by one
    const bounded = within(clamp);
    const moved = [clamp, ...path.slice(0, -1).map((node) => ("value" in node ? bounded(node) : node))];
    let source = before.name;
    for (const [i, node] of moved.entries()) {
      const from = source;
      source = path[i].name;
      nodes.set(source, { ...rewire(node, () => from), name: source });
    }
  }
  return { ...network, nodes: [...nodes.values()] };
}

function inputOf(nodes: ReadonlyMap<string, Node>, node: Node): Node | undefined {
  return "input" in node ? nodes.get(node.input) : undefined;
}

/** Bounds the number that a gather or a pad fills in, as its result was bounded. */
function within(clamp: Node): (node: Node) => Node {
  const { low = -Infinity, high = Infinity } = nodeKind(clamp).ending?.(clamp)?.clamp ?? {};
  return (node) => {
    if (node.op !== "gather" && node.op !== "pad") return node;
    return { ...node, value: Math.min(Math.max(node.value, low), high) };
  };
}
