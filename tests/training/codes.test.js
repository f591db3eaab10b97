// codes.test.js: the trainer's forward pass of a finished network makes the codes that inference makes, layer by layer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { subset } from "../../dist/data/index.js";
import { demoNetwork, lower } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import { toReal } from "../../dist/ops/index.js";
import { calibrate, collectHistograms, insertQuantizers, quantizationPoints } from "../../dist/quantize/index.js";
import { Model } from "../../dist/runtime/index.js";
import { activations, retrain, train } from "../../dist/training/index.js";
import { squares } from "../training/helpers.js";

const IMAGES = 24;
const data = squares(320);
const common = { batchSize: 32, learningRate: 0.05, weightDecay: 1e-3, schedule: { kind: "cosine" } };
const input = (network) =>
  network.nodes.map((node) => (node.op === "input" ? { ...node, normalization: data.normalization } : node));
const fresh = demoNetwork([1, 8, 8], 3, 1, 8);
const float = { ...fresh, nodes: input(fresh) };
await train(float, data, { ...common, epochs: 4 });

async function finished(bits, scheme, scale) {
  const network = structuredClone(float);
  const points = quantizationPoints(network);
  const histograms = await collectHistograms(points, activations(network, data, points));
  const simulated = insertQuantizers(network, calibrate(network, histograms, { activations: scheme }));
  const { grids } = await retrain(simulated, data, { ...common, bits, scale, portions: [0.5, 1], epochs: [1, 1] });
  return { simulated, def: lower(simulated, { grids }) };
}

const schemes = [
  { kind: "linear", bits: 8 },
  { kind: "linear", bits: 4 },
  { kind: "linear", bits: 3 },
  { kind: "log", bits: 4, largest: 31 },
];
for (const [i, scheme] of schemes.entries()) {
  for (const scale of ["layer", "channel"]) {
    const bits = 5 - i;
    test(`${bits}-bit weights with a scale a ${scale}, ${scheme.bits}-bit ${scheme.kind} activations`, async () => {
      const { simulated, def } = await finished(bits, scheme, scale);
      const quantizers = simulated.nodes.filter((node) => node.op === "quantize");
      const images = subset(
        data,
        Array.from({ length: IMAGES }, (_, n) => n),
      );
      const names = quantizers.flatMap((node) => [node.input, node.name]);
      const [trained] = activations(simulated, images, names);
      const model = await Model.from(def);
      let differing = 0;
      for (let n = 0; n < IMAGES; n++) {
        const pixels = images.images.subarray(n * 64, (n + 1) * 64);
        const { tensors, outputs } = runReference(def, { input: pixels });
        assert.deepEqual(model.runSync(pixels), { ...outputs });
        for (const node of quantizers) {
          const expected = toReal(tensors.get(node.name), node.encoding);
          const of = (name) => trained.get(name).subarray(n * expected.length, (n + 1) * expected.length);
          const [before, found] = [of(node.input), of(node.name)];
          const differ = [...expected.keys()].filter((k) => expected[k] !== found[k]);
          for (const k of differ) {
            // both add the same numbers up, in other orders: they may differ where a value lies between two codes
            const between = (expected[k] + found[k]) / 2;
            const close = Math.abs(before[k] - between) < 1e-4 * Math.abs(expected[k] - found[k]);
            assert.ok(close, `image ${n}, ${node.name}[${k}]: ${before[k]} became ${found[k]} and ${expected[k]}`);
          }
          if (differ.length === 0) continue;
          // what follows was computed from another code
          differing++;
          break;
        }
      }
      model.dispose();
      assert.ok(differing <= IMAGES / 8, `${differing} of ${IMAGES} images`);
    });
  }
}
