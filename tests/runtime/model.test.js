import assert from "node:assert/strict";
import { test } from "node:test";
import { ShiftwiseError } from "../../dist/base/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { everything } from "../models/everything.js";
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

/** Everything that objects and arrays hold, down to their ends. */
function* partsOf(value) {
  if (typeof value !== "object" || value === null) return;
  yield value;
  if (!ArrayBuffer.isView(value)) for (const part of Object.values(value)) yield* partsOf(part);
}

/** Overwrites all numbers that can be. */
function spoil(value) {
  for (const part of partsOf(value)) {
    if (ArrayBuffer.isView(part)) part.fill(1);
    else for (const key of Object.keys(part)) if (typeof part[key] === "number") part[key] = 1;
  }
}

/** A model of every kind of layer, with a constant and one tensor twice among its outputs. */
function ownDef() {
  const def = structuredClone(everything());
  const { output } = def.layers.find(({ op }) => op === "constant");
  def.outputs.push({ name: "again", tensor: def.outputs[1].tensor }, { name: "constant", tensor: output });
  return def;
}

for (const executor of ["wasm", "plain"]) {
  test(`${executor}: what a model hands out cannot be changed, and what it was made of no longer changes it`, async () => {
    for (const threads of [1, 2]) {
      const def = ownDef();
      const image = inputsFor(def);
      const model = await Model.from(def, { executor, threads });
      const expected = structuredClone(model.runSync(image));
      for (const field of ["inputs", "outputs", "labels", "memory"]) {
        for (const part of partsOf(model[field])) assert.ok(Object.isFrozen(part), field);
      }
      spoil(def);
      assert.deepEqual(model.runSync(image), expected);
      const outputs = model.runSync(image);
      outputs.side.fill(1);
      assert.deepEqual(outputs.again, expected.again);
      spoil(outputs);
      spoil(model.profile(image));
      const traced = model.trace(image, (_, raw) => raw.fill(1));
      assert.deepEqual(traced, expected);
      assert.deepEqual(model.runSync(image), expected);
      model.dispose();
    }
  });

  test(`${executor}: the bytes that a model was loaded from belong to their owner again`, async () => {
    const def = ownDef();
    const file = encodeModel(def);
    const model = await Model.load(file, { executor });
    const expected = model.runSync(inputsFor(def));
    file.fill(255);
    assert.deepEqual(model.runSync(inputsFor(def)), expected);
    model.dispose();
  });
}
