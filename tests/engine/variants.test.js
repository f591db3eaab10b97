// variants.test.js: outputs of a network with one layer replaced, to the bit those of the network with that layer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { compileModule, createEngine, createVariants } from "../../dist/engine/index.js";
import { findChains, inferShapes, resnet20 } from "../../dist/graph/index.js";
import { disturb, randomImages, small } from "../training/helpers.js";

const branches = small([3, 10, 8], (b, x) => {
  const y = b.relu(b.conv(x, 6));
  const left = b.relu(b.conv(y, 4));
  const z = b.add(left, b.conv(y, 4));
  return b.dense(b.globalAvgPool(b.relu(b.batchNorm(b.conv(z, 8)))), 5);
});

for (const network of [branches, disturb(resnet20([3, 16, 16], 10, 1))]) {
  test(`${network.name}: each layer in turn, and again in another order`, () => {
    const shapes = inferShapes(network);
    const images = randomImages(network, 3);
    const random = createRandom(9);
    const engine = (one) => {
      const made = createEngine(one, { batch: 3, gradients: false });
      return made.forward(images, 3, "eval").slice();
    };
    const variants = createVariants(network, shapes, 3, compileModule());
    variants.forward(new Map([[network.nodes[0].name, images]]), 3);
    const [output] = network.outputs;
    assert.deepEqual(variants.output(output), engine(network));
    const norms = new Map(findChains(network).map(({ head, norm }) => [head.name, norm]));
    const layers = network.nodes.filter(({ op }) => op === "conv" || op === "dense");
    for (const head of [...layers, layers[2], layers[0]]) {
      const { weight } = head;
      const other = {
        ...head,
        weight: { ...weight, data: weight.data.map((w) => w + 0.1 * (random.uniform() - 0.5)) },
      };
      const norm = norms.get(head.name);
      const rest = norm ? [{ ...norm, mean: { ...norm.mean, data: norm.mean.data.map((m) => m + 0.1) } }] : [];
      variants.replace(other, rest);
      const nodes = network.nodes.map((node) => [other, ...rest].find((one) => one.name === node.name) ?? node);
      assert.deepEqual(variants.output(output), engine({ ...network, nodes }), head.name);
    }
  });
}
