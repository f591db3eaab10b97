// onnx.js: a network as an ONNX model, in float32 or in int8 (QDQ form), for the peers that read it.
import onnxProto from "onnx-proto";
import { inferShapes } from "../dist/graph/index.js";
import { linear } from "./tasks.js";

const { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } = onnxProto.onnx;
const { FLOAT, UINT8, INT8, INT32 } = TensorProto.DataType;
const OPSET = 14;
const ARRAYS = { [FLOAT]: Float32Array, [UINT8]: Uint8Array, [INT8]: Int8Array, [INT32]: Int32Array };

/** A graph under construction; every call adds something and returns its name. */
function createGraph() {
  const nodes = [];
  const initializers = [];
  let unique = 0;
  return {
    nodes,
    initializers,
    node(opType, input, output, attributes = {}) {
      const attribute = Object.entries(attributes).map(([name, value]) => {
        const { INT, INTS, FLOAT } = AttributeProto.AttributeType;
        if (Array.isArray(value)) return AttributeProto.create({ name, ints: value, type: INTS });
        if (typeof value === "object") return AttributeProto.create({ name, f: value.float, type: FLOAT });
        return AttributeProto.create({ name, i: value, type: INT });
      });
      nodes.push(NodeProto.create({ opType, name: `n${nodes.length}`, input, output: [output], attribute }));
      return output;
    },
    tensor(dataType, dims, values) {
      const name = `t${initializers.length}`;
      const data = ARRAYS[dataType].from(values);
      const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      initializers.push(TensorProto.create({ name, dataType, dims, rawData }));
      return name;
    },
    fresh: (name) => `${name}#${unique++}`,
  };
}

/**
 * Bytes of the float32 model: batch 1, one tensor a node, named as the nodes are.
 */
export function floatModel(network) {
  const g = createGraph();
  for (const node of network.nodes) {
    if (node.op === "input") continue;
    const weights = (n) => [
      g.tensor(FLOAT, n.weight.shape, n.weight.data),
      g.tensor(FLOAT, [n.weight.shape[0]], n.bias.data),
    ];
    const read = (name, flat) => (flat ? g.node("Flatten", [name], g.fresh(name)) : name);
    operation(g, node, read, weights, node.name);
  }
  return serialize(network, g, FLOAT);
}

/**
 * Bytes of the int8 model: every tensor u8 with the encoding that `ranges` give, weights int8 with a scale a channel.
 * @param ranges least and largest value of each node's tensor; those that a concatenation joins must be equal
 * @param ports "float32", or "u8" for a graph that takes and gives the integers
 */
export function int8Model(network, ranges, ports) {
  const g = createGraph();
  const encodings = new Map(network.nodes.map((node) => [node.name, linear(ranges.get(node.name), 255)]));
  const shared = new Map();
  const scaleOf = (node) => {
    const { scale, zero } = encodings.get(node);
    const key = `${scale} ${zero}`;
    if (!shared.has(key)) shared.set(key, [g.tensor(FLOAT, [], [scale]), g.tensor(UINT8, [], [zero])]);
    return shared.get(key);
  };
  const rounded = (name) => `${name}.q`;
  // what a ReLU alone reads is rounded behind the ReLU only, so that both become one operation
  const real = new Map();
  const read = (name, flat) => {
    if (real.has(name)) return real.get(name);
    const integers = flat ? g.node("Flatten", [rounded(name)], g.fresh(name)) : rounded(name);
    return g.node("DequantizeLinear", [integers, ...scaleOf(name)], g.fresh(name));
  };
  const outputs = new Set(network.outputs);
  const [input] = network.nodes;
  if (ports === "float32") g.node("QuantizeLinear", [input.name, ...scaleOf(input.name)], rounded(input.name));
  for (const node of network.nodes) {
    if (node.op === "input") continue;
    const weights = (n) => {
      const { codes, scales } = int8Weights(n);
      const channels = n.weight.shape[0];
      const scale = g.tensor(FLOAT, [channels], scales);
      const zero = g.tensor(INT8, [channels], new Int8Array(channels));
      const w = g.node("DequantizeLinear", [g.tensor(INT8, n.weight.shape, codes), scale, zero], g.fresh("w"), {
        axis: 0,
      });
      const steps = scales.map((s) => Math.fround(s * encodings.get(n.input).scale));
      const bias = g.tensor(
        INT32,
        [channels],
        n.bias.data.map((b, i) => Math.round(b / steps[i])),
      );
      const none = g.tensor(INT32, [channels], new Int32Array(channels));
      return [
        w,
        g.node("DequantizeLinear", [bias, g.tensor(FLOAT, [channels], steps), none], g.fresh("b"), { axis: 0 }),
      ];
    };
    const value = operation(g, node, read, weights, g.fresh(node.name));
    if (hasReluAlone(network, node.name)) {
      real.set(node.name, value);
      continue;
    }
    g.node("QuantizeLinear", [value, ...scaleOf(node.name)], rounded(node.name));
    if (outputs.has(node.name) && ports === "float32") {
      g.node("DequantizeLinear", [rounded(node.name), ...scaleOf(node.name)], node.name);
    }
  }
  return ports === "float32" ? serialize(network, g, FLOAT) : serialize(network, g, UINT8, rounded);
}

function hasReluAlone(network, name) {
  const readers = network.nodes.filter((node) => node.input === name || node.inputs?.includes(name));
  return readers.length === 1 && readers[0].op === "relu" && !network.outputs.includes(name);
}

/** int8 codes -127..127 and a scale for each output channel. */
export function int8Weights({ weight }) {
  const { shape, data } = weight;
  const depth = data.length / shape[0];
  const codes = new Int8Array(data.length);
  const scales = Float32Array.from({ length: shape[0] }, (_, o) => {
    let largest = 0;
    for (let k = 0; k < depth; k++) largest = Math.max(largest, Math.abs(data[o * depth + k]));
    const scale = Math.fround(largest / 127) || 1;
    for (let k = o * depth; k < (o + 1) * depth; k++) codes[k] = Math.round(data[k] / scale);
    return scale;
  });
  return { codes, scales };
}

/**
 * Adds a node's float32 operation, which writes `output`; returns that name.
 * @param read gives a node's tensor in float32, as a matrix of one row where its second argument says so
 */
function operation(g, node, read, weights, output) {
  switch (node.op) {
    case "conv":
      return g.node("Conv", [read(node.input), ...weights(node)], output, {
        kernel_shape: node.weight.shape.slice(2),
        strides: [...node.stride],
        pads: [...node.padding],
        dilations: [...node.dilation],
        group: node.groups,
      });
    case "dense": {
      return g.node("Gemm", [read(node.input, true), ...weights(node)], output, { transB: 1 });
    }
    case "relu":
      if (node.max === undefined) return g.node("Relu", [read(node.input)], output);
      return g.node("Clip", [read(node.input), g.tensor(FLOAT, [], [0]), g.tensor(FLOAT, [], [node.max])], output);
    case "maxPool":
      return g.node("MaxPool", [read(node.input)], output, {
        kernel_shape: [...node.kernel],
        strides: [...node.stride],
        pads: [...node.padding],
      });
    case "globalAvgPool":
      return g.node("GlobalAveragePool", [read(node.input)], output);
    case "add":
      return g.node(
        "Add",
        node.inputs.map((name) => read(name)),
        output,
      );
    case "binary":
      return g.node(
        { mul: "Mul" }[node.fn],
        node.inputs.map((name) => read(name)),
        output,
      );
    case "activation": {
      if (node.fn === "hardSwish") return g.node("HardSwish", [read(node.input)], output);
      const [alpha, beta] = node.parameters;
      return g.node("HardSigmoid", [read(node.input)], output, { alpha: { float: alpha }, beta: { float: beta } });
    }
    case "concat":
      return g.node(
        "Concat",
        node.inputs.map((name) => read(name)),
        output,
        { axis: 1 },
      );
  }
  throw new Error(`no ONNX form for ${node.op}`);
}

function serialize(network, g, elemType, port = (name) => name) {
  const shapes = inferShapes(network);
  const info = (name) => {
    const { op } = network.nodes.find((node) => node.name === name);
    const shape = op === "dense" ? shapes.get(name).slice(0, 1) : shapes.get(name);
    const dim = [1, ...shape].map((dimValue) => ({ dimValue }));
    return ValueInfoProto.create({ name: port(name), type: { tensorType: { elemType, shape: { dim } } } });
  };
  const graph = GraphProto.create({
    name: network.name,
    node: g.nodes,
    initializer: g.initializers,
    input: [info(network.nodes[0].name)],
    output: network.outputs.map(info),
  });
  const model = ModelProto.create({
    irVersion: 8,
    producerName: "bench",
    opsetImport: [{ domain: "", version: OPSET }],
    graph,
  });
  return ModelProto.encode(model).finish();
}
