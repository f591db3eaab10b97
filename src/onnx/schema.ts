// schema.ts: the messages of onnx.proto that are read and written, with their field numbers.
//
// A table and not generated classes: protobufjs reads and writes the wire format, and nothing is compiled at run time, so
// the importer runs under a content security policy without unsafe-eval.

/** The type of each kind of scalar. */
interface Scalars {
  int32: number;
  int64: number;
  uint64: number;
  float: number;
  double: number;
  string: string;
  bytes: Uint8Array;
}
export type Scalar = keyof Scalars;

/** A scalar, or the name of a message. */
type Type = Scalar | `${string}Proto`;
const one = <N extends string, T extends Type>(name: N, type: T) => ({ name, type, repeated: false }) as const;
const many = <N extends string, T extends Type>(name: N, type: T) => ({ name, type, repeated: true }) as const;

/** Fields by number, for each message. Fields that are not listed are passed over. */
export const SCHEMA = {
  ModelProto: {
    1: one("irVersion", "int64"),
    2: one("producerName", "string"),
    7: one("graph", "GraphProto"),
    8: many("opsetImport", "OperatorSetIdProto"),
    14: many("metadataProps", "StringStringEntryProto"),
    25: many("functions", "FunctionProto"),
  },
  OperatorSetIdProto: { 1: one("domain", "string"), 2: one("version", "int64") },
  GraphProto: {
    1: many("node", "NodeProto"),
    2: one("name", "string"),
    5: many("initializer", "TensorProto"),
    11: many("input", "ValueInfoProto"),
    12: many("output", "ValueInfoProto"),
    15: many("sparseInitializer", "SparseTensorProto"),
  },
  NodeProto: {
    1: many("input", "string"),
    2: many("output", "string"),
    3: one("name", "string"),
    4: one("opType", "string"),
    5: many("attribute", "AttributeProto"),
    7: one("domain", "string"),
    8: one("overload", "string"),
  },
  AttributeProto: {
    1: one("name", "string"),
    2: one("f", "float"),
    3: one("i", "int64"),
    4: one("s", "bytes"),
    5: one("t", "TensorProto"),
    6: one("g", "GraphProto"),
    7: many("floats", "float"),
    8: many("ints", "int64"),
    9: many("strings", "bytes"),
    20: one("type", "int32"),
    21: one("refAttrName", "string"),
  },
  TensorProto: {
    1: many("dims", "int64"),
    2: one("dataType", "int32"),
    4: many("floatData", "float"),
    5: many("int32Data", "int32"),
    6: many("stringData", "bytes"),
    7: many("int64Data", "int64"),
    8: one("name", "string"),
    9: one("rawData", "bytes"),
    10: many("doubleData", "double"),
    11: many("uint64Data", "uint64"),
    13: many("externalData", "StringStringEntryProto"),
    14: one("dataLocation", "int32"),
  },
  SparseTensorProto: { 1: one("values", "TensorProto") },
  ValueInfoProto: { 1: one("name", "string"), 2: one("type", "TypeProto") },
  TypeProto: { 1: one("tensorType", "TensorTypeProto") },
  TensorTypeProto: { 1: one("elemType", "int32"), 2: one("shape", "TensorShapeProto") },
  TensorShapeProto: { 1: many("dim", "DimensionProto") },
  DimensionProto: { 1: one("dimValue", "int64"), 2: one("dimParam", "string") },
  StringStringEntryProto: { 1: one("key", "string"), 2: one("value", "string") },
  FunctionProto: {
    1: one("name", "string"),
    4: many("input", "string"),
    5: many("output", "string"),
    6: many("attributeName", "string"),
    7: many("node", "NodeProto"),
    9: many("opsetImport", "OperatorSetIdProto"),
    10: one("domain", "string"),
    11: many("attributeProto", "AttributeProto"),
    13: one("overload", "string"),
  },
};

export type MessageName = keyof typeof SCHEMA;
export interface ProtoField {
  readonly name: string;
  readonly type: Scalar | MessageName;
  readonly repeated: boolean;
}

type TypeOf<T> = T extends Scalar ? Scalars[T] : T extends MessageName ? Messages[T] : never;
type ProtoFieldsOf<M extends MessageName, R extends boolean> = Extract<
  (typeof SCHEMA)[M][keyof (typeof SCHEMA)[M]],
  { readonly name: string; readonly type: string; readonly repeated: R }
>;

/** The form of a message as an object: absent fields are missing, repeated ones empty arrays. */
export type Messages = {
  readonly [M in MessageName]: {
    readonly [F in ProtoFieldsOf<M, false> as F["name"]]?: TypeOf<F["type"]>;
  } & {
    readonly [F in ProtoFieldsOf<M, true> as F["name"]]: readonly TypeOf<F["type"]>[];
  };
};

/** The fields of a message by number. */
export function fieldsOf(message: MessageName): Readonly<Record<number, ProtoField>> {
  return SCHEMA[message];
}
