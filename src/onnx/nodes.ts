// nodes.ts: the nodes of a graph and of the graphs within them, read and put in an order in which they can run.
import { fields } from "../format/index.js";
import { type Branch, type OnnxNode, readAttributes } from "./attributes.js";
import { domainOf, ownNames, shown } from "./names.js";
import type { Messages } from "./schema.js";
import { type ExternalData, readTensor, type Value } from "./tensor.js";

const { at } = fields;
const expect: typeof fields.expect = fields.expect;

/**
 * The constants of a graph by name.
 * @throws BAD_GRAPH for two of one name; errors of readTensor
 */
export function readConstants(
  tensors: readonly Messages["TensorProto"][],
  external: ExternalData | null,
  file: string,
): Map<string, Value> {
  const constants = new Map<string, Value>();
  for (const [i, tensor] of tensors.entries()) {
    const name = tensor.name ?? "";
    const place = at(file, `initializer ${shown(name) || i}`);
    expect(name !== "" && !constants.has(name), place, "a name of its own", name, "BAD_GRAPH");
    constants.set(name, readTensor(tensor, external, place));
  }
  return constants;
}

/** A node; what graphs within it read from around them comes behind its own inputs. */
export function readNode(
  proto: Messages["NodeProto"],
  index: number,
  external: ExternalData | null,
  file: string,
): OnnxNode {
  const op = proto.opType ?? "";
  const name = proto.name || `${op} ${index}`;
  const where = at(file, `node ${shown(name)}`);
  expect(op !== "", `${where}.op_type`, "the name of an operator", "none", "BAD_GRAPH");
  const captured = new Set<string>();
  const result = proto.output.find((output) => output !== "") ?? name;
  const readBranch = (graph: Messages["GraphProto"], attribute: string): Branch => {
    const branch = branchOf(ownNames(graph, `${result}.${attribute}`), external, file);
    for (const value of branch.captured) captured.add(value);
    return branch;
  };
  const attributes = readAttributes(proto.attribute, readBranch, where);
  for (const value of proto.input) captured.delete(value);
  const inputs = captured.size > 0 ? [...proto.input, ...captured] : proto.input;
  return { name, op, domain: domainOf(proto.domain), inputs, outputs: proto.output, attributes, where };
}

function branchOf(graph: Messages["GraphProto"], external: ExternalData | null, file: string): Branch {
  const constants = readConstants(graph.initializer, external, file);
  const nodes = graph.node.map((node, i) => readNode(node, i, external, file));
  const outputs = graph.output.map(({ name }) => name ?? "");
  const given = graph.input.map(({ name }) => name ?? "");
  const own = new Set([...constants.keys(), ...given, ...nodes.flatMap((node) => node.outputs)]);
  const read = [...nodes.flatMap(({ inputs }) => inputs), ...outputs];
  const captured = [...new Set(read)].filter((name) => name !== "" && !own.has(name));
  const known = [...constants.keys(), ...given, ...captured];
  return { nodes: sortNodes(nodes, known, outputs, file), constants, outputs, captured };
}

/** The nodes in an order in which they can run: the given one where that is such an order, else by Kahn's algorithm. */
export function sortNodes(
  nodes: readonly OnnxNode[],
  given: readonly string[],
  outputs: readonly string[],
  file: string,
): OnnxNode[] {
  const producer = new Map<string, number>();
  const known = new Set(given);
  for (const [i, { outputs: made, where }] of nodes.entries()) {
    for (const name of made) {
      if (name === "") continue;
      expect(!producer.has(name) && !known.has(name), `${where}.output`, "a name not used before", name, "BAD_GRAPH");
      producer.set(name, i);
    }
  }
  const missing = new Array<number>(nodes.length).fill(0);
  const readers = nodes.map((): number[] => []);
  for (const [i, { inputs, where }] of nodes.entries()) {
    for (const name of new Set(inputs)) {
      if (name === "" || known.has(name)) continue;
      const from = producer.get(name);
      expect(from !== undefined, `${where}.input`, "a value that something makes", name, "BAD_GRAPH");
      missing[i]++;
      readers[from].push(i);
    }
  }
  for (const name of outputs) {
    const made = known.has(name) || producer.has(name);
    expect(made, at(file, "graph.output"), "a value that something makes", name, "BAD_GRAPH");
  }
  // mostly the file's order will do
  const before = new Set(given);
  const inOrder = nodes.every(({ inputs, outputs: made }) => {
    for (const name of made) before.add(name);
    return inputs.every((name) => name === "" || (before.has(name) && !made.includes(name)));
  });
  if (inOrder) return [...nodes];
  const order: number[] = [];
  const ready = [...nodes.keys()].filter((i) => missing[i] === 0);
  for (let next = 0; next < ready.length; next++) {
    order.push(ready[next]);
    for (const reader of readers[ready[next]]) if (--missing[reader] === 0) ready.push(reader);
  }
  const stuck = missing.findIndex((count) => count > 0);
  if (stuck >= 0) expect(false, nodes[stuck].where, "no cycle", "a value that depends on itself", "BAD_GRAPH");
  return order.map((i) => nodes[i]);
}
