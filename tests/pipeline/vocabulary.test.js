// vocabulary.test.js: a layer with more outputs than a call takes arguments, as heads over a vocabulary have.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { decodeModel, packModel } from "../../dist/model/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { Model } from "../../dist/runtime/index.js";

const OUTPUTS = 150_000;
const SHAPE = [4, 1, 1];

for (const options of [
  { bits: 3, levels: "two-term", twoTerm: null },
  { bits: 2, levels: "twn", twoTerm: null },
]) {
  test(`${OUTPUTS} outputs, ${options.levels}`, async () => {
    const b = buildNetwork("head", createRandom(3));
    const network = b.finish([b.dense(b.input(SHAPE), OUTPUTS, { name: "head" })]);
    const random = createRandom(5);
    const values = Float32Array.from({ length: 8 * 4 }, () => random.normal());
    const samples = { shape: SHAPE, count: 8, read: (from, some) => values.slice(4 * from, 4 * (from + some)) };
    const { model, quality } = await quantizeFromImages(network, samples, options);
    assert.equal(model.tensors[model.outputs[0].tensor].shape[0], OUTPUTS);
    assert.deepEqual(decodeModel(packModel(model)).layers, model.layers);
    const run = await Model.load(packModel(model));
    const [output] = Object.values(run.runSync(values.slice(0, 4)));
    assert.equal(output.length, OUTPUTS);
    run.dispose();
    assert.ok(quality.outputs[0].snr > 3, String(quality.outputs[0].snr));
  });
}
