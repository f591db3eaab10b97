// schema.ts: the messages of onnx.proto that are read and written, with their field numbers.
//
// A table and not generated classes: protobufjs reads and writes the wire format, and nothing is compiled at run time, so
// the importer runs under a content security policy without unsafe-eval.

export type Scalar = "int32" | "int64" | "uint64" | "float" | "double" | "string" | "bytes";

export interface Field {
  readonly name: string;
  /** A scalar, or the name of a message. */
  readonly type: Scalar | MessageName;
  readonly repeated?: true;
}

export type MessageName =
  | "ModelProto"
  | "OperatorSetIdProto"
  | "GraphProto"
  | "NodeProto"
  | "AttributeProto"
  | "TensorProto"
  | "SparseTensorProto"
  | "ValueInfoProto"
  | "TypeProto"
  | "TensorTypeProto"
  | "TensorShapeProto"
  | "DimensionProto"
  | "StringStringEntryProto"
  | "FunctionProto";

const one = (name: string, type: Field["type"]): Field => ({ name, type });
const many = (name: string, type: Field["type"]): Field => ({ name, type, repeated: true });

/** Fields by number, for each message. Fields that are not listed are passed over. */
export const SCHEMA: Readonly<Record<MessageName, Readonly<Record<number, Field>>>> = {
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
  FunctionProto: { 1: one("name", "string"), 10: one("domain", "string") },
};

/** What a message is as an object: absent fields are missing, repeated ones empty arrays. */
export interface Messages {
  ModelProto: {
    irVersion?: number;
    producerName?: string;
    graph?: Messages["GraphProto"];
    opsetImport: readonly Messages["OperatorSetIdProto"][];
    metadataProps: readonly Messages["StringStringEntryProto"][];
    functions: readonly Messages["FunctionProto"][];
  };
  OperatorSetIdProto: { domain?: string; version?: number };
  GraphProto: {
    node: readonly Messages["NodeProto"][];
    name?: string;
    initializer: readonly Messages["TensorProto"][];
    input: readonly Messages["ValueInfoProto"][];
    output: readonly Messages["ValueInfoProto"][];
    sparseInitializer: readonly Messages["SparseTensorProto"][];
  };
  NodeProto: {
    input: readonly string[];
    output: readonly string[];
    name?: string;
    opType?: string;
    attribute: readonly Messages["AttributeProto"][];
    domain?: string;
  };
  AttributeProto: {
    name?: string;
    f?: number;
    i?: number;
    s?: Uint8Array;
    t?: Messages["TensorProto"];
    g?: Messages["GraphProto"];
    floats: readonly number[];
    ints: readonly number[];
    strings: readonly Uint8Array[];
    type?: number;
    refAttrName?: string;
  };
  TensorProto: {
    dims: readonly number[];
    dataType?: number;
    floatData: readonly number[];
    int32Data: readonly number[];
    stringData: readonly Uint8Array[];
    int64Data: readonly number[];
    name?: string;
    rawData?: Uint8Array;
    doubleData: readonly number[];
    uint64Data: readonly number[];
    externalData: readonly Messages["StringStringEntryProto"][];
    dataLocation?: number;
  };
  SparseTensorProto: { values?: Messages["TensorProto"] };
  ValueInfoProto: { name?: string; type?: Messages["TypeProto"] };
  TypeProto: { tensorType?: Messages["TensorTypeProto"] };
  TensorTypeProto: { elemType?: number; shape?: Messages["TensorShapeProto"] };
  TensorShapeProto: { dim: readonly Messages["DimensionProto"][] };
  DimensionProto: { dimValue?: number; dimParam?: string };
  StringStringEntryProto: { key?: string; value?: string };
  FunctionProto: { name?: string; domain?: string };
}
