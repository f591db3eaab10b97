// elementwise.ts: finds what computes one function of one tensor, however many nodes it is written in, and makes it one node.
import {
  type ConstantNode,
  type ElementwiseNode,
  type Node,
  type NodeOf,
  nodeInputs,
  nodeKind,
  type Shape,
  STEPS_MAX,
  type Step,
  sameShape,
} from "../ops/index.js";
import type { Network } from "./network.js";
import { inferShapes, readersOf } from "./shapes.js";

/** A network with all that the search looks up in it. */
interface Search {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly readers: ReadonlyMap<string, readonly Node[]>;
  readonly outputs: ReadonlySet<string>;
  /** Tensors that a node is a function of, the nearest first, for every node that may be a part. */
  readonly sources: Map<string, readonly string[]>;
}

/** Most tensors behind each other that are tried as the input of a function. */
const SOURCES_MOST = 32;

/**
 * Makes one `elementwise` node of every group of nodes that compute a function of one tensor, element by element:
 * x sigmoid(x), x clip(x + 3, 0, 6) / 6, x tanh(ln(1 + exp x)), x + 2. What else reads a value inside the group keeps the group
 * apart there. Clamps that a layer's epilogue takes in stay where they are, and so does a function that is one node.
 * @internal
 */
export function fuseElementwise(network: Network): Network {
  const nodes = new Map(network.nodes.map((node) => [node.name, node]));
  const search: Search = {
    nodes,
    shapes: inferShapes(network),
    readers: readersOf(network.nodes),
    outputs: new Set(network.outputs),
    sources: new Map(),
  };
  for (const node of network.nodes) search.sources.set(node.name, sourcesOf(search, node));
  const fused = new Map<string, ElementwiseNode>();
  const gone = new Set<string>();
  for (const root of network.nodes.toReversed()) {
    if (gone.has(root.name)) continue;
    const found = fuseAt(search, root);
    if (!found) continue;
    fused.set(root.name, found.node);
    for (const name of found.inside) gone.add(name);
  }
  const kept = network.nodes.flatMap((node) => (gone.has(node.name) ? [] : [fused.get(node.name) ?? node]));
  return { ...network, nodes: withoutIdle(kept, search.outputs) };
}

/** The nodes without the constants that nothing reads any more. */
function withoutIdle(nodes: readonly Node[], outputs: ReadonlySet<string>): Node[] {
  const readers = readersOf(nodes);
  return nodes.filter(({ op, name }) => op !== "constant" || outputs.has(name) || readers.get(name)!.length > 0);
}

/** The number that all elements of a constant are; null for any other node. */
function uniform(node: Node): number | null {
  if (node.op !== "constant") return null;
  const { data } = (node as ConstantNode).value;
  return data.every((x) => x === data[0]) ? data[0] : null;
}

/** The tensors that a node reads and that are no constants of one number. */
function variables({ nodes }: Search, node: Node): readonly string[] {
  return nodeInputs(node).filter((name) => uniform(nodes.get(name)!) === null);
}

/** The tensors that a node is a function of, element by element; none for a node that is no part of such a function. */
function sourcesOf(search: Search, node: Node): readonly string[] {
  const { shapes, sources } = search;
  if (!PARTS[node.op]) return [];
  const inputs = variables(search, node);
  const shape = shapes.get(node.name)!;
  if (inputs.length === 0 || inputs.some((name) => !sameShape(shapes.get(name)!, shape))) return [];
  const [first, ...others] = inputs.map((name) => [name, ...(sources.get(name) ?? [])]);
  return first.filter((name) => others.every((list) => list.includes(name))).slice(0, SOURCES_MOST);
}

/** The function that ends at a node, from the furthest tensor from which it is one. */
function fuseAt(search: Search, root: Node): { node: ElementwiseNode; inside: readonly string[] } | null {
  for (const source of search.sources.get(root.name)!.toReversed()) {
    const inside = groupOf(search, root, source);
    if (!inside) continue;
    const group = [...inside, root.name];
    const alone = group.length === 1 && variables(search, root).length === nodeInputs(root).length;
    if (alone || startsWithClamp(search, group, source)) continue;
    const steps = stepsBetween(search, root, source);
    if (steps.length > STEPS_MAX) continue;
    return { node: { op: "elementwise", name: root.name, input: source, steps }, inside };
  }
  return null;
}

/** The nodes between a source and a root; null if something else reads one of them. */
function groupOf(search: Search, root: Node, source: string): string[] | null {
  const { nodes, readers, outputs } = search;
  const group = new Set<string>();
  const visit = (node: Node): void => {
    for (const name of variables(search, node)) {
      if (name === source || group.has(name)) continue;
      group.add(name);
      visit(nodes.get(name)!);
    }
  };
  visit(root);
  const inside = ({ name }: Node): boolean => name === root.name || group.has(name);
  const closed = [...group].every((name) => !outputs.has(name) && readers.get(name)!.every(inside));
  return closed ? [...group] : null;
}

/** Whether the source is read by one node alone, and that one only bounds it: the layer before takes it in. */
function startsWithClamp({ nodes, readers }: Search, group: readonly string[], source: string): boolean {
  const [first, ...others] = readers.get(source)!.filter(({ name }) => group.includes(name));
  const clamp = others.length === 0 && nodeKind(first).role(first) === "clamp";
  return clamp && nodes.get(source)!.op !== "input";
}

/** The function from a source to a root as steps. */
function stepsBetween({ nodes }: Search, root: Node, source: string): Step[] {
  const steps: Step[] = [];
  const places = new Map<string, number>([[source, 0]]);
  const push: Push = (fn, of, parameters = []) => steps.push({ fn, parameters, of });
  const placeOf = (name: string): number => {
    const known = places.get(name);
    if (known !== undefined) return known;
    const node = nodes.get(name)!;
    const number = uniform(node);
    const place = number === null ? made(node) : push("constant", [], [number]);
    places.set(name, place);
    return place;
  };
  const made = (node: Node): number => PARTS[node.op]!(node as never, nodeInputs(node).map(placeOf), push);
  made(root);
  return steps;
}

/** Adds a step and gives the place of its result. */
type Push = (fn: Step["fn"], of: readonly number[], parameters?: readonly number[]) => number;

/** Makes steps of nodes, by kind. Nodes of absent kinds are no parts of a function of one tensor. */
const PARTS: {
  readonly [Op in Node["op"]]?: (node: NodeOf<Op>, of: readonly number[], push: Push) => number;
} = {
  activation: ({ fn, parameters }, of, push) => push(fn, of, parameters),
  add: (_, of, push) => push("add", of),
  binary: ({ fn }, of, push) => push(fn, of),
  elementwise({ steps }, [from], push) {
    const places = [from];
    for (const { fn, parameters, of } of steps) {
      const read = of.map((k) => places[k]);
      places.push(push(fn, read, parameters));
    }
    return places[steps.length];
  },
  leakyRelu: ({ slope }, of, push) => push("leakyRelu", of, [slope]),
  relu: ({ max }, [x], push) =>
    max === undefined ? push("max", [x, push("constant", [], [0])]) : push("clip", [x], [0, max]),
};
