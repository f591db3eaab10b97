// reference.js: the plain sums every contestant is checked against: the plain executor with a faster loop order.
// Sums are exact in float64 for integers, and for floats closer to the truth than any contestant's.
import { encodeClamped, encodeInput, epilogueBounds, layerInputs, layerKind } from "../dist/ops/index.js";

/**
 * Sums of one convolution, as float64 (out channel, row, column).
 * @param x raw input (channel, row, column)
 * @param shape of x
 * @param node values: weights as numbers (out, in / groups, kernel height, kernel width); kernel, stride, dilation,
 *   padding, groups
 * @param fill raw value of padding
 */
export function convSums(x, shape, outShape, node, fill) {
  const { values, kernel, stride, dilation, padding, groups } = node;
  const { planes, rowLength, planeLength } = pad(x, shape, padding, fill);
  const [outChannels, outHeight, outWidth] = outShape;
  const perGroup = shape[0] / groups;
  const taps = kernel[0] * kernel[1];
  const depth = perGroup * taps;
  const [down, right] = stride;
  // at stride 1 the whole plane is one run, with some sums between the rows that nobody wants
  const runs = right === 1 && down === 1 ? 1 : outHeight;
  const count = runs === 1 ? (outHeight - 1) * rowLength + outWidth : outWidth;
  const pitch = runs === 1 ? rowLength : outWidth;
  const row = new Float64Array(runs * count);
  const sums = new Float64Array(outChannels * outHeight * outWidth);
  const weights = new Float64Array(depth + 3);
  const offsets = new Int32Array(depth + 3);
  for (let o = 0; o < outChannels; o++) {
    const firstChannel = Math.floor(o / (outChannels / groups)) * perGroup;
    let used = 0;
    for (let k = 0; k < depth; k++) {
      const w = values[o * depth + k];
      if (w === 0) continue;
      const tap = k % taps;
      const at = Math.floor(tap / kernel[1]) * dilation[0] * rowLength + (tap % kernel[1]) * dilation[1];
      weights[used] = w;
      offsets[used++] = (firstChannel + Math.floor(k / taps)) * planeLength + at;
    }
    weights.fill(0, used, used + 3);
    row.fill(0);
    for (let k = 0; k < used; k += 4) {
      for (let y = 0; y < runs; y++)
        addTaps(row, y * count, count, planes, y * down * rowLength, right, weights, offsets, k);
    }
    for (let y = 0; y < outHeight; y++) {
      sums.set(row.subarray(y * pitch, y * pitch + outWidth), (o * outHeight + y) * outWidth);
    }
  }
  return sums;
}

/** Adds four taps to a run of sums. */
function addTaps(sums, at, count, x, from, step, weights, offsets, k) {
  const w0 = weights[k];
  const w1 = weights[k + 1];
  const w2 = weights[k + 2];
  const w3 = weights[k + 3];
  const x0 = from + offsets[k];
  const x1 = from + offsets[k + 1];
  const x2 = from + offsets[k + 2];
  const x3 = from + offsets[k + 3];
  for (let i = 0, j = 0; i < count; i++, j += step) {
    sums[at + i] += w0 * x[x0 + j] + w1 * x[x1 + j] + w2 * x[x2 + j] + w3 * x[x3 + j];
  }
}

function pad(x, [channels, height, width], [top, left, bottom, right], fill) {
  const rowLength = left + width + right;
  const planeLength = (top + height + bottom) * rowLength;
  const planes = new Float32Array(channels * planeLength).fill(fill);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const at = (c * height + y) * width;
      planes.set(x.subarray(at, at + width), c * planeLength + (top + y) * rowLength + left);
    }
  }
  return { planes, rowLength, planeLength };
}

/** What a weight counts as in the sums: +-2^(m - 1) or 0 for the digit m, or its float value. */
function weightNumbers(weights) {
  if (weights.kind === "float32") return weights.values;
  const numbers = new Float32Array(weights.codes.length);
  for (let i = 0; i < numbers.length; i++) {
    const m = weights.codes[i];
    numbers[i] = m === 0 ? 0 : Math.sign(m) * 2 ** (Math.abs(m) - 1);
  }
  return numbers;
}

function conv(layer, [input, operand], out) {
  const fill = input.spec.encoding.kind === "linear" ? input.spec.encoding.zero : 0;
  const node = { ...layer, values: weightNumbers(layer.weights) };
  const sums = convSums(input.raw, input.spec.shape, out.shape, node, fill);
  const { low, high } = epilogueBounds(layer.epilogue.clamp, out.encoding);
  const { scale, offset } = layer.epilogue;
  const plane = out.shape[1] * out.shape[2];
  const factor = operand ? Math.fround(layer.residual.scale) : 0;
  const result = new Float32Array(sums.length);
  for (let i = 0; i < sums.length; i++) {
    const c = Math.floor(i / plane);
    let z = Math.fround(Math.fround(Math.fround(sums[i]) * scale[c]) + offset[c]);
    if (operand) z = Math.fround(z + Math.fround(operand.raw[i] * factor));
    result[i] = encodeClamped(Math.min(Math.max(z, low), high), out.encoding);
  }
  return result;
}

/**
 * Runs a model with one input and float32 outputs.
 * @returns float32 values by output name
 */
export function runPlain(def, x) {
  const tensors = new Map();
  const put = (name, raw) => tensors.set(name, { spec: def.tensors[name], raw });
  const [port] = def.inputs;
  put(
    port.tensor,
    x.map((value) => encodeInput(value, def.tensors[port.tensor].encoding)),
  );
  for (const layer of def.layers) {
    const out = def.tensors[layer.output];
    const inputs = layerInputs(layer).map((name) => tensors.get(name));
    const run = layer.op === "conv" ? conv(layer, inputs, out) : layerKind(layer).run(layer, inputs, out);
    put(layer.output, run);
  }
  return Object.fromEntries(def.outputs.map(({ name, tensor }) => [name, tensors.get(tensor).raw]));
}
