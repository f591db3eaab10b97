// calibrate.test.js: from named activations to an encoding for each quantization point.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import {
  calibrate,
  collectHistograms,
  fitLinear,
  fitLog,
  fitWeightedEntropy,
  insertQuantizers,
  mergeHistograms,
  quantizationPoints,
} from "../../dist/quantize/index.js";

const b = buildNetwork("net", createRandom(1));
const source = b.input([2, 4, 4]);
const left = b.relu(b.conv(source, 2));
const right = b.conv(source, 2);
const network = b.finish([b.globalAvgPool(b.concat([left, right]))]);
const points = quantizationPoints(network);

function activations(seed) {
  const random = createRandom(seed);
  const draw = (scale) => Float32Array.from({ length: 500 }, () => random.normal() * scale);
  return new Map([
    [source, draw(1)],
    [left, draw(2).map((v) => Math.max(v, 0))],
    [right, draw(5).map((v) => Math.max(v, 0))],
    ["unused", Float32Array.of(Number.NaN)],
  ]);
}

test("points of the example", () => {
  assert.deepEqual(new Set(points), new Set([source, left, right]));
});

test("counts sync and async batches alike, and passes over other tensors", async () => {
  async function* later() {
    yield activations(1);
    yield activations(2);
  }
  const one = await collectHistograms(points, [activations(1), activations(2)]);
  assert.deepEqual(one, await collectHistograms(points, later()));
  for (const histogram of one.values()) assert.equal(histogram.total, 1000);
});

test("inputs get 8 bits, the rest what is asked, concatenated tensors one encoding together", async () => {
  const histograms = await collectHistograms(points, [activations(1)]);
  const encodings = calibrate(network, histograms, { activations: { kind: "linear", bits: 4 } });
  assert.deepEqual(encodings.get(source), fitLinear(histograms.get(source), { bits: 8 }));
  const together = mergeHistograms([histograms.get(left), histograms.get(right)]);
  assert.deepEqual(encodings.get(left), fitLinear(together, { bits: 4 }));
  assert.equal(encodings.get(left), encodings.get(right));
  const quantized = insertQuantizers(network, encodings);
  assert.equal(quantized.nodes.filter((node) => node.op === "quantize").length, 3);
  const narrow = calibrate(network, histograms, { activations: { kind: "linear", bits: 8 }, input: { bits: 4 } });
  assert.equal(narrow.get(source).max, 15);
});

test("log levels where there are no negative values, linear of as many bits where there are", async () => {
  const histograms = await collectHistograms(points, [activations(3)]);
  const scheme = { kind: "log", bits: 3, largest: 31 };
  const encodings = calibrate(network, histograms, { activations: scheme });
  const together = mergeHistograms([histograms.get(left), histograms.get(right)]);
  assert.deepEqual(encodings.get(left), fitLog(together, scheme));
  const signed = new Map([...histograms, [right, histograms.get(source)]]);
  const mixed = calibrate(network, signed, { activations: scheme });
  assert.deepEqual([mixed.get(left).kind, mixed.get(left).max], ["linear", 7]);
});

test("what no ReLU makes can have bits of its own; so has a group with such a tensor in it", async () => {
  const body = buildNetwork("sum", createRandom(1));
  const x = body.relu(body.conv(body.input([2, 4, 4]), 2));
  const sum = body.relu(body.add(body.conv(x, 2), body.conv(x, 2)));
  const whole = body.finish([body.dense(body.globalAvgPool(sum), 3)]);
  const names = quantizationPoints(whole);
  const drawn = createRandom(2);
  const batch = new Map(
    names.map((name) => [name, Float32Array.from({ length: 100 }, () => Math.abs(drawn.normal()))]),
  );
  const histograms = await collectHistograms(names, [batch]);
  const scheme = { kind: "weq", bits: 3, largest: 31 };
  const encodings = calibrate(whole, histograms, { activations: scheme, others: { bits: 8 } });
  const ops = new Map(whole.nodes.map(({ name, op }) => [name, op]));
  for (const [name, encoding] of encodings) {
    if (ops.get(name) === "relu") assert.deepEqual(encoding, fitWeightedEntropy(histograms.get(name), scheme));
    else assert.deepEqual([encoding.kind, encoding.max], ["linear", 255], name);
  }
  assert.deepEqual([...encodings.values()].map(({ kind }) => kind).sort(), [
    "levels",
    "levels",
    "linear",
    "linear",
    "linear",
  ]);
  const mixed = calibrate(network, await collectHistograms(points, [activations(1)]), {
    activations: { kind: "linear", bits: 4 },
    others: { bits: 6 },
  });
  assert.equal(mixed.get(left).max, 63);
});

test("refuses what is missing or not finite", async () => {
  await assert.rejects(collectHistograms(points, []), { code: "BAD_DATA" });
  await assert.rejects(collectHistograms(["elsewhere"], [activations(1)]), { code: "BAD_GRAPH", where: "elsewhere" });
  await assert.rejects(collectHistograms(["unused"], [activations(1)]), { code: "BAD_DATA", where: "unused[0]" });
  assert.throws(() => calibrate(network, new Map(), { activations: { kind: "linear", bits: 8 } }), {
    code: "BAD_GRAPH",
  });
});
