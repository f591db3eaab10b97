// reference-nodes.ts: one node forward and backward in float64, for reference.ts.
import { crc32 } from "../format/index.js";
import type { Encoding } from "../ops/index.js";
import { functionPass } from "./functions.js";
import { type Call, eachMoved, eachProduct, eachWindow } from "./reference-loops.js";

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
