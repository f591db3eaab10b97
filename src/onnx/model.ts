// model.ts: an ONNX file as checked data: nodes in an order in which they can run, constants, inputs and outputs.

import { described, given, is, isArray, isBuffer, isShared, ownView, ShiftwiseError } from "../base/index.js";
import { fields } from "../format/index.js";
import type { OnnxNode } from "./attributes.js";
import { foreignFile } from "./foreign.js";
import { withoutCalls } from "./functions.js";
import { domainOf, shown } from "./names.js";
import { readConstants, readNode, sortNodes } from "./nodes.js";
import type { Messages } from "./schema.js";
import { type ElementType, type ExternalData, elementType, type Value } from "./tensor.js";
import { decodeMessage } from "./wire.js";

export type { OnnxNode } from "./attributes.js";

const { at } = fields;
const expect: typeof fields.expect = fields.expect;

/** An input of an ONNX graph that no initializer fills. */
export interface OnnxInput {
  readonly name: string;
  readonly type: ElementType;
  /** null for a size that the file leaves open; no list at all where it says nothing. */
  readonly dims: readonly (number | null)[] | null;
}

/** An ONNX graph with its constants read. */
export interface OnnxModel {
  readonly name: string;
  /** Versions of the operators by domain; ONNX's own is "". */
  readonly opsets: ReadonlyMap<string, number>;
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, Value>;
  /** Those that no initializer fills. */
  readonly inputs: readonly OnnxInput[];
  /** Each once. */
  readonly outputs: readonly string[];
  /** Declared sizes of the outputs, where there are some, as those of inputs. */
  readonly outputDims: ReadonlyMap<string, OnnxInput["dims"]>;
  /** Texts by key; of two for one key the first. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** Operators were versioned anew in 7 (one-way broadcasting and implicit axes ended); older files are refused. */
const OPSET_MIN = 7;

/** Nodes of a graph: an unrolled network of hundreds of layers has fewer. */
const NODES_MAX = 2 ** 16;

/**
 * Reads and checks a model's bytes.
 * @param external reads tensors that lie in other files; null: there are none
 * @param where file name for error messages
 * @throws BAD_DATA for what is no bytes; TRUNCATED, BAD_FILE for bytes that are no such message; BAD_GRAPH for a graph with cycles, dangling names or
 *   names written twice; UNSUPPORTED; OVERFLOW for a tensor beyond 2^31 elements
 */
export function readModel(source: Uint8Array | ArrayBuffer, external: ExternalData | null, where = ""): OnnxModel {
  given({ external, where }, { external: is.nullable(is.callback), where: is.text });
  const bytes = bytesOf(source, where);
  const { graph, opsetImport, functions, metadataProps } = decodeModel(bytes, where);
  const imports = [...opsetImport, ...functions.flatMap((one) => one.opsetImport)];
  const versions = imports.map(({ domain, version = 0 }) => [domainOf(domain), version] as const);
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
  const constants = readConstants(graph.initializer, external, where);
  const inputs = graph.input
    .filter(({ name }) => !constants.has(name ?? ""))
    .map((info, i): OnnxInput => readInput(info, at(where, `input ${shown(info.name ?? "") || i}`)));
  const written = withoutCalls(graph.node, functions, NODES_MAX, where);
  const nodes = written.map((node, i) => readNode(node, i, external, where));
  const outputDims = new Map(
    graph.output.map((info, i) => {
      const { name } = info;
      const place = at(where, `output ${shown(name ?? "") || i}`);
      expect(name !== undefined && name !== "", place, "a name", "none", "BAD_GRAPH");
      return [name, readDims(info, place)];
    }),
  );
  const outputs = [...outputDims.keys()];
  const known = [...constants.keys(), ...inputs.map(({ name }) => name)];
  const sorted = sortNodes(nodes, known, outputs, where);
  const texts = metadataProps.map(({ key = "", value = "" }) => [key, value] as const);
  const metadata = new Map(texts.toReversed());
  return { name: graph.name ?? "", opsets, nodes: sorted, constants, inputs, outputs, outputDims, metadata };
}

/** Bytes of this realm or another. */
function bytesOf(source: unknown, where: string): Uint8Array {
  const view = isArray(source, "Uint8Array")
    ? ownView(source)
    : isBuffer(source) || isShared(source)
      ? viewOf(source)
      : null;
  if (view) return view;
  const expected = "the bytes of a file, as a Uint8Array or ArrayBuffer (importOnnxFile takes a path)";
  throw new ShiftwiseError("BAD_DATA", "not a model", { where, expected, found: described(source) });
}

/** Null where the buffer has been handed over to another thread. */
function viewOf(buffer: ArrayBufferLike): Uint8Array | null {
  try {
    return new Uint8Array(buffer);
  } catch {
    return null;
  }
}

/** @throws TRUNCATED, BAD_FILE for bytes that are no model, with a name for what they are where that is known */
function decodeModel(bytes: Uint8Array, where: string) {
  try {
    const { graph, opsetImport, functions, metadataProps } = decodeMessage("ModelProto", bytes, where || "model");
    expect(graph !== undefined, at(where, "graph"), "a graph", "none");
    return { graph, opsetImport, functions, metadataProps };
  } catch (cause) {
    if (cause instanceof ShiftwiseError && cause.code !== "OVERFLOW") throw foreignFile(bytes, where, cause);
    throw cause;
  }
}

function readInput(info: Messages["ValueInfoProto"], where: string): OnnxInput {
  expect(info.name !== undefined && info.name !== "", where, "a name", "none", "BAD_GRAPH");
  const tensor = info.type?.tensorType;
  if (!tensor) throw new ShiftwiseError("UNSUPPORTED", "an input that is no tensor", { where });
  return { name: info.name, type: elementType(tensor.elemType, `${where}.elem_type`), dims: readDims(info, where) };
}

function readDims(info: Messages["ValueInfoProto"], where: string): OnnxInput["dims"] {
  const dims = info.type?.tensorType?.shape?.dim.map(({ dimValue }, i) => {
    // some exporters write 0 or -1 for a size that is open
    if (dimValue === undefined || dimValue === 0 || dimValue === -1) return null;
    const ok = Number.isInteger(dimValue) && dimValue >= 1 && dimValue <= 0x7fffffff;
    expect(ok, `${where}.dims[${i}]`, "an integer in 1..2^31 - 1", dimValue, "BAD_GRAPH");
    return dimValue;
  });
  return dims ?? null;
}
