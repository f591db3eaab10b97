import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { demoNetwork, lower, resnet20, vgg } from "../../dist/graph/index.js";
import { quantized, randomInput } from "../models/random.js";
import { assertAgree } from "./agree.js";

const NETWORKS = {
  demo: () => demoNetwork([1, 18, 18], 10, 3, 8),
  resnet20: () => resnet20([3, 10, 10], 10, 4),
  vgg: () => vgg([3, 18, 18], 10, 5, 3),
};

for (const [name, make] of Object.entries(NETWORKS)) {
  test(`${name}, float32, agrees on every layer`, async () => {
    const def = lower(make(), { grids: null });
    await assertAgree(def, { [def.inputs[0].name]: randomInput(createRandom(8), make().nodes[0].shape) }, name);
  });

  for (const bits of [2, 3, 4, 5]) {
    for (const activation of [8, 4, "log"]) {
      test(`${name}, ${bits}-bit weights, ${activation} activations, agrees on every layer`, async () => {
        const def = quantized(make(), bits, activation);
        const input = randomInput(createRandom(9), make().nodes[0].shape);
        const { outputs } = await assertAgree(def, { [def.inputs[0].name]: input }, name);
        assert.ok(new Set(Object.values(outputs)[0]).size > 1);
        assert.match(goldenHash(...Object.values(outputs)), /^[0-9a-f]{16}$/);
      });
    }
  }
}
