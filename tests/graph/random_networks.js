// random_networks.js: small networks that put every node behind every other, with values in range for their encodings.

import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, inferShapes } from "../../dist/graph/index.js";

import { KNOWN } from "../ops/steps.js";
import { FUNCTIONS_OF_ONE } from "../oracle/functions.js";

import { evaluate } from "../oracle/network.js";

/** Nodes that hand on the integers they read. */
const MOVERS = new Set(["maxPool", "pad", "slice", "gather", "permute", "dropout"]);

/**
 * A random network, an input for it, its shapes, and grids for its weights if `quantized`: then each conv and dense
 * reads integers.
 */
export function randomNetwork(seed, quantized) {
  const random = createRandom(seed);
  const pick = (list) => list[random.below(list.length)];
  const chance = (p) => random.uniform() < p;
  const b = buildNetwork("random", random);
  const nodes = () => b.finish([b.last]).nodes;
  const grids = new Map();
  const shape = [1 + random.below(4), 3 + random.below(5), 3 + random.below(5)];
  const image = Float64Array.from({ length: shape[0] * shape[1] * shape[2] }, () => Math.fround(random.normal()));
  b.last = b.input(shape);
  let pool = [b.last];

  const measure = () => {
    const network = { name: "random", nodes: nodes(), outputs: [b.last] };
    const shapes = inferShapes(network);
    return { network, shapes, values: evaluate(network, image) };
  };
  const push = (name) => {
    b.last = name;
    pool.push(name);
    return name;
  };
  const some = () => (chance(0.7) ? b.last : pick(pool));
  const encodingFor = (name) => {
    const values = measure().values.get(name);
    const low = Math.min(0, ...values) + 0;
    const span = Math.max(0, ...values) - low || 1;
    if (low === 0 && chance(0.4)) {
      const levels = pick([
        [0, 1, 2, 4, 8],
        [0, 3, 7, 40, 200],
        [0, 1],
      ]);
      const thresholds = levels.slice(1).map((level, i) => Math.fround((level + levels[i]) / 2.1));
      return { kind: "levels", scale: (span / levels.at(-1)) * (0.7 + random.uniform() / 2), levels, thresholds };
    }
    const max = pick([1, 15, 31, 127, 255]);
    const scale = (span / max) * (0.7 + random.uniform() / 2);
    return { kind: "linear", scale, zero: Math.min(max, Math.round(-low / scale) + 0), max };
  };
  const quantize = (name) => push(b.quantize(name, encodingFor(name)));
  const isInteger = (name) => {
    const node = nodes().find((candidate) => candidate.name === name);
    if (MOVERS.has(node.op)) return isInteger(node.input);
    return node.op === "quantize";
  };
  const ready = (name) => (quantized && !isInteger(name) ? quantize(name) : name);
  const onGrid = (name) => {
    const { weight, bias } = nodes().find((node) => node.name === name);
    bias?.data.set(bias.data.map(() => random.normal()));
    if (!quantized) return;
    const bits = pick([2, 3, 4, 5]);
    const n1 = random.below(4) - 3;
    const k = 2 ** (bits - 2);
    const [outputs] = weight.shape;
    const depth = weight.data.length / outputs;
    const scales = () => Float32Array.from({ length: outputs }, () => 0.3 + random.uniform());
    const frozen = new Uint8Array(weight.data.length).fill(1);
    if (chance(0.3)) {
      const levels = pick([
        [-1, 1],
        [-4, 0, 3],
        [-90, -21, -7, 2, 11, 64, 127],
      ]);
      const scale = scales().map((s) => s / levels.at(-1));
      const tables = [levels, levels.slice(1), levels.slice(0, -1)].filter((table) => table.length > 1);
      // numbers of their own, so that all else is as without tables
      const others = createRandom(weight.data.length);
      const of = Uint8Array.from(scale, () => others.below(tables.length));
      const books = others.uniform() < 0.5 ? { tables, of } : null;
      weight.data.forEach((_, i) => {
        const channel = Math.floor(i / depth);
        weight.data[i] = scale[channel] * pick(books ? tables[books.of[channel]] : levels);
      });
      grids.set(name, { kind: "codebook", levels, scale, frozen, ...(books && { books }) });
      return;
    }
    const scale = chance(0.3) ? scales() : null;
    weight.data.forEach((_, i) => {
      const digit = random.below(k + 1);
      const level = digit === 0 ? 0 : (chance(0.5) ? 1 : -1) * 2 ** (n1 + digit - k);
      weight.data[i] = scale ? scale[Math.floor(i / depth)] * level : level;
    });
    grids.set(name, { kind: "powers", bits, n1, scale, frozen });
  };
  const shapeOf = (name) => measure().shapes.get(name);
  const conv = (input, outputs, options) => {
    const name = b.conv(input, outputs, { ...options, bias: chance(0.4) });
    onGrid(push(name));
    return name;
  };
  const norm = (input) => {
    const name = push(b.batchNorm(input));
    const { gamma, beta, mean, variance } = nodes().find((node) => node.name === name);
    for (let c = 0; c < gamma.data.length; c++) {
      gamma.data[c] = random.normal();
      beta.data[c] = random.normal();
      mean.data[c] = random.normal();
      variance.data[c] = 0.1 + random.uniform();
    }
    return name;
  };
  const steps = {
    conv: () => {
      const input = ready(some());
      const [channels, height, width] = shapeOf(input);
      const kernel = 1 + random.below(Math.min(3, height, width));
      const groups = pick([1, 1, channels]);
      conv(input, groups * (1 + random.below(3)), { kernel, stride: 1 + random.below(2), groups });
    },
    dilated: () => conv(ready(some()), 2, { kernel: 3, dilation: 2, padding: 2 + random.below(2) }),
    norm: () => norm(some()),
    normed: () => norm(conv(ready(some()), 3, { kernel: 1 })),
    relu: () => push(b.relu(some(), chance(0.3) ? 0.5 + random.uniform() : undefined)),
    quantize: () => quantize(some()),
    maxPool: () => {
      const input = some();
      const [, height, width] = shapeOf(input);
      const kernel = 1 + random.below(Math.min(3, height, width));
      push(b.maxPool(input, kernel, 1 + random.below(2), random.below(kernel)));
    },
    avgPool: () => {
      const input = some();
      const [, height, width] = shapeOf(input);
      push(b.avgPool(input, 1 + random.below(Math.min(3, height, width)), 1 + random.below(2)));
    },
    globalAvgPool: () => chance(0.3) && push(b.globalAvgPool(some())),
    add: () => {
      const input = some();
      const mate = pick(pool.filter((name) => `${shapeOf(name)}` === `${shapeOf(input)}`));
      push(b.add(...random.shuffle([input, mate])));
    },
    residual: () => {
      // Two branches that end in one add: either may be a convolution, with or without batch norm or ReLU.
      const input = ready(some());
      const [channels] = shapeOf(input);
      const branch = () => {
        let name = chance(0.3) ? input : conv(input, channels, { kernel: 1 });
        if (chance(0.5)) name = norm(name);
        return chance(0.2) ? push(b.relu(name)) : name;
      };
      push(b.add(...random.shuffle([branch(), branch()])));
      if (chance(0.5)) push(b.relu(b.last));
      if (chance(0.5)) quantize(b.last);
    },
    concat: () => {
      const input = some();
      const [, height, width] = shapeOf(input);
      const mates = pool.filter((name) => shapeOf(name)[1] === height && shapeOf(name)[2] === width);
      push(b.concat([input, pick(mates), ...(chance(0.3) ? [pick(mates)] : [])]));
    },
    leakyRelu: () => push(b.leakyRelu(some(), random.uniform())),
    elementwise: () => push(b.elementwise(some(), pick(KNOWN))),
    activation: () => {
      const [fn, ...parameters] = pick(FUNCTIONS_OF_ONE.filter(([name]) => name !== "leakyRelu"));
      push(b.activation(some(), fn, parameters));
    },
    binary: () => {
      const input = some();
      const [channels, height, width] = shapeOf(input);
      const fn = pick(["add", "sub", "mul", "prelu", "div", "max", "min"]);
      const shape = pick([
        [channels, 1, 1],
        [1, height, 1],
        [1, 1, width],
        [1, 1, 1],
        [channels, height, width],
      ]);
      const length = shape[0] * shape[1] * shape[2];
      const values = Float32Array.from({ length }, () => (chance(0.5) ? 1 : -1) * (0.5 + random.uniform()));
      push(b.binary(fn, input, chance(0.5) && fn !== "div" ? input : push(b.constant(shape, values))));
    },
    gained: () => {
      const input = some();
      const [channels] = shapeOf(input);
      const gains = Float32Array.from({ length: channels }, () => (chance(0.5) ? 1 : -1) * (0.5 + random.uniform()));
      const made = chance(0.5) ? b.elementwise(input, pick(KNOWN)) : b.activation(input, "tanh");
      push(b.binary("mul", chance(0.2) ? push(made) : made, b.constant([channels, 1, 1], gains)));
      if (quantized && chance(0.7)) quantize(b.last);
    },
    gate: () => {
      const input = some();
      push(b.binary("mul", input, push(b.activation(push(b.globalAvgPool(input)), "sigmoid"))));
    },
    gather: () => {
      const input = some();
      const [channels, rows, columns] = shapeOf(input).map((n) =>
        Array.from({ length: Math.min(8, 1 + random.below(2 * n)) }, () => random.below(n + 1) - 1),
      );
      push(b.gather(input, { channels, rows, columns }));
    },
    permute: () => {
      const input = some();
      const [channels, height, width] = shapeOf(input);
      const [order, shape] = pick([
        [
          [0, 2, 1],
          [channels, width, height],
        ],
        [
          [1, 0, 2],
          [height, channels, width],
        ],
        [
          [2, 1, 0],
          [width * height * channels, 1, 1],
        ],
      ]);
      push(b.permute(input, [channels, height, width], order, shape));
    },
    resample: () => {
      const input = some();
      const [channels, height, width] = shapeOf(input);
      const taps = (from, to) => ({
        indices: Array.from({ length: 2 * to }, () => random.below(from)),
        weights: Array.from({ length: 2 * to }, () => Math.fround(random.uniform())),
      });
      push(b.resample(input, [channels, 4, 5], taps(height, 4), taps(width, 5)));
    },
    matmul: () => {
      const input = some();
      const [channels, height, width] = shapeOf(input);
      const turned = push(b.permute(input, [channels, height, width], [0, 2, 1], [channels, width, height]));
      const alone = chance(0.3) ? push(b.slice(turned, [0, 0, 0], [1, width, height], [1, 1, 1])) : turned;
      push(
        b.matmul(
          ...pick([
            [input, alone],
            [alone, input],
          ]),
        ),
      );
    },
    softmax: () => push(b.softmax(some(), random.below(3))),
    pad: () => {
      const widths = () => [random.below(2), random.below(3)];
      push(b.pad(some(), { channels: widths(), rows: widths(), columns: widths() }));
    },
    slice: () => {
      const input = some();
      const start = shapeOf(input).map((n) => random.below(n));
      const stop = shapeOf(input).map((n, i) => start[i] + 1 + random.below(n - start[i]));
      push(b.slice(input, start, stop, [1 + random.below(2), 1 + random.below(2), 1 + random.below(2)]));
    },
    dropout: () => push(b.dropout(some(), 0.3)),
    dense: () => chance(0.3) && onGrid(push(b.dense(ready(some()), 1 + random.below(4)))),
  };
  if (!quantized) delete steps.quantize;
  if (!quantized) steps.residual = () => push(b.add(b.last, norm(conv(b.last, shapeOf(b.last)[0], { kernel: 1 }))));
  for (let i = 3 + random.below(8); i > 0; i--) {
    steps[pick(Object.keys(steps))]();
    pool = pool.slice(-6);
  }
  const outputs = [...new Set([b.last, ...(chance(0.3) ? [pick(pool)] : [])])];
  const network = { ...b.finish(outputs) };
  const shapes = inferShapes(network);
  return { network, shapes, grids: quantized ? grids : null, image, values: evaluate(network, image) };
}
