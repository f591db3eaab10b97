// equalize.test.js: channels that share an encoding come to one range, and the network computes what it did.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, inferShapes } from "../../dist/graph/index.js";
import {
  calibrate,
  collectHistograms,
  collectRanges,
  encodingGroups,
  equalize,
  insertQuantizers,
  quantizationPoints,
  tensorsToEqualize,
} from "../../dist/quantize/index.js";
import { sampleActivations } from "../../dist/training/activations.js";

const SILU = [
  { fn: "sigmoid", parameters: [], of: [0] },
  { fn: "mul", parameters: [], of: [0, 1] },
];

function samplesFor(shape, count = 8) {
  const random = createRandom(5);
  const length = shape.reduce((a, b) => a * b);
  const values = Float32Array.from({ length: count * length }, () => random.normal());
  return { shape, count, read: (from, some) => values.slice(from * length, (from + some) * length) };
}

/** A network by a function of its builder and input; `spread` multiplies rows of the convolutions named, channel c by spread(c). */
function made(build, spread) {
  const b = buildNetwork("net", createRandom(3));
  const shape = [3, 8, 8];
  const input = b.input(shape);
  const { outputs, spreads } = build(b, input);
  const network = b.finish(outputs);
  for (const name of spreads) {
    const { weight, bias } = network.nodes.find((node) => node.name === name);
    const inputs = weight.data.length / weight.shape[0];
    for (let i = 0; i < weight.data.length; i++) weight.data[i] *= spread(Math.floor(i / inputs), name);
    for (let c = 0; bias && c < bias.data.length; c++) bias.data[c] = 0.1 * spread(c, name);
  }
  return { network, samples: samplesFor(shape) };
}

async function equalized({ network, samples }) {
  const names = tensorsToEqualize(network);
  return equalize(network, await collectRanges(network, names, sampleActivations(network, samples, names)));
}

const outputsOf = (network, samples) =>
  [...sampleActivations(network, samples, network.outputs)].flatMap((batch) =>
    network.outputs.map((name) => batch.get(name)),
  );

/** Signal to noise of the channel that keeps least; outputs of (images, channels, height, width). */
function decibels(network, expected, found) {
  const shapes = inferShapes(network);
  const channels = network.outputs.flatMap((name, k) => {
    const [count, height, width] = shapes.get(name);
    return Array.from({ length: count }, (_, c) => {
      let [signal, noise] = [0, 0];
      for (const [i, value] of expected[k].entries()) {
        if (Math.floor(i / (height * width)) % count !== c) continue;
        signal += value ** 2;
        noise += (value - found[k][i]) ** 2;
      }
      return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
    });
  });
  return Math.min(...channels);
}

/** What outputs keep with 8-bit activations and float weights. */
async function kept(network, samples, expected) {
  const points = quantizationPoints(network);
  const histograms = await collectHistograms(points, sampleActivations(network, samples, points));
  const encodings = calibrate(network, histograms, { activations: { kind: "linear", bits: 8 } });
  return decibels(network, expected, outputsOf(insertQuantizers(network, encodings), samples));
}

const CASES = {
  "a convolution with ReLU before a depthwise one": (b, input) => {
    const first = b.conv(input, 8);
    return { outputs: [b.conv(b.relu(first), 8, { groups: 8 })], spreads: [first] };
  },
  "batch norm, groups, a max pool and a dense layer": (b, input) => {
    const first = b.conv(input, 8, { bias: true });
    const second = b.conv(b.relu(b.batchNorm(first)), 8, { groups: 2 });
    return { outputs: [b.dense(b.maxPool(b.relu(second), 2), 5)], spreads: [second] };
  },
  "parts of a concatenation, shuffled": (b, input) => {
    const [left, right] = [b.conv(input, 4), b.conv(input, 4)];
    const joined = b.concat([b.relu(left), b.elementwise(right, SILU)]);
    const places = { channels: [0, 4, 1, 5, 2, 6, 3, 7], rows: [0, 1, 2, 3], columns: [4, 5, 6, 7] };
    return { outputs: [b.conv(b.gather(joined, places), 8, { groups: 8 })], spreads: [left] };
  },
  "a product with a gate for each channel": (b, input) => {
    const first = b.conv(input, 8);
    const gate = b.activation(b.conv(b.globalAvgPool(first), 8, { kernel: 1 }), "sigmoid");
    return { outputs: [b.conv(b.binary("mul", first, gate), 8, { groups: 8 })], spreads: [first] };
  },
  "a product with constants": (b, input) => {
    const first = b.elementwise(b.conv(input, 8), SILU);
    const factors = b.constant([8, 1, 1], Float32Array.of(1, ...Array(7).fill(1 / 64)));
    return { outputs: [b.conv(b.binary("mul", factors, first), 8, { groups: 8 })], spreads: [] };
  },
  "a function before a depthwise convolution, which needs a multiplication": (b, input) => {
    const first = b.conv(input, 8);
    return { outputs: [b.conv(b.elementwise(first, SILU), 8, { groups: 8 })], spreads: [first] };
  },
};

for (const [name, build] of Object.entries(CASES)) {
  test(`${name}: the same function, and less lost by rounding`, async () => {
    const given = made(build, (c) => (c % 8 === 0 ? 1 : 1 / 64));
    // batch norms bring channels apart again, as folding would
    for (const node of given.network.nodes) if (node.op === "batchNorm") node.gamma.data.fill(1 / 64).fill(1, 0, 1);
    const result = await equalized(given);
    const expected = outputsOf(given.network, given.samples);
    const same = decibels(result, expected, outputsOf(result, given.samples));
    assert.ok(same > 110, `${same} dB`);
    const [before, after] = [given.network, result].map((network) => kept(network, given.samples, expected));
    assert.ok((await after) > (await before) + 3, `${await before} dB, then ${await after} dB`);
    const weighted = (network) =>
      network.nodes.filter(({ op }) => op === "conv" || op === "dense").map((node) => node.name);
    assert.deepEqual(weighted(result), weighted(given.network));
  });
}

test("channels of one tensor come to one range", async () => {
  const given = made(CASES["a convolution with ReLU before a depthwise one"], (c) => 2 ** -c);
  const result = await equalized(given);
  const [point] = encodingGroups(result)
    .flat()
    .filter((name) => name.startsWith("relu"));
  const { high } = (await collectRanges(result, [point], sampleActivations(result, given.samples, [point]))).get(point);
  assert.ok(Math.max(...high) < 1.5 * Math.min(...high), `${high}`);
});

test("a multiplication stands only where rounding would make much noise", async () => {
  const build = CASES["a function before a depthwise convolution, which needs a multiplication"];
  const added = async (spread) =>
    (await equalized(made(build, spread))).nodes.filter(({ op }) => op === "binary").length;
  assert.equal(await added(() => 1), 0);
  assert.equal(await added((c) => 8 ** -c), 1);
});

test("a product with factors takes gains into these: no step over all its values comes to it", async () => {
  for (const name of ["a product with a gate for each channel", "a product with constants"]) {
    const given = made(CASES[name], (c) => (c % 8 === 0 ? 1 : 1 / 64));
    const result = await equalized(given);
    const large = ({ nodes }, shapes) => nodes.filter((node) => node.op === "binary" && shapes.get(node.name)[1] > 1);
    assert.equal(large(result, inferShapes(result)).length, 1, name);
    assert.notDeepEqual(result.nodes, given.network.nodes, name);
  }
});

test("what a sum, a bounded ReLU or an output needs stays as it is", async () => {
  const ways = [
    (b, x) => b.add(b.conv(x, 8), x),
    (b, x) => b.concat([b.conv(x, 8), b.relu(x, 6)]),
    (b, x) => b.concat([b.conv(x, 8), x]),
  ];
  for (const way of ways) {
    const build = (b, input) => {
      const first = b.conv(input, 8);
      return { outputs: [way(b, b.relu(first))], spreads: [first] };
    };
    const given = made(build, (c) => 8 ** -c);
    assert.deepEqual((await equalized(given)).nodes, given.network.nodes);
  }
});

test("a tensor without ranges, and a name that is taken", async () => {
  const { network } = made(CASES["parts of a concatenation, shuffled"], () => 1);
  assert.throws(() => equalize(network, new Map()), { code: "BAD_GRAPH" });
});
