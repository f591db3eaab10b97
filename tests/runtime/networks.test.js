import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { demoNetwork, lower, resnet20 } from "../../dist/graph/index.js";
import { decodeModel, encodeModel } from "../../dist/model/index.js";
import { advancePortion, insertQuantizers, quantizationPoints } from "../../dist/quantize/index.js";
import { assertAgree } from "./agree.js";
import { LEVELS, randomInput } from "./models.js";

/** A whole network on the grid and in the file, without training: every layer's kind, shape and fusion as in real use. */
function quantized(network, bits, activation) {
  const relus = new Set(network.nodes.filter((node) => node.op === "relu").map((node) => node.name));
  const encodings = quantizationPoints(network).map((point) => {
    const signed = !relus.has(point);
    const log = activation === "log" && !signed;
    const max = activation === "log" ? 255 : 2 ** activation - 1;
    const zero = signed ? (max + 1) / 2 : 0;
    return [point, log ? LEVELS : { kind: "linear", scale: Math.fround(4 / max), zero, max }];
  });
  const simulated = insertQuantizers(network, new Map(encodings));
  const grids = advancePortion(simulated, null, { bits, portion: 1 });
  return decodeModel(encodeModel(lower(simulated, { grids })));
}

const NETWORKS = {
  demo: () => demoNetwork([1, 18, 18], 10, 3, 8),
  resnet20: () => resnet20([3, 10, 10], 10, 4),
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
