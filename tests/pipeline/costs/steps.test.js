import assert from "node:assert/strict";
import { test } from "node:test";
import { validateModel } from "../../../dist/model/index.js";
import { largestOf } from "../../../dist/ops/index.js";
import { FEATURE_NAMES } from "../../../dist/pipeline/costs/features.js";
import { probeModels } from "../../../dist/pipeline/costs/probes.js";
import { stepCounts } from "../../../dist/pipeline/costs/steps.js";
import { channelWork } from "../../../dist/pipeline/costs/work.js";
import { COSTS, geometryOf, modelBranches, predictLayer, predictModel } from "../../../dist/pipeline/index.js";
import { planModel } from "../../../dist/runtime/inside.js";

const probes = [...probeModels(75, 1)];

test("probes are valid models, and their steps are those that the runtime plans, in its order", () => {
  for (const def of probes) {
    validateModel(def);
    const named = (steps) => steps.map(({ name, op }) => `${op} ${name}`);
    assert.deepEqual(named(stepCounts(def)), named(planModel(def).steps), def.name);
  }
});

test("every unit of work occurs in some probe, and every count is a number of 0 or more", () => {
  const seen = new Set();
  for (const { counts } of probes.flatMap((def) => stepCounts(def))) {
    for (const [name, count] of Object.entries(counts)) {
      assert.ok(Number.isFinite(count) && count >= 0, name);
      if (count > 0) seen.add(name);
    }
  }
  assert.deepEqual(
    FEATURE_NAMES.filter((name) => !seen.has(name)),
    [],
  );
});

test("a layer by its geometry and its mean channel costs what it costs in its model", () => {
  let compared = 0;
  for (const def of probes.slice(0, 25)) {
    const predicted = new Map(predictModel(def).map(({ name, milliseconds }) => [name, milliseconds]));
    for (const layer of def.layers) {
      if (!("weights" in layer) || layer.weights.kind === "float32") continue;
      const geometry = geometryOf(def, layer);
      if (geometry.output.encoding.kind !== "linear" || geometry.groups > 1) continue;
      const max = largestOf(geometry.input.encoding);
      const work = channelWork(layer.weights, geometry.output.shape[0], max);
      const alone = predictLayer(geometry, work, COSTS, modelBranches(def));
      const whole = predicted.get(layer.name);
      // the model knows besides which sums need the long ending, and what ends the short way
      assert.ok(alone < 1.4 * whole && alone > 0.5 * whole, `${def.name} ${layer.name} ${alone} ${whole}`);
      compared++;
    }
  }
  assert.ok(compared > 60);
});

test("zeros make a layer cheaper, and more tiles dearer", () => {
  const encoding = { kind: "linear", scale: 1, zero: 0, max: 255 };
  const geometry = (size) => ({
    input: { shape: [64, size, size], encoding },
    output: { shape: [64, size, size], encoding },
    window: { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1] },
    groups: 1,
  });
  const work = (zeros) => {
    const codes = Uint8Array.from({ length: 576 * 4 }, (_, i) => ((i * 37) % 100 < zeros ? 3 : (i * 31) % 7));
    return channelWork({ kind: "codebook", levels: [-4, -2, -1, 0, 1, 2, 4], codes }, 4, 255);
  };
  const times = [0, 30, 60].map((zeros) => predictLayer(geometry(28), work(zeros)));
  assert.ok(times[0] > times[1] && times[1] > times[2]);
  // 49 pixels are a tile as 64 are
  assert.ok(predictLayer(geometry(8), work(0)) < 1.2 * predictLayer(geometry(7), work(0)));
  assert.ok(predictLayer(geometry(16), work(0)) > 3 * predictLayer(geometry(8), work(0)));
});
