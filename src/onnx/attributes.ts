// attributes.ts: the attributes of one node, read by name and type.

import { ShiftwiseError } from "../base/index.js";
import { fields } from "../format/index.js";
import type { Messages } from "./schema.js";
import { readTensor, type Value } from "./tensor.js";

/** AttributeProto.AttributeType by number; others are kept as "other". */
const TYPES = ["undefined", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings"] as const;
export type AttributeType = (typeof TYPES)[number] | "other";

export interface Attribute {
  readonly type: AttributeType;
  /** A number, a text, a tensor, or a list of numbers or texts; null for a graph and what is not known here. */
  readonly value: number | string | Value | readonly number[] | readonly string[] | null;
}

/** Attributes by name; each method throws BAD_GRAPH naming node and attribute if the type is another. */
export interface Attributes {
  readonly all: ReadonlyMap<string, Attribute>;
  has(name: string): boolean;
  int(name: string, otherwise: number): number;
  float(name: string, otherwise: number): number;
  string(name: string, otherwise: string): string;
  ints(name: string, otherwise: readonly number[]): readonly number[];
  tensor(name: string): Value;
}

/** @param where the node, for error messages */
export function readAttributes(protos: readonly Messages["AttributeProto"][], where: string): Attributes {
  const all = new Map<string, Attribute>();
  for (const [i, proto] of protos.entries()) {
    const name = proto.name ?? "";
    fields.expect(name !== "", `${where}.attribute[${i}]`, "a name", "none", "BAD_GRAPH");
    const place = `${where}.${name}`;
    fields.expect(!all.has(name), place, "one attribute of that name", "two", "BAD_GRAPH");
    all.set(name, readAttribute(proto, place));
  }
  const get = (name: string, type: AttributeType): Attribute["value"] | undefined => {
    const attribute = all.get(name);
    if (attribute && attribute.type !== type) {
      throw new ShiftwiseError("BAD_GRAPH", "attribute of the wrong type", {
        where: `${where}.${name}`,
        expected: type,
        found: attribute.type,
      });
    }
    return attribute?.value;
  };
  return {
    all,
    has: (name) => all.has(name),
    int: (name, otherwise) => (get(name, "int") as number | undefined) ?? otherwise,
    float: (name, otherwise) => (get(name, "float") as number | undefined) ?? otherwise,
    string: (name, otherwise) => (get(name, "string") as string | undefined) ?? otherwise,
    ints: (name, otherwise) => (get(name, "ints") as readonly number[] | undefined) ?? otherwise,
    tensor(name) {
      const value = get(name, "tensor");
      fields.expect(value !== undefined, `${where}.${name}`, "a tensor", "none", "BAD_GRAPH");
      return value as Value;
    },
  };
}

const utf8 = new TextDecoder();

function readAttribute(proto: Messages["AttributeProto"], where: string): Attribute {
  const type = proto.type === undefined ? guessType(proto) : (TYPES[proto.type] ?? "other");
  const present = <T>(value: T | undefined): T => {
    fields.expect(value !== undefined, where, `a value of type ${type}`, "none", "BAD_GRAPH");
    return value;
  };
  switch (type) {
    case "float":
      return { type, value: proto.f ?? 0 };
    case "int":
      return { type, value: proto.i ?? 0 };
    case "string":
      return { type, value: utf8.decode(proto.s ?? new Uint8Array()) };
    case "tensor":
      return { type, value: readTensor(present(proto.t), null, where) };
    case "floats":
      return { type, value: proto.floats };
    case "ints":
      return { type, value: proto.ints };
    case "strings":
      return { type, value: proto.strings.map((bytes) => utf8.decode(bytes)) };
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
  if (proto.floats.length > 0) return "floats";
  if (proto.strings.length > 0) return "strings";
  return "ints";
}
