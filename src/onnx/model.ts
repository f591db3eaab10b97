// model.ts: an ONNX file as checked data: nodes in an order in which they can run, constants, inputs and outputs.

import { ShiftwiseError } from "../base/index.js";
import { fields } from "../format/index.js";
import { type Attributes, readAttributes } from "./attributes.js";
import type { Messages } from "./schema.js";
import { type ElementType, type ExternalData, elementType, readTensor, type Value } from "./tensor.js";
import { decodeMessage } from "./wire.js";

const { at } = fields;
const expect: typeof fields.expect = fields.expect;

export interface OnnxNode {
  /** Its name, or operator and place where it has none. */
  readonly name: string;
  readonly op: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  /** Names of values; empty where an optional one is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  /** For error messages: file and node. */
  readonly where: string;
}

export interface OnnxInput {
  readonly name: string;
  readonly type: ElementType;
  /** null for a size that the file leaves open; no list at all where it says nothing. */
  readonly dims: readonly (number | null)[] | null;
}

export interface OnnxModel {
  readonly name: string;
  /** Versions of the operators by domain; ONNX's own is "". */
  readonly opsets: ReadonlyMap<string, number>;
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, Value>;
  /** Those that no initializer fills. */
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly string[];
}

/** Operators were versioned anew in 7 (one-way broadcasting and implicit axes ended); older files are refused. */
export const OPSET_MIN = 7;

/** Nodes of a graph: an unrolled network of hundreds of layers has fewer. */
const NODES_MAX = 2 ** 16;

/** A name as error messages show it. */
export function shown(name: string): string {
  return name.length > 100 ? `${name.slice(0, 97)}...` : name;
}

/**
 * Reads and checks a model's bytes.
 * @param external reads tensors that lie in other files; null: there are none
 * @param where file name for error messages
 * @throws TRUNCATED, BAD_FILE for bytes that are no such message; BAD_GRAPH for a graph with cycles, dangling names or
 *   names written twice; UNSUPPORTED; OVERFLOW for a tensor beyond 2^31 elements
 */
export function readModel(bytes: Uint8Array, external: ExternalData | null, where = ""): OnnxModel {
  const proto = decodeMessage("ModelProto", bytes, where || "model");
  const { graph } = proto;
  expect(graph !== undefined, at(where, "graph"), "a graph", "none");
  const versions = proto.opsetImport.map(({ domain, version = 0 }) => [domainOf(domain), version] as const);
  // of two for one domain the first counts
  const opsets = new Map(versions.toReversed());
  const opset = opsets.get("");
  expect(opset !== undefined, at(where, "opset_import"), "a version of the operators", "none");
  if (opset < OPSET_MIN) {
    throw new ShiftwiseError("UNSUPPORTED", "the operators' version is too old", {
      where: at(where, "opset_import"),
      expected: `opset ${OPSET_MIN} or later`,
      found: opset,
    });
  }
  if (graph.sparseInitializer.length > 0) {
    throw new ShiftwiseError("UNSUPPORTED", "sparse initializers", { where: at(where, "graph.sparse_initializer") });
  }
  if (graph.node.length > NODES_MAX) {
    const details = { where: at(where, "graph.node"), expected: `at most ${NODES_MAX}`, found: graph.node.length };
    throw new ShiftwiseError("OVERFLOW", "too many nodes", details);
  }
  const constants = new Map<string, Value>();
  for (const [i, tensor] of graph.initializer.entries()) {
    const name = tensor.name ?? "";
    const place = at(where, `initializer ${shown(name) || i}`);
    expect(name !== "" && !constants.has(name), place, "a name of its own", name, "BAD_GRAPH");
    constants.set(name, readTensor(tensor, external, place));
  }
  const inputs = graph.input
    .filter(({ name }) => !constants.has(name ?? ""))
    .map((info, i): OnnxInput => readInput(info, at(where, `input ${shown(info.name ?? "") || i}`)));
  const nodes = graph.node.map((node, i) => readNode(node, i, where));
  const outputs = graph.output.map(({ name }, i) => {
    expect(name !== undefined && name !== "", at(where, `output ${i}`), "a name", "none", "BAD_GRAPH");
    return name;
  });
  const given = [...constants.keys(), ...inputs.map(({ name }) => name)];
  const sorted = sortNodes(nodes, given, outputs, where);
  return { name: graph.name ?? "", opsets, nodes: sorted, constants, inputs, outputs };
}

function domainOf(domain = ""): string {
  return domain === "ai.onnx" ? "" : domain;
}

function readInput(info: Messages["ValueInfoProto"], where: string): OnnxInput {
  expect(info.name !== undefined && info.name !== "", where, "a name", "none", "BAD_GRAPH");
  const tensor = info.type?.tensorType;
  if (!tensor) throw new ShiftwiseError("UNSUPPORTED", "an input that is no tensor", { where });
  const dims = tensor.shape?.dim.map(({ dimValue }, i) => {
    if (dimValue === undefined) return null;
    const ok = Number.isInteger(dimValue) && dimValue >= 0 && dimValue <= 0x7fffffff;
    expect(ok, `${where}.dims[${i}]`, "an integer in 0..2^31 - 1", dimValue, "BAD_GRAPH");
    // some exporters write 0 for a size that is open
    return dimValue === 0 ? null : dimValue;
  });
  return { name: info.name, type: elementType(tensor.elemType, `${where}.elem_type`), dims: dims ?? null };
}

function readNode(proto: Messages["NodeProto"], index: number, file: string): OnnxNode {
  const op = proto.opType ?? "";
  const name = proto.name || `${op} ${index}`;
  const where = at(file, `node ${shown(name)}`);
  expect(op !== "", `${where}.op_type`, "the name of an operator", "none", "BAD_GRAPH");
  const attributes = readAttributes(proto.attribute, where);
  const domain = domainOf(proto.domain);
  return { name, op, domain, inputs: proto.input, outputs: proto.output, attributes, where };
}

/** The nodes in an order in which they can run: the given one where that is such an order (Kahn's algorithm). */
function sortNodes(
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
