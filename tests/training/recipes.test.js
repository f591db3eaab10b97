// recipes.test.js: each recipe is one that retrain takes, and the tuned one is worth having.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPortions, portionsFor } from "../../dist/quantize/index.js";
import { evaluate, RECIPES, recipeFor, retrain, train } from "../../dist/training/index.js";
import { squares, tinyNetwork } from "./helpers.js";

const data = squares(320);
const common = { batchSize: 32, learningRate: 0.05, weightDecay: 1e-3, schedule: { kind: "cosine" } };

test("every width has both recipes; other widths have none", () => {
  for (const name of RECIPES) {
    for (const bits of [2, 3, 4, 5]) {
      const { portions, epochs, share } = recipeFor(name, bits);
      assert.equal(epochs.length, portions.length);
      assert.deepEqual(checkPortions(portions), portions);
      assert.ok(share >= 0 && share <= 1);
      if (name === "paper") assert.deepEqual(portions, portionsFor(bits));
    }
    for (const bits of [1, 6, 2.5]) assert.throws(() => recipeFor(name, bits), { code: "BAD_OPTION" });
  }
});

test("at 2 bits the tuned recipe keeps more than the paper's", async () => {
  const float = tinyNetwork();
  await train(float, data, { ...common, learningRate: 0.1, epochs: 6 });
  const loss = {};
  for (const name of RECIPES) {
    const network = structuredClone(float);
    const { share, ...recipe } = recipeFor(name, 2);
    const distill = share > 0 && { distill: { teacher: float, share } };
    await retrain(network, data, { ...common, ...recipe, ...distill, bits: 2 });
    ({ loss: loss[name] } = await evaluate(network, squares(300, 9)));
  }
  assert.ok(loss.tuned < loss.paper, JSON.stringify(loss));
});
