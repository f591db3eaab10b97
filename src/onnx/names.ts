// names.ts: names of values and domains, and nodes under other names: bodies of functions and branches, put where they are used.
import type { Messages } from "./schema.js";

type NodeProto = Messages["NodeProto"];
type GraphProto = Messages["GraphProto"];

/** A name as error messages show it. */
export function shown(name: string): string {
  return name.length > 100 ? `${name.slice(0, 97)}...` : name;
}

/** Names that exporters give every graph. */
const NAMELESS =
  /^(torch[-_ ]?jit([-_ ]export)?|(main[-_ ]?)?(graph|model)|main|tf2onnx|pytorch|mxnet_converted_model|model from paddlepaddle\.?)?$/i;

/** The name of a graph; that of its file, where that is known, if exporters call every graph so, or it has none. */
export function graphName(own: string, path: string): string {
  if (!NAMELESS.test(own.trim())) return own;
  const file = path.split(/[/\\]/).at(-1)!;
  return file.replace(/\.onnx$/i, "") || own;
}

/** The domain; ONNX's own is "". */
export function domainOf(domain = ""): string {
  return domain === "ai.onnx" ? "" : domain;
}

/** Stands in names that no file has: between the name of a result and that of what is made for it. */
const MARK = "\u0000.";

/** The name of a value that is made on the way to another. */
export function innerName(result: string, part: string): string {
  return `${result}${MARK}${part}`;
}

/** Whether the file has a value of this name. */
export function isOfFile(name: string): boolean {
  return !name.includes(MARK);
}

/** The nodes with their values called otherwise, also where graphs within them read what lies around. */
export function renamedNodes(nodes: readonly NodeProto[], call: (name: string) => string): NodeProto[] {
  const all = (names: readonly string[]): string[] => names.map((name) => (name === "" ? "" : call(name)));
  return nodes.map((node) => ({
    ...node,
    input: all(node.input),
    output: all(node.output),
    attribute: node.attribute.map((one) => (one.g ? { ...one, g: renamedGraph(one.g, call) } : one)),
  }));
}

/** The graph with its values called otherwise. */
function renamedGraph(graph: GraphProto, call: (name: string) => string): GraphProto {
  const named = <T extends { readonly name?: string }>(list: readonly T[]): T[] =>
    list.map((one) => (one.name ? { ...one, name: call(one.name) } : one));
  return {
    ...graph,
    node: renamedNodes(graph.node, call),
    initializer: named(graph.initializer),
    input: named(graph.input),
    output: named(graph.output),
  };
}

/** A branch with the values that it makes called as nothing else is; what lies around it keeps its name. */
export function ownNames(graph: GraphProto, result: string): GraphProto {
  const made = new Set([
    ...graph.initializer.map(({ name }) => name ?? ""),
    ...graph.input.map(({ name }) => name ?? ""),
    ...graph.node.flatMap(({ output }) => output),
  ]);
  return renamedGraph(graph, (name) => (made.has(name) ? innerName(result, name) : name));
}
