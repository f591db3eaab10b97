// sparsity.test.js: sparsity shared out by hand-made scores, and its edges.
import assert from "node:assert/strict";
import { test } from "node:test";
import { resnet20 } from "../../dist/graph/index.js";
import { layerSparsities, smallest } from "../../dist/quantize/index.js";

const network = (...layers) => ({
  name: "net",
  nodes: [
    { op: "input", name: "x", shape: [1, 1, 1] },
    ...layers.map((values, i) => {
      const weight = { shape: [values.length, 1], data: Float32Array.from(values) };
      return { op: "dense", name: `d${i}`, input: "x", weight, bias: null };
    }),
  ],
  outputs: [`d${layers.length - 1}`],
});

test("scores by hand: what is small beside its own layer's larger weights goes first", () => {
  // scores: 1, 1/2, 1/3 and 1, 1/5, 1/6: of six weights the three lowest are 1/6, 1/5 and 1/3
  const found = layerSparsities(network([5, -5, 5], [0.02, -0.01, 0.01]), 0.5);
  assert.deepEqual(
    [...found],
    [
      ["d0", 1],
      ["d1", 2],
    ],
  );
  assert.deepEqual([...layerSparsities(network([1, 2], [3]), 0).values()], [0, 0]);
});

test("no layer is emptied, the share is met, and impossible shares are refused", () => {
  const net = resnet20([3, 32, 32], 10, 1);
  const sizes = new Map(
    net.nodes.filter((node) => "weight" in node).map((node) => [node.name, node.weight.data.length]),
  );
  const found = layerSparsities(net, 0.9);
  const sum = (values) => [...values].reduce((total, value) => total + value, 0);
  assert.ok(Math.abs(sum(found.values()) / sum(sizes.values()) - 0.9) < 1e-4);
  for (const [name, count] of found) assert.ok(count < sizes.get(name));
  for (const bad of [1, -0.1, Number.NaN]) assert.throws(() => layerSparsities(net, bad), { code: "BAD_OPTION" });
});

test("the smallest of a layer, the later of equals", () => {
  assert.deepEqual([...smallest(Float32Array.of(3, -1, 2, 1), 2)], [0, 1, 0, 1]);
  assert.deepEqual([...smallest(Float32Array.of(1, 1, -1), 1)], [0, 0, 1]);
  assert.deepEqual([...smallest(Float32Array.of(1, 2), 0)], [0, 0]);
});
