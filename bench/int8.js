// int8.js: a layer in int8 as every int8 contestant computes it, and its plain result.
import { inferShapes } from "../dist/graph/index.js";
import { int8Weights } from "./onnx.js";
import { convSums } from "./reference.js";
import { linear } from "./tasks.js";

/** By largest activation, the layers of the tasks. */
const made = new Map();

/**
 * A layer task in int8: u8 input with its zero point, int8 weights, and the scale and offset a channel that turn sums
 * into u8 outputs: z = fround(fround(scale * sum) + offset), rounded half to even, 0..255.
 * @param max largest input
 * @returns input, zero, codes, scale, offset, expected (u8 outputs), conv (the node), shape, outShape
 */
export function int8Layer(task, max = 255) {
  if (!made.has(max)) made.set(max, new WeakMap());
  const layers = made.get(max);
  if (!layers.has(task)) layers.set(task, makeLayer(task, max));
  return layers.get(task);
}

function makeLayer({ network, ranges, input: values }, max) {
  const [x, conv, y] = network.nodes;
  const from = linear(ranges.get(x.name), max);
  const to = linear(ranges.get(y.name), 255);
  const shapes = inferShapes(network);
  const { codes, scales } = int8Weights(conv);
  const depth = codes.length / scales.length;
  const input = Uint8Array.from(values, (v) =>
    Math.min(max, Math.max(0, roundEven(Math.fround(v / from.scale)) + from.zero)),
  );
  const scale = scales.map((s) => (s * from.scale) / to.scale);
  const offset = scale.map((m, o) => {
    let sum = 0;
    for (let k = o * depth; k < (o + 1) * depth; k++) sum += codes[k];
    const bias = Math.round(conv.bias.data[o] / Math.fround(scales[o] * from.scale));
    return m * (bias - from.zero * sum);
  });
  const shape = shapes.get(x.name);
  const outShape = shapes.get(y.name);
  const node = { ...conv, values: codes, kernel: conv.weight.shape.slice(2) };
  const plane = outShape[1] * outShape[2];
  const sums = convSums(input, shape, outShape, node, from.zero);
  const expected = Uint8Array.from(sums, (sum, i) => {
    const o = Math.floor(i / plane);
    const z = Math.fround(Math.fround(scale[o] * Math.fround(sum)) + offset[o]);
    return roundEven(Math.min(255, Math.max(0, z)));
  });
  return { input, zero: from.zero, codes, scale, offset, expected, conv: node, shape, outShape };
}

function roundEven(x) {
  const low = Math.floor(x);
  const rest = x - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}
