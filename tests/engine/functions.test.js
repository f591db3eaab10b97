// functions.test.js: nodes without a kernel compute in training what inference computes.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEngine, parameterLayout } from "../../dist/engine/index.js";
import { inferShapes, lower } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import { randomNetwork } from "../graph/random_networks.js";
import { distance, small } from "../training/helpers.js";

test("random networks: the engine's outputs are those of the lowered network", () => {
  const property = fc.property(fc.nat(), (seed) => {
    const { network, image } = randomNetwork(seed, false);
    const [output] = network.outputs;
    const shape = inferShapes(network).get(output);
    if (network.outputs.length !== 1 || shape[1] * shape[2] !== 1) return;
    const data = Float32Array.from(image);
    const { outputs } = runReference(lower(network, { grids: null }), { input: data });
    const found = createEngine(network, { batch: 1, gradients: false }).forward(data, 1, "eval", 0);
    assert.ok(distance(found, outputs[output]) < 1e-4, `seed ${seed}`);
  });
  fc.assert(property, { seed: 41, numRuns: 300 });
});

test("constants are no parameters", () => {
  const network = small([2, 3, 3], (b, x) => b.binary("mul", b.conv(x, 2), b.constant([1, 1, 1], Float32Array.of(3))));
  const names = parameterLayout(network).entries.map(({ node, field }) => `${node}.${field}`);
  assert.deepEqual(names, ["conv1.weight", "dense1.weight", "dense1.bias"]);
});
