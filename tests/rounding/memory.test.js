// memory.test.js: the memory that rounding is predicted to take: what is stored a sample, by hand, and what grows with weights.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { insertQuantizers } from "../../dist/quantize/index.js";
import { roundingMemory } from "../../dist/rounding/index.js";

function network(inputs = 4) {
  const b = buildNetwork("small", createRandom(2));
  const x = b.relu(b.conv(b.input([1, 12, 12]), 8, { bias: true }));
  const y = b.relu(b.batchNorm(b.conv(x, inputs, { stride: 2 })));
  return b.finish([b.dense(y, 5)]);
}

// the second convolution reads 8 x 144 values and gives 4 x 36
const STORED = 8 * 144 + 4 * 36;

test("a float network keeps float32 twice, where it keeps most", () => {
  assert.equal(roundingMemory(network()).sample, 2 * 4 * STORED);
});

test("tensors that are rounded take a byte, and their float twins four", () => {
  const encoding = { kind: "linear", scale: 0.1, zero: 0, max: 255, offset: 0 };
  const float = network();
  const points = float.nodes.filter(({ op }) => op === "input" || op === "relu").map(({ name }) => name);
  const simulated = insertQuantizers(float, new Map(points.map((name) => [name, encoding])));
  assert.equal(roundingMemory(simulated).sample, 5 * STORED);
});

test("a tensor that a later layer reads stays until then", () => {
  const b = buildNetwork("residual", createRandom(2));
  const x = b.relu(b.conv(b.input([1, 6, 6]), 4, { bias: true }));
  const y = b.conv(b.relu(b.conv(x, 4, { bias: true })), 4, { bias: true });
  const net = b.finish([b.dense(b.relu(b.add(x, y)), 5)]);
  // while the third convolution runs: x, its own input, and the sum that it gives
  assert.equal(roundingMemory(net).sample, 2 * 4 * 3 * 4 * 36);
});

test("the fixed part grows with weights and with the square of a layer's inputs, up to those of a block", () => {
  const fixed = [4, 8, 16].map((inputs) => roundingMemory(network(inputs)).fixed);
  assert.ok(fixed[0] < fixed[1] && fixed[1] < fixed[2]);
  const dense = (inputs) => {
    const b = buildNetwork("dense", createRandom(2));
    return roundingMemory(b.finish([b.dense(b.input([inputs, 1, 1]), 1)])).fixed;
  };
  assert.ok(dense(4000) - dense(400) > 32 * (4000 ** 2 - 400 ** 2));
  assert.ok(dense(20_000) < dense(4000));
});
