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

/** The attribute of a function's call that an attribute in its body takes over. */
export class Taken {
  constructor(name, type) {
    this.name = name;
    this.type = type;
  }
}

/** A graph within a node: a branch that reads what lies around it. */
export class Branch {
  constructor(nodes, outputs, constants = {}) {
    Object.assign(this, { nodes, outputs, constants });
  }
}

function attribute(name, value) {
  if (value instanceof Taken) return { ...EMPTY, name, type: value.type, refAttrName: value.name };
  if (value instanceof Branch) return { ...EMPTY, name, type: 5, g: graphOf(value) };
  if (value instanceof Float) return { ...EMPTY, name, type: 1, f: value.value };
  if (typeof value === "number") return { ...EMPTY, name, type: 2, i: value };
  if (typeof value === "string") return { ...EMPTY, name, type: 3, s: utf8.encode(value) };
  if (value.dataType) return { ...EMPTY, name, type: 4, t: value };
  if (value[0] instanceof Float) return { ...EMPTY, name, type: 6, floats: value.map((v) => v.value) };
  if (typeof value[0] === "string") return { ...EMPTY, name, type: 8, strings: value.map((v) => utf8.encode(v)) };
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

const graphOf = ({ nodes, outputs, constants }) => ({
  name: "branch",
  node: nodes.map(node),
  initializer: Object.entries(constants).map(([name, tensor]) => ({ ...tensor, name })),
  input: [],
  output: outputs.map((name) => info(name)),
  sparseInitializer: [],
});

/** A function of the domain "own": [name, inputs, outputs, nodes, names of attributes, attributes with defaults]. */
const functionOf = ([name, inputs, outputs, nodes, names = [], defaults = {}]) => ({
  name,
  domain: "own",
  input: inputs.split(" "),
  output: outputs.split(" "),
  attributeName: names,
  attributeProto: Object.entries(defaults).map(([key, value]) => attribute(key, value)),
  node: nodes.map(node),
  opsetImport: [
    { domain: "", version: 13 },
    { domain: "own", version: 1 },
  ],
});

/** The message of a model with the input x, constants by name, and the outputs named, of one type or each of its own. */
export function message({
  x = [1, 4, 6, 7],
  nodes,
  constants = {},
  outputs = ["y"],
  opset = 13,
  type = 1,
  functions = [],
  inputs = [],
}) {
  return {
    irVersion: 8,
    opsetImport: [
      { domain: "", version: opset },
      ...["com.microsoft", "own"]
        .filter((domain) => nodes.some(([op]) => op.startsWith(`${domain}.`)))
        .map((domain) => ({ domain, version: 1 })),
    ],
    metadataProps: [],
    functions: functions.map(functionOf),
    graph: {
      name: "built",
      node: nodes.map(node),
      initializer: Object.entries(constants).map(([name, tensor]) => ({ ...tensor, name })),
      input: [info("x", x), ...inputs.map(([name, dims, elemType]) => info(name, dims, elemType))],
      output: outputs.map((name, i) => info(name, undefined, [type].flat()[i] ?? type)),
      sparseInitializer: [],
    },
  };
}

export const build = (parts) => encodeMessage("ModelProto", message(parts));
