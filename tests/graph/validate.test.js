// validate.test.js: networks that do not fit together, each fault alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom, ShiftwiseError } from "../../dist/base/index.js";
import { buildNetwork, inferShapes, validateNetwork } from "../../dist/graph/index.js";

/** A valid network with most operations; `change` edits the node of that name. */
function network(name, change = {}) {
  const b = buildNetwork("n", createRandom(1));
  const x = b.input([4, 8, 8]);
  const y = b.relu(b.batchNorm(b.conv(x, 4, { bias: true })), 6);
  const z = b.concat([b.add(x, y), b.quantize(y, { kind: "linear", scale: 1, zero: 0, max: 255 })]);
  const last = b.dense(b.globalAvgPool(b.avgPool(b.maxPool(z, 2), 2)), 3);
  const built = b.finish([last]);
  return { ...built, nodes: built.nodes.map((node) => (node.name === name ? { ...node, ...change } : node)) };
}

function fails(candidate, place, code = "BAD_GRAPH") {
  assert.throws(
    () => validateNetwork(candidate, "n.sw"),
    (error) => {
      assert.ok(error instanceof ShiftwiseError, error?.stack);
      assert.equal(error.code, code, error.message);
      assert.match(error.where, /^n\.sw: /);
      assert.match(error.where, place, error.message);
      return true;
    },
  );
}

const vector = (...data) => ({ shape: [data.length], data: Float32Array.from(data) });

test("shapes of a valid network", () => {
  const shapes = inferShapes(network());
  assert.deepEqual(Object.fromEntries(shapes), {
    input: [4, 8, 8],
    conv1: [4, 8, 8],
    bn1: [4, 8, 8],
    relu1: [4, 8, 8],
    add1: [4, 8, 8],
    quantize1: [4, 8, 8],
    concat1: [8, 8, 8],
    maxPool1: [8, 4, 4],
    avgPool1: [8, 2, 2],
    globalAvgPool1: [8, 1, 1],
    dense1: [3, 1, 1],
  });
  validateNetwork(network());
});

test("names and order", () => {
  fails(network("relu1", { name: "bn1" }), /node bn1/);
  fails(network("relu1", { name: "" }), /node name/, "BAD_FILE");
  fails(network("relu1", { input: "dense1" }), /node relu1/);
  fails(network("relu1", { input: "relu1" }), /node relu1/);
  fails({ ...network(), outputs: [] }, /outputs/);
  fails({ ...network(), outputs: ["dense1", "dense1"] }, /outputs/);
  fails({ ...network(), outputs: ["conv9"] }, /outputs/);
  fails({ ...network(), nodes: [] }, /network/);
});

test("sizes that do not meet", () => {
  fails(network("input", { shape: [4, 8] }), /node input/);
  fails(network("input", { shape: [4, 0, 8] }), /node input/);
  fails(network("input", { shape: [4, 2 ** 16, 2 ** 16] }), /node input/);
  fails(network("input", { shape: [3, 8, 8] }), /node conv1\.weight/);
  fails(network("conv1", { groups: 2 }), /node conv1\.weight/);
  fails(network("conv1", { stride: [0, 1] }), /node conv1/);
  fails(network("conv1", { padding: [0, 0, 0, -1] }), /node conv1/);
  fails(network("conv1", { dilation: [0, 1] }), /node conv1/);
  fails(network("conv1", { dilation: [9, 9] }), /node conv1/);
  fails(network("conv1", { bias: vector(1, 2) }), /node conv1\.bias/);
  fails(network("conv1", { stride: [2, 2] }), /node add1/);
  fails(network("bn1", { beta: vector(1, 2) }), /node bn1\.beta/);
  fails(network("add1", { inputs: ["input", "relu1", "relu1"] }), /node add1/);
  fails(network("concat1", { inputs: [] }), /node concat1/);
  fails(network("concat1", { inputs: ["add1", "input"], name: "x" }), /node maxPool1/);
  fails(network("maxPool1", { padding: [2, 0, 0, 0] }), /node maxPool1\.padding/);
  fails(network("maxPool1", { kernel: [9, 9] }), /node maxPool1/);
  fails(network("avgPool1", { kernel: [1.5, 2] }), /node avgPool1/);
  fails(network("dense1", { input: "avgPool1" }), /node dense1\.weight/);
});

test("parameters and options", () => {
  fails(network("bn1", { gamma: vector(1, Number.NaN, 1, 1) }), /node bn1\.gamma\[1\]/);
  fails(network("bn1", { variance: vector(1, 1, -1, 1) }), /node bn1\.variance\[2\]/);
  fails(network("bn1", { variance: vector(1, 1, 0, 1), epsilon: 0 }), /node bn1\.variance\[2\]/);
  fails(network("bn1", { epsilon: -1 }), /node bn1\.epsilon/);
  fails(network("bn1", { momentum: 1.5 }), /node bn1\.momentum/);
  fails(network("dense1", { weight: { shape: [3, 8], data: new Float32Array(23) } }), /node dense1\.weight/);
  fails(
    network("dense1", { weight: { shape: [3, 8], data: new Float32Array(24).fill(Infinity) } }),
    /node dense1\.weight\[0\]/,
  );
  fails(network("relu1", { max: 0 }), /node relu1\.max/);
  fails(network("relu1", { max: Number.NaN }), /node relu1\.max/);
  fails(
    network("quantize1", { encoding: { kind: "linear", scale: 1, zero: 0, max: 300 } }),
    /node quantize1\.encoding: max/,
  );
  fails(network("input", { normalization: { mean: [0], std: [1] } }), /node input\.normalization/);
  fails(network("input", { normalization: { mean: [0, 0, 0, 0], std: [1, 1, 1, 0] } }), /node input\.normalization/);
});
