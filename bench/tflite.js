// tflite.js: a network as a TensorFlow Lite model, in float32 or in int8 as TensorFlow's converter makes it, for LiteRT.
//
// Field numbers are those of TensorFlow's public schema (schema.fbs, version 3). Tensors lie with their channels last.
import { Builder } from "flatbuffers";
import { inferShapes } from "../dist/graph/index.js";
import { int8Weights } from "./onnx.js";
import { linear } from "./tasks.js";

const TYPE = { float32: 0, int32: 2, int8: 9 };
const BYTES = { float32: Float32Array, int32: Int32Array, int8: Int8Array };
const PADDING = { same: 0, valid: 1 };
const ACTIVATION = { none: 0, relu: 1, relu6: 3 };

/** Built-in operators: their number, and that of the table of their options (0: none). */
const OPERATORS = {
  add: [0, 11],
  averagePool: [1, 5],
  concat: [2, 10],
  conv: [3, 1],
  depthwise: [4, 2],
  dequantize: [6, 0],
  dense: [9, 8],
  maxPool: [17, 5],
  mul: [18, 21],
  relu: [19, 0],
  relu6: [21, 0],
  reshape: [22, 0],
  pad: [34, 22],
  mean: [40, 27],
  quantize: [114, 0],
  hardSwish: [117, 0],
};

/** The version of an operator from which it takes int8 with a scale for each channel; 1 for the others. */
const VERSIONS = {
  add: 2,
  concat: 2,
  conv: 3,
  depthwise: 3,
  dequantize: 2,
  dense: 4,
  maxPool: 2,
  mul: 2,
  relu: 2,
  relu6: 2,
  pad: 2,
  mean: 2,
};

/** Bytes of the float32 model; its input and output are (1, height, width, channels), of a dense layer (1, outputs). */
export function floatTflite(network) {
  return write(network, null);
}

/**
 * Bytes of the int8 model: activations int8 with a scale and a zero point, weights int8 with a scale for each channel,
 * float32 outside.
 * @param ranges least and largest value of each node's tensor; those that a concatenation joins must be equal
 */
export function int8Tflite(network, ranges) {
  return write(network, new Map(network.nodes.map(({ name }) => [name, linear(ranges.get(name), 255)])));
}

/** A model under construction: tensors and operators in plain objects, which `serialize` writes. */
function write(network, encodings) {
  const shapes = inferShapes(network);
  const tensors = [];
  const operators = [];
  const places = new Map();

  const add = (name, shape, type, data = null, quantization = null) =>
    tensors.push({ name, shape, type, data, quantization }) - 1;
  const constant = (name, shape, type, values, quantization) =>
    add(name, shape, type, BYTES[type].from(values), quantization);
  const encodingOf = (name) => {
    const { scale, zero } = encodings.get(name);
    return { scales: [scale], zeros: [zero - 128], axis: 0 };
  };
  const activation = (name, shape) =>
    encodings ? add(name, shape, "int8", null, encodingOf(name)) : add(name, shape, "float32");
  const last = ([channels, height, width]) => [1, height, width, channels];
  const call = (kind, inputs, output, options = []) => {
    operators.push({ kind, inputs, output, options });
    return output;
  };

  const readers = new Map();
  for (const node of network.nodes) {
    for (const name of node.inputs ?? (node.input ? [node.input] : []))
      readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  /** The ReLU that alone reads a node and becomes part of it. */
  const fusedInto = (node) => {
    const [next, ...others] = readers.get(node.name) ?? [];
    const fits = next?.op === "relu" && others.length === 0 && !network.outputs.includes(node.name);
    return fits && (next.max === undefined || next.max === 6) ? next : null;
  };
  const fused = new Set();
  /** Names an operation's result: its own, or that of the ReLU in it. Gives the tensor and the function's number. */
  const resultOf = (node, shape) => {
    const next = fusedInto(node);
    if (next) fused.add(next.name);
    const { name } = next ?? node;
    places.set(name, activation(name, shape));
    const fn = next ? (next.max === undefined ? "relu" : "relu6") : "none";
    return { output: places.get(name), fn: ACTIVATION[fn] };
  };

  const weightsOf = (node, order) => {
    const channels = node.weight.shape[0];
    const shape = order(node.weight.shape);
    const axis = shape.length === 4 && node.groups > 1 ? 3 : 0;
    if (!encodings) {
      const filter = constant(`${node.name}/w`, shape, "float32", reordered(node));
      return [filter, constant(`${node.name}/b`, [channels], "float32", node.bias.data)];
    }
    const { codes, scales } = int8Weights(node);
    const steps = scales.map((s) => Math.fround(s * encodings.get(node.input).scale));
    const zeros = new Array(channels).fill(0);
    const bias = Array.from(node.bias.data, (b, i) => Math.round(b / steps[i]));
    const filter = reordered({ ...node, weight: { ...node.weight, data: codes } });
    return [
      constant(`${node.name}/w`, shape, "int8", filter, { scales: [...scales], zeros, axis }),
      constant(`${node.name}/b`, [channels], "int32", bias, { scales: [...steps], zeros, axis: 0 }),
    ];
  };

  /** A window's input and the kind of its padding: where TensorFlow has no such padding, an operator before it pads. */
  const padded = (node, kernel, dilation = [1, 1]) => {
    const from = places.get(node.input);
    const [channels, height, width] = shapes.get(node.input);
    const [top, left, bottom, right] = node.padding;
    if (node.padding.every((n) => n === 0)) return [from, PADDING.valid];
    const same = [height, width].every((size, i) => {
      const outputs = Math.ceil(size / node.stride[i]);
      const all = Math.max(0, (outputs - 1) * node.stride[i] + (kernel[i] - 1) * dilation[i] + 1 - size);
      return node.padding[i] === all >> 1 && node.padding[i + 2] === all - (all >> 1);
    });
    if (same) return [from, PADDING.same];
    const wider = [1, top + height + bottom, left + width + right, channels];
    const name = `${node.name}/pad`;
    const to = encodings ? add(name, wider, "int8", null, encodingOf(node.input)) : add(name, wider, "float32");
    const amounts = constant(`${name}/n`, [4, 2], "int32", [0, 0, top, bottom, left, right, 0, 0]);
    return [call("pad", [from, amounts], to), PADDING.valid];
  };

  const [input] = network.nodes;
  const image = add("input", last(input.shape), "float32");
  if (encodings) places.set(input.name, call("quantize", [image], activation(input.name, last(input.shape))));
  else places.set(input.name, image);

  for (const node of network.nodes.slice(1)) {
    if (fused.has(node.name)) continue;
    const shape = last(shapes.get(node.name));
    const from = (name) => places.get(name);
    switch (node.op) {
      case "conv": {
        const kernel = node.weight.shape.slice(2);
        const depthwise = node.groups > 1;
        if (depthwise && (node.groups !== node.weight.shape[0] || node.weight.shape[1] !== 1))
          throw new Error(`${node.name}: no TensorFlow Lite form for ${node.groups} groups`);
        const [x, padding] = padded(node, kernel, node.dilation);
        const weights = weightsOf(node, ([o, i, h, w]) => (depthwise ? [1, h, w, o] : [o, h, w, i]));
        const { output, fn } = resultOf(node, shape);
        const [sy, sx] = node.stride;
        const [dy, dx] = node.dilation;
        const common = [
          ["i8", padding],
          ["i32", sx],
          ["i32", sy],
        ];
        const options = depthwise
          ? [...common, ["i32", 1], ["i8", fn], ["i32", dx], ["i32", dy]]
          : [...common, ["i8", fn], ["i32", dx], ["i32", dy]];
        call(depthwise ? "depthwise" : "conv", [x, ...weights], output, options);
        break;
      }
      case "dense": {
        const weights = weightsOf(flattened(node, shapes.get(node.input)), (dims) => [...dims]);
        const { output, fn } = resultOf(node, [1, node.weight.shape[0]]);
        const count = node.weight.shape[1];
        const x = encodings
          ? add(`${node.name}/flat`, [1, count], "int8", null, encodingOf(node.input))
          : add(`${node.name}/flat`, [1, count], "float32");
        call("reshape", [from(node.input), constant(`${node.name}/to`, [2], "int32", [1, count])], x);
        call("dense", [x, ...weights], output, [["i8", fn]]);
        break;
      }
      case "relu":
        call(node.max === undefined ? "relu" : "relu6", [from(node.input)], resultOf(node, shape).output);
        break;
      case "activation": {
        const { output } = resultOf(node, shape);
        if (node.fn === "hardSwish") {
          call("hardSwish", [from(node.input)], output);
          break;
        }
        // relu6(x + 3) / 6, as TensorFlow has it: the only parameters that the networks have
        const name = `${node.name}/6`;
        const of6 = (scale, zero) => ({ scales: [Math.fround(scale)], zeros: [zero], axis: 0 });
        const number = (value, label) =>
          encodings
            ? constant(`${node.name}/${label}`, [1], "int8", [127], of6(value / 255, -128))
            : constant(`${node.name}/${label}`, [1], "float32", [value]);
        const six = encodings ? add(name, shape, "int8", null, of6(6 / 255, -128)) : add(name, shape, "float32");
        call("add", [from(node.input), number(3, "3")], six, [["i8", ACTIVATION.relu6]]);
        call("mul", [six, number(1 / 6, "sixth")], output, [["i8", ACTIVATION.none]]);
        break;
      }
      case "maxPool": {
        // a window that begins in the padding reads zeros there: behind a ReLU they never win
        const [x, padding] = padded(node, node.kernel);
        const { output, fn } = resultOf(node, shape);
        const [[sy, sx], [ky, kx]] = [node.stride, node.kernel];
        call("maxPool", [x], output, [
          ["i8", padding],
          ["i32", sx],
          ["i32", sy],
          ["i32", kx],
          ["i32", ky],
          ["i8", fn],
        ]);
        break;
      }
      case "globalAvgPool": {
        const axes = constant(`${node.name}/axes`, [2], "int32", [1, 2]);
        call("mean", [from(node.input), axes], resultOf(node, shape).output, [["i8", 1]]);
        break;
      }
      case "add": {
        const { output, fn } = resultOf(node, shape);
        call("add", node.inputs.map(from), output, [["i8", fn]]);
        break;
      }
      case "binary": {
        if (node.fn !== "mul") throw new Error(`no TensorFlow Lite form for ${node.fn}`);
        const { output, fn } = resultOf(node, shape);
        call("mul", node.inputs.map(from), output, [["i8", fn]]);
        break;
      }
      case "concat": {
        const { output, fn } = resultOf(node, shape);
        call("concat", node.inputs.map(from), output, [
          ["i32", 3],
          ["i8", fn],
        ]);
        break;
      }
      default:
        throw new Error(`no TensorFlow Lite form for ${node.op}`);
    }
  }
  let output = places.get(network.outputs[0]);
  if (encodings) output = call("dequantize", [output], add("output", tensors[output].shape, "float32"));
  return serialize(network.name, tensors, operators, image, output);
}

/** A dense layer that reads its input with the channels last. */
function flattened(node, [channels, height, width]) {
  const pixels = height * width;
  if (pixels === 1) return node;
  const { shape, data } = node.weight;
  const length = channels * pixels;
  const from = (i) => (i % channels) * pixels + Math.floor(i / channels);
  const moved = data.map((_, i) => data[i - (i % length) + from(i % length)]);
  return { ...node, weight: { shape, data: moved } };
}

/** Weights with the input channels last: (out, row, column, in), depthwise (row, column, channel); of `dense` as they are. */
function reordered({ op, weight, groups }) {
  if (op === "dense") return weight.data;
  const [outputs, inputs, height, width] = weight.shape;
  const result = new weight.data.constructor(weight.data.length);
  const depthwise = groups > 1;
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      for (let t = 0; t < height * width; t++) {
        const to = depthwise ? t * outputs + o : (o * height * width + t) * inputs + i;
        result[to] = weight.data[(o * inputs + i) * height * width + t];
      }
    }
  }
  return result;
}

/** The file: a flatbuffer of the table Model, with the identifier TFL3. */
function serialize(name, tensors, operators, input, output) {
  const b = new Builder(1 << 20);
  const table = (fields, write) => {
    b.startObject(fields);
    write();
    return b.endObject();
  };
  const vector = (bytes, align, values, put) => {
    b.startVector(bytes, values.length, align);
    for (let i = values.length - 1; i >= 0; i--) put(values[i]);
    return b.endVector();
  };
  const ints = (values) => vector(4, 4, values, (v) => b.addInt32(v));
  const floats = (values) => vector(4, 4, values, (v) => b.addFloat32(v));
  const longs = (values) => vector(8, 8, values, (v) => b.addInt64(BigInt(v)));
  const offsets = (values) => vector(4, 4, values, (v) => b.addOffset(v));

  // Buffer 0 is the empty one, of tensors without data.
  const empty = table(3, () => {});
  const datas = tensors.filter(({ data }) => data);
  const buffers = datas.map(({ data }) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    b.startVector(1, bytes.length, 16);
    b.bb.setPosition((b.space -= bytes.length));
    b.bb.bytes().set(bytes, b.space);
    const stored = b.endVector();
    return table(3, () => b.addFieldOffset(0, stored, 0));
  });
  const tensorTables = tensors.map((tensor) => {
    const text = b.createString(tensor.name);
    const shape = ints(tensor.shape);
    const quantization = tensor.quantization && quantize(tensor.quantization);
    return table(10, () => {
      b.addFieldOffset(0, shape, 0);
      b.addFieldInt8(1, TYPE[tensor.type], 0);
      b.addFieldInt32(2, tensor.data ? 1 + datas.indexOf(tensor) : 0, 0);
      b.addFieldOffset(3, text, 0);
      if (quantization) b.addFieldOffset(4, quantization, 0);
    });
  });
  function quantize({ scales, zeros, axis }) {
    const scale = floats(scales);
    const zero = longs(zeros);
    return table(7, () => {
      b.addFieldOffset(2, scale, 0);
      b.addFieldOffset(3, zero, 0);
      b.addFieldInt32(6, axis, 0);
    });
  }

  const kinds = [...new Set(operators.map(({ kind }) => kind))];
  const codes = kinds.map((kind) => {
    const [code] = OPERATORS[kind];
    return table(4, () => {
      b.addFieldInt8(0, code, 0);
      b.addFieldInt32(2, VERSIONS[kind] ?? 1, 1);
      b.addFieldInt32(3, code, 0);
    });
  });
  const calls = operators.map(({ kind, inputs, output: result, options }) => {
    const [, optionsKind] = OPERATORS[kind];
    const optionsTable =
      optionsKind === 0
        ? 0
        : table(options.length, () => {
            for (const [i, [type, value]] of options.entries()) {
              // a field of its default value is left out: 0, but 1 for the dilations, where 0 never stands
              if (type === "i8") b.addFieldInt8(i, value, 0);
              else b.addFieldInt32(i, value, 0);
            }
          });
    const from = ints(inputs);
    const to = ints([result]);
    return table(9, () => {
      b.addFieldInt32(0, kinds.indexOf(kind), 0);
      b.addFieldOffset(1, from, 0);
      b.addFieldOffset(2, to, 0);
      if (optionsTable) {
        b.addFieldInt8(3, optionsKind, 0);
        b.addFieldOffset(4, optionsTable, 0);
      }
    });
  });

  const [tensorList, inputs, outputs, callList] = [
    offsets(tensorTables),
    ints([input]),
    ints([output]),
    offsets(calls),
  ];
  const graphName = b.createString("main");
  const graph = table(5, () => {
    b.addFieldOffset(0, tensorList, 0);
    b.addFieldOffset(1, inputs, 0);
    b.addFieldOffset(2, outputs, 0);
    b.addFieldOffset(3, callList, 0);
    b.addFieldOffset(4, graphName, 0);
  });
  const [codeList, graphs, bufferList] = [offsets(codes), offsets([graph]), offsets([empty, ...buffers])];
  const description = b.createString(name);
  const model = table(8, () => {
    b.addFieldInt32(0, 3, 0);
    b.addFieldOffset(1, codeList, 0);
    b.addFieldOffset(2, graphs, 0);
    b.addFieldOffset(3, description, 0);
    b.addFieldOffset(4, bufferList, 0);
  });
  b.finish(model, "TFL3");
  return b.asUint8Array();
}
