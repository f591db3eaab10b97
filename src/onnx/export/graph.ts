// graph.ts: an ONNX graph under construction: nodes and constants, each call adding one and returning its value's name.
import type { Messages } from "../schema.js";

const FLOAT = 1;
const UINT8 = 2;
const INT8 = 3;
const INT64 = 7;
const DOUBLE = 11;

/** All operators below exist since this version. */
const EXPORT_OPSET = 17;
const IR_VERSION = 8;

type Attribute = number | string | readonly number[] | { readonly float: number };

export interface GraphBuilder {
  /** The element type that `floats` makes. */
  readonly real: number;
  floats(values: ArrayLike<number>, dims?: readonly number[]): string;
  /** The same graph for nodes that compute in float64. */
  inDoubles(): GraphBuilder;
  int8(values: ArrayLike<number>, dims: readonly number[]): string;
  uint8(value: number): string;
  /** int64 in one dimension. */
  integers(values: readonly number[]): string;
  /** @param name wished for the result */
  node(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>, name?: string): string;
  /** A node whose result has one of the reserved names. */
  publish(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>>, name: string): void;
  finish(ports: Ports, name: string, metadata: Readonly<Record<string, string>>): Messages["ModelProto"];
}

/** Names and sizes; null is the batch, which is open. */
export interface Ports {
  readonly inputs: readonly (readonly [name: string, dims: readonly (number | null)[]])[];
  readonly outputs: readonly (readonly [name: string, dims: readonly (number | null)[]])[];
}

/** @param reserved names of the graph's inputs and outputs */
export function createGraph(reserved: readonly string[]): GraphBuilder {
  const nodes: Messages["NodeProto"][] = [];
  const initializers: Messages["TensorProto"][] = [];
  const names = new Set(reserved);
  const known = new Map<string, string>();
  const fresh = (wanted: string): string => {
    let name = wanted;
    for (let i = 2; names.has(name); i++) name = `${wanted}.${i}`;
    names.add(name);
    return name;
  };
  /** Small constants that occur again and again are stored once. */
  const constant = (dataType: number, dims: readonly number[], rawData: Uint8Array): string => {
    const key = rawData.length <= 64 ? `${dataType} ${dims} ${rawData}` : null;
    const before = key === null ? undefined : known.get(key);
    if (before !== undefined) return before;
    const name = fresh(`constant_${initializers.length}`);
    const empty = { floatData: [], int32Data: [], stringData: [], int64Data: [], doubleData: [], uint64Data: [] };
    initializers.push({ ...empty, externalData: [], dims: [...dims], dataType, name, rawData });
    if (key !== null) known.set(key, name);
    return name;
  };
  const push: (...node: [string, readonly string[], Readonly<Record<string, Attribute>>, string]) => void = (
    opType,
    input,
    attributes,
    output,
  ) => {
    const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
    nodes.push({ opType, name: output, input: [...input], output: [output], attribute });
  };
  const floats = (values: ArrayLike<number>, dims: readonly number[] = [values.length]): string =>
    constant(
      FLOAT,
      dims,
      packed(values, 4, (view, at, x) => view.setFloat32(at, x, true)),
    );
  const doubles = (values: ArrayLike<number>, dims: readonly number[] = [values.length]): string =>
    constant(
      DOUBLE,
      dims,
      packed(values, 8, (view, at, x) => view.setFloat64(at, x, true)),
    );
  const builder: GraphBuilder = {
    real: FLOAT,
    floats,
    inDoubles: () => ({ ...builder, real: DOUBLE, floats: doubles }),
    int8: (values, dims) =>
      constant(
        INT8,
        dims,
        packed(values, 1, (view, at, x) => view.setInt8(at, x)),
      ),
    uint8: (value) => constant(UINT8, [], Uint8Array.of(value)),
    integers: (values) =>
      constant(
        INT64,
        [values.length],
        packed(values, 8, (view, at, x) => view.setBigInt64(at, BigInt(x), true)),
      ),
    node(opType, input, attributes = {}, name = `${opType.toLowerCase()}_${nodes.length}`) {
      const output = fresh(name);
      push(opType, input, attributes, output);
      return output;
    },
    publish: push,
    finish({ inputs, outputs }, name, metadata) {
      const infos = (ports: Ports["inputs"]): Messages["ValueInfoProto"][] =>
        ports.map(([port, dims]) => ({
          name: port,
          type: {
            tensorType: {
              elemType: FLOAT,
              shape: { dim: dims.map((dimValue) => (dimValue === null ? { dimParam: "batch" } : { dimValue })) },
            },
          },
        }));
      return {
        irVersion: IR_VERSION,
        producerName: "shiftwise",
        opsetImport: [{ domain: "", version: EXPORT_OPSET }],
        metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
        functions: [],
        graph: {
          name,
          node: nodes,
          initializer: initializers,
          input: infos(inputs),
          output: infos(outputs),
          sparseInitializer: [],
        },
      };
    },
  };
  return builder;
}

function packed(
  values: ArrayLike<number>,
  bytes: number,
  write: (view: DataView, at: number, value: number) => void,
): Uint8Array {
  const result = new Uint8Array(values.length * bytes);
  const view = new DataView(result.buffer);
  for (let i = 0; i < values.length; i++) write(view, i * bytes, values[i]);
  return result;
}

function attributeOf(name: string, value: Attribute): Messages["AttributeProto"] {
  const empty = { name, floats: [], ints: [], strings: [] };
  if (typeof value === "number") return { ...empty, type: 2, i: value };
  if (typeof value === "string") return { ...empty, type: 3, s: new TextEncoder().encode(value) };
  if ("float" in value) return { ...empty, type: 1, f: value.float };
  return { ...empty, type: 7, ints: [...value] };
}

/** One value a channel, met with (batch, channels, rows, columns). */
export function perChannel(g: GraphBuilder, values: ArrayLike<number>): string {
  return g.floats(values, [values.length, 1, 1]);
}
