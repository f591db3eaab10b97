// layers.ts: every layer in plain TypeScript, slow and obviously right: the oracle of the wasm kernels.
// It runs on raw values: integers 0..255 for encoded tensors, float32 for the others. Shapes are (channel, row, column).
import {
  type AddLayer,
  type AvgPoolLayer,
  type ConvLayer,
  clampTo,
  type DenseLayer,
  type Epilogue,
  encodeClamped,
  epilogueBounds,
  type MaxPoolLayer,
  maximum,
  type Residual,
  type TensorSpec,
  type Window,
  weightValues,
} from "../format/index.js";

/** A tensor's raw values with what they mean. Float32Array holds the integers 0..255 exactly as well. */
export interface Values {
  readonly spec: TensorSpec;
  readonly raw: Float32Array;
}

const isFloat = (spec: TensorSpec): boolean => spec.encoding.kind === "float32";

/** acc + w x: exact for integers (below 2^53), product and sum each rounded to float32 for floats. */
function accumulate(acc: number, w: number, x: number, float: boolean): number {
  return float ? Math.fround(acc + Math.fround(w * x)) : acc + w * x;
}

/** The epilogue of model.ts for one value. An int32 accumulator is first rounded to float32. */
function finish(acc: number, c: number, epilogue: Epilogue, residual: number | null, out: TensorSpec): number {
  let z = Math.fround(Math.fround(Math.fround(acc) * epilogue.scale[c]) + epilogue.offset[c]);
  if (residual !== null) z = Math.fround(z + residual);
  const { low, high } = epilogueBounds(epilogue.clamp, out.encoding);
  return encodeClamped(clampTo(z, low, high, out.encoding), out.encoding);
}

function residualAt(operand: Values | null, residual: Residual | undefined, i: number): number | null {
  return operand && residual ? Math.fround(operand.raw[i] * Math.fround(residual.scale)) : null;
}

export function conv(layer: ConvLayer, input: Values, operand: Values | null, out: TensorSpec): Float32Array {
  const [channels, height, width] = input.spec.shape;
  const [outChannels, outHeight, outWidth] = out.shape;
  const [kh, kw] = layer.kernel;
  const perGroup = channels / layer.groups;
  const weights = weightValues(layer.weights);
  const float = isFloat(input.spec);
  const padding = input.spec.encoding.kind === "linear" ? input.spec.encoding.zero : 0;
  const result = new Float32Array(outChannels * outHeight * outWidth);
  let at = 0;
  for (let o = 0; o < outChannels; o++) {
    const firstChannel = Math.floor(o / (outChannels / layer.groups)) * perGroup;
    for (let y = 0; y < outHeight; y++) {
      for (let x = 0; x < outWidth; x++) {
        let acc = 0;
        let k = o * perGroup * kh * kw;
        for (let c = firstChannel; c < firstChannel + perGroup; c++) {
          for (let ky = 0; ky < kh; ky++) {
            const row = y * layer.stride[0] + ky * layer.dilation[0] - layer.padding[0];
            for (let kx = 0; kx < kw; kx++) {
              const column = x * layer.stride[1] + kx * layer.dilation[1] - layer.padding[1];
              const inside = row >= 0 && row < height && column >= 0 && column < width;
              const value = inside ? input.raw[(c * height + row) * width + column] : padding;
              acc = accumulate(acc, weights[k++], value, float);
            }
          }
        }
        result[at] = finish(acc, o, layer.epilogue, residualAt(operand, layer.residual, at), out);
        at++;
      }
    }
  }
  return result;
}

export function dense(layer: DenseLayer, input: Values, out: TensorSpec): Float32Array {
  const inputs = input.raw.length;
  const weights = weightValues(layer.weights);
  const float = isFloat(input.spec);
  return Float32Array.from({ length: out.shape[0] }, (_, o) => {
    let acc = 0;
    for (let i = 0; i < inputs; i++) acc = accumulate(acc, weights[o * inputs + i], input.raw[i], float);
    return finish(acc, o, layer.epilogue, null, out);
  });
}

/** The first tap of a window that meets an axis of this size, and the one behind the last. */
function tapsInside(start: number, dilation: number, kernel: number, size: number): [first: number, end: number] {
  return [Math.max(0, Math.ceil(-start / dilation)), Math.min(kernel, Math.ceil((size - start) / dilation))];
}

/** Calls `visit` with the values under each window, padding left out, for every output position in order. */
function windows(input: Values, out: TensorSpec, layer: Window, visit: (values: number[]) => number): Float32Array {
  const [channels, height, width] = input.spec.shape;
  const [, outHeight, outWidth] = out.shape;
  const { kernel, stride, dilation = [1, 1], padding = [0, 0] } = layer;
  const result = new Float32Array(channels * outHeight * outWidth);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < outHeight; y++) {
      const top = y * stride[0] - padding[0];
      const [firstRow, endRow] = tapsInside(top, dilation[0], kernel[0], height);
      for (let x = 0; x < outWidth; x++) {
        const left = x * stride[1] - padding[1];
        const [firstColumn, endColumn] = tapsInside(left, dilation[1], kernel[1], width);
        const values: number[] = [];
        for (let ky = firstRow; ky < endRow; ky++) {
          const row = (c * height + top + ky * dilation[0]) * width + left;
          for (let kx = firstColumn; kx < endColumn; kx++) values.push(input.raw[row + kx * dilation[1]]);
        }
        result[at++] = visit(values);
      }
    }
  }
  return result;
}

export function maxPool(layer: MaxPoolLayer, input: Values, out: TensorSpec): Float32Array {
  return windows(input, out, layer, (values) => values.reduce(maximum));
}

export function avgPool(layer: AvgPoolLayer, input: Values, out: TensorSpec): Float32Array {
  const float = isFloat(input.spec);
  return windows(input, out, layer, (values) => {
    const sum = values.reduce((acc, v) => (float ? Math.fround(acc + v) : acc + v), 0);
    return finish(sum, 0, layer.epilogue, null, out);
  });
}

export function add(layer: AddLayer, input: Values, operand: Values, out: TensorSpec): Float32Array {
  return input.raw.map((value, i) => finish(value, 0, layer.epilogue, residualAt(operand, layer.residual, i), out));
}

export function concat(inputs: readonly Values[]): Float32Array {
  const result = new Float32Array(inputs.reduce((sum, input) => sum + input.raw.length, 0));
  let at = 0;
  for (const { raw } of inputs) {
    result.set(raw, at);
    at += raw.length;
  }
  return result;
}
