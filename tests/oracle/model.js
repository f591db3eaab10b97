// model.js: a deployable model run in float64: raw values through integer layers, real values through the others.
import { encode, stepOf, toRaw, toReal, zeroOf } from "./encodings.js";
import { NODES } from "./network.js";
import { productSums } from "./products.js";
import { windowSums } from "./windows.js";

/** Integer weights of codes, +-2^(m - 1) or their level; float weights as they are. */
function multipliers(weights) {
  if (weights.kind === "float32") return weights.values;
  if (weights.kind === "codebook") return Float64Array.from(weights.codes, (code) => weights.levels[code]);
  return Float64Array.from(weights.codes, (code) => (code === 0 ? 0 : Math.sign(code) * 2 ** (Math.abs(code) - 1)));
}

/** The sums that a layer's epilogue ends, from raw values. @param outside what padding holds */
const SUMS = {
  conv: (call, outside) => productSums(call, multipliers(call.node.weights), outside),
  dense: (call) => productSums(call, multipliers(call.node.weights)),
  avgPool: windowSums,
  add: ({ inputs: [x] }) => x,
};

/** Layers that hand raw values on. */
const MOVERS = new Set(["maxPool", "concat"]);

/** Raw values of all tensors of a model by tensor name, from real values of its one input. */
export function runModel(def, image) {
  const [{ tensor }] = def.inputs;
  const raw = new Map([[tensor, image.map((value) => toRaw(value, def.tensors[tensor].encoding))]]);
  for (const layer of def.layers) {
    const names = layer.inputs ?? [layer.input, layer.other].filter(Boolean);
    const specs = names.map((name) => def.tensors[name]);
    const { shape, encoding } = def.tensors[layer.output];
    const inputs = names.map((name) => raw.get(name));
    const call = { node: layer, count: 1, shapes: specs.map((spec) => spec.shape), shape, inputs, mode: "eval" };
    const values = () => {
      if (MOVERS.has(layer.op)) return NODES[layer.op].forward(call);
      const sums = SUMS[layer.op]?.(call, zeroOf(specs[0].encoding));
      if (sums) return finished(layer, sums, encoding, layer.residual && raw.get(layer.residual.tensor));
      const real = inputs.map((values, k) => values.map((value) => toReal(value, specs[k].encoding)));
      const results = NODES[layer.op].forward({ ...call, inputs: real });
      const { gains } = layer;
      const gained = (value, i) => (gains ? Math.fround(value) * gains[Math.floor(i / (shape[1] * shape[2]))] : value);
      return results.map((value, i) => toRaw(gained(value, i), encoding));
    };
    raw.set(layer.output, values());
  }
  return raw;
}

/** Sums through the epilogue of their layer. */
function finished({ epilogue: { scale, offset, clamp }, residual }, sums, encoding, operand) {
  const bound = (value, none) => (value === undefined ? none : value / stepOf(encoding) + zeroOf(encoding));
  const low = bound(clamp.low, Number.NEGATIVE_INFINITY);
  const high = bound(clamp.high, Number.POSITIVE_INFINITY);
  return sums.map((value, i) => {
    const c = scale.length === 1 ? 0 : Math.floor((i * scale.length) / sums.length);
    const z = scale[c] * value + offset[c] + (residual ? residual.scale * operand[i] : 0);
    return encode(Math.min(Math.max(z, low), high), encoding);
  });
}
