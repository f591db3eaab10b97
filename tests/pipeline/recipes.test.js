// recipes.test.js: each recipe is one that quantizeByRetraining takes, and the tuned one is worth having.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULTS, quantizeByRetraining, RECIPES, recipeFor } from "../../dist/pipeline/index.js";
import { checkPortions, portionsFor } from "../../dist/quantize/index.js";
import { evaluate, train } from "../../dist/training/index.js";
import { squares, tinyNetwork } from "../training/helpers.js";

const data = squares(320);
const common = { batchSize: 32, weightDecay: 1e-3, schedule: { kind: "cosine" } };

test("every width has both recipes; other widths and names have none", () => {
  for (const name of RECIPES) {
    for (const bits of [2, 3, 4, 5]) {
      const recipe = recipeFor(bits, name);
      const { portions, epochs, share } = recipe;
      assert.equal(recipe.bits, bits);
      assert.equal(epochs.length, portions.length);
      assert.deepEqual(checkPortions(portions), portions);
      assert.ok(share >= 0 && share <= 1);
      if (name === "paper") assert.deepEqual(portions, portionsFor(bits));
    }
    for (const bits of [1, 6, 2.5]) assert.throws(() => recipeFor(bits, name), { code: "BAD_OPTION", where: "bits" });
  }
  assert.deepEqual(recipeFor(3), recipeFor(3, "tuned"));
  assert.equal(recipeFor(3).batchSize, DEFAULTS.retraining.batchSize);
  assert.throws(() => recipeFor(3, "best"), { code: "BAD_OPTION", where: "name" });
});

test("at 2 bits the tuned recipe keeps more than the paper's", async () => {
  const float = tinyNetwork();
  await train(float, data, { ...common, learningRate: 0.1, epochs: 6 });
  const loss = {};
  for (const name of RECIPES) {
    const recipe = { ...recipeFor(2, name), ...common, learningRate: 0.05, augment: {} };
    const { network } = await quantizeByRetraining(float, data, recipe);
    ({ loss: loss[name] } = await evaluate(network, squares(300, 9)));
  }
  assert.ok(loss.tuned < loss.paper, JSON.stringify(loss));
});
