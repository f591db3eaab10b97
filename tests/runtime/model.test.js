import assert from "node:assert/strict";
import { test } from "node:test";
import { ShiftwiseError } from "../../dist/base/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { Model } from "../../dist/runtime/index.js";
import { linear } from "../models/layers.js";
import { convModel, inputsFor } from "../models/random.js";

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

for (const executor of ["wasm", "plain"]) {
  test(`${executor}: a run inside a run is refused, and the outer one ends as if alone`, async () => {
    const def = convModel({ residual: linear() });
    const inputs = inputsFor(def);
    const model = await Model.from(def, { executor });
    const expected = model.runSync(inputs);
    const codes = new Set();
    const refused = (call) => {
      assert.throws(call, (error) => codes.add(error.code) && error instanceof ShiftwiseError);
    };
    const outputs = model.trace(inputs, () => {
      refused(() => model.runSync(inputs));
      refused(() => model.profile(inputs));
      refused(() => model.trace(inputs, () => {}));
    });
    assert.deepEqual([outputs, [...codes]], [expected, ["UNSUPPORTED"]]);
    const mine = new Error("mine");
    const broken = () =>
      model.trace(inputs, () => {
        throw mine;
      });
    assert.throws(broken, (error) => error === mine);
    assert.deepEqual(model.runSync(inputs), expected);
    model.dispose();
  });

  test(`${executor}: a model that is disposed inside its run ends it, and begins none`, async () => {
    const def = convModel({ residual: linear() });
    const inputs = inputsFor(def);
    for (const threads of [1, 2]) {
      const model = await Model.from(def, { executor, threads });
      const expected = model.runSync(inputs);
      assert.deepEqual(
        model.trace(inputs, () => model.dispose()),
        expected,
      );
      assert.throws(() => model.runSync(inputs), { code: "DISPOSED" });
      const late = await Model.from(def, { executor, threads });
      const trap = {
        get x() {
          late.dispose();
          return inputs.x;
        },
        r: inputs.r,
      };
      assert.throws(() => late.runSync(trap), { code: "DISPOSED" });
    }
  });
}
