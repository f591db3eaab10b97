// parts.test.js: layers of many inputs, whose covariance is taken in blocks.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { compileModule, createRoom } from "../../dist/engine/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { compensate } from "../../dist/rounding/index.js";
import { createMoments } from "../../dist/rounding/moments.js";
import { addMoments } from "../../dist/rounding/part-sums.js";
import { inputVariances, isBlocked, partsOf } from "../../dist/rounding/parts.js";

const module = compileModule();
const IMAGES = 6;

/** Lanes of one, in which one tensor is all that there is. */
function lanesOf(node, input, values) {
  const images = values.length / input.reduce((a, b) => a * b, 1);
  const output = [node.weight.shape[0], input[1], input[2]];
  const walk = {
    segments: [{ nodes: [node] }],
    shapes: new Map([
      [node.input, input],
      [node.name, node.op === "conv" ? output : [node.weight.shape[0], 1, 1]],
    ]),
    read: (_name, _chunk, into) => into.set(values),
  };
  const room = createRoom(module);
  return {
    ...walk,
    images,
    hasTwin: true,
    allocate: (bytes) => new ArrayBuffer(bytes),
    moments: async (_, __, inputs, totals) =>
      addMoments(node, 0, [walk, walk], [[0, images]], images, room, inputs, totals),
    async *read() {
      yield values;
    },
  };
}

async function partsFrom(node, input, values) {
  const parts = [];
  for await (const part of partsOf(node, node, 0, lanesOf(node, input, values), {})) parts.push(part);
  return parts;
}

const conv = (inputs, outputs, groups) => ({
  op: "conv",
  name: "conv",
  input: "x",
  weight: { shape: [outputs, inputs / groups, 3, 3], data: new Float32Array((outputs * inputs * 9) / groups) },
  bias: null,
  stride: [1, 1],
  padding: [1, 1, 1, 1],
  dilation: [1, 1],
  groups,
});

describe("parts of a layer", () => {
  test("a layer of few inputs is one part a group", async () => {
    const node = conv(8, 4, 2);
    const random = createRandom(1);
    const x = Float32Array.from({ length: IMAGES * 8 * 9 }, () => random.normal());
    const parts = await partsFrom(node, [8, 3, 3], x);
    assert.deepEqual(
      parts.map(({ from, rows, first, n }) => [from, rows, first, n]),
      [
        [0, 2, 0, 36],
        [2, 2, 0, 36],
      ],
    );
  });

  test("blocks of inputs have the moments that they have in the whole", async () => {
    const channels = 2 * 515;
    const node = conv(channels, 2, 2);
    const random = createRandom(2);
    const shape = [channels, 2, 2];
    const x = Float32Array.from({ length: IMAGES * channels * 4 }, () => random.normal());
    assert.ok(isBlocked(node));
    const parts = await partsFrom(node, shape, x);
    assert.deepEqual(
      parts.map(({ from, rows, first }) => [from, rows, first]),
      [0, 103, 206, 309, 412].flatMap((channel) => [
        [0, 1, channel * 9],
        [1, 1, channel * 9],
      ]),
    );
    assert.equal(
      parts.reduce((sum, { rows, n }) => sum + rows * n, 0),
      node.weight.data.length,
      "each weight is in one part",
    );
    const sums = createMoments(node, shape, IMAGES, false, 1, createRoom(module));
    sums.add((into) => into.set(x), null, IMAGES);
    const whole = sums.read();
    const total = 515 * 9;
    for (const { from, first, n, moments } of parts) {
      const { mean, covariance } = whole[from];
      for (let i = 0; i < n; i += 97) {
        assert.equal(moments.mean[i], mean[first + i]);
        for (let j = 0; j < n; j += 89) {
          const expected = covariance[(first + i) * total + first + j];
          assert.ok(Math.abs(moments.covariance[i * n + j] - expected) < 1e-5, `${i}, ${j}`);
        }
      }
    }
  });

  test("variances are those of each input channel", async () => {
    const node = conv(2, 1, 1);
    const x = Float32Array.from([1, 3, 5, 5, 1, 3, 7, 7]);
    const variances = await inputVariances(node, lanesOf(node, [2, 1, 2], x));
    assert.deepEqual([...variances], [...new Array(9).fill(1), ...new Array(9).fill(1)]);
  });

  test("a dense layer of many inputs is rounded nearer than each weight by itself", async () => {
    const b = buildNetwork("wide", createRandom(3));
    const network = b.finish([b.dense(b.input([47, 10, 10]), 5)]);
    const [layer] = network.nodes.filter((node) => node.op === "dense");
    assert.ok(isBlocked(layer));
    const random = createRandom(4);
    const length = 4700;
    const images = Array.from({ length: 24 }, () => {
      const common = random.normal();
      return Float32Array.from({ length }, (_, i) => common * (1 + (i % 3)) + random.normal());
    });
    const samples = {
      shape: [47, 10, 10],
      count: images.length,
      read: (first, count) =>
        Float32Array.from({ length: count * length }, (_, i) => images[first + Math.floor(i / length)][i % length]),
    };
    const levels = () => ({ kind: "powers", bits: 4, scale: "channel" });
    const lossOf = async (options) => {
      const { network: rounded } = await compensate(network, samples, { levels, ...options });
      const after = rounded.nodes.find((node) => node.op === "dense");
      const difference = layer.weight.data.map((w, i) => w - after.weight.data[i]);
      const outputs = images.map((x) =>
        Array.from({ length: 5 }, (_, o) => x.reduce((sum, v, i) => sum + v * difference[o * length + i], 0)),
      );
      const mean = outputs[0].map((_, o) => outputs.reduce((sum, y) => sum + y[o], 0) / outputs.length);
      return outputs.reduce((sum, y) => sum + y.reduce((s, v, o) => s + (v - mean[o]) ** 2, 0), 0);
    };
    // damping beyond all measure leaves each weight to itself
    const [compensated, alone] = [await lossOf({}), await lossOf({ damping: 1e9, sweeps: 0 })];
    assert.ok(compensated < alone / 2, `${compensated} against ${alone}`);
  });
});
