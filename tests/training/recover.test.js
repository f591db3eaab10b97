// recover.test.js: batch norm put back: the same function, normed weights, statistics of the samples.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf } from "../../dist/data/index.js";
import { buildNetwork, validateNetwork } from "../../dist/graph/index.js";
import { activations, recoverNorms } from "../../dist/training/index.js";
import { distance, squares } from "./helpers.js";

const DATA = squares(40);
const valuesOf = (network, name) => [...activations(network, DATA, [name])][0].get(name);

function folded() {
  const b = buildNetwork("folded", createRandom(4));
  const x = b.relu(b.conv(b.input([1, 8, 8]), 6, { bias: true }));
  const y = b.add(b.conv(b.relu(b.batchNorm(b.conv(x, 6, { groups: 6 }))), 6, { kernel: 1, bias: true }), x);
  const network = b.finish([b.dense(b.globalAvgPool(y), 3)]);
  for (const node of network.nodes) {
    if (node.op !== "conv" || !node.bias) continue;
    for (let c = 0; c < 6; c++) {
      node.bias.data[c] = c - 2.5;
      for (let i = 0; i < node.weight.data.length / 6; i++)
        node.weight.data[(c * node.weight.data.length) / 6 + i] *= 10 ** (c - 3);
    }
  }
  return network;
}

describe("recoverNorms", () => {
  test("changes no output, and leaves batch norms that are there", () => {
    const network = folded();
    const recovered = recoverNorms(network, samplesOf(DATA));
    validateNetwork(recovered);
    assert.ok(distance(valuesOf(recovered, recovered.outputs[0]), valuesOf(network, network.outputs[0])) < 1e-5);
    assert.deepEqual(
      recovered.nodes.filter((node) => node.op === "batchNorm").map((node) => node.name),
      ["conv1.norm", "bn1", "conv3.norm"],
    );
  });

  test("norms the weights and takes the samples' statistics", () => {
    const recovered = recoverNorms(folded(), samplesOf(DATA));
    const conv = recovered.nodes.find((node) => node.name === "conv3");
    const norm = recovered.nodes.find((node) => node.name === "conv3.norm");
    const values = valuesOf(recovered, "conv3");
    for (let c = 0; c < 6; c++) {
      const length = conv.weight.data.subarray(c * 6, c * 6 + 6).reduce((sum, w) => sum + w * w, 0);
      assert.ok(Math.abs(length - 1) < 1e-5);
      const own = values.filter((_, i) => Math.floor(i / 64) % 6 === c);
      const mean = own.reduce((sum, v) => sum + v, 0) / own.length;
      const variance = own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / own.length;
      assert.ok(Math.abs(norm.mean.data[c] - mean) < 1e-4 * (1 + Math.abs(mean)), `mean ${c}`);
      assert.ok(Math.abs(norm.variance.data[c] - variance) < 1e-4 * (1 + variance), `variance ${c}`);
    }
  });

  test("refuses no samples and names that are taken", () => {
    assert.throws(() => recoverNorms(folded(), { ...samplesOf(DATA), count: 0 }), { code: "BAD_DATA" });
    const network = folded();
    const nodes = network.nodes.map((node) => (node.op === "dense" ? { ...node, name: "conv1.norm" } : node));
    const clash = { ...network, nodes, outputs: ["conv1.norm"] };
    assert.throws(() => recoverNorms(clash, samplesOf(DATA)), { code: "BAD_GRAPH" });
  });
});
