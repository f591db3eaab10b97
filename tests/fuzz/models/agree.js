// agree.js: what must hold of every valid model: it survives its file, and every executor makes the same bits.
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { decodeModel, encodeModel, lookUps, Model } from "../project.js";

/** The model read back from its file, which is the same model. */
export function assertRoundTrip(def) {
  const bytes = encodeModel(def);
  const read = decodeModel(bytes);
  if (!isDeepStrictEqual(read, def)) assert.deepEqual(read, def, "the file gives another model");
  assert.ok(Buffer.from(encodeModel(read)).equals(bytes), "the model read from a file is written as another file");
  return read;
}

/**
 * Runs a model in the plain executor, and `others` of it in wasm.
 * @param runs values for the inputs, run after run
 * @param others models that must behave as the first, with how many threads each has
 * @param options of all of them
 * @returns tensors and outputs of each run
 */
export async function assertAgreement(def, runs, others, options = {}) {
  const plain = await Model.from(def, { ...options, executor: "plain" });
  const expected = runs.map((inputs) => traced(plain, inputs));
  plain.dispose();
  // on one thread as JavaScriptCore compiles the kernels, too
  const forms = others.flatMap((other) => (other.threads > 1 ? [other] : [other, { ...other, module: lookUps }]));
  for (const { def: other, threads, module } of forms) {
    const model = await Model.from(other, { ...options, executor: "wasm", threads, ...(module && { module }) });
    try {
      const name = `${threads} thread${threads > 1 ? "s" : ""}${module ? " with look-ups" : ""}`;
      runs.forEach((inputs, i) => {
        assertSame(traced(model, inputs), expected[i], `run ${i} on ${name}`);
      });
      // without the visits in between, and after another image
      assertOutputs(model.runSync(runs[0]), expected[0].outputs, `run 0 again on ${name}`);
    } finally {
      model.dispose();
    }
  }
  return expected;
}

/** Raw values of all tensors, and outputs. */
function traced(model, inputs) {
  const tensors = new Map();
  const outputs = model.trace(inputs, (name, raw) => tensors.set(name, raw.slice()));
  return { tensors, outputs };
}

function assertSame(found, expected, where) {
  assert.deepEqual([...found.tensors.keys()], [...expected.tensors.keys()], `${where}: tensors`);
  for (const [name, raw] of expected.tensors) {
    assertSameBits(found.tensors.get(name), raw, `${where}: tensor ${JSON.stringify(name)}`);
  }
  assertOutputs(found.outputs, expected.outputs, where);
}

function assertOutputs(found, expected, where) {
  assert.deepEqual(Object.keys(found), Object.keys(expected), `${where}: outputs`);
  for (const [name, values] of Object.entries(expected))
    assertSameBits(found[name], values, `${where}: output ${JSON.stringify(name)}`);
}

/** Bit for bit, NaN included. */
export function assertSameBits(found, expected, where) {
  assert.equal(found?.length, expected.length, `${where}: length`);
  const [a, b] = [found, expected].map((values) => new Uint32Array(values.buffer, values.byteOffset, values.length));
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i])
      assert.fail(
        `${where}[${i}]: found ${found[i]} (${a[i].toString(16)}), expected ${expected[i]} (${b[i].toString(16)})`,
      );
  }
}
