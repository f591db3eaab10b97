// build.js: small ONNX models written field by field.
import { encodeMessage } from "../../dist/onnx/wire.js";

const LISTS = { dims: [], floatData: [], int32Data: [], stringData: [], int64Data: [], doubleData: [], uint64Data: [] };
const EMPTY = { floats: [], ints: [], strings: [] };
const utf8 = new TextEncoder();

/** A float32 tensor; of zeros and ones and so on unless values are given. */
export function floats(dims, values) {
  const length = dims.reduce((a, b) => a * b, 1);
  const data = values ?? Array.from({ length }, (_, i) => Math.fround(Math.sin(i * 12.9898 + length) * 0.9));
  return { ...LISTS, dims, dataType: 1, floatData: data, externalData: [] };
}

export const ints = (...values) => ({
  ...LISTS,
  dims: [values.length],
  dataType: 7,
  int64Data: values,
  externalData: [],
});
export const scalar = (value) => floats([], [value]);
export const bytes = (dims, values, dataType = 3) => ({
  ...LISTS,
  dims,
  dataType,
  int32Data: values,
  externalData: [],
});

/** A number with a fraction, or of the class Float, is a float; the rest as they look. */
export class Float {
  constructor(value) {
    this.value = value;
  }
}

function attribute(name, value) {
  if (value instanceof Float) return { ...EMPTY, name, type: 1, f: value.value };
  if (typeof value === "number") return { ...EMPTY, name, type: 2, i: value };
  if (typeof value === "string") return { ...EMPTY, name, type: 3, s: utf8.encode(value) };
  if (value.dataType) return { ...EMPTY, name, type: 4, t: value };
  if (value[0] instanceof Float) return { ...EMPTY, name, type: 6, floats: value.map((v) => v.value) };
  return { ...EMPTY, name, type: 7, ints: value };
}

/** [op, with its domain if it has one, inputs, outputs, attributes]; inputs and outputs as texts with blanks between names, "_" for none. */
export function node([op, inputs, outputs, attributes = {}], index = 0) {
  const names = (text) => (text ? text.split(" ").map((name) => (name === "_" ? "" : name)) : []);
  return {
    name: `${op}_${index}`,
    opType: op.split(".").at(-1),
    ...(op.includes(".") && { domain: op.slice(0, op.lastIndexOf(".")) }),
    input: names(inputs),
    output: names(outputs),
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  };
}

const info = (name, dims, elemType = 1) => ({
  name,
  type: {
    tensorType: {
      elemType,
      ...(dims && { shape: { dim: dims.map((n) => (typeof n === "number" ? { dimValue: n } : { dimParam: n })) } }),
    },
  },
});

/** The message of a model with the input x, constants by name, and the outputs named, all of one type. */
export function message({ x = [1, 4, 6, 7], nodes, constants = {}, outputs = ["y"], opset = 13, type = 1 }) {
  return {
    irVersion: 8,
    opsetImport: [
      { domain: "", version: opset },
      ...(nodes.some(([op]) => op.startsWith("com.microsoft.")) ? [{ domain: "com.microsoft", version: 1 }] : []),
    ],
    metadataProps: [],
    functions: [],
    graph: {
      name: "built",
      node: nodes.map(node),
      initializer: Object.entries(constants).map(([name, tensor]) => ({ ...tensor, name })),
      input: [info("x", x)],
      output: outputs.map((name) => info(name, undefined, type)),
      sparseInitializer: [],
    },
  };
}

export const build = (parts) => encodeMessage("ModelProto", message(parts));
