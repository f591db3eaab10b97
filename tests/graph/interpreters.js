// interpreters.js: networks and models run in float64, one operation at a time, straight from their definitions.

/** Sum over one window of f(channel, row, column, tap), for every output position; skips padding unless `all`. */
function windows(
  [, height, width],
  [rows, columns],
  { kernel, stride, dilation = [1, 1], padding = [0, 0, 0, 0] },
  visit,
) {
  for (let oy = 0; oy < rows; oy++) {
    for (let ox = 0; ox < columns; ox++) {
      for (let ky = 0; ky < kernel[0]; ky++) {
        for (let kx = 0; kx < kernel[1]; kx++) {
          const y = oy * stride[0] - padding[0] + ky * dilation[0];
          const x = ox * stride[1] - padding[1] + kx * dilation[1];
          const inside = y >= 0 && y < height && x >= 0 && x < width;
          visit(oy * columns + ox, inside ? y * width + x : -1, ky * kernel[1] + kx);
        }
      }
    }
  }
}

/** Cross-correlation of x with weights; padding holds `pad`. */
function convolve(x, shape, out, weights, layer, pad) {
  const [channels, height, width] = shape;
  const taps = layer.kernel[0] * layer.kernel[1];
  const depth = channels / layer.groups;
  const perGroup = out[0] / layer.groups;
  const y = new Float64Array(out[0] * out[1] * out[2]);
  for (let o = 0; o < out[0]; o++) {
    for (let i = 0; i < depth; i++) {
      const plane = (Math.floor(o / perGroup) * depth + i) * height * width;
      windows(shape, out.slice(1), layer, (to, from, tap) => {
        const value = from < 0 ? pad : x[plane + from];
        y[o * out[1] * out[2] + to] += weights[(o * depth + i) * taps + tap] * value;
      });
    }
  }
  return y;
}

const strides = (dims) => dims.map((_, i) => dims.slice(i + 1).reduce((product, n) => product * n, 1));

/** y[c][y][x] = make(c, y, x) */
function fill([channels, height, width], make) {
  return Float64Array.from({ length: channels * height * width }, (_, i) =>
    make(Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width),
  );
}

const FUNCTIONS = {
  clip: (x, [low, high]) => Math.min(Math.max(x, low), high),
  elu: (x, [alpha]) => (x > 0 ? x : alpha * Math.expm1(x)),
  hardSigmoid: (x, [alpha, beta]) => Math.min(Math.max(alpha * x + beta, 0), 1),
  hardSwish: (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1),
  leakyRelu: (x, [slope]) => Math.max(x, slope * x),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  prelu: (a, b) => (a >= 0 ? a : a * b),
};

/** The nodes and layers that are alike in networks and models, on real values; null for others. */
function floatNode(node, [x, b], [shape, shapeB], out) {
  const at = (values, [channels, height, width], c, y, column) =>
    values[((channels === 1 ? 0 : c) * height + (height === 1 ? 0 : y)) * width + (width === 1 ? 0 : column)];
  switch (node.op) {
    case "leakyRelu":
      return x.map((value) => FUNCTIONS.leakyRelu(value, [node.slope]));
    case "activation":
      return x.map((value) => FUNCTIONS[node.fn](value, node.parameters));
    case "binary":
      return fill(out, (...place) => FUNCTIONS[node.fn](at(x, shape, ...place), at(b, shapeB, ...place)));
    case "constant":
      return Float64Array.from(node.values ?? node.value.data);
    case "gather":
      return fill(out, (c, y, column) => {
        const [i, j, k] = [node.channels[c], node.rows[y], node.columns[column]];
        return i < 0 || j < 0 || k < 0 ? node.value : x[(i * shape[1] + j) * shape[2] + k];
      });
    case "permute": {
      const { dims, order } = node;
      const to = strides(order.map((axis) => dims[axis]));
      return x.map(
        (_, i) => x[order.reduce((sum, a, k) => sum + (Math.floor(i / to[k]) % dims[a]) * strides(dims)[a], 0)],
      );
    }
    case "resample": {
      const along = ({ indices, weights }, size, place, value) => {
        const taps = indices.length / size;
        let sum = 0;
        for (let k = place * taps; k < (place + 1) * taps; k++) sum += weights[k] * value(indices[k]);
        return sum;
      };
      return fill(out, (c, y, column) =>
        along(node.rows, out[1], y, (j) =>
          along(node.columns, out[2], column, (k) => x[(c * shape[1] + j) * shape[2] + k]),
        ),
      );
    }
    case "softmax": {
      const step = strides(shape)[node.axis];
      return x.map((value, i) => {
        const first = i - (Math.floor(i / step) % shape[node.axis]) * step;
        let sum = 0;
        for (let k = 0; k < shape[node.axis]; k++) sum += Math.exp(x[first + k * step] - value);
        return 1 / sum;
      });
    }
    default:
      return null;
  }
}

function pool(x, shape, out, layer, start, join) {
  const y = new Float64Array(out[0] * out[1] * out[2]).fill(start);
  for (let c = 0; c < out[0]; c++) {
    windows(shape, out.slice(1), layer, (to, from) => {
      const at = c * out[1] * out[2] + to;
      if (from >= 0) y[at] = join(y[at], x[c * shape[1] * shape[2] + from]);
    });
  }
  return y;
}

const add = (a, b) => a + b;
const channelwise = (x, channels, f) => x.map((value, i) => f(value, Math.floor((i * channels) / x.length)));

export function roundHalfEven(z) {
  const low = Math.floor(z);
  if (z - low !== 0.5) return Math.round(z);
  return low % 2 === 0 ? low : low + 1;
}

/** Raw value of z, which counts in units of the encoding. */
export function encode(z, encoding) {
  if (encoding.kind === "float32") return z;
  if (encoding.kind === "linear") return Math.min(Math.max(roundHalfEven(z), 0), encoding.max);
  return encoding.levels[encoding.thresholds.filter((threshold) => threshold <= z).length];
}

const stepOf = ({ kind, scale }) => (kind === "float32" ? 1 : scale);
const zeroOf = ({ kind, zero }) => (kind === "linear" ? zero : 0);
export const toReal = (raw, encoding) => stepOf(encoding) * (raw - zeroOf(encoding));
export const toRaw = (real, encoding) => encode(real / stepOf(encoding) + zeroOf(encoding), encoding);

/** All tensors of a network, real values by node name. */
export function runNetwork(network, shapes, image) {
  const values = new Map();
  for (const node of network.nodes) {
    const sources = node.inputs ?? (node.input ? [node.input] : []);
    const [x, b] = sources.map((name) => values.get(name));
    const shape = shapes.get(sources[0]);
    const out = shapes.get(node.name);
    const bias = (y) => (node.bias ? channelwise(y, out[0], (value, c) => value + node.bias.data[c]) : y);
    values.set(
      node.name,
      {
        input: () => image,
        conv: () => bias(convolve(x, shape, out, node.weight.data, { ...node, kernel: node.weight.shape.slice(2) }, 0)),
        dense: () => bias(dense(x, out[0], node.weight.data)),
        batchNorm: () =>
          channelwise(x, out[0], (value, c) => {
            const deviation = Math.sqrt(node.variance.data[c] + node.epsilon);
            return (node.gamma.data[c] * (value - node.mean.data[c])) / deviation + node.beta.data[c];
          }),
        relu: () => x.map((value) => Math.min(Math.max(value, 0), node.max ?? Infinity)),
        maxPool: () => pool(x, shape, out, node, -Infinity, Math.max),
        avgPool: () => pool(x, shape, out, node, 0, add).map((sum) => sum / (node.kernel[0] * node.kernel[1])),
        globalAvgPool: () =>
          pool(x, shape, out, { kernel: shape.slice(1), stride: [1, 1] }, 0, add).map(
            (sum) => sum / (shape[1] * shape[2]),
          ),
        add: () => x.map((value, i) => value + b[i]),
        concat: () => Float64Array.from(sources.flatMap((name) => [...values.get(name)])),
        quantize: () => x.map((value) => toReal(toRaw(value, node.encoding), node.encoding)),
        dropout: () => x,
        pad: () => {
          const {
            channels: [front],
            rows: [top],
            columns: [left],
          } = node;
          return fill(out, (c, y, column) => {
            const place = [c - front, y - top, column - left];
            const inside = place.every((n, i) => n >= 0 && n < shape[i]);
            return inside ? x[(place[0] * shape[1] + place[1]) * shape[2] + place[2]] : node.value;
          });
        },
        slice: () =>
          fill(out, (...place) => {
            const [c, y, column] = place.map((n, i) => node.start[i] + n * node.step[i]);
            return x[(c * shape[1] + y) * shape[2] + column];
          }),
      }[node.op]?.() ??
        floatNode(
          node,
          [x, b],
          sources.map((name) => shapes.get(name)),
          out,
        ),
    );
  }
  return values;
}

function dense(x, outputs, weights) {
  return Float64Array.from({ length: outputs }, (_, o) =>
    x.reduce((sum, value, i) => sum + weights[o * x.length + i] * value, 0),
  );
}

/** Integer weights of codes, +-2^(m - 1) or their level; float weights as they are. */
function multipliers(weights) {
  if (weights.kind === "float32") return weights.values;
  if (weights.kind === "codebook") return Float64Array.from(weights.codes, (code) => weights.levels[code]);
  return Float64Array.from(weights.codes, (code) => (code === 0 ? 0 : Math.sign(code) * 2 ** (Math.abs(code) - 1)));
}

/** Raw values of all tensors of a model by tensor name, from real values of its one input. */
export function runModel(def, image) {
  const [{ tensor }] = def.inputs;
  const raw = new Map([[tensor, image.map((value) => toRaw(value, def.tensors[tensor].encoding))]]);
  const realLayer = (layer, sources) => {
    const real = sources.map((name) => raw.get(name).map((value) => toReal(value, def.tensors[name].encoding)));
    const shapes = sources.map((name) => def.tensors[name].shape);
    const { shape, encoding } = def.tensors[layer.output];
    return floatNode(layer, real, shapes, shape).map((value) => toRaw(value, encoding));
  };
  for (const layer of def.layers) {
    const sources = layer.inputs ?? [layer.input, layer.other].filter(Boolean);
    const [x] = sources.map((name) => raw.get(name));
    const { shape, encoding } = def.tensors[sources[0]] ?? {};
    const out = def.tensors[layer.output];
    const finish = (acc) => {
      const { scale, offset, clamp } = layer.epilogue;
      const bound = (value, none) => (value === undefined ? none : value / stepOf(out.encoding) + zeroOf(out.encoding));
      const low = bound(clamp.low, -Infinity);
      const high = bound(clamp.high, Infinity);
      return acc.map((value, i) => {
        const c = scale.length === 1 ? 0 : Math.floor((i * scale.length) / acc.length);
        let z = scale[c] * value + offset[c];
        if (layer.residual) z += layer.residual.scale * raw.get(layer.residual.tensor)[i];
        return encode(Math.min(Math.max(z, low), high), out.encoding);
      });
    };
    raw.set(
      layer.output,
      {
        conv: () => finish(convolve(x, shape, out.shape, multipliers(layer.weights), layer, zeroOf(encoding))),
        dense: () => finish(dense(x, out.shape[0], multipliers(layer.weights))),
        maxPool: () => pool(x, shape, out.shape, layer, -Infinity, Math.max),
        avgPool: () => finish(pool(x, shape, out.shape, layer, 0, add)),
        add: () => finish(x),
        concat: () => Float64Array.from(sources.flatMap((name) => [...raw.get(name)])),
      }[layer.op]?.() ?? realLayer(layer, sources),
    );
  }
  return raw;
}
