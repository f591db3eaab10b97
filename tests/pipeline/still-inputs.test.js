// still-inputs.test.js: the warning about layers whose inputs are the same for all samples.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";

const SHAPE = [2, 6, 6];

function network() {
  const b = buildNetwork("still", createRandom(2));
  const x = b.relu(b.conv(b.input(SHAPE), 4, { kernel: 3, bias: true, name: "first" }));
  return b.finish([b.dense(b.globalAvgPool(x), 3, { name: "last" })]);
}

/** Samples by a function of the sample's number and the value's. */
function samplesOf(count, value) {
  const length = SHAPE.reduce((a, b) => a * b);
  const read = (from, some) =>
    Float32Array.from({ length: some * length }, (_, i) => value(from + Math.floor(i / length), i % length));
  return { shape: SHAPE, count, read };
}

async function warningsOf(samples) {
  const { warnings } = await quantizeFromImages(network(), samples, { bits: 4 });
  return warnings.filter((text) => text.includes("do not vary"));
}

const random = createRandom(4);
const noise = Array.from({ length: 72 * 12 }, () => random.normal());
const [first, last] = network()
  .nodes.filter(({ op }) => op === "conv" || op === "dense")
  .map(({ name }) => name);

test("samples that vary give no warning", async () => {
  assert.deepEqual(await warningsOf(samplesOf(12, (sample, i) => noise[sample * 72 + i])), []);
});

test("samples of one value name every layer and what they may be", async () => {
  const [text] = await warningsOf(samplesOf(8, () => 0));
  assert.match(text, new RegExp(`inputs of "${first}", "${last}" do not vary.*all the same value`));
});

test("one sample names the layers behind pools, and its number", async () => {
  const [text] = await warningsOf(samplesOf(1, (_, i) => noise[i]));
  assert.match(text, new RegExp(`inputs of "${last}" do not vary.*one sample only`));
});

test("samples that are all alike name the layers behind pools, and that", async () => {
  const [text] = await warningsOf(samplesOf(9, (_, i) => noise[i]));
  assert.match(text, new RegExp(`inputs of "${last}" do not vary.*all alike`));
});

test("of several inputs the one is named whose samples are the same value", async () => {
  const b = buildNetwork("pair", createRandom(5));
  const [x, u] = [b.input([10, 1, 1]), b.input([10, 1, 1])];
  const [of, still] = [b.dense(x, 6), b.dense(u, 6)];
  const pair = b.finish([b.dense(b.relu(b.add(of, still)), 3)]);
  const varied = {
    shape: [10, 1, 1],
    count: 12,
    read: (from, count) => Float32Array.from({ length: 10 * count }, (_, i) => noise[10 * from + i]),
  };
  const constant = { ...varied, read: (_, count) => new Float32Array(10 * count).fill(1) };
  const { warnings } = await quantizeFromImages(pair, { [x]: varied, [u]: constant });
  assert.deepEqual(warnings, [
    `the inputs of "${still}" do not vary over the samples, so nothing says how to round there: all samples of input "${u}" are the same value`,
  ]);
});
