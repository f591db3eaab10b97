// reference.js: the plain sums every contestant is checked against: src/reference with a faster loop order.
// Sums are exact in float64 for integers, and for floats closer to the truth than any contestant's.
import { encodeClamped, encodeInput, epilogueBounds } from "../dist/format/index.js";
import * as layers from "../dist/reference/layers.js";

/**
 * Sums of one convolution, as float64 (out channel, row, column).
 * @param x raw input (channel, row, column)
 * @param shape of x
 * @param node weights as numbers (out, in / groups, kernel height, kernel width), kernel, stride, dilation, padding,
 *   groups
 * @param fill raw value of padding
 */
export function convSums(x, shape, outShape, node, fill) {
  const [channels, height, width] = shape;
  const [outChannels, outHeight, outWidth] = outShape;
  const { values, kernel, stride, dilation, padding, groups } = node;
  const perGroup = channels / groups;
  const taps = kernel[0] * kernel[1];
  const depth = perGroup * taps;
  const plane = outHeight * outWidth;
  const sums = new Float64Array(outChannels * plane);
  // with the padding's value taken off the input, padding adds nothing to the sums
  const input = Float64Array.from(x, (value) => value - fill);
  for (let o = 0; o < outChannels; o++) {
    const firstChannel = Math.floor(o / (outChannels / groups)) * perGroup;
    const row = sums.subarray(o * plane, (o + 1) * plane);
    let total = 0;
    for (let k = 0; k < depth; k++) {
      const w = values[o * depth + k];
      if (w === 0) continue;
      total += w;
      const channel = firstChannel + Math.floor(k / taps);
      const tap = k % taps;
      const top = Math.floor(tap / kernel[1]) * dilation[0] - padding[0];
      const left = (tap % kernel[1]) * dilation[1] - padding[1];
      const from = Math.max(0, Math.ceil(-left / stride[1]));
      const to = Math.min(outWidth, Math.floor((width - 1 - left) / stride[1]) + 1);
      for (let y = 0; y < outHeight; y++) {
        const inRow = y * stride[0] + top;
        if (inRow < 0 || inRow >= height) continue;
        addRow(row, y * outWidth + from, y * outWidth + to, input, (channel * height + inRow) * width + left + from * stride[1], stride[1], w);
      }
    }
    if (fill !== 0) for (let i = 0; i < plane; i++) row[i] += fill * total;
  }
  return sums;
}

function addRow(sums, from, to, x, at, step, w) {
  for (let i = from; i < to; i++, at += step) sums[i] += w * x[at];
}

function conv(layer, input, operand, out) {
  const fill = input.spec.encoding.kind === "linear" ? input.spec.encoding.zero : 0;
  const node = { ...layer, values: layers.weightValues(layer.weights) };
  const sums = convSums(input.raw, input.spec.shape, out.shape, node, fill);
  const { low, high } = epilogueBounds(layer.epilogue.clamp, out.encoding);
  const { scale, offset } = layer.epilogue;
  const plane = out.shape[1] * out.shape[2];
  const factor = operand ? Math.fround(layer.residual.scale) : 0;
  return Float32Array.from(sums, (sum, i) => {
    const c = Math.floor(i / plane);
    let z = Math.fround(Math.fround(Math.fround(sum) * scale[c]) + offset[c]);
    if (operand) z = Math.fround(z + Math.fround(operand.raw[i] * factor));
    return encodeClamped(z < low ? low : z > high ? high : z, out.encoding);
  });
}

/**
 * Runs a model with one input and float32 outputs.
 * @returns float32 values by output name
 */
export function runPlain(def, x) {
  const tensors = new Map();
  const put = (name, raw) => tensors.set(name, { spec: def.tensors[name], raw });
  const [port] = def.inputs;
  put(port.tensor, x.map((value) => encodeInput(value, def.tensors[port.tensor].encoding)));
  for (const layer of def.layers) {
    const out = def.tensors[layer.output];
    const input = tensors.get(layer.input);
    const operand = layer.residual && tensors.get(layer.residual.tensor);
    if (layer.op === "conv") put(layer.output, conv(layer, input, operand, out));
    else if (layer.op === "add") put(layer.output, layers.add(layer, input, operand, out));
    else if (layer.op === "concat") put(layer.output, layers.concat(layer, layer.inputs.map((name) => tensors.get(name))));
    else put(layer.output, layers[layer.op](layer, input, out));
  }
  return Object.fromEntries(def.outputs.map(({ name, tensor }) => [name, tensors.get(tensor).raw]));
}
