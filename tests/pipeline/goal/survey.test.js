// survey.test.js: what choices of levels cost each layer: in noise at the outputs, predicted time and bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../../dist/base/index.js";
import { buildNetwork, insertQuantizers, quantizationPoints } from "../../../dist/graph/index.js";
import { survey } from "../../../dist/pipeline/goal/index.js";
import { calibrate, collectHistograms, quantizerNamed } from "../../../dist/quantize/index.js";
import { sampleActivations } from "../../../dist/training/index.js";

function network() {
  const b = buildNetwork("small", createRandom(2));
  const x = b.relu(b.conv(b.input([3, 12, 12]), 16, { bias: true }));
  const y = b.relu(b.conv(x, 16, { groups: 16, bias: true }));
  return b.finish([b.dense(b.relu(b.batchNorm(b.conv(y, 24))), 5)]);
}

async function simulated(float) {
  const random = createRandom(3);
  const length = 3 * 144;
  const values = Float32Array.from({ length: 24 * length }, () => random.normal());
  const samples = {
    shape: [3, 12, 12],
    count: 24,
    read: (from, count) => values.slice(from * length, (from + count) * length),
  };
  const points = quantizationPoints(float);
  const histograms = await collectHistograms(points, sampleActivations(float, samples, points));
  return {
    samples,
    network: insertQuantizers(float, calibrate(float, histograms, { activations: { kind: "linear", bits: 8 } })),
  };
}

const quantizer = quantizerNamed("two-term");
const width = (bits, price = 0) => ({ quantizer, bits, price });
const CHOICES = [width(2), width(3), width(4), width(4, 2), width(6)];

test("every layer has its choices, and more bits cost more bytes and make less noise", async () => {
  const float = network();
  const { samples, network: quantized } = await simulated(float);
  const heard = [];
  const found = await survey(quantized, samples, new Map(), width(4), () => CHOICES, [true], undefined, {
    onProgress: (share) => heard.push(share),
  });
  assert.deepEqual(
    found.layers.map(({ name, weights }) => [name, weights]),
    [
      ["conv1", 432],
      ["conv2", 144],
      ["conv3", 3456],
      ["dense1", 24 * 144 * 5],
    ],
  );
  for (const { name, weights, choices } of found.layers) {
    assert.deepEqual(
      choices.map(({ bits, price }) => [bits, price]),
      CHOICES.map(({ bits, price }) => [bits, price]),
    );
    for (const { bits, bytes, milliseconds, noise } of choices) {
      // entropy-coded, with tables of frequencies, or as they are with the tables of levels beside them
      assert.ok(bytes > 0 && bytes <= Math.ceil((weights * bits) / 8) + 32, `${name}: ${bytes} bytes at ${bits} bits`);
      assert.ok(milliseconds > 0 && milliseconds < 1, `${name}: ${milliseconds} ms`);
      assert.ok(noise > 0 && noise < 1, `${name}: ${noise}`);
    }
    const [two, three, four, sparse, six] = choices;
    assert.ok(two.noise > three.noise && three.noise > four.noise && four.noise > six.noise, name);
    assert.ok(sparse.noise > four.noise, name);
    assert.ok(sparse.bytes <= four.bytes && four.bytes < six.bytes, name);
    if (name.startsWith("conv")) assert.ok(sparse.milliseconds < four.milliseconds, name);
  }
  assert.ok(found.milliseconds > 0 && found.bytes > 0);
  assert.deepEqual(
    heard,
    heard.toSorted((a, b) => a - b),
  );
  assert.equal(heard.at(-1), 1);
});

test("a survey stops where it is asked to", async () => {
  const { samples, network: quantized } = await simulated(network());
  const control = new AbortController();
  const stopped = survey(quantized, samples, new Map(), width(4), () => CHOICES, [true], undefined, {
    signal: control.signal,
    onProgress: (share) => share > 0.7 && control.abort(),
  });
  await assert.rejects(stopped, { code: "ABORTED" });
});
