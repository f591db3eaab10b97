// fidelity.test.js: the distance of one network from another, by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf } from "../../dist/data/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { fidelityTo } from "../../dist/training/fidelity.js";

/** Logits are the two pixels, the second times `factor`. */
function network(factor) {
  const b = buildNetwork("two", createRandom(1));
  const made = b.finish([b.dense(b.input([2, 1, 1]), 2)]);
  const dense = made.nodes.find(({ op }) => op === "dense");
  dense.weight.data.set([1, 0, 0, factor]);
  dense.bias.data.set([0, 0]);
  return made;
}

/** 17 images, more than are run at a time: pixels 0 and 255, that is logits 0 and 1, in turn. */
const images = Uint8Array.from({ length: 34 }, (_, i) => (((i >> 1) + i) % 2 === 0 ? 0 : 255));
const samples = samplesOf({ images, shape: [2, 1, 1], normalization: { mean: [0, 0], std: [1, 1] } });

test("mean divergence and equal answers", () => {
  const measure = fidelityTo(network(1), samples);
  assert.deepEqual(measure(network(1)), { kl: 0, agreement: 1 });
  // images (0, 1), 9 of 17, become (0, -2): p = 1 / (1 + e^-1) of the second, q = 1 / (1 + e^2)
  const [p, q] = [1 / (1 + Math.exp(-1)), 1 / (1 + Math.exp(2))];
  const kl = p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
  const found = measure(network(-2));
  assert.ok(Math.abs(found.kl - (9 * kl) / 17) < 1e-6, `${found.kl}`);
  assert.equal(found.agreement, 8 / 17);
});

test("logits that are no numbers are infinitely far", () => {
  assert.equal(fidelityTo(network(1), samples)(network(Number.NaN)).kl, Number.POSITIVE_INFINITY);
});
