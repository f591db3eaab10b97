// agree.js: runs a model in wasm and in the reference and insists on the same bits in every tensor.
import assert from "node:assert/strict";
import { runReference } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { lookUps } from "./forms.js";

export async function assertAgree(def, inputs, message = "") {
  const expected = runReference(def, inputs);
  for (const options of [{}, { module: lookUps }]) {
    const model = await Model.from(def, options);
    const outputs = model.trace(inputs, (tensor, raw) => {
      assertSameBits(raw, expected.tensors.get(tensor), `${message} tensor ${tensor}`);
    });
    for (const [name, values] of Object.entries(expected.outputs)) {
      assertSameBits(outputs[name], values, `${message} output ${name}`);
    }
    model.dispose();
  }
  return expected;
}

function assertSameBits(found, expected, message) {
  assert.equal(found.length, expected.length, `${message}: length`);
  const a = new Uint32Array(found.buffer, found.byteOffset, found.length);
  const b = new Uint32Array(expected.buffer, expected.byteOffset, expected.length);
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) assert.fail(`${message}[${i}]: found ${found[i]}, expected ${expected[i]}`);
  }
}
