// straight-through.test.js: retraining for any quantizer: what it ends on, what it sees on the way, what it learns.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lower } from "../../dist/graph/index.js";
import {
  calibrate,
  collectHistograms,
  insertQuantizers,
  QUANTIZERS,
  quantizationPoints,
  quantizeWeights,
} from "../../dist/quantize/index.js";
import { activations, evaluate, layerSensitivity, retrainStraightThrough, train } from "../../dist/training/index.js";
import { levelsOn } from "../quantize/grids.js";
import { squares, tinyNetwork } from "./helpers.js";

const data = squares(320);
const common = { batchSize: 32, learningRate: 0.02, schedule: { kind: "cosine" } };
const float = tinyNetwork();
await train(float, data, { ...common, learningRate: 0.1, epochs: 6 });
const copy = () => structuredClone(float);
const weightNodes = (network) => network.nodes.filter((node) => node.op === "conv" || node.op === "dense");
const named = (name) => QUANTIZERS.find((quantizer) => quantizer.name === name);

for (const quantizer of QUANTIZERS) {
  test(`${quantizer.name}: every weight ends on its levels, and retraining does not do worse than rounding`, async () => {
    const bits = quantizer.bits.includes(4) ? 4 : quantizer.bits[0];
    const rounded = copy();
    quantizeWeights(rounded, quantizer, bits);
    const network = copy();
    const { grids } = await retrainStraightThrough(network, data, { ...common, quantizer, bits, epochs: 2 });
    for (const { name, weight } of weightNodes(network)) {
      const { frozen } = grids.get(name);
      const { levels, scale } = levelsOn(grids.get(name), weight.shape[0]);
      const depth = weight.data.length / scale.length;
      assert.ok(frozen.every((flag) => flag === 1));
      weight.data.forEach((w, i) => {
        const c = Math.floor(i / depth);
        assert.ok(levels[c].some((level) => Math.fround(scale[c] * level) === w));
      });
    }
    const test = squares(300, 9);
    const [before, after] = [await evaluate(rounded, test), await evaluate(network, test)];
    assert.ok(after.loss < before.loss + 0.02, `${before.loss} to ${after.loss}`);
    assert.ok(after.accuracy > 0.9, `accuracy ${after.accuracy}`);
  });
}

test("the float copies, not the levels, are what the next run goes on from", async () => {
  const network = copy();
  const options = { ...common, quantizer: named("weq"), bits: 2, epochs: 1 };
  const { latent, fits } = await retrainStraightThrough(network, data, options);
  for (const { name, weight } of weightNodes(network)) {
    assert.ok(new Set(weight.data).size <= 4);
    assert.ok(new Set(latent.get(name)).size > 4 && fits.has(name));
  }
});

test("between fits the weights stand still; the last fit is of the last weights", async () => {
  let calls = 0;
  const quantizer = { ...named("bwn"), fit: (...given) => ++calls && named("bwn").fit(...given) };
  const layers = weightNodes(float).length;
  await retrainStraightThrough(copy(), data, { ...common, quantizer, bits: 1, epochs: 1, every: 4 });
  // 10 steps: at the beginning, after steps 4 and 8, at the end of the stage, and for the grids
  assert.equal(calls / layers, 5);
});

test("learned levels move, level 0 does not", async () => {
  const network = copy();
  const learning = { ...common, quantizer: named("ttq"), bits: 2, epochs: 2 };
  const { fits } = await retrainStraightThrough(network, data, learning);
  for (const { name, weight } of weightNodes(float)) {
    const start = named("ttq").fit(weight.data, { name, shape: weight.shape, bits: 2 }).ideal;
    const { ideal } = fits.get(name);
    assert.equal(ideal[1], 0);
    assert.ok(Math.abs(ideal[0] / start[0] - 1) > 1e-4 && Math.abs(ideal[2] / start[2] - 1) > 1e-4);
  }
  const options = { ...common, quantizer: named("ttq"), bits: 2, epochs: 1, checkpoint: { path: "x" } };
  await assert.rejects(retrainStraightThrough(copy(), data, options), { code: "BAD_OPTION", where: "checkpoint" });
});

test("with activations rounded too, the integer model has the accuracy of the simulated network", async () => {
  const network = copy();
  const points = quantizationPoints(network);
  const histograms = await collectHistograms(points, activations(network, data, points));
  const scheme = { kind: "weq", bits: 4, largest: 255 };
  const simulated = insertQuantizers(network, calibrate(network, histograms, { activations: scheme }));
  const { grids } = await retrainStraightThrough(simulated, data, {
    ...common,
    quantizer: named("weq"),
    bits: new Map(weightNodes(network).map(({ name }, i) => [name, 3 + (i % 2)])),
    epochs: 2,
    reestimate: 5,
  });
  const def = lower(simulated, { grids });
  assert.ok(def.layers.every(({ weights }) => weights === undefined || weights.kind === "codebook"));
  const { accuracy } = await evaluate(simulated, squares(300, 9));
  assert.ok(accuracy > 0.9, `accuracy ${accuracy}`);
});

test("sensitivity: one layer at a time, fewer bits lose more, the network stays as it was", async () => {
  const network = copy();
  const measured = await layerSensitivity(network, data, named("weq"), [1, 5]);
  assert.deepEqual(network, float);
  assert.deepEqual(
    measured.map(({ name, count }) => [name, count]),
    weightNodes(float).map(({ name, weight }) => [name, weight.data.length]),
  );
  assert.ok(measured.some(({ drops }) => drops.get(1) > drops.get(5)));
  for (const { accuracyDrops } of measured) assert.deepEqual([...accuracyDrops.keys()], [1, 5]);
});

test("options out of range are refused", async () => {
  const options = { ...common, quantizer: named("weq"), bits: 3, epochs: 1 };
  const refuse = (change, expected) =>
    assert.rejects(retrainStraightThrough(copy(), data, { ...options, ...change }), expected);
  await refuse({ epochs: 0 }, { code: "BAD_OPTION" });
  await refuse({ every: 0 }, { code: "BAD_OPTION" });
  await refuse({ bits: 9 }, { code: "BAD_OPTION" });
  await refuse({ bits: new Map() }, { code: "BAD_OPTION", where: weightNodes(float)[0].name });
});
