// port.test.js: dimensions and order of inputs and outputs, from the file to both executors.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readSafetensors } from "../../dist/format/index.js";
import { decodeModel, encodeModel, runReference } from "../../dist/model/index.js";
import { dimsOf, planesOf, unusual } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { variants } from "../format/refusals.js";
import { everything, tiny } from "../models/everything.js";

test("dimensions that nothing says are the usual ones", () => {
  assert.deepEqual(dimsOf([10, 1, 1]), [1, 10]);
  assert.deepEqual(dimsOf([3, 4, 5]), [1, 3, 4, 5]);
  assert.deepEqual(dimsOf([3, 4, 5], { channelsLast: true }), [1, 4, 5, 3]);
  assert.deepEqual(dimsOf([20, 1, 1], { dims: [4, 5] }), [4, 5]);
  assert.deepEqual(unusual([3, 4, 5], { dims: [1, 3, 4, 5], channelsLast: false }), {});
  assert.deepEqual(unusual([3, 4, 5], { dims: [1, 4, 5, 3], channelsLast: true }), { channelsLast: true });
  assert.deepEqual(unusual([3, 1, 1], { dims: [1, 3, 1, 1] }), { dims: [1, 3, 1, 1] });
});

test("channels that come last become planes", () => {
  assert.deepEqual(planesOf(Uint8Array.of(1, 4, 2, 5, 3, 6), [2, 1, 3]), Uint8Array.of(1, 2, 3, 4, 5, 6));
});

test("both executors and the reference take values in the order of the dimensions", async () => {
  const def = everything();
  const planes = { ...def, inputs: [{ ...def.inputs[0], dims: undefined, channelsLast: undefined }] };
  const inputs = [
    Float32Array.from({ length: 72 }, (_, i) => Math.sin(i * 12.9898)),
    Uint8Array.from({ length: 72 }, (_, i) => (i * 37) % 256),
  ];
  for (const last of inputs) {
    const { outputs: expected } = runReference(planes, { image: planesOf(last, [2, 6, 6]) });
    const before = last.slice();
    assert.deepEqual(runReference(def, { image: last }).outputs, expected);
    for (const executor of ["wasm", "plain"]) {
      const model = await Model.from(def, { executor });
      assert.deepEqual({ ...model.runSync({ image: last }) }, { ...expected });
      assert.deepEqual(last, before);
      model.dispose();
    }
  }
});

test("a model says what ONNX calls its inputs and outputs", async () => {
  const model = await Model.from(everything());
  assert.deepEqual([model.inputs[0].dims, model.inputs[0].channelsLast], [[1, 36, 2], true]);
  assert.deepEqual(
    model.outputs.map(({ dims }) => dims),
    [[1, 3], [32], [1, 2, 3, 5]],
  );
  assert.throws(() => model.runSync(new Float32Array(3)), { message: /72 values \(1, 36, 2\)/ });
  const plain = await Model.from(tiny());
  assert.deepEqual([plain.inputs[0].dims, plain.inputs[0].channelsLast], [[1, 3], false]);
});

test("a file without such fields is of version 1, and a file of version 1 has none", () => {
  const versionOf = (file) => readSafetensors(file).metadata.version;
  const shaped = { ...tiny(), outputs: [{ name: "y", tensor: "y", dims: [2, 1] }] };
  assert.equal(versionOf(encodeModel(tiny())), "1");
  assert.equal(versionOf(encodeModel({ ...tiny(), outputs: [{ ...shaped.outputs[0], dims: [1, 2] }] })), "1");
  const file = encodeModel(shaped);
  assert.equal(versionOf(file), "2");
  assert.deepEqual(decodeModel(file), shaped);
  const older = variants(file, "model").header((header) => (header.__metadata__.version = "1"));
  assert.throws(() => decodeModel(older), { code: "BAD_FILE", message: /outputs\[0\].*no other field; found dims/ });
});
