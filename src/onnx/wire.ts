// wire.ts: protobuf bytes to messages of the schema and back.
import protobuf from "protobufjs/minimal.js";
import { ShiftwiseError } from "../base/index.js";
import { fields } from "../format/index.js";
import { fieldsOf, type MessageName, type Messages, type ProtoField, SCHEMA, type Scalar } from "./schema.js";

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const WIRE: Readonly<Record<Scalar, number>> = {
  int32: VARINT,
  int64: VARINT,
  uint64: VARINT,
  float: FIXED32,
  double: FIXED64,
  string: BYTES,
  bytes: BYTES,
};
/** A file's graphs lie in each other at most this deep (the bodies of If and Loop). */
const DEPTH_MAX = 24;
/** Messages of a file: an empty one takes two bytes there, and a hundred here. */
const MESSAGES_MAX = 2 ** 20;
/** Names of the repeated fields of each message. */
const LISTS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(SCHEMA).map(([message, table]) => {
    return [message, Object.values(table).flatMap(({ name, repeated }) => (repeated ? [name] : []))];
  }),
);
/** Stands for every list that a message does not have. */
const NONE: readonly unknown[] = Object.freeze([]);

/**
 * Reads one message. Bytes fields are views into `bytes`.
 * @param where file name for error messages
 * @throws TRUNCATED for a message that ends before its length says; BAD_FILE for a field of the wrong wire type, text
 *   that is not UTF-8, and what else is no message
 */
export function decodeMessage<M extends MessageName>(message: M, bytes: Uint8Array, where = ""): Messages[M] {
  const reader = protobuf.Reader.create(bytes);
  try {
    const left = { messages: MESSAGES_MAX };
    return readMessage(reader, message, reader.len, where || message, 0, left) as unknown as Messages[M];
  } catch (cause) {
    if (cause instanceof ShiftwiseError) throw cause;
    const code = cause instanceof RangeError ? "TRUNCATED" : "BAD_FILE";
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new ShiftwiseError(code, "not a protobuf message of ONNX", { where: where || message, found, cause });
  }
}

function readMessage(
  reader: protobuf.Reader,
  message: MessageName,
  end: number,
  where: string,
  depth: number,
  left: { messages: number },
): Record<string, unknown> {
  if (end > reader.len) throw new RangeError(`${where}: ends at ${end} of ${reader.len} bytes`);
  fields.expect(depth <= DEPTH_MAX, where, `messages at most ${DEPTH_MAX} deep`, depth);
  if (--left.messages < 0) {
    const details = { where, expected: `at most ${MESSAGES_MAX} messages in a file` };
    throw new ShiftwiseError("OVERFLOW", "too many messages", details);
  }
  const table = fieldsOf(message);
  const result: Record<string, unknown> = {};
  for (const name of LISTS.get(message)!) result[name] = NONE;
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wire = tag & 7;
    const field = table[tag >>> 3];
    if (!field) reader.skipType(wire, 0, tag >>> 3);
    else readField(reader, field, wire, result, where, depth, left);
  }
  if (reader.pos !== end) throw new RangeError(`${where}: runs over its end`);
  return result;
}

function readField(
  reader: protobuf.Reader,
  { name, type, repeated }: ProtoField,
  wire: number,
  into: Record<string, unknown>,
  parent: string,
  depth: number,
  left: { messages: number },
): void {
  const where = `${parent}.${name}`;
  const scalar = isScalar(type);
  const expected = scalar ? WIRE[type] : BYTES;
  if (into[name] === NONE) into[name] = [];
  const list = repeated ? (into[name] as unknown[]) : null;
  if (list && scalar && expected !== BYTES && wire === BYTES) {
    // packed: a run of values, of which each takes at least a byte
    const end = reader.uint32() + reader.pos;
    if (end > reader.len) throw new RangeError(`${where}: ends at ${end} of ${reader.len} bytes`);
    while (reader.pos < end) list.push(readScalar(reader, type));
    if (reader.pos !== end) throw new RangeError(`${where}: runs over its end`);
    return;
  }
  fields.expect(wire === expected, where, `wire type ${expected}`, wire);
  let value: unknown;
  if (scalar) value = readScalar(reader, type);
  else {
    const end = reader.uint32() + reader.pos;
    value = readMessage(reader, type, end, list ? `${where}[${list.length}]` : where, depth + 1, left);
  }
  if (list) list.push(value);
  else into[name] = value;
}

function isScalar(type: ProtoField["type"]): type is Scalar {
  return Object.hasOwn(WIRE, type);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function readScalar(reader: protobuf.Reader, type: Scalar): unknown {
  switch (type) {
    case "int64":
    case "uint64":
      return Number(reader[type]());
    case "string":
      return utf8.decode(reader.bytes());
    default:
      return reader[type]();
  }
}

/** Writes one message; absent fields and empty lists are left out. */
export function encodeMessage<M extends MessageName>(message: M, value: Messages[M]): Uint8Array {
  const writer = protobuf.Writer.create();
  writeMessage(writer, message, value as unknown as Record<string, unknown>);
  return writer.finish();
}

function writeMessage(writer: protobuf.Writer, message: MessageName, value: Record<string, unknown>): void {
  for (const [number, { name, type, repeated }] of Object.entries(fieldsOf(message))) {
    const given = value[name];
    if (given === undefined) continue;
    const values = repeated ? (given as unknown[]) : [given];
    if (values.length === 0) continue;
    const tag = Number(number) << 3;
    if (!isScalar(type)) {
      for (const one of values) {
        writer.uint32(tag | BYTES).fork();
        writeMessage(writer, type, one as Record<string, unknown>);
        writer.ldelim();
      }
    } else if (repeated && WIRE[type] !== BYTES) {
      writer.uint32(tag | BYTES).fork();
      for (const one of values) writeScalar(writer, type, one);
      writer.ldelim();
    } else {
      for (const one of values) writeScalar(writer.uint32(tag | WIRE[type]), type, one);
    }
  }
}

function writeScalar(writer: protobuf.Writer, type: Scalar, value: unknown): void {
  if (type === "string") writer.string(value as string);
  else if (type === "bytes") writer.bytes(value as Uint8Array);
  else writer[type](value as number);
}
