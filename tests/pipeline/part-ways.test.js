// part-ways.test.js: two models of one network layer by layer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { samplesOf } from "../../dist/data/index.js";
import { buildNetwork, createRandom, lower } from "../../dist/graph/index.js";
import { partWays, quantizeFromImages } from "../../dist/pipeline/index.js";

const random = createRandom(3);
const normalization = { mean: [0.5], std: [0.25] };
const pictures = {
  images: Uint8Array.from({ length: 12 * 64 }, () => random.below(256)),
  shape: [1, 8, 8],
  normalization,
};

function network() {
  const b = buildNetwork("net", createRandom(1));
  const x = b.relu(b.conv(b.input([1, 8, 8], normalization), 6, { bias: true }));
  return b.finish([b.dense(b.globalAvgPool(b.relu(b.conv(x, 6, { bias: true }))), 4)]);
}

test("a model does not part from itself, and a quantized one does by its rounding", async () => {
  const float = lower(network(), { grids: null });
  const { tensors: same, outputs: equal } = await partWays(float, float, samplesOf(pictures));
  assert.deepEqual(
    equal.map(({ name, snr, agreement }) => [name, snr, agreement]),
    [[float.outputs[0].name, 300, 1]],
  );
  assert.deepEqual(
    same.map(({ snr }) => snr),
    same.map(() => 300),
  );
  assert.deepEqual([same[0].op, same.at(-1).isOutput], ["input", true]);
  const { model } = await quantizeFromImages(network(), pictures, { bits: 4, goal: null });
  const seen = [];
  const { tensors: found, outputs } = await partWays(float, model, samplesOf(pictures), {
    onProgress: (share) => void seen.push(share),
  });
  // every tensor is found again, though quantize nodes call it otherwise
  assert.deepEqual(
    found.map(({ tensor }) => tensor),
    same.map(({ tensor }) => tensor),
  );
  for (const { snr, tensor } of found) assert.ok(snr > 8 && snr < 80, `${tensor}: ${snr}`);
  assert.ok(found[0].snr > found.at(-1).snr);
  assert.ok(Math.abs(outputs[0].snr - found.at(-1).snr) < 1e-6);
  // layers have the names that bits are set by
  const named = found.filter(({ op }) => op === "conv" || op === "dense").map(({ layer }) => layer);
  assert.deepEqual(named, ["conv1", "conv2", "dense1"]);
  for (const name of named) await quantizeFromImages(network(), pictures, { layers: new Map([[name, 3]]), goal: null });
  assert.equal(seen.at(-1), 1);
});

test("models without a tensor in common are refused, and a signal stops it", async () => {
  const float = lower(network(), { grids: null });
  const b = buildNetwork("other", createRandom(1));
  const other = lower(b.finish([b.relu(b.input([1, 4, 4]))]), { grids: null });
  await assert.rejects(partWays(float, other, samplesOf(pictures)), { code: "BAD_DATA", message: /nothing in common/ });
  const signal = AbortSignal.abort();
  await assert.rejects(partWays(float, float, samplesOf(pictures), { signal }), { code: "ABORTED" });
});
