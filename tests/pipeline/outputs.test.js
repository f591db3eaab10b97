// outputs.test.js: every output of a model that runs against its float network's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { samplesOf } from "../../dist/data/index.js";
import { lower } from "../../dist/graph/index.js";
import { measureOutputs, quantizeFromImages } from "../../dist/pipeline/index.js";
import { ENDINGS, pictures } from "./endings.js";

const samples = samplesOf(pictures(6));

for (const name of ["softmax", "tokens", "classes and boxes", "a sum and what it is of"]) {
  test(`a model that ends in ${name}`, async () => {
    const float = ENDINGS[name];
    const exact = await measureOutputs(lower(float, { grids: null }), float, samples);
    assert.equal(exact.samples, 6);
    assert.deepEqual(
      exact.outputs.map((output) => output.name),
      float.outputs,
    );
    for (const { snr } of exact.outputs) assert.ok(snr > 90);
    const { model } = await quantizeFromImages(float, pictures(), { bits: 3 });
    const wasm = await measureOutputs(model, float, samples);
    const reference = await measureOutputs(model, float, samples, "reference");
    assert.deepEqual(wasm.outputs, reference.outputs);
    for (const { snr } of wasm.outputs) assert.ok(snr > 3 && snr < 60, `${snr}`);
  });
}

test("an input whose channels come last is run from planes", async () => {
  const float = { ...ENDINGS.tokens, ports: { input: { channelsLast: true } } };
  const { outputs } = await measureOutputs(lower(float, { grids: null }), float, samples);
  assert.ok(outputs[0].snr > 90);
});

test("another network, other samples and an abort", async () => {
  const def = lower(ENDINGS.tokens, { grids: null });
  const fails = (code, ...args) => assert.rejects(measureOutputs(def, ...args), { name: "ShiftwiseError", code });
  await fails("BAD_DATA", ENDINGS["a map"], samples);
  await fails("BAD_DATA", ENDINGS.tokens, { ...samples, count: 0 });
  await fails("BAD_DATA", ENDINGS.tokens, { ...samples, shape: [1, 6, 24] });
  await fails("BAD_OPTION", ENDINGS.tokens, samples, "plain");
  await fails("ABORTED", ENDINGS.tokens, samples, "wasm", { signal: AbortSignal.abort() });
});
