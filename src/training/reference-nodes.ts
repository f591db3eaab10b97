// reference-nodes.ts: one node forward and backward in float64, for reference.ts.
import { crc32, type Encoding, type Shape } from "../format/index.js";
import type { ConvNode, Node } from "../graph/index.js";
import { functionPass } from "./functions.js";
import type { Mode } from "./layer.js";

/** A node with everything it reads. */
export interface Call {
  readonly node: Node;
  readonly count: number;
  readonly shapes: readonly Shape[];
  readonly shape: Shape;
  readonly inputs: readonly Float64Array[];
  readonly parameter: (field: string) => Float64Array;
  readonly mode: Mode;
  readonly seed: number;
}

/** Every (output, weight, input) index triple of a convolution; dense is one over a single pixel. */
function eachProduct(call: Call, visit: (y: number, w: number, x: number) => void): void {
  const { node, count, shape } = call;
  const dense = node.op === "dense";
  const [cIn, h, w]: Shape = dense ? [call.inputs[0].length / count, 1, 1] : call.shapes[0];
  const conv = dense ? null : (node as ConvNode);
  const [kh, kw] = conv ? conv.weight.shape.slice(2) : [1, 1];
  const [[sy, sx], [dy, dx], [top, left], groups] = conv
    ? [conv.stride, conv.dilation, conv.padding, conv.groups]
    : [[1, 1], [1, 1], [0, 0], 1];
  const [gi, go] = [cIn / groups, shape[0] / groups];
  for (let n = 0; n < count; n++) {
    for (let m = 0; m < shape[0]; m++) {
      for (let oy = 0; oy < shape[1]; oy++) {
        for (let ox = 0; ox < shape[2]; ox++) {
          const y = ((n * shape[0] + m) * shape[1] + oy) * shape[2] + ox;
          for (let c = 0; c < gi; c++) {
            for (let ky = 0; ky < kh; ky++) {
              for (let kx = 0; kx < kw; kx++) {
                const [iy, ix] = [oy * sy + ky * dy - top, ox * sx + kx * dx - left];
                if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
                const channel = Math.floor(m / go) * gi + c;
                visit(y, ((m * gi + c) * kh + ky) * kw + kx, ((n * cIn + channel) * h + iy) * w + ix);
              }
            }
          }
        }
      }
    }
  }
}

/** Every (output, its inputs) of a pooling layer; padding is left out. */
function eachWindow(call: Call, visit: (y: number, window: readonly number[]) => void): void {
  const { node, count, shape } = call;
  const [channels, h, w] = call.shapes[0];
  const pool = node.op === "maxPool" || node.op === "avgPool" ? node : null;
  const kernel = pool?.kernel ?? [h, w];
  const [sy, sx] = pool?.stride ?? [1, 1];
  const [top, left] = node.op === "maxPool" ? node.padding : [0, 0];
  for (let p = 0; p < count * channels; p++) {
    for (let oy = 0; oy < shape[1]; oy++) {
      for (let ox = 0; ox < shape[2]; ox++) {
        const window: number[] = [];
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const [iy, ix] = [oy * sy + ky - top, ox * sx + kx - left];
            if (iy >= 0 && iy < h && ix >= 0 && ix < w) window.push((p * h + iy) * w + ix);
          }
        }
        visit((p * shape[1] + oy) * shape[2] + ox, window);
      }
    }
  }
}

/** Statistics of a batch norm's call: per channel mean and variance, and the channel of every value. */
function statistics(call: Call) {
  const x = call.inputs[0];
  const [channels, h, w] = call.shape;
  const channel = (i: number) => Math.floor(i / (h * w)) % channels;
  if (call.mode !== "train") {
    return { channel, samples: 0, mean: call.parameter("mean"), variance: call.parameter("variance") };
  }
  const samples = call.count * h * w;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let i = 0; i < x.length; i++) mean[channel(i)] += x[i] / samples;
  for (let i = 0; i < x.length; i++) variance[channel(i)] += (x[i] - mean[channel(i)]) ** 2 / samples;
  return { channel, samples, mean, variance };
}

/** Largest of a window, the first of equals. */
const winner = (x: Float64Array, window: readonly number[]): number =>
  window.reduce((best, i) => (x[i] > x[best] ? i : best), window[0]);

/** Every pair of an element of the smaller tensor of a pad or slice, and the element of the larger one it is. */
function eachMoved(call: Call, visit: (inner: number, outer: number) => void): void {
  const { node, count, shape } = call;
  const [input] = call.shapes;
  const pad = node.op === "pad";
  const [small, large] = pad ? [input, shape] : [shape, input];
  const none: Shape = [0, 0, 0];
  const start = pad ? [node.channels[0], node.rows[0], node.columns[0]] : node.op === "slice" ? node.start : none;
  const step = node.op === "slice" ? node.step : [1, 1, 1];
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < small[0]; c++) {
      for (let y = 0; y < small[1]; y++) {
        for (let x = 0; x < small[2]; x++) {
          const [channel, row, column] = [c, y, x].map((at, axis) => start[axis] + at * step[axis]);
          visit(
            ((n * small[0] + c) * small[1] + y) * small[2] + x,
            ((n * large[0] + channel) * large[1] + row) * large[2] + column,
          );
        }
      }
    }
  }
}

/** What dropout multiplies value i with: a hash of seed and index decides, MurmurHash3's finalizer. */
function kept({ node, mode, seed }: Call, rate: number, i: number): number {
  if (mode !== "train") return 1;
  const own = crc32(new TextEncoder().encode(node.name));
  let h = Math.imul(i, 0x9e3779b1) + (seed ^ own);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h = (h ^ (h >>> 16)) >>> 0;
  return h < Math.round(rate * 2 ** 32) ? 0 : 1 / (1 - rate);
}

/** Level of a real value: nearest with ties to even, or by thresholds. */
function quantized(x: number, encoding: Encoding): number {
  if (encoding.kind === "float32") return x;
  const z = Math.fround(Math.fround(x) / Math.fround(encoding.scale));
  if (encoding.kind === "levels") {
    return encoding.scale * encoding.levels[encoding.thresholds.filter((t) => z >= Math.fround(t)).length];
  }
  const v = Math.fround(z + encoding.zero);
  const floor = Math.floor(v);
  const up = v - floor > 0.5 || (v - floor === 0.5 && floor % 2 !== 0);
  return encoding.scale * (Math.min(Math.max(floor + (up ? 1 : 0), 0), encoding.max) - encoding.zero);
}

function encodingRange(encoding: Encoding): readonly [number, number] {
  if (encoding.kind === "float32") return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const s = encoding.scale;
  return encoding.kind === "linear"
    ? [-s * encoding.zero, s * (encoding.max - encoding.zero)]
    : [0, s * encoding.levels[encoding.levels.length - 1]];
}

/** The values of the node's tensor. */
export function forward(call: Call): Float64Array {
  const { node, inputs, shape, count } = call;
  const [x] = inputs;
  const plane = shape[1] * shape[2];
  const y = new Float64Array(count * shape[0] * plane);
  switch (node.op) {
    case "input":
      return x;
    case "conv":
    case "dense": {
      const weight = call.parameter("weight");
      if (node.bias) for (let i = 0; i < y.length; i++) y[i] = call.parameter("bias")[Math.floor(i / plane) % shape[0]];
      eachProduct(call, (o, w, i) => {
        y[o] += weight[w] * x[i];
      });
      return y;
    }
    case "batchNorm": {
      const { channel, mean, variance } = statistics(call);
      const [gamma, beta] = [call.parameter("gamma"), call.parameter("beta")];
      return y.map((_, i) => {
        const c = channel(i);
        return (gamma[c] * (x[i] - mean[c])) / Math.sqrt(variance[c] + node.epsilon) + beta[c];
      });
    }
    case "relu":
      return x.map((value) => Math.min(Math.max(value, 0), node.max ?? Number.POSITIVE_INFINITY));
    case "add":
      return x.map((value, i) => value + inputs[1][i]);
    case "concat": {
      let offset = 0;
      for (const [i, part] of inputs.entries()) {
        const length = call.shapes[i][0] * plane;
        for (let n = 0; n < count; n++)
          y.set(part.subarray(n * length, (n + 1) * length), n * shape[0] * plane + offset);
        offset += length;
      }
      return y;
    }
    case "maxPool":
      eachWindow(call, (o, window) => (y[o] = x[winner(x, window)]));
      return y;
    case "avgPool":
    case "globalAvgPool":
      eachWindow(call, (o, window) => (y[o] = window.reduce((sum, i) => sum + x[i], 0) / window.length));
      return y;
    case "quantize":
      return x.map((value) => quantized(value, node.encoding));
    case "leakyRelu":
      return x.map((value) => (value >= 0 ? value : node.slope * value));
    case "dropout":
      return x.map((value, i) => value * kept(call, node.rate, i));
    case "pad":
      y.fill(node.value);
      eachMoved(call, (inner, outer) => (y[outer] = x[inner]));
      return y;
    case "slice":
      eachMoved(call, (inner, outer) => (y[inner] = x[outer]));
      return y;
    default:
      functionPass(node, call.shapes, shape).forward(inputs, y, count);
      return y;
  }
}

/** Fills dxs; returns the gradients of the node's parameters by field. */
export function backward(call: Call, dy: Float64Array, dxs: readonly Float64Array[]): Record<string, Float64Array> {
  const { node, inputs, shape, count } = call;
  const [x] = inputs;
  const [dx] = dxs;
  const plane = shape[1] * shape[2];
  switch (node.op) {
    case "input":
      return {};
    case "conv":
    case "dense": {
      const weight = call.parameter("weight");
      const dw = new Float64Array(weight.length);
      eachProduct(call, (o, w, i) => {
        dw[w] += dy[o] * x[i];
        dx[i] += dy[o] * weight[w];
      });
      if (!node.bias) return { weight: dw };
      const db = new Float64Array(shape[0]);
      for (let i = 0; i < dy.length; i++) db[Math.floor(i / plane) % shape[0]] += dy[i];
      return { weight: dw, bias: db };
    }
    case "batchNorm": {
      const { channel, samples, mean, variance } = statistics(call);
      const gamma = call.parameter("gamma");
      const deviation = (c: number) => Math.sqrt(variance[c] + node.epsilon);
      const dgamma = new Float64Array(shape[0]);
      const dbeta = new Float64Array(shape[0]);
      for (let i = 0; i < dy.length; i++) {
        const c = channel(i);
        dgamma[c] += (dy[i] * (x[i] - mean[c])) / deviation(c);
        dbeta[c] += dy[i];
      }
      for (let i = 0; i < dy.length; i++) {
        const c = channel(i);
        const hat = (x[i] - mean[c]) / deviation(c);
        const through = samples ? (dbeta[c] + hat * dgamma[c]) / samples : 0;
        dx[i] = (gamma[c] / deviation(c)) * (dy[i] - through);
      }
      return { gamma: dgamma, beta: dbeta };
    }
    case "relu": {
      const top = node.max ?? Number.POSITIVE_INFINITY;
      for (let i = 0; i < dy.length; i++) dx[i] = x[i] > 0 && x[i] < top ? dy[i] : 0;
      return {};
    }
    case "add":
      for (const d of dxs) d.set(dy);
      return {};
    case "concat": {
      let offset = 0;
      for (const d of dxs) {
        const length = d.length / count;
        for (let n = 0; n < count; n++) {
          const from = n * shape[0] * plane + offset;
          d.set(dy.subarray(from, from + length), n * length);
        }
        offset += length;
      }
      return {};
    }
    case "maxPool":
      eachWindow(call, (o, window) => (dx[winner(x, window)] += dy[o]));
      return {};
    case "avgPool":
    case "globalAvgPool":
      eachWindow(call, (o, window) => {
        for (const i of window) dx[i] += dy[o] / window.length;
      });
      return {};
    case "quantize": {
      const [low, high] = encodingRange(node.encoding);
      for (let i = 0; i < dy.length; i++) dx[i] = x[i] >= low && x[i] <= high ? dy[i] : 0;
      return {};
    }
    case "leakyRelu":
      for (let i = 0; i < dy.length; i++) dx[i] = x[i] >= 0 ? dy[i] : node.slope * dy[i];
      return {};
    case "dropout":
      for (let i = 0; i < dy.length; i++) dx[i] = dy[i] * kept(call, node.rate, i);
      return {};
    case "pad":
      eachMoved(call, (inner, outer) => (dx[inner] = dy[outer]));
      return {};
    case "slice":
      eachMoved(call, (inner, outer) => (dx[outer] = dy[inner]));
      return {};
    default: {
      const pass = functionPass(node, call.shapes, shape);
      const y = new Float64Array(dy.length);
      pass.forward(inputs, y, count);
      pass.backward(inputs, y, dy, dxs, count);
      return {};
    }
  }
}
