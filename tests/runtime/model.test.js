import assert from "node:assert/strict";
import { test } from "node:test";
import { goldenHash } from "../../dist/format/index.js";
import { Model } from "../../dist/runtime/index.js";
import { convModel, inputsFor, linear } from "./models.js";

test("warming up tells its progress and leaves the outputs as they are", async () => {
  const def = convModel({ residual: linear() });
  const inputs = inputsFor(def);
  const model = await Model.from(def);
  const before = goldenHash(model.runSync(inputs).y);
  const shares = [];
  await model.warmUp((share) => shares.push(share));
  assert.ok(shares.length > 1 && shares.every((share, i) => share > (shares[i - 1] ?? 0)));
  assert.equal(shares.at(-1), 1);
  assert.equal(goldenHash(model.runSync(inputs).y), before);
  await model.warmUp();
  model.dispose();
  await assert.rejects(model.warmUp(), { code: "DISPOSED" });
});
