// float.ts: the layers that compute real values or only move raw ones, in plain TypeScript: oracle of runtime/float.ts.
import {
  type ActivationLayer,
  activationOf,
  type BinaryLayer,
  binaryOf,
  decoderOf,
  elements,
  encodeInput,
  type GatherLayer,
  type PermuteLayer,
  type ResampleLayer,
  type Shape,
  type SoftmaxLayer,
  softmax as softmaxOf,
  stridesOf,
  type TensorSpec,
} from "../format/index.js";
import type { Values } from "./layers.js";

/** Raw values of `out`, each made from its place (channel, row, column). */
function fill(out: TensorSpec, make: (c: number, y: number, x: number) => number): Float32Array {
  const [channels, height, width] = out.shape;
  const result = new Float32Array(elements(out.shape));
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) result[at++] = make(c, y, x);
    }
  }
  return result;
}

/** Place of an element in an array of this shape, an axis of length 1 repeated. */
function placeIn([channels, height, width]: Shape, c: number, y: number, x: number): number {
  const [at, row, column] = [channels === 1 ? 0 : c, height === 1 ? 0 : y, width === 1 ? 0 : x];
  return (at * height + row) * width + column;
}

export function gather(layer: GatherLayer, input: Values, out: TensorSpec): Float32Array {
  const { shape, encoding } = input.spec;
  const value = encodeInput(layer.value, encoding);
  return fill(out, (c, y, x) => {
    const from = [layer.channels[c], layer.rows[y], layer.columns[x]];
    return from.includes(-1) ? value : input.raw[(from[0] * shape[1] + from[1]) * shape[2] + from[2]];
  });
}

export function permute(layer: PermuteLayer, input: Values): Float32Array {
  const { dims, order } = layer;
  const from = stridesOf(dims);
  const to = stridesOf(order.map((axis) => dims[axis]));
  return Float32Array.from(input.raw, (_, i) => {
    const place = order.reduce((sum, axis, k) => sum + (Math.floor(i / to[k]) % dims[axis]) * from[axis], 0);
    return input.raw[place];
  });
}

export function activation(layer: ActivationLayer, input: Values, out: TensorSpec): Float32Array {
  const real = decoderOf(input.spec.encoding);
  const fn = activationOf(layer.fn, layer.parameters);
  return input.raw.map((raw) => encodeInput(fn(real(raw)), out.encoding));
}

export function binary(layer: BinaryLayer, a: Values, b: Values, out: TensorSpec): Float32Array {
  const fn = binaryOf(layer.fn);
  const [realA, realB] = [decoderOf(a.spec.encoding), decoderOf(b.spec.encoding)];
  return fill(out, (c, y, x) => {
    const first = realA(a.raw[placeIn(a.spec.shape, c, y, x)]);
    const second = realB(b.raw[placeIn(b.spec.shape, c, y, x)]);
    return encodeInput(fn(first, second), out.encoding);
  });
}

export function resample({ rows, columns }: ResampleLayer, input: Values, out: TensorSpec): Float32Array {
  const [, height, width] = input.spec.shape;
  const real = decoderOf(input.spec.encoding);
  const tall = rows.indices.length / out.shape[1];
  const wide = columns.indices.length / out.shape[2];
  return fill(out, (c, y, x) => {
    let sum = 0;
    for (let j = y * tall; j < (y + 1) * tall; j++) {
      let line = 0;
      for (let i = x * wide; i < (x + 1) * wide; i++) {
        line += columns.weights[i] * real(input.raw[(c * height + rows.indices[j]) * width + columns.indices[i]]);
      }
      sum += rows.weights[j] * line;
    }
    return encodeInput(sum, out.encoding);
  });
}

export function softmax({ axis }: SoftmaxLayer, input: Values, out: TensorSpec): Float32Array {
  const { shape, encoding } = input.spec;
  const real = decoderOf(encoding);
  const step = stridesOf(shape)[axis];
  const result = new Float32Array(input.raw.length);
  for (let i = 0; i < result.length; i++) {
    if (Math.floor(i / step) % shape[axis] !== 0) continue;
    const values = Float64Array.from({ length: shape[axis] }, (_, k) => real(input.raw[i + k * step]));
    softmaxOf(values);
    for (const [k, value] of values.entries()) result[i + k * step] = encodeInput(value, out.encoding);
  }
  return result;
}
