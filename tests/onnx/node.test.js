// node.test.js: the ONNX backend's node tests, each operator alone: in the float evaluator, and imported and run.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ShiftwiseError } from "../../dist/base/index.js";
import { lower } from "../../dist/graph/index.js";
import { evaluateModel, importModel, readModel } from "../../dist/onnx/index.js";
import { readTensor } from "../../dist/onnx/tensor.js";
import { decodeMessage } from "../../dist/onnx/wire.js";
import { assertAgree } from "../runtime/agree.js";
import { shared, skip } from "./shared.js";

const folder = shared("onnx-node-tests/node");
const names = skip ? [] : readdirSync(folder);

/** What the evaluator does not run, and why: nothing else may be refused. */
const REASONS = {
  "windows over three axes of space": /windows over 3 axes/,
  "training mode": /training_mode = 1/,
  "operator outside the list": /found (GatherElements|SplitToSequence) /,
  "float8, float4 and int2 elements": /element type; found TensorProto.DataType (17|19|2[3-6])/,
  "sequences and optionals": /an input that is no tensor/,
};

function readValues(name, side) {
  const values = [];
  for (let k = 0; ; k++) {
    const path = join(folder, name, "test_data_set_0", `${side}_${k}.pb`);
    if (!existsSync(path)) return values;
    values.push(readTensor(decodeMessage("TensorProto", readFileSync(path)), null, `${side} ${k}`));
  }
}

function assertClose(found, expected) {
  assert.equal(found.length, expected.length);
  expected.forEach((value, i) => {
    const same = Object.is(found[i], value) || found[i] === value || (Number.isNaN(value) && Number.isNaN(found[i]));
    const bound = 1e-7 + 1e-3 * Math.abs(value);
    assert.ok(same || Math.abs(found[i] - value) <= bound, `[${i}]: ${found[i]} for ${value}`);
  });
}

const load = (name) => readModel(readFileSync(join(folder, name, "model.onnx")), null);

function evaluate(name) {
  const model = load(name);
  const inputs = readValues(name, "input");
  const outputs = [...evaluateModel(model, new Map(model.inputs.map((input, i) => [input.name, inputs[i]]))).values()];
  readValues(name, "output").forEach((value, i) => {
    assert.deepEqual([...outputs[i].dims], [...value.dims]);
    assert.equal(outputs[i].type, value.type);
    assertClose(outputs[i].data, value.data);
  });
}

test("every case that is inference in floats passes in the evaluator", { skip }, () => {
  const failed = [];
  const missing = new Map(Object.keys(REASONS).map((reason) => [reason, []]));
  let passed = 0;
  for (const name of names) {
    try {
      evaluate(name);
      passed++;
    } catch (error) {
      const refused = error instanceof ShiftwiseError && error.code === "UNSUPPORTED";
      const reason = refused && Object.keys(REASONS).find((key) => REASONS[key].test(error.message));
      if (reason) missing.get(reason).push(name);
      else failed.push(`${name}: ${error.message}`);
    }
  }
  const count = [...missing.values()].flat().length;
  // the one test that prints: its line is the account of the operators
  console.log(`onnx node tests: ${passed} passed, ${count} not supported, ${failed.length} failed`);
  for (const [reason, list] of missing) console.log(`  ${reason}: ${list.length}`);
  assert.deepEqual(failed, []);
  assert.ok(passed > 0);
});

/** The first input stays one, the others become constants. A network takes one image: other batches are left to the evaluator. */
async function runImported(name) {
  const model = load(name);
  const values = readValues(name, "input");
  const [first, ...rest] = model.inputs;
  const constants = new Map([...model.constants, ...rest.map((input, i) => [input.name, values[i + 1]])]);
  const network = importModel({ ...model, inputs: [first], constants });
  const def = lower(network, { grids: null });
  const { outputs } = await assertAgree(def, { [first.name]: values[0].data }, name);
  const expected = readValues(name, "output");
  model.outputs.forEach((output, i) => {
    assertClose(outputs[output], expected[i].data);
  });
}

test("what can be imported gives the same in wasm and in the reference", { skip }, async () => {
  let passed = 0;
  const failed = [];
  for (const name of names) {
    try {
      const dims = load(name).inputs[0]?.dims;
      const [input] = dims ? readValues(name, "input") : [];
      const one = input && (input.dims.length < 2 || input.dims[0] === 1) && input.data.length > 0;
      if (!one || input.type !== "float32" || !input.data.every(Number.isFinite)) continue;
      await runImported(name);
      passed++;
    } catch (error) {
      if (!(error instanceof ShiftwiseError && error.code === "UNSUPPORTED")) failed.push(`${name}: ${error.stack}`);
    }
  }
  assert.deepEqual(failed, []);
  assert.ok(passed >= 100, `${passed}`);
});
