// pixel-range.test.js: pixels that become other values than in training are noticed by batch norms, and the likelier way named.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf } from "../../dist/data/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { quantizeFromImages, usualNormalization, withNormalization } from "../../dist/pipeline/index.js";
import { unlikelyRange } from "../../dist/pipeline/pixel-range.js";
import { sampleActivations } from "../../dist/training/index.js";

const all = (channels, value) => Array(channels).fill(value);
const WAYS = {
  "0..1 (--range 1)": (channels) => ({ mean: all(channels, 0), std: all(channels, 1) }),
  "-1..1 (--range 1 --mean 0.5 --std 0.5)": (channels) => ({ mean: all(channels, 0.5), std: all(channels, 0.5) }),
  "0..255 (--range 255)": (channels) => ({ mean: all(channels, 0), std: all(channels, 1 / 255) }),
  "ImageNet's mean": usualNormalization,
};

function pictures(channels, count = 8, seed = 1) {
  const random = createRandom(seed);
  // brightness differs between pictures and along them, as in photographs
  const images = Uint8Array.from({ length: 144 * channels * count }, (_, i) => {
    const bright = 40 + 150 * Math.abs(Math.sin(Math.floor(i / 144 / channels) * 7 + Math.floor(i / 12) / 9));
    return Math.min(255, bright + random.below(60));
  });
  return { images, shape: [channels, 12, 12] };
}

function network(channels) {
  const b = buildNetwork("small", createRandom(channels));
  const x = b.relu(b.batchNorm(b.conv(b.input([channels, 12, 12]), 8, { bias: true })));
  const y = b.relu(b.batchNorm(b.conv(x, 8)));
  return b.finish([b.dense(y, 5)]);
}

/** The network with the statistics that training on these images leaves. */
function trained(plain, images) {
  const net = structuredClone(plain);
  for (const norm of net.nodes.filter(({ op }) => op === "batchNorm")) {
    const channels = norm.mean.data.length;
    const [sum, square] = [new Float64Array(channels), new Float64Array(channels)];
    let count = 0;
    for (const batch of sampleActivations(net, samplesOf(images), [norm.input])) {
      const data = batch.get(norm.input);
      const plane = data.length / channels / (images.images.length / 144 / images.shape[0]);
      data.forEach((x, i) => {
        const c = Math.floor(i / plane) % channels;
        sum[c] += x;
        square[c] += x * x;
      });
      count += data.length / channels;
    }
    for (let c = 0; c < channels; c++) {
      norm.mean.data[c] = sum[c] / count;
      norm.variance.data[c] = square[c] / count - (sum[c] / count) ** 2;
    }
  }
  return net;
}

for (const channels of [1, 3]) {
  for (const [right, way] of Object.entries(WAYS)) {
    // for one channel ImageNet's is 0..1
    if (channels === 1 && right.startsWith("ImageNet")) continue;
    test(`a network of ${channels} channels that was trained with ${right}`, () => {
      const normalization = way(channels);
      const taught = { ...pictures(channels, 12, 2), normalization };
      const net = trained(withNormalization(network(channels), normalization), taught);
      for (const [given, other] of Object.entries(WAYS)) {
        const found = unlikelyRange(net, net.nodes[0], { ...pictures(channels), normalization: other(channels) });
        const same = given === right || (channels === 1 && given.startsWith("ImageNet") && right.startsWith("0..1"));
        if (same) assert.equal(found, null, given);
        else assert.ok(found?.includes(right) && found.includes('batch norm "bn1"'), `${given}: ${found}`);
      }
    });
  }
}

test("statistics that no way fits, and networks without any, are no reason to warn", () => {
  const normalization = usualNormalization(3);
  const images = { ...pictures(3), normalization };
  const net = withNormalization(network(3), normalization);
  for (const norm of net.nodes.filter(({ op }) => op === "batchNorm")) norm.mean.data.fill(1e4);
  assert.equal(unlikelyRange(net, net.nodes[0], images), null);
  const b = buildNetwork("bare", createRandom(4));
  const bare = b.finish([b.dense(b.relu(b.conv(b.input([3, 12, 12]), 4)), 5)]);
  assert.equal(unlikelyRange(bare, bare.nodes[0], images), null);
});

test("quantizeFromImages warns", async () => {
  const [right, wrong] = [usualNormalization(3), WAYS["0..255 (--range 255)"](3)];
  const net = trained(withNormalization(network(3), right), { ...pictures(3, 12, 2), normalization: right });
  const { warnings } = await quantizeFromImages(withNormalization(net, wrong), {
    ...pictures(3),
    normalization: wrong,
  });
  assert.match(warnings.join("\n"), /other values here than in training.*only 0\.\d+ with ImageNet's mean/);
  const { warnings: none } = await quantizeFromImages(net, { ...pictures(3), normalization: right });
  assert.deepEqual(none, []);
});
