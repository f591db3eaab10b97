// networks.test.js: the ready-made networks: sizes as documented, seeded, of any input shape.
import assert from "node:assert/strict";
import { test } from "node:test";
import { demoNetwork, inferShapes, lower, resnet20, validateNetwork, vgg } from "../../dist/graph/index.js";
import { nodeParameters } from "../../dist/ops/index.js";

function sizes(network) {
  const shapes = inferShapes(network);
  let weights = 0;
  let products = 0;
  for (const node of network.nodes) {
    if (!node.weight) continue;
    const [, height, width] = shapes.get(node.name);
    weights += node.weight.data.length;
    products += node.weight.data.length * height * width;
  }
  return { weights, products, convolutions: network.nodes.filter((node) => node.op === "conv").length };
}

test("the demo's network has the size its documentation states", () => {
  const network = demoNetwork([1, 28, 28], 10, 1);
  assert.deepEqual(sizes(network), { weights: 83376, products: 5494752, convolutions: 9 });
  assert.deepEqual(inferShapes(network).get(network.outputs[0]), [10, 1, 1]);
  const def = lower(network, { grids: null });
  assert.equal(def.layers.length, 11);
  assert.equal(def.layers.filter((layer) => layer.residual).length, 3);
});

test("ResNet-20", () => {
  const network = resnet20([3, 32, 32], 10, 1);
  assert.deepEqual(sizes(network), { weights: 270896, products: 40813184, convolutions: 21 });
});

test("a VGG has pairs of convolutions, a pool behind each, and most of its weights in dense layers", () => {
  const network = vgg([3, 32, 32], 10, 1);
  assert.deepEqual(sizes(network), { weights: 1846344, products: 31047168, convolutions: 8 });
  const pair = ["conv", "batchNorm", "relu", "conv", "batchNorm", "relu", "maxPool"];
  const dense = ["dense", "batchNorm", "relu"];
  const kinds = network.nodes.map(({ op }) => op);
  assert.deepEqual(kinds, ["input", ...pair, ...pair, ...pair, ...pair, ...dense, ...dense, "dense"]);
  const outputs = network.nodes.filter(({ weight }) => weight).map(({ weight }) => weight.shape[0]);
  assert.deepEqual(outputs, [24, 24, 48, 48, 96, 96, 192, 192, 768, 768, 10]);
  assert.equal(sizes(vgg([3, 32, 32], 10, 1, 32)).weights, 3278688);
});

test("a seed fixes every parameter, and another seed changes them", () => {
  const flat = (network) => network.nodes.flatMap((node) => nodeParameters(node).map(([, { data }]) => [...data]));
  assert.deepEqual(flat(demoNetwork([1, 8, 8], 3, 5, 4)), flat(demoNetwork([1, 8, 8], 3, 5, 4)));
  assert.notDeepEqual(flat(demoNetwork([1, 8, 8], 3, 5, 4)), flat(demoNetwork([1, 8, 8], 3, 6, 4)));
});

test("He initialisation: variance 2 / inputs of one output", () => {
  for (const { op, weight } of resnet20([3, 32, 32], 10, 2).nodes) {
    if (op !== "conv" || weight.data.length < 9000) continue;
    const variance = weight.data.reduce((sum, w) => sum + w * w, 0) / weight.data.length;
    const expected = 2 / (weight.data.length / weight.shape[0]);
    assert.ok(Math.abs(variance / expected - 1) < 0.06);
  }
});

test("any input of at least one pixel", () => {
  for (const shape of [
    [1, 1, 1],
    [3, 5, 9],
    [2, 32, 31],
  ]) {
    validateNetwork(demoNetwork(shape, 2, 1, 2));
    validateNetwork(vgg(shape, 2, 1, 2));
  }
});
