// attributes.ts: the attributes of one node as the file has them, by name.
import { fields } from "../format/index.js";
import type { Messages } from "./schema.js";
import { readTensor, type Value } from "./tensor.js";

/** AttributeProto.AttributeType by number; others are kept as "other". */
const TYPES = ["undefined", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings"] as const;
export type AttributeType = (typeof TYPES)[number] | "other";

/** The value of an attribute. */
export type Attribute =
  | { readonly type: "float" | "int"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "tensor"; readonly value: Value }
  | { readonly type: "floats" | "ints"; readonly value: readonly number[] }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "graph"; readonly value: Branch }
  | { readonly type: "undefined" | "other"; readonly value: null };

/** A graph within a node: a branch of If, the body of Loop. Its values are called as nothing else in the model is. */
export interface Branch {
  /** The nodes in an order in which they can run. */
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, Value>;
  readonly outputs: readonly string[];
  /** Values that it reads from around it. */
  readonly captured: readonly string[];
}

/** The attributes of an ONNX node by name. */
export type Attributes = ReadonlyMap<string, Attribute>;

/** A node of an ONNX graph. */
export interface OnnxNode {
  /** Its name, or operator and place where it has none. */
  readonly name: string;
  readonly op: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  /** Names of values; empty where an optional one is left out. Behind them, what graphs within the node read. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  /** File and node, for error messages. */
  readonly where: string;
}

/** Reads a graph within a node. @param name that of the attribute */
export type BranchReader = (graph: Messages["GraphProto"], name: string) => Branch;

/**
 * Reads a node's attributes.
 * @param where the node, for error messages
 * @throws BAD_GRAPH for one without a name, or two of one name
 */
export function readAttributes(
  protos: readonly Messages["AttributeProto"][],
  readBranch: BranchReader,
  where: string,
): Attributes {
  const all = new Map<string, Attribute>();
  for (const [i, proto] of protos.entries()) {
    const name = proto.name ?? "";
    fields.expect(name !== "", `${where}.attribute[${i}]`, "a name", "none", "BAD_GRAPH");
    const place = `${where}.${name}`;
    fields.expect(!all.has(name), place, "one attribute of that name", "two", "BAD_GRAPH");
    all.set(name, readAttribute(proto, readBranch, place));
  }
  return all;
}

const utf8 = new TextDecoder();

function readAttribute(proto: Messages["AttributeProto"], readBranch: BranchReader, where: string): Attribute {
  const type = proto.type === undefined ? guessType(proto) : (TYPES[proto.type] ?? "other");
  switch (type) {
    case "float":
      return { type, value: proto.f ?? 0 };
    case "int":
      return { type, value: proto.i ?? 0 };
    case "string":
      return { type, value: utf8.decode(proto.s ?? new Uint8Array()) };
    case "tensor":
      fields.expect(proto.t !== undefined, where, "a tensor", "none", "BAD_GRAPH");
      return { type, value: readTensor(proto.t, null, where) };
    case "floats":
      return { type, value: proto.floats };
    case "ints":
      return { type, value: proto.ints };
    case "strings":
      return { type, value: proto.strings.map((bytes) => utf8.decode(bytes)) };
    case "graph":
      fields.expect(proto.g !== undefined, where, "a graph", "none", "BAD_GRAPH");
      return { type, value: readBranch(proto.g, proto.name ?? "") };
    default:
      return { type, value: null };
  }
}

/** The first versions of the format had no type field: the one field that is there tells. */
function guessType(proto: Messages["AttributeProto"]): AttributeType {
  if (proto.f !== undefined) return "float";
  if (proto.i !== undefined) return "int";
  if (proto.s !== undefined) return "string";
  if (proto.t !== undefined) return "tensor";
  if (proto.g !== undefined) return "graph";
  if (proto.floats.length > 0) return "floats";
  if (proto.strings.length > 0) return "strings";
  return "ints";
}
