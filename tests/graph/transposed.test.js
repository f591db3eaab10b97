// transposed.test.js: convolutions of inputs with zeros in between give the same values as convolutions of the inputs themselves.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, joinPhases } from "../../dist/graph/index.js";
import { joinedBy } from "./joined.js";

/** Indices with -1, for a zero, between them. */
const apart = (length, step) =>
  Array.from({ length: (length - 1) * step + 1 }, (_, i) => (i % step === 0 ? i / step : -1));

const SHAPE = [4, 6, 4];

/** A transposed convolution as the importer writes it. */
function transposed(b, x, { stride, kernel, padding, outputs = 4, groups = 1 }) {
  const [, height, width] = SHAPE;
  const places = { channels: [0, 1, 2, 3], rows: apart(height, stride[0]), columns: apart(width, stride[1]) };
  const size = kernel[0] * kernel[1] * (4 / groups) * outputs;
  const random = createRandom(3);
  const data = Float32Array.from({ length: size }, () => random.normal());
  const bias = { shape: [outputs], data: Float32Array.from({ length: outputs }, () => random.normal()) };
  const weight = { shape: [outputs, 4 / groups, ...kernel], data };
  const fields = { op: "conv", input: b.gather(x, places), weight, bias, groups, padding };
  return b.node({ ...fields, stride: [1, 1], dilation: [1, 1] });
}

const opsOf = (network) => network.nodes.map(({ op }) => op);

test("kernels, strides, paddings and groups of every size", () => {
  const random = createRandom(1);
  let joined = 0;
  for (let n = 0; n < 200; n++) {
    const b = buildNetwork("net", random);
    const x = b.input(SHAPE);
    const stride = [1 + random.below(4), 1 + random.below(4)];
    const kernel = [1 + random.below(5), 1 + random.below(5)];
    const padding = [0, 1, 0, 1].map((axis) => random.below(kernel[axis] + 1));
    const stuffed = [5, 3].map((steps, axis) => steps * stride[axis] + 1 + padding[axis] + padding[axis + 2]);
    if (stuffed.some((size, axis) => size < kernel[axis])) continue;
    const groups = [1, 2, 4][random.below(3)];
    const y = transposed(b, x, { stride, kernel, padding, groups, outputs: [4, 8][random.below(2)] });
    const network = b.finish([y]);
    const made = joinedBy(joinPhases, network);
    if (made !== network && !opsOf(made).includes("gather")) joined++;
  }
  assert.ok(joined > 60, `${joined}`);
});

test("batch norm and functions stay behind the convolution, which keeps its name", () => {
  const b = buildNetwork("net", createRandom(2));
  const conv = transposed(b, b.input(SHAPE), { stride: [2, 2], kernel: [2, 2], padding: [1, 1, 1, 1] });
  const y = b.activation(b.relu(b.batchNorm(b.batchNorm(conv))), "tanh");
  const network = b.finish([b.conv(y, 3)]);
  for (const node of network.nodes) {
    if (node.op === "batchNorm") for (const key of ["gamma", "beta"]) node[key].data.set([0.5, 2, -1, 1.5]);
  }
  const made = joinedBy(joinPhases, network);
  const expected = ["input", "conv", "batchNorm", "batchNorm", "relu", "activation", "permute", "conv"];
  assert.deepEqual(opsOf(made), expected);
  assert.equal(made.nodes[1].name, conv);
  assert.deepEqual(made.nodes[1].weight.shape, [16, 4, 1, 1]);
});

test("a kernel larger than its stride, cut at its borders", () => {
  const b = buildNetwork("net", createRandom(2));
  const conv = transposed(b, b.input(SHAPE), { stride: [2, 2], kernel: [4, 4], padding: [2, 2, 2, 2] });
  const made = joinedBy(joinPhases, b.finish([b.relu(conv)]));
  assert.deepEqual(opsOf(made), ["input", "conv", "relu", "permute", "slice"]);
  assert.deepEqual(made.nodes[1].weight.shape, [16, 4, 2, 2]);
});

test("what something else reads, and what reaches behind the products, stays as it is", () => {
  const places = { channels: [0, 1, 2, 3], rows: apart(6, 2), columns: apart(4, 2) };
  const ways = [
    (b, x) => {
      const spread = b.gather(x, places);
      return [b.conv(spread, 4), spread];
    },
    (b, x) => [b.conv(b.gather(x, places), 4, { stride: 2 })],
    (b, x) => [b.conv(b.gather(x, places, 1), 4)],
    (b, x) => [b.relu(b.gather(x, places))],
    (b, x) => [transposed(b, x, { stride: [2, 2], kernel: [2, 2], padding: [2, 0, 1, 1] })],
    (b, x) => [transposed(b, x, { stride: [2, 2], kernel: [3, 3], padding: [1, 1, 7, 1] })],
  ];
  for (const way of ways) {
    const b = buildNetwork("net", createRandom(4));
    const network = b.finish(way(b, b.input(SHAPE)));
    assert.deepEqual(joinPhases(network).nodes, network.nodes);
  }
});

test("outputs inside the chain keep their names and values", () => {
  const b = buildNetwork("net", createRandom(5));
  const conv = transposed(b, b.input(SHAPE), { stride: [3, 1], kernel: [3, 1], padding: [2, 0, 2, 0] });
  const made = joinedBy(joinPhases, b.finish([b.relu(conv), conv]));
  assert.deepEqual(opsOf(made), ["input", "conv", "permute", "relu"]);
});
